"""What changes on disk and matters to an editor: closed files with open results, the branch, settings, saved letters.

Only tells sessions to look again; what is true is computed from the files when they do. A file that vanished may have been
renamed: its results follow it (`engine/renames.py`), unless an editor still shows it under its old name.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from backburner.engine.engine import Engine
from backburner.engine.renames import follow
from backburner.lsp.roots import Owned
from backburner.review.scene import needed_paths
from backburner.store import paths
from backburner.store.settings import PROJECT_FILE
from backburner.workspace.git import GitFailed, NoGit
from backburner.workspace.repository import Refused
from backburner.workspace.watch import Watcher

if TYPE_CHECKING:
    from backburner.lsp.session import Editors

logger = logging.getLogger(__name__)

FOLDER = "letters"
"""In a project's state folder: the documents that a person reads and writes."""


GIT_S = 0.2
GIT_TRIES = 50


class Disk:
    """One for all editors of a daemon."""

    def __init__(self, editors: Editors, watcher: Watcher | None = None) -> None:
        self._editors = editors
        self._watcher = watcher or Watcher()

    def want(self) -> None:
        """Watch what the projects that editors look at need now."""
        engines = self._engines()
        files = {path for engine in engines.values() for path in files_of(engine)}
        folders = {letters_of(root) for root in engines}
        self._watcher.watch(files, [folder for folder in folders if folder.is_dir()])

    def closed(self, owned: Owned) -> None:
        """An editor closed a file: it may have vanished while it was open."""
        self._watcher.look(owned.root / owned.path)

    async def serve(self) -> None:
        """Tell sessions of changes until cancelled."""
        try:
            async for changed in self._watcher.changes():
                self._tell(changed)
                for engine in self._engines().values():
                    await self._follow(engine, changed)
        finally:
            self._watcher.close()

    def _engines(self) -> dict[Path, Engine]:
        return {engine.root: engine for session in self._editors.sessions for engine in session.engines.values()}

    async def _follow(self, engine: Engine, changed: frozenset[Path]) -> None:
        """Those that something shown speaks about: what is decided is followed when somebody undoes it."""
        names = {path.relative_to(engine.root).as_posix() for path in changed if path.is_relative_to(engine.root)}
        await self.follow(engine, names & needed_paths(engine.state.tasks.values()))

    async def follow(self, engine: Engine, paths: Iterable[str]) -> None:
        """Let results follow those of these files that are not there any more, where they were renamed."""
        names = {
            name
            for name in paths
            if not (engine.root / name).exists() and not self._editors.holding(Owned(engine.root, name))
        }
        if not names:
            return
        await self._git_is_done(engine)
        try:
            await follow(engine, names)
        except (GitFailed, NoGit, Refused, OSError) as error:
            logger.warning("could not look where %s went: %s", ", ".join(sorted(names)), error)

    def _tell(self, changed: frozenset[Path]) -> None:
        for session in tuple(self._editors.sessions):
            for path in changed:
                if path.parent.name == FOLDER:
                    session.letters.saved_on_disk(path)
            session.publisher.wake()

    async def _git_is_done(self, engine: Engine) -> None:
        """Wait while git switches branches: its files change before HEAD does."""
        git = paths.git_dir(engine.root)
        for _ in range(GIT_TRIES):
            if git is None or not (git / "index.lock").exists():
                return
            await self._editors.clock.sleep(GIT_S)


def files_of(engine: Engine) -> set[Path]:
    """Files whose change on disk changes what is shown."""
    found = {engine.root / path for path in needed_paths(engine.state.tasks.values())} | {engine.root / PROJECT_FILE}
    git = paths.git_dir(engine.root)
    if git is not None:
        found.add(git / "HEAD")
    return found


def letters_of(root: Path) -> Path:
    return paths.project_dir(root) / FOLDER
