"""From two trees to a proposal: base text and proposed text of each file that an agent changed.

Everything in the changed tree is untrusted. What a proposal cannot hold is left out and said: links, repositories of
their own, names that are one name on some file systems or that cannot be read as one line. Texts are stored in the shadow.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator
from typing import NamedTuple

from backburner.lib.files import OutsideRoot, relative_parts
from backburner.model import unseen
from backburner.model.result import FileChange, FileStyle, Proposal
from backburner.model.text import Decoded, count, decode, hunks
from backburner.workspace import folders
from backburner.workspace.folders import EXECUTABLE, FILE, Entry, Folders, unfit
from backburner.workspace.git import names
from backburner.workspace.shadow import Shadow

TEXT_CAP = 10 * 1024 * 1024
"""Bytes beyond which a file is treated as binary."""
SHOWN = 200
"""Characters of a path that is left out."""


class Difference(NamedTuple):
    """One file that is not the same in two trees."""

    path: str
    was: str
    """Its path before; another one when it was renamed."""
    base_mode: int
    """0: it was not there."""
    mode: int
    """0: it is gone."""
    base_blob: str
    blob: str


async def propose(
    shadow: Shadow, snapshot: str, base: Folders, now: Folders, tree: Callable[[], Awaitable[str]], run_id: str
) -> tuple[Proposal, list[str]]:
    """The proposal that leads from the commit `snapshot`, whose files are `base`, to the files `now`, and a clause for
    each change that it cannot hold. `tree` stores what is now and gives the id."""
    differences = _compared(base, now)
    if any(not each.mode for each in differences) and any(not each.base_mode for each in differences):
        # Only git knows what is like enough to count as renamed.
        said = await shadow.git.run("diff-tree", "-r", "-M", "-z", "--raw", "--no-abbrev", snapshot, await tree())
        differences = list(_told(said.stdout))
    files: list[FileChange] = []
    problems: list[str] = []
    for difference in differences:
        why = _problem(difference, now)
        if why:
            shown = os.fsencode(difference.path).decode("utf-8", "backslashreplace")
            problems.append(left_out(shown, why))
        elif file := await _file(shadow, difference, run_id):
            files.append(file)
    return Proposal(tuple(sorted(files, key=lambda file: file.path))), problems


def left_out(path: str, why: str) -> str:
    """A clause for a reader, whatever a command named its files."""
    name = unseen.visible(" ".join(path.split()))
    return f"left out {name if len(name) <= SHOWN else f'{name[:SHOWN]}…'}: {why}"


def _compared(base: Folders, now: Folders) -> list[Difference]:
    """In order of their paths, and without renames."""
    absent = Entry(0, "")
    found = sorted(folders.differences(base, now), key=lambda difference: os.fsencode(difference[0]))
    entries = ((path, old or absent, new or absent) for path, old, new in found)
    return [Difference(path, path, old.mode, new.mode, old.id, new.id) for path, old, new in entries]


def _told(raw: bytes) -> Iterator[Difference]:
    parts = iter(names(raw))
    for meta in parts:
        base_mode, mode, base_blob, blob, status = meta.decode()[1:].split(" ")
        was = os.fsdecode(next(parts))
        path = os.fsdecode(next(parts)) if status[0] in "RC" else was
        yield Difference(path, was, int(base_mode, 8), int(mode, 8), base_blob, blob)


def _problem(difference: Difference, now: Folders) -> str:
    """Why a proposal cannot hold this change, as a clause; empty when it can."""
    modes = {difference.base_mode, difference.mode} - {0}
    if 0o120000 in modes:
        return "a link cannot be proposed"
    if 0o160000 in modes:
        return "it is a repository of its own"
    if not modes <= {FILE, EXECUTABLE}:
        return "it is not an ordinary file"
    if why := unfit(difference.path) or unfit(difference.was):
        return why
    try:
        relative_parts(difference.path)
    except OutsideRoot:
        return "it is not a path inside the project"
    if difference.mode and (not difference.base_mode or difference.path != difference.was):
        return _twin(difference.path, now)
    return ""


def _twin(path: str, now: Folders) -> str:
    """A new path that is the same as another one where case does not count."""
    folder = ""
    for name in path.split("/"):
        folded = name.casefold()
        for other in now.get(folder, {}):
            if other != name and other.casefold() == folded:
                twin = f"{folder}/{other}" if folder else other
                return f"on some file systems it is the same as {twin}"
        folder = f"{folder}/{name}" if folder else name
    return ""


async def _file(shadow: Shadow, difference: Difference, run_id: str) -> FileChange | None:
    """None: nothing that a person would see is different."""
    base = await _bytes(shadow, difference.base_mode, difference.base_blob)
    proposed = await _bytes(shadow, difference.mode, difference.blob)
    old, new = _text(base), _text(proposed)
    renamed = difference.path != difference.was
    mode_changed = bool(base is not None and proposed is not None and difference.base_mode != difference.mode)
    binary = (base is not None and old is None) or (proposed is not None and new is None)
    if binary:
        before, after = _blob(base, difference.base_blob), _blob(proposed, difference.blob)
        base_id, proposed_id, style = before, after, FileStyle()
    else:
        before, after = old.text if old else None, new.text if new else None
        base_id, proposed_id = await shadow.put_texts(before, after)
        style = (old or new or _NOTHING).style
    pieces = hunks(before, after, run_id, difference.path, renamed=renamed, mode_changed=mode_changed, binary=binary)
    if not pieces:
        return None
    added, removed = (0, 0) if binary else count(before, after)
    return FileChange(
        path=difference.path,
        base_id=base_id,
        proposed_id=proposed_id,
        renamed_from=difference.was if renamed else None,
        base_mode=difference.base_mode or difference.mode,
        mode=difference.mode or difference.base_mode,
        style=style,
        binary=binary,
        hunks=pieces,
        added=added,
        removed=removed,
        unseen=not binary and unseen.added(before or "", after or ""),
    )


async def _bytes(shadow: Shadow, mode: int, blob: str) -> bytes | None:
    return await shadow.get(blob) if mode else None


def _blob(data: bytes | None, blob: str) -> str | None:
    return None if data is None else blob


def _text(data: bytes | None) -> Decoded | None:
    return None if data is None or len(data) > TEXT_CAP else decode(data)


_NOTHING = Decoded("", FileStyle())
