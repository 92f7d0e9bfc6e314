"""Files that no editor has open: their texts for showing, and the careful way to change them.

Reads are remembered by modification time and size. Writing compares the bytes first, replaces atomically, keeps the mode,
follows no link.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from msgspec import Struct

from backburner.lib.files import OutsideRoot, atomic_replace, read_beneath, read_ordinary, relative_parts
from backburner.model.result import FileStyle
from backburner.model.text import Decoded, decode

__all__ = ["Changed", "ClosedFiles", "FileStyle", "delete", "mode_of", "read", "write"]

LARGEST = 16 * 1024 * 1024
"""Bytes of a file that is read for showing marks in it."""
WRITABLE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


class Known(Struct):
    stamp: tuple[int, int, int]
    decoded: Decoded | None


class Changed(Exception):
    """The file is not what it was a moment ago; nothing was written. The text is a clause."""


class ClosedFiles:
    """The texts of closed files as they are on disk."""

    def __init__(self) -> None:
        self._known: dict[Path, Known] = {}

    def text(self, path: Path) -> str | None:
        """None: there is no such file, or it is not text."""
        decoded = self.decoded(path)
        return None if decoded is None else decoded.text

    def decoded(self, path: Path) -> Decoded | None:
        try:
            status = path.stat()
        except OSError:
            self._known.pop(path, None)
            return None
        if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST:
            return None
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        known = self._known.get(path)
        if known is None or known.stamp != stamp:
            try:
                known = self._known[path] = Known(stamp, decode(read_ordinary(path)))
            except OSError:
                return None
        return known.decoded


def read(root: Path, path: str) -> bytes | None:
    """The bytes of a project's file; None when there is none. Raises `OutsideRoot` for links and paths out of it."""
    try:
        return read_beneath(root, path)
    except FileNotFoundError:
        return None


def write(root: Path, path: str, before: bytes | None, after: bytes, mode: int | None = None) -> None:
    """Replace `before` by `after`; None for `before` makes the file. Raises `Changed`, `OutsideRoot` or `OSError`."""
    _require(root, path, before)
    folder = _folder(root, path, make=before is None)
    atomic_replace(folder / Path(path).name, after, mode=mode)


def delete(root: Path, path: str, before: bytes) -> None:
    """Remove a file that still has the bytes `before`."""
    _require(root, path, before)
    (_folder(root, path, make=False) / Path(path).name).unlink()


def _require(root: Path, path: str, before: bytes | None) -> None:
    if read(root, path) != before:
        raise Changed("the file changed on disk")
    mode = mode_of(root, path)
    if mode is not None and not mode & WRITABLE:
        # Replacing it would not ask for that right, and the person took it away on purpose.
        raise Changed("the file is read-only; make it writable first")


def mode_of(root: Path, path: str) -> int | None:
    """Permission bits; None when there is no such file."""
    try:
        return stat.S_IMODE(os.lstat(root / path).st_mode)
    except OSError:
        return None


def _folder(root: Path, path: str, *, make: bool) -> Path:
    """The folder of a path, no part of it a link."""
    folder = root
    for part in relative_parts(path)[:-1]:
        folder = folder / part
        if make and not folder.exists():
            folder.mkdir()
        if not stat.S_ISDIR(os.lstat(folder).st_mode):
            raise OutsideRoot(f"{path!r} goes through a link")
    return folder
