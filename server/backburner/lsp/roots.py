"""From a client's URIs to projects and back.

A project is a real folder: the nearest one around a file that is marked as a project, else the innermost of the client's
folders, else the file's own. So every editor and the command line find the same tasks, whatever part of it they opened.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from backburner.lib.roots import marked_root
from backburner.lsp.from_lsp import path_of


class Owned(Struct, frozen=True):
    """A file of a project."""

    root: Path
    """Real and absolute."""
    path: str
    """Relative to it, with `/`."""


class Roots:
    """What one client opened, and the URIs as it spells them."""

    def __init__(self) -> None:
        self.folders: tuple[Path, ...] = ()
        """As the client spells them, in its order."""
        self.opened: set[Path] = set()
        """Projects of files that it opened."""
        self._owners: dict[str, Owned | None] = {}
        self._spelled: dict[Owned, str] = {}

    def set_folders(self, uris: Iterable[str]) -> None:
        self.folders = tuple(dict.fromkeys(path for uri in uris if (path := path_of(uri)) is not None))
        self._owners.clear()

    def change_folders(self, added: Iterable[str], removed: Iterable[str]) -> None:
        gone = {path_of(uri) for uri in removed}
        kept = [folder for folder in self.folders if folder not in gone]
        new = [path for uri in added if (path := path_of(uri)) is not None]
        self.folders = tuple(dict.fromkeys([*kept, *new]))
        self._owners.clear()

    def owner(self, uri: str) -> Owned | None:
        """The project of a file; None for what is no file. Remembered: reads the disk once for each URI."""
        if uri not in self._owners:
            path = path_of(uri)
            owned = self._owners[uri] = None if path is None else self.owner_of(path)
            if owned is not None:
                self._spelled[owned] = uri
        return self._owners[uri]

    def owner_of(self, path: Path) -> Owned | None:
        """The project of a path, which need not exist. The file itself may be a link; its folder is taken for real."""
        folder = Path(os.path.realpath(path.parent))
        root = marked_root(folder)
        if root is None:
            real = [Path(os.path.realpath(opened)) for opened in self.folders]
            inside = [opened for opened in real if folder.is_relative_to(opened)]
            root = max(inside, key=lambda opened: len(opened.parts), default=folder)
        relative = (folder / path.name).relative_to(root).as_posix()
        return Owned(root, relative)

    def first(self) -> Path | None:
        """The project of the client's first folder."""
        return self.root_of(self.folders[0]) if self.folders else None

    def all(self) -> tuple[Path, ...]:
        """The projects of the client's folders and of every file that it ever opened."""
        return tuple(dict.fromkeys([*(self.root_of(folder) for folder in self.folders), *sorted(self.opened)]))

    @staticmethod
    def root_of(folder: Path) -> Path:
        """The project that a folder belongs to, or is."""
        real = Path(os.path.realpath(folder))
        return marked_root(real) or real

    def uri(self, root: Path, path: str) -> str:
        """A file's URI as this client spells it: as it opened it, else through the folder that it opened."""
        spelled = self._spelled.get(Owned(root, path))
        if spelled is not None:
            return spelled
        whole = root / path
        for folder in self.folders:
            real = Path(os.path.realpath(folder))
            if whole.is_relative_to(real):
                return (folder / whole.relative_to(real)).as_uri()
        return whole.as_uri()
