"""Files, carefully: atomic replacement, lock files, and opening beneath a root without following links."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

_READING = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""Without waiting for the other end of a pipe."""


class OutsideRoot(Exception):
    """The path leaves the root, goes through a link, or names a `.git` folder."""


def atomic_replace(path: Path, data: bytes, *, mode: int | None = None) -> None:
    """Write `data` to `path` so that a reader sees the old bytes or the new ones, also after a power cut.

    The mode of an existing file is kept unless `mode` is given. The directory must exist.
    """
    _replace(path, data, mode)
    fsync_directory(path.parent)


def atomic_replace_all(folder: Path, files: Mapping[str, bytes]) -> None:
    """The same for several files of one folder, each by itself; the folder is flushed once."""
    for name, data in files.items():
        _replace(folder / name, data, None)
    fsync_directory(folder)


def _replace(path: Path, data: bytes, mode: int | None) -> None:
    if mode is None:
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except FileNotFoundError:
            mode = 0o644
    descriptor, temporary = tempfile.mkstemp(prefix=".backburner-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def fsync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class LockFile:
    """An advisory `flock` that dies with its process, so that a stale lock cannot exist."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Take the lock without waiting; False when another process holds it."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def relative_parts(relative: str) -> tuple[str, ...]:
    """The parts of a project-relative path. Raises `OutsideRoot` for absolute paths, `..`, `.git` and NUL."""
    path = PurePosixPath(relative)
    parts = tuple(part for part in path.parts if part != ".")
    if path.is_absolute() or not parts or ".." in parts or "\0" in relative:
        raise OutsideRoot(f"{relative!r} is not a path inside the project")
    if any(part.lower() == ".git" for part in parts):
        raise OutsideRoot(f"{relative!r} is inside a .git folder")
    return parts


def open_beneath(root: Path, relative: str, flags: int = os.O_RDONLY, mode: int = 0o644) -> int:
    """Open a file under `root`, component by component, following no link. Returns a descriptor.

    Raises `OutsideRoot` for paths that leave the root or meet a link, and the usual `OSError`s otherwise.
    """
    parts = relative_parts(relative)
    directory = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts[:-1]:
            try:
                inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
            except OSError as error:
                if _is_link(part, directory):
                    raise OutsideRoot(f"{relative!r} goes through a link") from error
                raise
            os.close(directory)
            directory = inner
        try:
            return os.open(parts[-1], flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=directory)
        except OSError as error:
            if _is_link(parts[-1], directory):
                raise OutsideRoot(f"{relative!r} is a link") from error
            raise
    finally:
        os.close(directory)


def read_beneath(root: Path, relative: str) -> bytes:
    """The bytes of an ordinary file under `root`, following no link; errors as `open_beneath`."""
    return _read_ordinary(open_beneath(root, relative, _READING), relative, None)


def read_ordinary(path: Path, most: int | None = None) -> bytes:
    """The bytes of a file that somebody else may have put there, links followed.

    Raises `OSError` for what is no ordinary file, such as a pipe that blocks or a device that never ends, and for more
    than `most` bytes.
    """
    return _read_ordinary(os.open(path, _READING), str(path), most)


def _read_ordinary(descriptor: int, name: str, most: int | None) -> bytes:
    """Reads to the end and closes."""
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not an ordinary file", name)
        if most is not None and status.st_size > most:
            raise OSError(errno.EFBIG, f"more than {most:,} bytes", name)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read() if most is None else file.read(most)
    finally:
        os.close(descriptor)


def _is_link(name: str, directory: int) -> bool:
    try:
        return stat.S_ISLNK(os.lstat(name, dir_fd=directory).st_mode)
    except OSError:
        return False
