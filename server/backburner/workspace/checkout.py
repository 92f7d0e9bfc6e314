"""Real files of a workspace, for commands: a plain directory outside the project, with an index of its own.

There is no `git worktree`: nothing is registered anywhere and nothing points at the person's repository. What a command
can write is never trusted: it is collected with the shadow's git dir, our index and nobody's configuration, so that
nothing in it is executed. For the agent's own `git status` there is a throw-away git dir (`agentgit.py`); nothing comes
back through it. Only folders that carry our marker are ever removed.
"""

from __future__ import annotations

import asyncio
import os
import stat
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec
from msgspec import Struct

from backburner.lib.files import LockFile, OutsideRoot, read_beneath
from backburner.lib.threads import to_its_end
from backburner.model.task import LeftOut
from backburner.workspace import agentgit
from backburner.workspace.choosing import DEFAULT_EXCLUDES, FOLDER_CAP, Caps, shown
from backburner.workspace.folders import EXECUTABLE, FILE, LINK, REPOSITORY, Entry, is_long, repositories
from backburner.workspace.git import GitFailed, names
from backburner.workspace.removing import open_up, remove, walk
from backburner.workspace.shadow import Shadow
from backburner.workspace.staging import Folder, list_untracked, stage
from backburner.workspace.tree import Workspace

VERSION = 1
MARKER = "backburner-tree.json"
IDLE = 4
"""Directories of one shadow that are kept for the next run, because changing one is quicker than making one."""


class Marker(Struct, frozen=True, kw_only=True):
    """What makes a directory ours; beside the files, where no command can write."""

    version: int = VERSION
    run: str = ""
    root: str = ""
    snapshot: str = ""


class Checkout:
    """The files of one workspace. Made by `materialise`, ended by `Workspace.close`."""

    def __init__(self, place: Path, lock: LockFile, shadow: Shadow) -> None:
        self.place = place
        self.files = place / "files"
        """The directory that a command sees as the project."""
        self.git_dir = place / "git"
        """The agent's throw-away git dir."""
        self.empty = place / "empty"
        """A file with nothing in it, to be mounted over others."""
        self.ran = False
        """A command ran since the files were last known to be those of the workspace."""
        self.is_untouched = False
        """No command has left anything here that only its own run may see: another run may have the directory."""
        self._lock = lock
        self._shadow = shadow
        self._tree: str = ""
        self._workspace: Workspace | None = None
        self._git_of = ""
        """The snapshot that the agent's git dir was made for; empty: it is to be made."""
        self._stamps: object = None
        """What it looked like then."""
        self._git = shadow.git.but(
            work_tree=self.files,
            cwd=self.files,
            index=place / "index",
            config=(f"core.excludesFile={shadow.view_folder / 'exclude'}",),
        )

    @property
    def workspace(self) -> Workspace:
        assert self._workspace is not None, "a checkout in the pool belongs to no workspace"
        return self._workspace

    async def lay_out(self, workspace: Workspace) -> None:
        """Make the files those of the workspace as it is now. What a command left behind goes, but not what is ignored."""
        first = self._workspace is None
        self._workspace = workspace
        tree = await workspace.tree()
        if tree != self._tree or self.ran:
            ran = self.ran
            # Cut short from here on, the files are neither the old ones nor the new ones.
            self._tree, self.ran = "", True
            await self._unlock()
            await self._git.run("read-tree", "--reset", "-u", tree)
            if ran:
                await self._clean("--exclude-standard", *(f"--exclude={pattern}" for pattern in DEFAULT_EXCLUDES))
            self._tree, self.ran = tree, False
        if first:
            marker = Marker(run=workspace.run, root=workspace.root, snapshot=workspace.snapshot.commit)
            (self.place / MARKER).write_bytes(msgspec.json.encode(marker))
        if self._git_of != workspace.snapshot.commit:
            self._git_of = ""
            await to_its_end(lambda: remove(self.git_dir))
            await agentgit.make(self.git_dir, self.files, workspace, self.place / "index")
            self._stamps = await to_its_end(lambda: agentgit.stamps(self.git_dir, self.files))
            self._git_of = workspace.snapshot.commit
        self.is_untouched = False

    async def collect(self) -> None:
        """Take what a command changed into the workspace. What cannot be taken is in `workspace.problems`."""
        workspace = self.workspace
        stamps = await to_its_end(self._looked_over)
        # What changed, and all that is new: what is ignored, and folders with nothing in them, too.
        said = await self._git.run("ls-files", "-m", "-o", "--directory", "-z", "--", ".")
        if not said.stdout and not said.stderr:
            workspace.problems = {}
            self.ran, self.is_untouched = False, stamps == self._stamps
            return
        # A command may have put a repository of its own, with filters in its configuration, where a submodule belongs.
        foreign = tuple(repositories(workspace.now))
        folder = Folder(self._git, self._git, Caps(secrets=False), DEFAULT_EXCLUDES, foreign=foreign)
        wanted, left_out = await list_untracked(folder)
        staged = await stage(folder, wanted, frozenset())
        tree = await self._git.line("write-tree")
        left_out += staged.left_out
        left = {item.path for item in left_out}
        said = await self._git.run("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", self._tree, tree)
        parts = names(said.stdout)
        for meta, path in zip(parts[::2], parts[1::2], strict=True):
            _, mode, _, identity, status = meta.decode().split(" ")
            if shown(path) in left:
                continue
            if is_long(os.fsdecode(path)):
                left_out.append(LeftOut(shown(path), "its path is too long"))
                continue
            if int(mode, 8) == REPOSITORY:
                left_out.append(LeftOut(shown(path) + "/", "is a repository of its own"))
                continue
            workspace.put(os.fsdecode(path), None if status == "D" else Entry(int(mode, 8), identity))
        workspace.problems = {item.path: item.reason for item in left_out if not item.path.endswith("/")}
        for item in left_out:
            if item.path.endswith("/"):
                workspace.problems |= await self._by_hand(item)
        # Where something was left out, the files are not those of the workspace: the next command gets them anew.
        self._tree, self.ran = ("", True) if left_out else (tree, False)

    def _looked_over(self) -> object:
        """Make the files such that git can look into them; what the agent's git dir looks like."""
        remove(self.place / "index.lock")
        open_up(self.files)
        return agentgit.stamps(self.git_dir, self.files)

    def leave(self) -> None:
        """Let another run have the directory, if nothing in it is this one's: hundreds of runs then share a few."""
        if self.is_untouched and len(self._shadow.idle) < IDLE:
            self.workspace.checkout, self._workspace = None, None
            # Laid out anew in any case: git then also puts right what it does not count as a change, such as modes.
            self._tree = ""
            self._shadow.idle.append(self)

    async def close(self) -> None:
        """Give the directory back: emptied of everything a command made and kept for another run, or removed."""
        self._workspace = None
        # Asked twice: while this one was emptied, others came back too.
        if len(self._shadow.idle) < IDLE and await self._empty() and len(self._shadow.idle) < IDLE:
            self._shadow.idle.append(self)
        else:
            await self.remove()

    async def _empty(self) -> bool:
        """Ignored files go too: a command may have planted anything."""
        try:
            await asyncio.to_thread(remove, self.git_dir)
            await asyncio.to_thread(open_up, self.files)
            await self._clean("--directory")
            await asyncio.to_thread(remove, self.files / ".git")
        except (OSError, GitFailed):
            return False
        self._tree, self.ran, self._git_of = "", False, ""
        return True

    async def remove(self) -> None:
        await asyncio.to_thread(_remove_marked, self.place)
        self._lock.release()

    async def _unlock(self) -> None:
        """A git of ours that was killed leaves its lock; nobody else ever works on this index."""
        await to_its_end(lambda: remove(self.place / "index.lock"))

    async def _clean(self, *selection: str) -> None:
        """Remove untracked files by our own walk."""
        said = await self._git.run("ls-files", "-o", "-z", *selection, "--", ".")
        for path in names(said.stdout):
            gone = self.files / os.fsdecode(path.rstrip(b"/"))
            await to_its_end(partial(remove, gone))

    async def _by_hand(self, nested: LeftOut) -> dict[str, str]:
        """Take the files of a repository that a command made inside the tree; git itself would take only its commit."""
        found = await asyncio.to_thread(lambda: list(_plain_files(self.files, nested.path.rstrip("/"))))
        if nested.reason != "is a repository of its own" or len(found) > FOLDER_CAP:
            return {nested.path: nested.reason}
        problems: dict[str, str] = {}
        for path, mode in found:
            try:
                if is_long(path):
                    raise ValueError("its path is too long")
                if mode == LINK:
                    data = os.fsencode(os.readlink(self.files / path))
                else:
                    data = await asyncio.to_thread(read_beneath, self.files, path)
                if len(data) > Caps().file_bytes:
                    raise ValueError(f"is larger than {Caps().file_bytes // 2**20} MB")
            except (OSError, OutsideRoot, ValueError) as error:
                problems[path] = str(error)
                continue
            [blob] = await self._shadow.put_many([data])
            self.workspace.put(path, Entry(mode, blob))
        return problems


async def materialise(workspace: Workspace) -> Checkout:
    """The files of a workspace on disk, as it is now. The same directory each time, until the workspace is closed."""
    checkout = workspace.checkout
    async with workspace.shadow.laying_out:
        if not isinstance(checkout, Checkout):
            idle = workspace.shadow.idle
            kept = (one for one in idle if isinstance(one, Checkout))
            fitting = next((one for one in kept if one.place.parent == workspace.trees), None)
            if fitting is not None:
                idle.remove(fitting)
            checkout = workspace.checkout = fitting or await to_its_end(lambda: _made(workspace))
        await checkout.lay_out(workspace)
    return checkout


def leftovers(trees: Path) -> list[tuple[Path, Marker]]:
    """Directories of ours that no living process holds."""
    found: list[tuple[Path, Marker]] = []
    for place in sorted(trees.iterdir()) if trees.is_dir() else ():
        marker = _marker(place)
        if marker is not None and (lock := LockFile(place / "lock")).acquire():
            lock.release()
            found.append((place, marker))
    return found


def remove_leftover(place: Path) -> bool:
    """Remove a directory of ours that no living process holds; False when it is not one."""
    if _marker(place) is None:
        return False
    lock = LockFile(place / "lock")
    if not lock.acquire():
        return False
    try:
        return _remove_marked(place)
    finally:
        lock.release()


def _made(workspace: Workspace) -> Checkout:
    workspace.trees.mkdir(parents=True, exist_ok=True, mode=0o700)
    place = Path(tempfile.mkdtemp(prefix="tree-", dir=workspace.trees))
    lock = LockFile(place / "lock")
    lock.acquire()
    (place / MARKER).write_bytes(msgspec.json.encode(Marker(root=workspace.root)))
    checkout = Checkout(place, lock, workspace.shadow)
    checkout.files.mkdir()
    checkout.empty.touch()
    # Here and not in the caller, who may be cancelled meanwhile: `Workspace.close` then removes it.
    workspace.checkout = checkout
    return checkout


def _marker(place: Path) -> Marker | None:
    try:
        if not stat.S_ISDIR(os.lstat(place).st_mode):
            return None
        return msgspec.json.decode(read_beneath(place, MARKER), type=Marker)
    except (OSError, OutsideRoot, msgspec.DecodeError):
        return None


def _remove_marked(place: Path) -> bool:
    """The marker goes last, so that a removal that was cut short can be repeated."""
    if _marker(place) is None:
        return False
    for name in os.listdir(place):
        if name not in (MARKER, "lock"):
            remove(place / name)
    for name in ("lock", MARKER):
        remove(place / name)
    os.rmdir(place)
    return True


def _plain_files(root: Path, folder: str) -> Iterator[tuple[str, int]]:
    """Files and links below a folder, without `.git` and without what is usually not kept under git."""
    skipped = {".git", *(pattern.rstrip("/") for pattern in DEFAULT_EXCLUDES)}
    for parent, inner, found in walk(root / folder):
        inner[:] = [name for name in inner if name.lower() not in skipped]
        for name in sorted(found):
            if name.lower() in skipped:
                continue
            status = os.lstat(os.path.join(parent, name))
            path = os.path.relpath(os.path.join(parent, name), root)
            if stat.S_ISLNK(status.st_mode):
                yield path, LINK
            elif stat.S_ISREG(status.st_mode):
                yield path, EXECUTABLE if status.st_mode & stat.S_IXUSR else FILE
