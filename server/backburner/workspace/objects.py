"""The object store of a shadow repository, in Git's own format: writing without a process, reading through one.

An object is written durably (file and folder flushed) before its id is returned. Reading asks a long-lived
`git cat-file --batch`, which also sees what the shadow borrows from the person's repository. Knows nothing of snapshots.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import mmap
import os
import re
import tempfile
import zlib
from asyncio.subprocess import Process
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from backburner.lib import process
from backburner.lib.files import fsync_directory
from backburner.lib.process import BlockingChild
from backburner.workspace.git import Git

Kind = Literal["blob", "tree", "commit"]
ID = re.compile(r"[0-9a-f]{40}\Z")


def object_id(kind: Kind, data: bytes) -> str:
    """What Git calls this object."""
    return hashlib.sha1(b"%s %d\0" % (kind.encode(), len(data)) + data, usedforsecurity=False).hexdigest()


def alternate(objects: Path) -> bytes:
    """The line of an `info/alternates` file that borrows from another object store."""
    path = str(objects)
    if path.startswith('"') or "\n" in path:
        path = '"' + path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    return os.fsencode(path) + b"\n"


class Loose:
    """Writes objects into an `objects` folder and reads what lies there unpacked. Synchronous; safe from any thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, kind: Kind, parts: Sequence[bytes], *, durable: bool = True) -> list[str]:
        """Write objects and return their ids. `durable=False` for what can be made again, such as a tree."""
        ids: list[str] = []
        folders: set[Path] = set()
        for data in parts:
            identity = object_id(kind, data)
            ids.append(identity)
            path = self._path(identity)
            try:
                # Git removes only old objects that nothing refers to: a young one is safe until a ref names it. An
                # empty file is what a power cut leaves of an object that was not flushed.
                if os.stat(path).st_size:
                    os.utime(path)
                    continue
            except FileNotFoundError:
                pass
            self._put(path, b"%s %d\0" % (kind.encode(), len(data)) + data, durable)
            folders.add(path.parent)
        if durable:
            for folder in folders:
                # A folder that Git has removed since held nothing that is not packed.
                with contextlib.suppress(FileNotFoundError):
                    fsync_directory(folder)
        return ids

    def read(self, identity: str) -> bytes | None:
        """The content of an object that lies here unpacked."""
        try:
            raw = zlib.decompress(self._path(identity).read_bytes())
        except (OSError, zlib.error):
            return None
        return raw[raw.index(b"\0") + 1 :]

    def missing(self, identities: Iterable[str]) -> list[str]:
        """Those that this folder itself does not hold, packed or not; what is borrowed does not count."""
        absent = [identity for identity in identities if not self._path(identity).exists()]
        for index in sorted((self.folder / "pack").glob("*.idx")) if absent else ():
            held = _in_pack(index, absent)
            absent = [identity for identity in absent if identity not in held]
        return absent

    def _path(self, identity: str) -> Path:
        return self.folder / identity[:2] / identity[2:]

    @staticmethod
    def _put(path: Path, raw: bytes, durable: bool) -> None:
        descriptor, temporary = _temporary_in(path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(zlib.compress(raw, 1))
                os.fchmod(file.fileno(), 0o444)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            raise


def _temporary_in(folder: Path) -> tuple[int, str]:
    """A new file in a folder that is made when it is not there; Git may remove an empty one at any moment."""
    while True:
        folder.mkdir(exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            return tempfile.mkstemp(prefix="tmp_obj_", dir=folder)


def _in_pack(index: Path, identities: Sequence[str]) -> set[str]:
    """Which ids a pack index (version 2) lists: a table of counts by first byte, then all ids in order."""
    found: set[str] = set()
    try:
        with index.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if data[:8] != b"\xfftOc\0\0\0\x02":
                return found
            for identity in identities:
                wanted = bytes.fromhex(identity)
                at = 8 + 4 * wanted[0]
                low = int.from_bytes(data[at - 4 : at], "big") if wanted[0] else 0
                high = int.from_bytes(data[at : at + 4], "big")
                while low < high:
                    middle = (low + high) // 2
                    here = data[1032 + 20 * middle : 1052 + 20 * middle]
                    if here == wanted:
                        found.add(identity)
                        break
                    low, high = (middle + 1, high) if here < wanted else (low, middle)
    except (OSError, ValueError):
        return found
    return found


class Reader:
    """Reads objects by id through one long-lived process. Concurrent callers take turns; a dead process is replaced."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._lock = asyncio.Lock()
        self._process: Process | None = None
        self._borrows: object = None
        """What the process borrows from."""

    async def get(self, identity: str) -> bytes | None:
        """The content of an object, or None when there is no such object."""
        if not ID.match(identity):
            return None
        async with self._lock:
            for attempt in (1, 2):
                try:
                    data = await self._ask(identity)
                    if data is not None or self._borrows == borrows(self._git):
                        return data
                    self._drop()
                except (BrokenPipeError, ConnectionResetError, asyncio.IncompleteReadError):
                    self._drop()
                    if attempt == 2:
                        raise
                except BaseException:
                    # Half an answer may be in the pipe.
                    self._drop()
                    raise
        return None

    async def _ask(self, identity: str) -> bytes | None:
        if self._process is None:
            self._borrows = borrows(self._git)
            self._process = await process.start(
                self._git.argv("cat-file", "--batch"),
                cwd="/",
                env=self._git.environment(),
                stderr=asyncio.subprocess.DEVNULL,
            )
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise BrokenPipeError
        stdin.write(identity.encode() + b"\n")
        await stdin.drain()
        header = await stdout.readuntil(b"\n")
        size = _size(header)
        if size is None:
            return None
        return (await stdout.readexactly(size + 1))[:-1]

    def _drop(self) -> None:
        if self._process is not None:
            process.kill_group(self._process.pid)
            self._process = None

    async def close(self) -> None:
        child = self._process
        self._drop()
        if child is not None:
            await child.wait()


class BlockingReader:
    """The same for callers that cannot wait for a loop: plain functions that answer an editor."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._process: BlockingChild | None = None
        self._borrows: object = None

    def get(self, identity: str) -> bytes | None:
        if not ID.match(identity):
            return None
        for _ in range(2):
            try:
                data = self._ask(identity)
                if data is not None or self._borrows == borrows(self._git):
                    return data
                self.close()
            except (BrokenPipeError, EOFError):
                self.close()
        return None

    def _ask(self, identity: str) -> bytes | None:
        if self._process is None:
            self._borrows = borrows(self._git)
            self._process = process.start_blocking(self._git.argv("cat-file", "--batch"), env=self._git.environment())
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise BrokenPipeError
        stdin.write(identity.encode() + b"\n")
        stdin.flush()
        header = stdout.readline()
        if not header:
            raise EOFError
        size = _size(header)
        if size is None:
            return None
        data = stdout.read(size + 1)
        if len(data) != size + 1:
            raise EOFError
        return data[:-1]

    def close(self) -> None:
        if self._process is not None:
            process.kill_group(self._process.pid)
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()
            self._process = None


def borrows(git: Git) -> object:
    """Changes whenever the repository begins to borrow from another one: git looks for that only when it starts."""
    assert git.git_dir is not None
    try:
        status = os.stat(git.git_dir / "objects" / "info" / "alternates")
    except OSError:
        return None
    return (status.st_ino, status.st_mtime_ns, status.st_size)


def _size(header: bytes) -> int | None:
    """Size in an answer's first line; None for `<id> missing`."""
    fields = header.split()
    return int(fields[2]) if len(fields) == 3 else None
