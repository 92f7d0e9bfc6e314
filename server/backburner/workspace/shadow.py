"""The shadow repository: a bare repository outside the person's folder, in which snapshots and texts are kept by id.

It borrows the objects of the person's repository (`objects/info/alternates`), which is only safe because the base commit
is pinned there by a ref and because everything beyond that commit is copied here before a snapshot is called durable.
Refs: `refs/snapshots/<commit>`, and `refs/tasks/<view>/<task>/<id>` for what a task needs; a view is one project root,
because linked worktrees share a shadow. Making a snapshot is in `snapshots.py`, tidying up in `tidying.py`.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol
from weakref import WeakKeyDictionary

from backburner.lib.files import atomic_replace, atomic_replace_all, fsync_directory
from backburner.model.task import Snapshot
from backburner.workspace import folders, snapshots
from backburner.workspace.folders import Entry, Folders
from backburner.workspace.git import Git
from backburner.workspace.objects import BlockingReader, Loose, Reader
from backburner.workspace.repository import Head, check_root

SNAPSHOTS_AT_ONCE = 2
LAID_OUT_AT_ONCE = 3
LISTINGS = 4
"""Commits whose listing is kept in memory."""
_CONFIG = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n"


class Idle(Protocol):
    """A checkout that nobody uses."""

    place: Path

    async def remove(self) -> None: ...


class Shadow:
    """The shadow repository in `folder`, seen from the project in `root`. Make one with `open`, end it with `close`."""

    def __init__(self, folder: Path, root: Path, git: Git, gate: asyncio.Semaphore) -> None:
        self.folder = folder
        self.root = root
        self.git = git
        """Works on the shadow itself, with nobody's configuration."""
        self.gate = gate
        self.view = hashlib.sha1(os.fsencode(root)).hexdigest()[:12]
        self.view_folder = folder / "views" / self.view
        """The private index of this root and what belongs to it."""
        self.incoming = self.view_folder / "incoming"
        """What git hashes for a snapshot that is being made; see `indexes.py`."""
        self.incoming_used: int | None = None
        """By how many snapshots; None when the last one did not come to its end."""
        self.loose = Loose(folder / "objects")
        self.packs = folder / "objects" / "pack"
        self.quick: dict[str, frozenset[str]] = {}
        """Packs that were made in haste, and what is in them; `pack` makes better ones."""
        self.one_at_a_time = asyncio.Lock()
        """Snapshots of one root share a private index."""
        self._reader = Reader(git)
        self._blocking = BlockingReader(git)
        self.laying_out = asyncio.Semaphore(LAID_OUT_AT_ONCE)
        """Checkouts that are made at once: they compete for the disk."""
        self.idle: list[Idle] = []
        """Directories of earlier checkouts, emptied, for the next one."""
        self._users = 0
        self._listings: OrderedDict[str, Folders] = OrderedDict()

    @staticmethod
    async def open(folder: Path, root: Path, *, gate: asyncio.Semaphore | None = None) -> Shadow:
        """Open the shadow repository in `folder`, made when there is none. Runs no process.

        All who open the same one on one loop share it, with its processes and its cache, until the last has closed it.
        `gate` limits how many snapshots are made at once over several shadows. Raises `Refused` for a root that cannot
        be a project and `NoGit`.
        """
        root = Path(os.path.realpath(root))
        shared = _OPEN.setdefault(asyncio.get_running_loop(), {})
        place = (Path(os.path.realpath(folder)), root)
        if place not in shared:
            shared[place] = Shadow._made(folder, root, gate)
        shared[place]._users += 1
        return shared[place]

    @staticmethod
    def _made(folder: Path, root: Path, gate: asyncio.Semaphore | None) -> Shadow:
        check_root(root)
        git = Git.find((root,))
        for part in ("objects/info", "objects/pack", "refs/snapshots", "refs/tasks", "info", "views"):
            (folder / part).mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (folder / "HEAD").exists():
            (folder / "config").write_text(_CONFIG)
            atomic_replace(folder / "HEAD", b"ref: refs/heads/none\n")
        folder = Path(os.path.realpath(folder))
        return Shadow(folder, root, git.but(git_dir=folder, cwd=folder), gate or asyncio.Semaphore(SNAPSHOTS_AT_ONCE))

    async def close(self) -> None:
        """End its processes, when nobody else has it open. They start again when they are needed."""
        self._users -= 1
        if self._users > 0:
            return
        _OPEN.get(asyncio.get_running_loop(), {}).pop((self.folder, self.root), None)
        while self.idle:
            await self.idle.pop().remove()
        await self._reader.close()
        self._blocking.close()

    async def snapshot(
        self,
        frozen: Mapping[str, str | None] | None = None,
        *,
        head: Head | None = None,
        since: float | None = None,
        at: float = 0.0,
    ) -> Snapshot:
        """What the person sees now: their files, with the unsaved texts `frozen` on top (LF; None: deleted).

        `head` and `since` (seconds since the epoch) are of the key press; what changed on disk after it is listed in
        `changed_since`. Durable on return, except that `pack` makes it smaller later. Raises `Refused`, `NoGit` and
        `GitFailed`; the person's repository is as before in each case (but for the pin of its base commit).
        """
        return await snapshots.take(self, frozen or {}, head=head, since=since, at=at)

    async def put_bytes(self, data: bytes) -> str:
        """Store bytes durably; the blob's id."""
        return (await self.put_many([data]))[0]

    async def put_many(self, parts: Sequence[bytes]) -> list[str]:
        return await asyncio.to_thread(self.loose.write, "blob", parts)

    async def put_text(self, text: str) -> str:
        """Store a text (LF ends) durably; its text id, as `model.anchor.text_id` gives it."""
        return await self.put_bytes(text.encode("utf-8", "surrogatepass"))

    async def put_texts(self, *texts: str | None) -> list[str | None]:
        """The same for several texts in one go; None stays None."""
        parts = [text.encode("utf-8", "surrogatepass") for text in texts if text is not None]
        ids = iter(await self.put_many(parts) if parts else ())
        return [None if text is None else next(ids) for text in texts]

    async def get(self, blob_id: str) -> bytes | None:
        """The bytes of a blob; None when neither the shadow nor what it borrows has it."""
        data = self.loose.read(blob_id)
        return await self._reader.get(blob_id) if data is None else data

    async def get_text(self, text_id: str) -> str | None:
        return _text(await self.get(text_id))

    def get_sync(self, blob_id: str) -> bytes | None:
        """The same without a loop. A fraction of a millisecond, but it does block: not for loops over many."""
        data = self.loose.read(blob_id)
        return self._blocking.get(blob_id) if data is None else data

    def get_text_sync(self, text_id: str) -> str | None:
        return _text(self.get_sync(text_id))

    async def listing(self, commit: str) -> Folders:
        """What is in each folder of a commit or tree. Cached; not to be changed."""
        if commit not in self._listings:
            said = await self.git.run("ls-tree", "-r", "-t", "-z", "--full-tree", commit)
            self._listings[commit] = await asyncio.to_thread(folders.parse, said.stdout)
            while len(self._listings) > LISTINGS:
                self._listings.popitem(last=False)
        self._listings.move_to_end(commit)
        return self._listings[commit]

    async def list(self, commit: str) -> dict[str, Entry]:
        """All files of a commit (links and submodules too) by path."""
        return dict(folders.files(await self.listing(commit)))

    async def file_at(self, commit: str, path: str) -> tuple[int, bytes] | None:
        """Mode and bytes of a file in a commit; None when there is no such file. A link's bytes are its target."""
        entry = folders.find(await self.listing(commit), path)
        if entry is None or entry.mode in (folders.FOLDER, folders.REPOSITORY):
            return None
        data = await self.get(entry.id)
        return None if data is None else (entry.mode, data)

    async def is_whole(self, snapshot: Snapshot) -> bool:
        """Whether everything that a snapshot needs is there; False after the person's repository lost its base."""
        done = await self.git.run(
            "rev-list", "--objects", "--quiet", "--missing=error", snapshot.commit, ok=(0, 1, 128)
        )
        return done.exit_code == 0

    async def keep(self, task: int, ids: Iterable[str]) -> None:
        """Keep objects for as long as the task is remembered: blobs, texts, snapshots. Durable on return."""
        await asyncio.to_thread(self._write_refs, f"refs/tasks/{self.view}/{task}", sorted(set(ids)))

    async def forget(self, task: int) -> None:
        """Let go of what only this task needs; space is freed by `tidying.tidy`."""
        prefix = f"refs/tasks/{self.view}/{task}/"
        said = await self.git.run("for-each-ref", "--format=delete %(refname)", prefix)
        if said.stdout:
            await self.git.run("update-ref", "--stdin", stdin=said.stdout)

    async def pack(self, *made: Snapshot) -> None:
        """Store the snapshots' own objects as differences. May follow whenever there is time; nothing depends on it."""
        await snapshots.pack(self, [snapshot.commit for snapshot in made])

    def keep_snapshot(self, commit: str) -> None:
        self._write_refs("refs/snapshots", [commit])

    def _write_refs(self, prefix: str, ids: Sequence[str]) -> None:
        folder = self.folder / prefix
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            fsync_directory(folder.parent)
        new = {identity: f"{identity}\n".encode() for identity in ids if not (folder / identity).exists()}
        if new:
            atomic_replace_all(folder, new)


_OPEN: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[Path, Path], Shadow]] = WeakKeyDictionary()
"""Hundreds of runs of one project read through one process, not through one each."""


def _text(data: bytes | None) -> str | None:
    return None if data is None else data.decode("utf-8", "surrogatepass")
