"""Frees space in a shadow repository: what no task needs any more, and what an interrupted git left behind.

`git gc` is not used. It would drop our own copy of what the person's repository holds too (a blob that was only staged,
say), and that is the copy that survives theirs. Only ever touches the shadow and our own pins.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from backburner.workspace.git import Git, GitFailed
from backburner.workspace.repository import Repository, find_repository, ref_value
from backburner.workspace.shadow import Shadow
from backburner.workspace.snapshots import PIN, base_of, pack_objects, remove_pack

PACKS = 50
"""Packs beyond which all are made into one."""
STALE_S = 3600.0
"""Age at which a temporary file of git belongs to nobody."""


async def tidy(shadow: Shadow, *, before: float, packs: int = PACKS) -> None:
    """Let go of snapshots that were taken before `before` (seconds since the epoch) and that no task keeps; remove
    objects that nothing refers to, pins that no snapshot needs, and stale temporary files.

    `packs`: how many may lie side by side before all are made into one. Objects younger than a day stay, because a
    task may be about to name them.
    """
    async with shadow.one_at_a_time:
        refs = await _refs(shadow)
        kept = {identity for name, identity in refs.items() if name.startswith("refs/tasks/")}
        gone = [
            identity
            for name, identity in refs.items()
            if name.startswith("refs/snapshots/") and identity not in kept and _older(shadow.folder / name, before)
        ]
        if gone:
            lines = "".join(f"delete refs/snapshots/{identity}\n" for identity in gone)
            await shadow.git.run("update-ref", "--stdin", stdin=lines.encode())
            for identity in gone:
                (shadow.folder / "packed" / identity).unlink(missing_ok=True)
        commits = [identity for name, identity in refs.items() if identity not in gone and "/snapshots/" in name]
        bases = {commit: base_of(await shadow.get(commit) or b"") for commit in {*commits, *kept}}
        await asyncio.to_thread(_drop_temporary, shadow.folder / "objects", before)
        await shadow.git.run("prune", "--expire=1.day.ago")
        repository = await _repository(shadow)
        if len(list(shadow.packs.glob("*.pack"))) > packs:
            await _repack(shadow, repository, bases)
        if repository is not None:
            await _unpin(shadow, repository, {commit for commit, _ in bases.values()})


async def _repository(shadow: Shadow) -> Repository | None:
    if not shadow.root.is_dir():
        return None
    return await find_repository(Git.find((shadow.root,)), shadow.root)


async def _refs(shadow: Shadow) -> dict[str, str]:
    said = await shadow.git.run("for-each-ref", "--format=%(refname) %(objectname)")
    return dict(line.split(" ") for line in said.stdout.decode().splitlines())


def _older(path: Path, before: float) -> bool:
    """Whether a ref was made before then; a packed one has no time of its own and counts as old."""
    try:
        return path.stat().st_mtime < before
    except FileNotFoundError:
        return True


def _drop_temporary(objects: Path, before: float) -> None:
    for path in (*objects.glob("pack/tmp_*"), *objects.glob("pack/.tmp-*"), *objects.glob("tmp_*")):
        with suppress(OSError):
            if path.is_file() and path.stat().st_mtime < before - STALE_S:
                path.unlink()


async def _repack(shadow: Shadow, repository: Repository | None, bases: Mapping[str, tuple[str, str]]) -> None:
    """Many packs become one, without what nothing refers to. Borrowed objects that we hold too stay held.

    `bases`: for everything that a ref names its base commit and base tree (empty where it is no snapshot).
    """
    old = sorted(shadow.packs.glob("*.pack"))
    groups: dict[str, list[str]] = {}
    for identity, (commit, tree) in bases.items():
        # Each snapshot leans on its own base only, and only while that is pinned: the bases of others may go before it.
        pinned = repository is not None and commit and ref_value(repository.common_dir, PIN + commit) == commit
        groups.setdefault(tree if pinned else "", []).append(identity)
    ids: dict[str, None] = {}
    for tree, members in groups.items():
        lines = [*members, *([f"^{tree}"] if tree else [])]
        said = await shadow.git.run(
            "rev-list", "--objects", "--no-object-names", "--stdin", stdin="".join(f"{one}\n" for one in lines).encode()
        )
        ids |= dict.fromkeys(said.stdout.decode().split())
    await pack_objects(shadow, [*ids, *(identity for identity in bases if identity not in ids)], shadow.git)
    if await asyncio.to_thread(shadow.loose.missing, ids):
        return
    new = set(shadow.packs.glob("*.pack")) - set(old)
    for pack in old if new else ():
        remove_pack(pack)
    shadow.quick.clear()
    await shadow.git.run("prune-packed", "-q")


async def _unpin(shadow: Shadow, repository: Repository, needed: set[str]) -> None:
    """Remove those pins that this shadow made and no snapshot of it needs."""
    pins = shadow.folder / "pins"
    for commit in os.listdir(pins) if pins.is_dir() else ():
        if commit in needed:
            continue
        with suppress(GitFailed):
            if ref_value(repository.common_dir, PIN + commit) == commit:
                await repository.git.but(git_dir=repository.common_dir).run("update-ref", "-d", PIN + commit, commit)
            (pins / commit).unlink(missing_ok=True)
