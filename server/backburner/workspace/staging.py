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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from backburner.model.task import LeftOut
from backburner.workspace.choosing import Caps, choose, shown
from backburner.workspace.git import Git, GitFailed, names

_ADD = ("--add", "--remove", "--replace", "--ignore-skip-worktree-entries")
_CHANGED = ("diff-files", "-z", "--name-only", "--relative", "--ignore-submodules", "--", ".")
_BROKEN = re.compile(rb"clean filter '([^']+)' failed$", re.MULTILINE)
_UNREADABLE = re.compile(rb"could not open directory '(.+?)/?': (.*)")
_FILTERS = 20
"""Broken filters after which we give up."""


def filters_off(filters: Iterable[str]) -> tuple[str, ...]:
    """Settings that make git take files as they are instead of running these filters."""
    parts = (("clean", ""), ("smudge", ""), ("process", ""), ("required", "false"))
    return tuple(f"filter.{name}.{part}={value}" for name in filters for part, value in parts)


@dataclass(frozen=True)
class Staged:
    git: Git
    """For hashing: runs the person's filters, but not that of Git LFS where it is not installed."""
    index: Git
    """For everything else: runs no filter at all, so that one that fails cannot stop the index from being written."""
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
    filters: tuple[str, ...] = ()
    """Names of the filters that the configuration knows."""
    foreign: tuple[str, ...] = ()
    """Repositories in the index that git must not look into: it would obey what their own configuration says."""

    @property
    def index(self) -> Git:
        return self.git.but(config=filters_off(self.filters))


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
    staging = Staging(folder)
    await staging.tracked()
    return await staging.untracked(wanted, before)


class Staging:
    """`stage` in two steps: first what is in the index, then the rest. The first may run beside `list_untracked`."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.git = folder.git
        self.index = folder.index
        self.new: list[bytes] = []
        """What is to be added."""
        self.off: set[str] = set()
        """Filters that do not work."""
        self.left_out: list[LeftOut] = []

    async def tracked(self) -> None:
        """Bring what the index holds up to date."""
        but = [f":(exclude,top,literal){path}" for path in self.folder.foreign]
        if but:
            self.git = replace(self.git, pathspecs="plain")
        try:
            await self._without_broken_filters("add", "-u", "--sparse", "--", ".", *but)
        except GitFailed as error:
            if error.finished.timed_out:
                raise
            said = await self.index.run("ls-files", "-z", "--", ".")
            await self._halved(list(dict.fromkeys(names(said.stdout))))

    async def untracked(self, wanted: Sequence[bytes], before: frozenset[bytes]) -> Staged:
        """Of what is not tracked, take exactly `wanted`. See `stage`."""
        if gone := before - frozenset(wanted):
            await self.index.run("update-index", "--force-remove", "-z", "--stdin", stdin=_joined(gone))
        self.new = [path for path in wanted if path not in before]
        for name in sorted(self.off - {"lfs"}):
            await self._lock_out(name)
        await self._add_new()
        lost = {item.path for item in self.left_out}
        taken = frozenset(path for path in wanted if shown(path) not in lost)
        hashing = self.folder.git.but(config=filters_off(self.off & {"lfs"}))
        return Staged(hashing, self.index, taken, tuple(self.left_out))

    async def _add_new(self) -> None:
        if not self.new:
            return
        try:
            await self._without_broken_filters("update-index", *_ADD, "-z", "--stdin")
        except GitFailed as error:
            if error.finished.timed_out:
                raise
            await self._halved(self.new)

    async def _without_broken_filters(self, *command: str) -> None:
        """Run a command that adds files. A filter that fails is turned off and its changed files are left out, except
        that of Git LFS: without it the file itself is stored, which is what the person sees."""
        for _ in range(_FILTERS):
            try:
                await self.git.run(*command, stdin=_joined(self.new))
                return
            except GitFailed as error:
                name = self._broken(error.finished.stderr)
                if error.finished.timed_out or not name or name in self.off:
                    raise
                self.off.add(name)
                self.git = self.git.but(config=filters_off([name]))
                self.index = self.index.but(config=filters_off([name]))
                if name != "lfs":
                    await self._lock_out(name)

    def _broken(self, stderr: bytes) -> str:
        """Name of the filter that a command failed by; empty when it failed by something else."""
        if found := _BROKEN.search(stderr):
            return os.fsdecode(found[1])
        if b"lfs" in stderr:
            return "lfs"
        if b"hung up" in stderr:
            # A filter process that died is not named: each in turn.
            return next((name for name in self.folder.filters if name not in self.off), "")
        return ""

    async def _lock_out(self, name: str) -> None:
        """Leave out what would need this filter: it may be there to keep the files secret."""
        changed = names((await self.index.run(*_CHANGED)).stdout)
        candidates = list(dict.fromkeys((*changed, *self.new)))
        plain = replace(self.index, pathspecs="plain")
        said = names((await plain.run("check-attr", "-z", "--stdin", "filter", stdin=_joined(candidates))).stdout)
        locked = [path for path, value in zip(said[::3], said[2::3], strict=True) if os.fsdecode(value) == name]
        await self.index.run("update-index", "--force-remove", "-z", "--stdin", stdin=_joined(locked))
        self.left_out += [LeftOut(shown(path), f"its filter {name!r} failed") for path in locked]
        self.new = [path for path in self.new if path not in set(locked)]

    async def _halved(self, paths: Sequence[bytes]) -> None:
        """Add paths; where that fails, halve them until the culprits stand alone. Those are taken out of the index."""
        try:
            await self.git.run("update-index", *_ADD, "-z", "--stdin", stdin=_joined(paths))
        except GitFailed as error:
            if error.finished.timed_out:
                raise
            if len(paths) > 1:
                half = len(paths) // 2
                await self._halved(paths[:half])
                await self._halved(paths[half:])
                return
            await self.index.run("update-index", "--force-remove", "-z", "--stdin", stdin=_joined(paths))
            self.left_out.append(LeftOut(shown(paths[0]), _reason(paths[0], error)))


def _reason(path: bytes, error: GitFailed) -> str:
    said = error.finished.stderr.decode("utf-8", "replace")
    if "Permission denied" in said:
        return "cannot be read (permission denied)"
    if match := _BROKEN.search(error.finished.stderr):
        return f"its filter {os.fsdecode(match[1])!r} failed"
    if "does not have a commit" in said:
        return "is a repository of its own"
    first = next((line for line in said.splitlines() if line.strip()), "git does not take it")
    return first.removeprefix("error: ").removeprefix("fatal: ").replace(os.fsdecode(path), "it")[:200]


def _joined(paths: Sequence[bytes] | frozenset[bytes]) -> bytes:
    return b"".join(path + b"\0" for path in paths)
