"""What changes on disk and matters to an editor: closed files with open results, the branch, settings, saved letters.

Only tells sessions to look again; what is true is computed from the files when they do.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from backburner.engine.engine import Engine
from backburner.review.scene import needed_paths
from backburner.store import paths
from backburner.store.settings import PROJECT_FILE
from backburner.workspace.watch import Watcher

if TYPE_CHECKING:
    from backburner.lsp.session import Editors

FOLDER = "letters"
"""In a project's state folder: the documents that a person reads and writes."""


class Disk:
    """One for all editors of a daemon."""

    def __init__(self, editors: Editors, watcher: Watcher | None = None) -> None:
        self._editors = editors
        self._watcher = watcher or Watcher()

    def want(self) -> None:
        """Watch what the projects that editors look at need now."""
        engines = {engine.root: engine for session in self._editors.sessions for engine in session.engines.values()}
        files = {path for engine in engines.values() for path in files_of(engine)}
        folders = {letters_of(root) for root in engines}
        self._watcher.watch(files, [folder for folder in folders if folder.is_dir()])

    async def serve(self) -> None:
        """Tell sessions of changes until cancelled."""
        try:
            async for changed in self._watcher.changes():
                self._tell(changed)
        finally:
            self._watcher.close()

    def _tell(self, changed: frozenset[Path]) -> None:
        for session in tuple(self._editors.sessions):
            for path in changed:
                if path.parent.name == FOLDER:
                    session.letters.saved_on_disk(path)
            session.publisher.wake()


def files_of(engine: Engine) -> set[Path]:
    """Files whose change on disk changes what is shown."""
    found = {engine.root / path for path in needed_paths(engine.state)} | {engine.root / PROJECT_FILE}
    git = paths.git_dir(engine.root)
    if git is not None:
        found.add(git / "HEAD")
    return found


def letters_of(root: Path) -> Path:
    return paths.project_dir(root) / FOLDER
