"""Makes a snapshot of the person's folder: tracked, untracked and unsaved, without touching what is theirs.

The person's git reads their files through a private copy of their index (so line ends, filters, ignore rules and sparse
checkouts are theirs) and writes new objects into the shadow. The copy keeps the index's modification time: with a
younger one, git would take an edit made in the same second for clean. Then everything that the base commit does not hold
is copied, the base commit is pinned in the person's repository, and the result is one commit without parents.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from backburner.lib.files import fsync_directory
from backburner.lib.threads import to_its_end
from backburner.lib.together import both
from backburner.model.task import LeftOut, Snapshot
from backburner.workspace.choosing import listed, shown
from backburner.workspace.folders import EMPTY_TREE
from backburner.workspace.frozen import lay_over
from backburner.workspace.git import Git, GitFailed, names
from backburner.workspace.ignored import write_if_other, write_ignored
from backburner.workspace.indexes import Remembered, open_incoming, private_folder, remember
from backburner.workspace.objects import alternate
from backburner.workspace.repository import (
    CARRIED,
    Head,
    Refused,
    Repository,
    check_root,
    find_repository,
    ref_value,
    settings,
)
from backburner.workspace.repository import (
    head as head_of,
)
from backburner.workspace.staging import Folder, Staging, list_untracked

if TYPE_CHECKING:
    from backburner.workspace.shadow import Shadow

PIN = "refs/backburner/base/"
"""The only refs that we ever make in the person's repository, one per base commit."""
_ABOUT = re.compile(rb"^base (\w*)\ntree (\w*)$", re.MULTILINE)


async def take(
    shadow: Shadow, frozen: Mapping[str, str | None], *, head: Head | None, since: float | None, at: float
) -> Snapshot:
    """See `Shadow.snapshot`."""
    async with shadow.one_at_a_time, shadow.gate:
        root = shadow.root
        check_root(root)
        shadow.view_folder.mkdir(parents=True, exist_ok=True)
        git = Git.find((root,))
        here = git.but(cwd=root, sealed=False)
        (repository, (values, filters)), used = await both(_asked(git, here), to_its_end(lambda: open_incoming(shadow)))
        commit, base_tree = ("", "") if repository is None else (repository.commit, repository.tree)
        if repository is None:
            values, filters = await settings(shadow.git.but(cwd=root, sealed=False))
        _borrow(shadow, repository, values)
        await write_ignored(shadow, repository, values)
        folder, remembered = await private_folder(shadow, repository, filters)
        staging = Staging(folder)
        (wanted, left_out), _ = await both(list_untracked(folder), staging.tracked())
        if repository is None and len(wanted) > folder.caps.total_files:
            raise Refused(
                f"{root} is not under Git and holds more than {folder.caps.total_files:,} files. "
                "Put it under Git, or open a smaller folder."
            )
        before = frozenset(remembered.untracked)
        if repository is None:
            # Cut short from here on, the index holds some of them.
            remember(shadow, Remembered(source=remembered.source, untracked=tuple(before | frozenset(wanted))))
        staged = await staging.untracked(wanted, before)
        prefix = "" if repository is None else repository.prefix
        like_disk, problems = await lay_over(staged.git, staged.index, folder.tracked, frozen, prefix, shadow.incoming)
        tree = await _write_tree(staged.index, prefix, "extensions.partialclone" in values)
        reading = shadow.git.but(objects=folder.git.objects)
        new = await _new_objects(reading, base_tree, tree)
        if repository is not None:
            await _secure(shadow, repository, reading, commit, tree, new)
        snapshot = await asyncio.to_thread(_commit, shadow, tree, commit, base_tree)
        shadow.incoming_used = used + 1
        remembered.untracked = tuple(staged.untracked)
        if repository is None and not like_disk:
            remembered.untracked = tuple(names((await staged.index.run("ls-files", "-z")).stdout))
        elif staged.left_out or not like_disk:
            # The next snapshot begins again from their index: ours lacks what could not be taken.
            remembered.source = "" if repository is not None else remembered.source
        remember(shadow, remembered)
        left_out += [*staged.left_out, *problems, *await _left_by_rule(folder, remembered, repository)]
        return Snapshot(
            commit=snapshot,
            base=commit,
            branch="" if repository is None else head_of(root).branch,
            taken_at=at,
            left_out=listed(left_out),
            changed_since=await _changed_since(shadow, new, frozen, head, repository, commit, since),
        )


async def pack(shadow: Shadow, commits: Sequence[str]) -> None:
    """Put what snapshots hold beyond their bases into one pack, as differences where it is alike; then drop what lies
    loose, and the packs that were made in haste."""
    marks = [mark for commit in commits if not (mark := shadow.folder / "packed" / commit).exists()]
    quick, ids = dict(shadow.quick), dict[str, None]()
    for mark in marks:
        message = await shadow.get(mark.name) or b""
        tree = message[5:45].decode()
        new = await _new_objects(shadow.git, base_of(message)[1], tree)
        ids |= dict.fromkeys([mark.name, tree, *_of_ours(new)])
    packed = await pack_objects(shadow, list(ids), shadow.git)
    if packed:
        await shadow.git.run("prune-packed", "-q")
    for name, held in quick.items():
        if name not in packed and held.issubset(ids):
            remove_pack(shadow.packs / name)
            shadow.quick.pop(name, None)
    for mark in marks:
        mark.parent.mkdir(exist_ok=True)
        mark.touch()


async def pack_objects(shadow: Shadow, ids: Collection[str], reading: Git, *options: str) -> dict[str, frozenset[str]]:
    """Copy objects that `reading` sees, borrowed ones too, into a pack of the shadow. Durable on return.

    Name of the pack, and what is in it; nothing when there is nothing to copy.
    """
    if not ids:
        return {}
    wanted = "".join(f"{identity}\n" for identity in ids)
    arguments = ("pack-objects", "-q", "--threads=1", *options, str(shadow.packs / "pack"))
    name = await reading.line(*arguments, stdin=wanted.encode())
    await asyncio.to_thread(fsync_directory, shadow.packs)
    return {f"pack-{name}.pack": frozenset(ids)}


def remove_pack(pack: Path) -> None:
    """The index first: a pack without one is nothing to git."""
    for path in (pack.with_suffix(".idx"), pack, pack.with_suffix(".rev")):
        path.unlink(missing_ok=True)


def base_of(message: bytes) -> tuple[str, str]:
    """Base commit and base tree that a snapshot's commit names."""
    about = _ABOUT.search(message)
    return (about[1].decode(), about[2].decode()) if about else ("", "")


def _borrow(shadow: Shadow, repository: Repository | None, values: Mapping[str, str]) -> None:
    """Point the shadow at the person's objects, and take over how their repository converts files."""
    if repository is None:
        return
    write_if_other(shadow.folder / "objects" / "info" / "alternates", alternate(repository.objects))
    with suppress(FileNotFoundError):
        # Where history ends in a shallow clone; git reads it here too.
        write_if_other(shadow.folder / "shallow", (repository.common_dir / "shallow").read_bytes())
    lines = ["[core]", "\trepositoryformatversion = 0", "\tbare = true"]
    for name in CARRIED:
        if name in values:
            value = values[name].replace("\\", "\\\\").replace('"', '\\"')
            lines.append(f'\t{name.removeprefix("core.")} = "{value}"')
    write_if_other(shadow.folder / "config", ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape"))


async def _write_tree(git: Git, prefix: str, partial: bool) -> str:
    arguments = ["write-tree", *([f"--prefix={prefix}"] if prefix else []), *(["--missing-ok"] if partial else [])]
    try:
        return await git.line(*arguments)
    except GitFailed as error:
        if prefix and b"not found" in error.finished.stderr:
            # Nothing lies below the root.
            return EMPTY_TREE
        raise


class New(Struct, frozen=True):
    """An object that stands in a snapshot where its base has another one or none."""

    path: bytes
    mode: int
    id: str
    """All zeros for what was deleted."""


async def _new_objects(git: Git, base_tree: str, tree: str) -> list[New]:
    """The difference between base and snapshot, folders included, the root first."""
    root = New(b"", 0o040000, tree)
    if tree == base_tree:
        return [root]
    said = await git.run(
        "diff-tree", "-r", "-t", "-z", "--raw", "--no-renames", "--no-abbrev", base_tree or EMPTY_TREE, tree
    )
    parts = names(said.stdout)
    found = [root]
    for meta, path in zip(parts[::2], parts[1::2], strict=True):
        _, mode, _, identity, _ = meta.split(b" ")
        found.append(New(path, int(mode, 8), identity.decode()))
    return found


def _of_ours(new: Sequence[New]) -> list[str]:
    """Ids of what there is to keep: neither what was deleted nor another repository's commit."""
    return [item.id for item in new if item.mode not in (0, 0o160000)]


async def _secure(
    shadow: Shadow, repository: Repository, reading: Git, commit: str, tree: str, new: Sequence[New]
) -> None:
    """Make sure that neither a power cut nor a clean-up of the person's repository takes away what a snapshot needs."""
    wanted = _of_ours(new)
    pinned = not commit or await _pin(shadow, repository, commit)
    if not pinned:
        whole = await reading.run("ls-tree", "-r", "-t", "-z", "--full-tree", tree)
        entries = (line.split(b"\t")[0].split(b" ") for line in names(whole.stdout))
        wanted += [tree, *(identity.decode() for _, kind, identity in entries if kind != b"commit")]
    # Also what git did not write because the person's repository had it: a blob that was only staged, for example.
    missing = await asyncio.to_thread(shadow.loose.missing, [i for i in wanted if i != EMPTY_TREE])
    shadow.quick |= await pack_objects(shadow, missing, reading, "--window=0")


async def _pin(shadow: Shadow, repository: Repository, commit: str) -> bool:
    """Keep the base commit alive by a ref; False when the person's repository cannot be written to."""
    if ref_value(repository.common_dir, PIN + commit) == commit:
        return True
    try:
        await repository.git.but(git_dir=repository.common_dir).run("update-ref", PIN + commit, commit)
    except GitFailed:
        return False
    pins = shadow.folder / "pins"
    pins.mkdir(exist_ok=True)
    (pins / commit).touch()
    return True


def _commit(shadow: Shadow, tree: str, base: str, base_tree: str) -> str:
    """A commit without parents: the same files on the same base are the same snapshot."""
    who = "Backburner <backburner@localhost> 0 +0000"
    text = f"tree {tree}\nauthor {who}\ncommitter {who}\n\nsnapshot\n\nbase {base}\ntree {base_tree}\n"
    shadow.loose.write("tree", [b""])
    [identity] = shadow.loose.write("commit", [text.encode()])
    shadow.keep_snapshot(identity)
    return identity


async def _asked(git: Git, here: Git) -> tuple[Repository | None, tuple[dict[str, str], tuple[str, ...]]]:
    return await asyncio.gather(find_repository(git, here.cwd), settings(here))


async def _left_by_rule(folder: Folder, remembered: Remembered, repository: Repository | None) -> list[LeftOut]:
    """What is not taken whatever it holds: submodules, and the excludes of folders without Git."""
    if repository is not None:
        return [LeftOut(shown(path), "is a submodule; only its commit is known") for path in remembered.submodules]
    excludes = [f"--exclude={pattern}" for pattern in folder.excludes if pattern.endswith("/")]
    said = await folder.tracked.run("ls-files", "-o", "-i", "-z", "--directory", *excludes, "--", ".")
    return [LeftOut(shown(path), "is left out of folders without Git") for path in names(said.stdout)]


async def _changed_since(
    shadow: Shadow,
    new: Sequence[New],
    frozen: Mapping[str, str | None],
    head: Head | None,
    repository: Repository | None,
    commit: str,
    since: float | None,
) -> tuple[str, ...]:
    found: set[str] = set()
    if since is not None:
        moment = int(since * 1e9)
        for item in new:
            name = shown(item.path)
            if item.mode != 0o040000 and name not in frozen and _touched(shadow.root, item, moment):
                found.add(name)
    if repository is not None and head is not None and head.commit and commit not in ("", head.commit):
        prefix = os.fsencode(repository.prefix)
        said = await shadow.git.run("diff-tree", "-r", "-z", "--name-only", head.commit, commit, ok=(0, 128))
        found |= {shown(path[len(prefix) :]) for path in names(said.stdout) if path.startswith(prefix)}
    return tuple(sorted(found - frozen.keys()))


def _touched(root: Path, item: New, moment: int) -> bool:
    path = os.fsencode(root) + b"/" + item.path
    try:
        return os.lstat(path).st_ctime_ns > moment
    except FileNotFoundError:
        with suppress(OSError):
            return os.lstat(os.path.dirname(path)).st_mtime_ns > moment
    except OSError:
        pass
    return False
