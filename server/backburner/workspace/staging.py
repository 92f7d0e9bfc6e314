"""Takes the files of a folder into an index of ours, and names each path that could not be taken.

`git add -A` fails as a whole when one path does (unreadable, a filter that is not installed, a repository without a
commit), does not write the index then, and `write-tree` would return the old tree. So tracked and untracked files go
separately, and what fails goes path by path. A path that cannot be taken is not in the index afterwards: a tree made
from it is never stale. Used for snapshots of the person's folder and to collect what a command left in a checkout.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from backburner.model.task import LeftOut
from backburner.workspace.choosing import Caps, choose, shown
from backburner.workspace.git import Git, GitFailed, names

RAW_LFS = ("filter.lfs.clean=", "filter.lfs.smudge=", "filter.lfs.process=", "filter.lfs.required=false")
_UNREADABLE = re.compile(rb"could not open directory '(.+?)/?': (.*)")


@dataclass(frozen=True)
class Staged:
    git: Git
    """The git that worked: where Git LFS is not installed, one that does without its filter."""
    untracked: frozenset[bytes]
    """What is in the index though it is not tracked."""
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True)
class Folder:
    """What is to be taken: a folder, the index that takes it, and the index that says what is tracked."""

    git: Git
    """Runs in the folder, on our index."""
    tracked: Git
    """The same on the index that decides what is tracked; only read."""
    caps: Caps
    excludes: tuple[str, ...] = ()
    """Patterns beside those of `.gitignore` files."""


async def list_untracked(folder: Folder) -> tuple[list[bytes], list[LeftOut]]:
    """Which untracked files there are to take, and what is left out of them."""
    excludes = [f"--exclude={pattern}" for pattern in folder.excludes]
    listing = ("ls-files", "-o", "-z", "--exclude-standard", *excludes)
    said = await folder.tracked.run(*listing, "--", ".")
    found = names(said.stdout)
    topmost: list[bytes] = []
    if folder.caps.folder_files is not None and len(found) > folder.caps.folder_files:
        topmost = names((await folder.tracked.run(*listing, "--directory", "--", ".")).stdout)
    wanted, left_out = await asyncio.to_thread(choose, folder.git.cwd, found, folder.caps, topmost)
    for match in _UNREADABLE.finditer(said.stderr):
        left_out.append(LeftOut(shown(match[1]), f"cannot be read ({match[2].decode('utf-8', 'replace')})"))
    return wanted, left_out


async def stage(folder: Folder, wanted: Sequence[bytes], before: frozenset[bytes]) -> Staged:
    """Bring the index up to date: all tracked files, and of the untracked ones exactly `wanted`.

    `before`: what an earlier call put into this index though it is not tracked.
    """
    git, left_out = folder.git, list[LeftOut]()
    untracked = frozenset(wanted)
    if gone := before - untracked:
        await git.run("update-index", "--force-remove", "-z", "--stdin", stdin=_joined(gone))
    try:
        await git.run("add", "-u", "--sparse", "--", ".")
    except GitFailed as error:
        if error.finished.timed_out:
            raise
        if b"lfs" in error.finished.stderr:
            git = git.but(config=RAW_LFS)
        left_out += await _tracked_one_by_one(git)
    if new := [path for path in wanted if path not in before]:
        left_out += await _add(git, new)
    lost = {item.path for item in left_out}
    return Staged(git, frozenset(path for path in untracked if shown(path) not in lost), tuple(left_out))


async def _tracked_one_by_one(git: Git) -> list[LeftOut]:
    try:
        await git.run("add", "-u", "--sparse", "--", ".")
    except GitFailed:
        said = await git.run("ls-files", "-m", "-d", "-z", "--", ".")
        return await _add(git, sorted(set(names(said.stdout))))
    return []


async def _add(git: Git, paths: Sequence[bytes]) -> list[LeftOut]:
    """Add paths; where that fails, halve them until the culprits stand alone. Those are taken out of the index."""
    try:
        await git.run("update-index", "--add", "--remove", "--replace", "-z", "--stdin", stdin=_joined(paths))
    except GitFailed as error:
        if error.finished.timed_out:
            raise
        if len(paths) > 1:
            half = len(paths) // 2
            return await _add(git, paths[:half]) + await _add(git, paths[half:])
        if b"lfs" in error.finished.stderr and RAW_LFS[0] not in git.config:
            return await _add(git.but(config=RAW_LFS), paths)
        await git.run("update-index", "--force-remove", "-z", "--stdin", stdin=_joined(paths))
        return [LeftOut(shown(paths[0]), _reason(paths[0], error))]
    return []


def _reason(path: bytes, error: GitFailed) -> str:
    said = error.finished.stderr.decode("utf-8", "replace")
    if "Permission denied" in said:
        return "cannot be read (permission denied)"
    if match := re.search(r"filter '([^']+)'|filter ([\w.-]+)", said):
        return f"its filter {(match[1] or match[2])!r} failed"
    if "does not have a commit" in said:
        return "is a repository of its own"
    first = next((line for line in said.splitlines() if line.strip()), "git does not take it")
    return first.removeprefix("error: ").removeprefix("fatal: ").replace(os.fsdecode(path), "it")[:200]


def _joined(paths: Sequence[bytes] | frozenset[bytes]) -> bytes:
    return b"".join(path + b"\0" for path in paths)
