"""Notices when an accepted change is undone by the editor's own undo: the text is back to exactly what it was before."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from backburner.lsp.roots import Owned
from backburner.model.task import State

MOST = 50
"""Accepts that are watched in one editor."""


class Watched(Struct, frozen=True):
    owned: Owned
    task: int
    items: tuple[str, ...]
    before: list[str]
    """Lines of the text before the accept."""


class Reverts:
    """Accepts of one session whose undoing is watched for, the latest last."""

    def __init__(self) -> None:
        self._watched: list[Watched] = []

    def add(
        self, root: Path, path: str, task: int, items: tuple[str, ...], before: str | None, after: str | None
    ) -> None:
        if before is not None and after is not None and before != after and items:
            self._watched.append(Watched(Owned(root, path), task, items, before.split("\n")))
            del self._watched[:-MOST]

    def reverted(self, owned: Owned, lines: list[str]) -> Watched | None:
        """The accept that this text is the undoing of; it is watched no longer."""
        for watched in reversed(self._watched):
            if watched.owned == owned and watched.before == lines:
                self._watched.remove(watched)
                return watched
        return None

    @staticmethod
    def by_id(state: State, path: str, text_id: str) -> Iterable[tuple[int, tuple[str, ...]]]:
        """The same from the journal, for accepts of before a restart: tasks and items whose text before was this one."""
        for task in state.tasks.values():
            for accept in task.accepts:
                if accept.path == path and not accept.closed_file and accept.before_id == text_id != accept.after_id:
                    yield task.number, accept.items
