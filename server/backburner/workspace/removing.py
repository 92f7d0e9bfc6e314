"""Removes folders that a command could write into: by our own walk, following no link, whatever lies there.

Folders may be unreadable, very deep or very wide; links are taken away, never gone through. Nothing here decides what is
to be removed: callers check their marker first.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with everything below it; nothing happens when it is gone."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(mode):
        parent = os.open(path.parent, _FLAGS)
        try:
            _clear(_opened(parent, path.name))
            os.rmdir(path.name, dir_fd=parent)
        finally:
            os.close(parent)
    else:
        os.unlink(path)


def open_up(folder: Path) -> None:
    """Make a folder and every folder below it readable and writable for us, so that git can work in it."""
    _allow(os.fspath(folder))
    for parent, names, _ in walk(folder):
        for name in names:
            _allow(os.path.join(parent, name))


def walk(top: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """As `os.walk`, which calls itself for each level before Python 3.12: a command may go deeper than that.

    Folder, its folders (those that the caller takes out are not entered), and the rest, links among it.
    """
    pending = [os.fspath(top)]
    while pending:
        parent = pending.pop()
        try:
            with os.scandir(parent) as entries:
                kinds = {entry.name: entry.is_dir(follow_symlinks=False) for entry in entries}
        except OSError:
            continue
        inner = [name for name, is_folder in kinds.items() if is_folder]
        yield parent, inner, [name for name, is_folder in kinds.items() if not is_folder]
        pending += [os.path.join(parent, name) for name in inner]


def _allow(path: str) -> None:
    with contextlib.suppress(OSError):
        mode = os.lstat(path).st_mode
        if stat.S_ISDIR(mode) and mode & 0o700 != 0o700:
            os.chmod(path, mode & 0o777 | 0o700)


def _clear(top: int) -> None:
    """Empty an open folder and close it. One descriptor at a time, so that no depth is too deep."""
    here = top
    levels: list[tuple[str, list[str], tuple[int, int]]] = []
    try:
        pending = _unlinked(here)
        while pending or levels:
            if pending:
                name = pending.pop()
                levels.append((name, pending, _identity(here)))
                inner = _opened(here, name)
                os.close(here)
                here = inner
                pending = _unlinked(here)
            else:
                name, pending, identity = levels.pop()
                above = os.open("..", _FLAGS, dir_fd=here)
                os.close(here)
                here = above
                if _identity(here) != identity:
                    raise OSError(f"{name} was moved while it was removed")
                os.rmdir(name, dir_fd=here)
    finally:
        os.close(here)


def _unlinked(folder: int) -> list[str]:
    """Take away everything in a folder but its folders, whose names are returned."""
    inner: list[str] = []
    with os.scandir(folder) as entries:
        for entry in list(entries):
            if entry.is_dir(follow_symlinks=False):
                inner.append(entry.name)
            else:
                os.unlink(entry.name, dir_fd=folder)
    return inner


def _opened(parent: int, name: str) -> int:
    try:
        descriptor = os.open(name, _FLAGS, dir_fd=parent)
    except PermissionError:
        os.chmod(name, 0o700, dir_fd=parent)
        descriptor = os.open(name, _FLAGS, dir_fd=parent)
    os.fchmod(descriptor, 0o700)
    return descriptor


def _identity(folder: int) -> tuple[int, int]:
    status = os.fstat(folder)
    return status.st_dev, status.st_ino
