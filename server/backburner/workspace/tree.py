"""A workspace: a snapshot and what an agent changed on top of it, without any files on disk.

Reads, lists and searches objects of the shadow; writes go to an overlay in memory until they are stored there too. Real
files are laid out only when a command must run (`checkout.py`). Paths are relative to the project root, with `/`. What an
agent hands in is not trusted: a path that leaves the root, goes through a link or into a `.git` folder is refused.
"""

from __future__ import annotations

import asyncio
import os
import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from backburner.lib.files import OutsideRoot, relative_parts
from backburner.model.result import Changed, Proposal
from backburner.model.task import Snapshot
from backburner.workspace import folders
from backburner.workspace.folders import EXECUTABLE, FILE, FOLDER, LINK, REPOSITORY, Entry, Folders
from backburner.workspace.git import Git, GitFailed, Lost
from backburner.workspace.objects import object_id
from backburner.workspace.proposals import left_out, propose
from backburner.workspace.shadow import Shadow

SEARCH_S = 30.0
HITS = 2_000
"""Matches that one search returns at most."""
_LINKS_FOLLOWED = 8


@dataclass(frozen=True)
class Hit:
    """A line that matches."""

    path: str
    line: int
    """From 1."""
    text: str


class LaidOut(Protocol):
    """Real files of a workspace."""

    async def close(self) -> None: ...


class Workspace:
    """What one run sees and changes. Make one with `open`, end it with `close`."""

    def __init__(
        self, shadow: Shadow, snapshot: Snapshot, root: Path, trees: Path, base: Folders, run: str = ""
    ) -> None:
        self.shadow = shadow
        self.snapshot = snapshot
        self.root = str(root)
        """The person's project folder; only a name here, nothing below it is read."""
        self.trees = trees
        """Where real files are laid out."""
        self.run = run
        """Said in the marker of what is laid out."""
        self.checkout: LaidOut | None = None
        """The files that a command ran in; owned here, made by `checkout.materialise`."""
        self.problems: dict[str, str] = {}
        """By path: what a command left behind and could not be taken, as a clause."""
        self.base = base
        """Every folder as it was in the snapshot."""
        self._now = base
        self._changes: dict[str, Entry | None] = {}
        self._unstored: dict[str, bytes] = {}
        self._storing = asyncio.Lock()

    @staticmethod
    async def open(shadow: Shadow, snapshot: Snapshot, root: Path, trees: Path, *, run: str = "") -> Workspace:
        """A workspace as the snapshot is. Raises `GitFailed` when the snapshot is gone."""
        return Workspace(shadow, snapshot, root, trees, await shadow.listing(snapshot.commit), run)

    async def close(self) -> None:
        """Remove the files that were laid out, if any. The changes are in the shadow by then, or they are lost."""
        checkout, self.checkout = self.checkout, None
        if checkout is not None:
            await checkout.close()

    async def read(self, path: str) -> bytes | None:
        """The bytes of a file as it is now; None when there is none. Links are followed inside the tree.

        Raises `OutsideRoot` for a path that is not inside the project, and `Lost`.
        """
        entry = await self._entry(self._now, path)
        return None if entry is None else await self._data(entry)

    async def read_base(self, path: str) -> bytes | None:
        """The same as it was in the snapshot."""
        entry = await self._entry(self.base, path)
        return None if entry is None else await self._data(entry)

    async def mode(self, path: str) -> int | None:
        """`FILE` or `EXECUTABLE`; None when there is no file."""
        entry = await self._entry(self._now, path)
        return None if entry is None else entry.mode

    async def list(self, folder: str = "") -> tuple[str, ...]:
        """Names in a folder, in order, folders with a `/` at the end; empty when there is no such folder."""
        path = await self._resolved(self._now, folder) if folder.strip("/.") else ""
        entries = self._now.get(path) if path is not None else None
        return tuple(
            sorted(_shown(name) + "/" * (entry.mode in (FOLDER, REPOSITORY)) for name, entry in (entries or {}).items())
        )

    async def glob(self, pattern: str) -> tuple[str, ...]:
        """Files whose path matches, in order. `**` matches any number of folders; without a `/`, in any folder."""
        matches = _glob(pattern).fullmatch
        found = (path for path, entry in folders.files(self._now) if entry.mode in (FILE, EXECUTABLE))
        return tuple(sorted(path for path in found if folders.is_plain(path) and matches(path)))

    async def search(self, pattern: str, glob: str = "") -> tuple[Hit, ...]:
        """Lines of text files that match a regular expression (Perl's, as git has them), in order of their paths.

        Raises `ValueError` for a pattern that cannot be read or takes too long.
        """
        tree = await self.tree()
        git = replace(self.shadow.git, pathspecs="glob")
        where = () if not glob else (glob,) if "/" in glob.rstrip("/") else (glob, f"**/{glob}")
        flags = ("-n", "-z", "-I", "--full-name", "--no-textconv", "--no-column", "--max-depth=-1", "-e", pattern)
        try:
            try:
                said = await _grep(git, "-P", *flags, tree, "--", *where)
            except GitFailed as error:
                if b"Perl-compatible" not in error.finished.stderr:
                    raise
                said = await _grep(git, "-E", *flags, tree, "--", *where)
        except GitFailed as error:
            if error.finished.timed_out or b"limit exceeded" in error.finished.stderr:
                raise ValueError("it takes too long") from error
            lines = error.finished.stderr.decode("utf-8", "replace").strip().splitlines()
            raise ValueError(lines[-1].rpartition("': ")[2].removeprefix("fatal: ") if lines else "no match") from error
        return tuple(_hits(said, tree))

    def write(self, path: str, data: bytes | None, mode: int | None = None) -> None:
        """Put a file's bytes, or delete it (None). Without `mode` an existing file keeps its own.

        Raises `OutsideRoot`, with a sentence, for what must not be written.
        """
        path = "/".join(relative_parts(path))
        if why := folders.unfit(path):
            raise OutsideRoot(f"{_shown(path)[:200]!r}: {why}")
        for at in (at for at, character in enumerate(path) if character == "/"):
            above = folders.find(self._now, path[:at])
            if above is not None and above.mode != FOLDER:
                raise OutsideRoot(f"{path!r}: {path[:at]!r} is {_kind(above)}")
        old = folders.find(self._now, path)
        if old is not None and old.mode in (FOLDER, REPOSITORY, LINK):
            raise OutsideRoot(f"{path!r} is {_kind(old)}")
        if mode not in (None, FILE, EXECUTABLE):
            raise OutsideRoot(f"{path!r} cannot have the mode {mode:o}")
        if data is None:
            self.put(path, None)
        else:
            identity = object_id("blob", data)
            self._unstored[identity] = data
            self.put(path, Entry(mode or (old.mode if old is not None else FILE), identity))

    def put(self, path: str, entry: Entry | None) -> None:
        """Put what is in the shadow already; any mode. For what is not checked here, see `proposal`."""
        self._changes[path] = entry
        self._now = folders.changed(self._now, {path: entry})

    async def changes(self) -> tuple[Changed, ...]:
        """Every path that was changed, the last state of each; one that is as in the snapshot again is among them.

        What they name is stored durably on return.
        """
        await self.store()
        return tuple(
            Changed(path=path, blob=None) if entry is None else Changed(path=path, blob=entry.id, mode=entry.mode)
            for path, entry in sorted(self._changes.items())
            if folders.is_plain(path)
        )

    async def restore(self, changes: Iterable[Changed]) -> None:
        """Become what the snapshot and these changes make; whatever was changed before is dropped."""
        self._changes = {
            changed.path: None if changed.blob is None else Entry(changed.mode, changed.blob) for changed in changes
        }
        self._now = folders.changed(self.base, self._changes)
        self._unstored.clear()

    async def proposal(self, run_id: str) -> tuple[Proposal, tuple[str, ...]]:
        """What changed against the snapshot, with every text in the shadow; and a clause for each change that a
        proposal cannot hold (links, paths that are equal on some file systems, what could not be taken)."""
        now = self._now
        await self.store()
        commit = self.snapshot.commit
        proposal, problems = await propose(self.shadow, commit, self.base, now, lambda: self._tree_of(now), run_id)
        return proposal, (*problems, *(left_out(path, why) for path, why in sorted(self.problems.items())))

    async def tree(self) -> str:
        """The id of a tree of everything as it is now, stored in the shadow."""
        return await self._tree_of(self._now)

    async def _tree_of(self, now: Folders) -> str:
        await self.store()
        return await asyncio.to_thread(folders.write, now, self._put_tree)

    async def store(self) -> None:
        """Make what was written durable."""
        async with self._storing:
            unstored = dict(self._unstored)
            if unstored:
                await self.shadow.put_many(list(unstored.values()))
                for identity in unstored:
                    self._unstored.pop(identity, None)

    @property
    def now(self) -> Folders:
        """Every folder as it is now. A value: later writes make another one."""
        return self._now

    @property
    def changed_paths(self) -> tuple[str, ...]:
        """Paths that were changed, also those that are as in the snapshot again."""
        return tuple(self._changes)

    def _put_tree(self, data: bytes) -> str:
        return self.shadow.loose.write("tree", [data], durable=False)[0]

    async def _data(self, entry: Entry) -> bytes:
        """The bytes of a file that is in the tree. Raises `Lost`."""
        data = self._unstored.get(entry.id)
        if data is None:
            data = await self.shadow.get(entry.id)
        if data is None:
            raise Lost
        return data

    async def _entry(self, tree: Folders, path: str) -> Entry | None:
        resolved = await self._resolved(tree, path)
        entry = folders.find(tree, resolved) if resolved is not None else None
        return entry if entry is not None and entry.mode in (FILE, EXECUTABLE) else None

    async def _resolved(self, tree: Folders, path: str) -> str | None:
        """A path without links in it; None when a link leaves the tree or leads in circles."""
        path = "/".join(relative_parts(path))
        for _ in range(_LINKS_FOLLOWED):
            ends = [at for at, character in enumerate(path) if character == "/"] + [len(path)]
            link = next(
                (at for at in ends if (entry := folders.find(tree, path[:at])) is not None and entry.mode == LINK), None
            )
            if link is None:
                return path
            entry = folders.find(tree, path[:link])
            target = os.fsdecode((await self._data(entry) if entry is not None else None) or b"")
            path = posixpath.normpath(posixpath.join(posixpath.dirname(path[:link]), target) + path[link:])
            if path.startswith(("/", "../")) or path in ("..", "."):
                return None
        return None


async def _grep(git: Git, *arguments: str) -> bytes:
    # A locale of UTF-8, or a dot would match half a letter.
    done = await git.run("grep", *arguments, ok=(0, 1), timeout_s=SEARCH_S, env={"LC_ALL": "C.UTF-8"})
    return done.stdout


def _hits(said: bytes, tree: str) -> Iterable[Hit]:
    """`<tree>:path NUL number NUL line` for each match."""
    start = len(tree) + 1
    for line in said.split(b"\n")[:HITS]:
        path, _, rest = line.partition(b"\0")
        number, found, text = rest.partition(b"\0")
        if found:
            yield Hit(_shown(os.fsdecode(path[start:])), int(number), text.decode("utf-8", "replace").rstrip("\r"))


def _kind(entry: Entry) -> str:
    return {FOLDER: "a folder", REPOSITORY: "a repository of its own", LINK: "a link"}.get(entry.mode, "a file")


def _shown(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _glob(pattern: str) -> re.Pattern[str]:
    """A pattern as git's own globs are; without a `/` it matches the name in any folder."""
    if "/" not in pattern:
        pattern = f"**/{pattern}"
    parts: list[str] = []
    for part in re.split(r"(\*\*/|/\*\*\Z|\*|\?|\[!?[^\]]+\])", pattern):
        known = {"**/": "(?:.*/)?", "/**": "/.+", "*": "[^/]*", "?": "[^/]"}.get(part)
        if known is not None:
            parts.append(known)
        elif part.startswith("[") and part.endswith("]"):
            body = part[1:-1].replace("\\", "\\\\")
            parts.append("[^" + body[1:] + "]" if body.startswith("!") else f"[{body}]")
        else:
            parts.append(re.escape(part))
    try:
        return re.compile("".join(parts))
    except re.error:
        return re.compile(re.escape(pattern))
