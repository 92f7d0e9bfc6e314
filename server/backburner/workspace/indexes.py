"""Our private copy of the person's index, one per project root, kept from one snapshot to the next.

It carries what git knows about the files on disk, so that a snapshot looks only at what changed. It is copied anew when
theirs changes, with its modification time: with a younger one, git would take an edit made in the same second for clean.
Never writes theirs.

What git hashes goes into `incoming`, an object store of a few snapshots: nothing there was flushed to the disk. What a
snapshot needs of it is put into the shadow in one flush. Until then the index is not to be trusted: it names objects that
may be gone after a crash, and `incoming` is emptied after any snapshot that did not come to its end.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from backburner.workspace.choosing import DEFAULT_EXCLUDES, Caps
from backburner.workspace.git import Git
from backburner.workspace.objects import alternate
from backburner.workspace.removing import remove
from backburner.workspace.repository import Repository, index_digest
from backburner.workspace.staging import Folder

if TYPE_CHECKING:
    from backburner.workspace.shadow import Shadow


NOT_FLUSHED = "core.fsync=none"
MOST_USES = 16
"""Snapshots after which `incoming` is emptied: what lies there is in packs too."""


class Remembered(Struct):
    """What is known about the private index; kept beside it."""

    source: str = ""
    """Digest of the person's index that it was copied from; empty while a snapshot is being made."""
    untracked: tuple[bytes, ...] = ()
    """What it holds though the person's does not."""
    submodules: tuple[bytes, ...] = ()


async def private_folder(
    shadow: Shadow, repository: Repository | None, filters: tuple[str, ...]
) -> tuple[Folder, Remembered]:
    """The person's folder with a private index that is as theirs, but for what we keep from the snapshot before."""
    index = shadow.view_folder / "index"
    index.with_name("index.lock").unlink(missing_ok=True)
    remembered = Remembered()
    with suppress(OSError, msgspec.DecodeError):
        remembered = msgspec.msgpack.decode((shadow.view_folder / "remembered").read_bytes(), type=Remembered)
    lfs = f"lfs.storage={shadow.folder / 'lfs'}"
    if repository is None:
        git = shadow.git.but(
            work_tree=shadow.root, cwd=shadow.root, index=index, sealed=False, config=("core.autocrlf=false", lfs)
        )
        if remembered.source != "folder":
            index.unlink(missing_ok=True)
            remembered = Remembered(source="folder")
        tracked = git.but(index=shadow.view_folder / "nothing")
        return Folder(git, tracked, Caps(folder_files=None), DEFAULT_EXCLUDES, filters), remembered
    git = repository.git.but(index=index, objects=shadow.incoming, config=(NOT_FLUSHED, lfs))
    folder = Folder(git, repository.git, Caps(), (), filters)
    source = repository.git_dir / "index"
    digest = index_digest(source) or "there is none"
    known = remembered.source == digest and index.exists()
    remember(shadow, Remembered())
    if not known:
        remembered = Remembered(source=digest)
        if _copy_index(source, index):
            remembered.submodules = await _unveil(folder.index, repository)
    return folder, remembered


def open_incoming(shadow: Shadow) -> int:
    """Have an object store on top of the shadow's: that of the snapshots before, else an empty one. How many used it; the
    caller says so when its own came to its end too."""
    used, shadow.incoming_used = shadow.incoming_used, None
    if used is not None and used < MOST_USES:
        return used
    remove(shadow.incoming)
    (shadow.incoming / "info").mkdir(parents=True)
    (shadow.incoming / "info" / "alternates").write_bytes(alternate(shadow.folder / "objects"))
    return 0


def _copy_index(source: Path, target: Path) -> bool:
    """Copy an index with its modification time, read from the very file that was copied. False: there is none."""
    temporary = target.with_name("index.copy")
    try:
        with source.open("rb") as file, temporary.open("wb") as out:
            status = os.fstat(file.fileno())
            shutil.copyfileobj(file, out)
    except FileNotFoundError:
        target.unlink(missing_ok=True)
        return False
    os.utime(temporary, ns=(status.st_atime_ns, status.st_mtime_ns))
    os.replace(temporary, target)
    return True


async def _unveil(git: Git, repository: Repository) -> tuple[bytes, ...]:
    """Make git look at files it was told to overlook (in our copy only); the submodules below the root."""
    whole = git.but(cwd=repository.top)
    said = await whole.run("ls-files", "-v", "-s", "-z")
    prefix = os.fsencode(repository.prefix)
    submodules: set[bytes] = set()
    overlooked: dict[str, list[bytes]] = {"--no-assume-unchanged": [], "--no-skip-worktree": [], "--force-remove": []}
    for line in said.stdout.split(b"\0"):
        if line.startswith(b"H 100") or not line:
            continue
        meta, _, path = line.partition(b"\t")
        tag, mode = meta[:1], meta[2:8]
        if mode == b"160000" and path.startswith(prefix):
            submodules.add(path[len(prefix) :])
        if tag.islower():
            overlooked["--no-assume-unchanged"].append(path)
        if tag in b"Ss" and os.path.lexists(os.fsencode(repository.top) + b"/" + path):
            overlooked["--no-skip-worktree"].append(path)
        if tag == b"M" and not path.startswith(prefix):
            # A conflict elsewhere in the repository would stop the tree of our folder from being written.
            overlooked["--force-remove"].append(path)
    for option, paths in overlooked.items():
        if paths:
            await whole.run("update-index", option, "-z", "--stdin", stdin=b"\0".join(paths) + b"\0")
    return tuple(sorted(submodules))


def remember(shadow: Shadow, remembered: Remembered) -> None:
    path = shadow.view_folder / "remembered"
    temporary = path.with_name("remembered.new")
    temporary.write_bytes(msgspec.msgpack.encode(remembered))
    os.replace(temporary, path)
