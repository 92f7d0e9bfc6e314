"""Lays unsaved texts over an index: what the person sees in an editor rather than what is on disk.

A text comes with LF ends; it is given the encoding and line ends of the file on disk, and then what git does to that
file when it is added.
"""

from __future__ import annotations

import asyncio
import os
import stat
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from backburner.lib.files import OutsideRoot, relative_parts
from backburner.model.result import FileStyle
from backburner.model.task import LeftOut
from backburner.model.text import decode, encode
from backburner.workspace.choosing import looks_secret, shown
from backburner.workspace.git import Git, GitFailed, names

HASHED_AT_ONCE = 4
LONG_AGO_S = 47_474_747


async def lay_over(
    git: Git, index: Git, tracked: Git, frozen: Mapping[str, str | None], prefix: str, place: Path
) -> tuple[bool, list[LeftOut]]:
    """Put texts into our index; the texts that could not be taken. See `Shadow.snapshot`.

    Also whether the next `add -u` makes the index as the disk again: only where each text is of a file that it held.
    `git` hashes, as the person's would; `index` works on the index; `tracked` on theirs. What is needed on the way is left
    in the folder `place`.
    """
    root, problems = git.cwd, list[LeftOut]()
    data: dict[str, bytes | None] = {}
    disks: set[str] = set()
    for name, text in frozen.items():
        try:
            path = _place(root, name)
            if looks_secret(path) and not (await tracked.run("ls-files", "-z", "--", path)).stdout:
                raise _LeftOut("looks like a secret")
            disk = _read(root / path)
            wanted = None if text is None else _encoded(text, disk)
        except _LeftOut as error:
            problems.append(LeftOut(name, str(error)))
            continue
        if wanted is None or wanted != disk:
            data[path] = wanted
            if disk is not None:
                disks.add(path)
    on_disk = {path: content for path, content in data.items() if content is not None and path in disks}
    if len(on_disk) == len(data) and await _added(git, prefix, on_disk, place):
        return True, problems
    if not await _added(git, prefix, on_disk, place, "--add", "--replace"):
        on_disk = {}
    rest = {path: content for path, content in data.items() if path not in on_disk}
    if rest:
        problems += await _added_one_by_one(git, index, prefix, rest)
    return False, problems


class _LeftOut(Exception):
    """Why a text is not taken, as a clause."""


def _place(root: Path, name: str) -> str:
    """Where a text belongs: the real file below the root, because an editor saves through a link too."""
    try:
        relative_parts(name)
    except OutsideRoot as error:
        raise _LeftOut("is not a path inside the project") from error
    real = Path(os.path.realpath(root / name))
    if not real.is_relative_to(root) or real == root:
        raise _LeftOut("lies behind a link that leaves the project")
    path = real.relative_to(root)
    try:
        relative_parts(path.as_posix())
    except OutsideRoot as error:
        raise _LeftOut("is inside a .git folder") from error
    if any(os.path.lexists(root / folder / ".git") for folder in path.parents if folder.parts):
        raise _LeftOut("is in a repository of its own")
    return path.as_posix()


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes() if stat.S_ISREG(os.lstat(path).st_mode) else None
    except OSError:
        return None


def _encoded(text: str, disk: bytes | None) -> bytes:
    decoded = None if disk is None else decode(disk)
    if disk is not None and decoded is None:
        raise _LeftOut("has unsaved text in an encoding that cannot be read")
    try:
        return encode(text, FileStyle() if decoded is None else decoded.style, like=disk)
    except UnicodeEncodeError as error:
        raise _LeftOut("has unsaved text that no file can hold") from error


async def _added(git: Git, prefix: str, data: Mapping[str, bytes], place: Path, *options: str) -> bool:
    """Take texts of existing files all at once, from a folder where they lie at their paths; False when that fails.

    Git finds the attributes of a path in the index where the folder has none.
    """
    if not data:
        return True
    top = Path(tempfile.mkdtemp(prefix="frozen-", dir=place))
    await asyncio.to_thread(_laid, top / prefix, git.cwd, data)
    adding = git.but(work_tree=top, cwd=top / prefix)
    names = b"".join(os.fsencode(path) + b"\0" for path in data)
    try:
        await adding.run("update-index", *options, "-z", "--stdin", stdin=names)
    except GitFailed:
        return False
    return True


def _laid(folder: Path, root: Path, data: Mapping[str, bytes]) -> None:
    for path, content in data.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        with suppress(OSError):
            file.chmod(0o600 | os.lstat(root / path).st_mode & stat.S_IXUSR)
        # What git notes of this file must never be true of the one on disk, however little of it git compares.
        os.utime(file, (LONG_AGO_S, LONG_AGO_S))


async def _added_one_by_one(git: Git, over: Git, prefix: str, data: Mapping[str, bytes | None]) -> list[LeftOut]:
    """Hash texts each by itself, and put them or take them away whatever is on disk; those that cannot be taken."""
    modes, problems, gate = await _modes(over, list(data)), list[LeftOut](), asyncio.Semaphore(HASHED_AT_ONCE)

    async def line(path: str, content: bytes | None) -> bytes:
        full = os.fsencode(prefix + path) + b"\0"
        if content is None:
            return b"0 " + b"0" * 40 + b"\t" + full
        async with gate:
            try:
                identity = await _hashed(git, path, content)
            except GitFailed as error:
                problems.append(LeftOut(path, f"has unsaved text that git does not take ({error})"))
                return b""
        return b"%s %s\t" % (modes.get(path, b"100644"), identity.encode()) + full

    lines = await asyncio.gather(*(line(path, content) for path, content in data.items()))
    await over.run("update-index", "-z", "--index-info", stdin=b"".join(lines))
    return problems


async def _modes(git: Git, paths: list[str]) -> dict[str, bytes]:
    """Modes of those that are in the index; files only."""
    said = await git.run("ls-files", "-s", "-z", "--", *paths)
    entries = (line.partition(b"\t") for line in names(said.stdout))
    return {shown(path): meta[:6] for meta, _, path in entries if meta.startswith(b"100")}


async def _hashed(git: Git, path: str, content: bytes) -> str:
    try:
        return await git.line("hash-object", "-w", "--stdin", f"--path={path}", stdin=content)
    except GitFailed as error:
        if b"lfs" not in error.finished.stderr:
            # Another filter may be there to keep the text secret.
            raise
        return await git.line("hash-object", "-w", "--stdin", "--no-filters", stdin=content)
