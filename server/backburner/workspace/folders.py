"""Trees as values: what is in each folder of a commit, and a new tree from an old one with some paths changed.

Pure; the caller reads and writes objects. Names are what Python makes of bytes that are not UTF-8 (surrogates), so that
they survive; `is_plain` says which ones may be shown or journalled.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from backburner.model.unseen import UNSEEN
from backburner.workspace.git import names

FILE = 0o100644
EXECUTABLE = 0o100755
LINK = 0o120000
FOLDER = 0o040000
REPOSITORY = 0o160000
NAME_BYTES = 255
PATH_BYTES = 1024
"""Relative to the root; file systems take four times as much, and the root comes before it."""
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


class Entry(NamedTuple):
    mode: int
    """As git writes it: `FILE`, `EXECUTABLE`, `LINK`, `FOLDER` or `REPOSITORY` (a submodule)."""
    id: str


Folders = Mapping[str, Mapping[str, Entry]]
"""Folder path (`""` is the root, no `/` at the end) to name to entry."""


def parse(listing: bytes) -> Folders:
    """The output of `ls-tree -r -t -z`."""
    folders: dict[str, dict[str, Entry]] = {"": {}}
    for line in names(listing):
        meta, _, raw = line.partition(b"\t")
        mode, _, identity = meta.split(b" ")
        path = os.fsdecode(raw)
        folder, _, name = path.rpartition("/")
        folders[folder][name] = Entry(int(mode, 8), identity.decode())
        if mode == b"040000":
            folders[path] = {}
    return folders


def find(folders: Folders, path: str) -> Entry | None:
    """What is at a path; None when there is nothing."""
    folder, _, name = path.rpartition("/")
    return folders.get(folder, {}).get(name)


def files(folders: Folders) -> Iterator[tuple[str, Entry]]:
    """Everything but folders, in no order that means something."""
    for folder, entries in folders.items():
        for name, entry in entries.items():
            if entry.mode != FOLDER:
                yield (f"{folder}/{name}" if folder else name), entry


def repositories(folders: Folders) -> Iterator[str]:
    """Paths at which another repository belongs."""
    return (path for path, entry in files(folders) if entry.mode == REPOSITORY)


def differences(old: Folders, new: Folders) -> Iterator[tuple[str, Entry | None, Entry | None]]:
    """Every path whose file is another one, with its entry before and after (None: no file), in no order."""
    for folder in old.keys() | new.keys():
        before, after = old.get(folder, {}), new.get(folder, {})
        # What nobody changed is shared by trees that were made from one another.
        for name in () if before is after else before.keys() | after.keys():
            was, now = _file(before.get(name)), _file(after.get(name))
            if was != now:
                yield (f"{folder}/{name}" if folder else name), was, now


def changed(folders: Folders, changes: Mapping[str, Entry | None]) -> Folders:
    """The same with files put (`Entry`) or taken away (None). Folders appear and vanish as needed; ids of folders that
    changed are empty until `write`. A file in the way of a folder, or a folder in the way of a file, is replaced."""
    result: dict[str, Mapping[str, Entry]] = dict(folders)
    own: dict[str, dict[str, Entry]] = {}

    def mutable(folder: str) -> dict[str, Entry]:
        if folder not in own:
            own[folder] = dict(result.get(folder, {}))
            result[folder] = own[folder]
        return own[folder]

    # Taking away first: a file may be in the way of a folder that another change makes.
    for path, entry in sorted(changes.items(), key=lambda item: item[1] is not None):
        folder, _, name = path.rpartition("/")
        if entry is None:
            if find(result, path) is None:
                continue
        elif path in result:
            _forget_folder(result, own, path)
        parents = [folder[:at] for at in range(len(folder)) if folder[at] == "/"] + ([folder] if folder else [])
        for parent in parents:
            above, _, last = parent.rpartition("/")
            mutable(above)[last] = Entry(FOLDER, "")
            mutable(parent)
        if entry is None:
            del mutable(folder)[name]
            _drop_empty(result, own, mutable, folder)
        else:
            mutable(folder)[name] = entry
    return result


def write(folders: Folders, put: Callable[[bytes], str]) -> str:
    """Make tree objects for the folders without an id and return the id of the root; `put` stores one tree."""

    def identity(folder: str) -> str:
        lines: list[tuple[bytes, bytes]] = []
        for name, entry in folders.get(folder, {}).items():
            here = entry.id or identity(f"{folder}/{name}" if folder else name)
            raw = os.fsencode(name)
            order = raw + b"/" if entry.mode == FOLDER else raw
            lines.append((order, b"%o %s\0" % (entry.mode, raw) + bytes.fromhex(here)))
        return put(b"".join(line for _, line in sorted(lines)))

    return identity("")


def is_plain(path: str) -> bool:
    """Whether a path is UTF-8 and may be shown, journalled and sent."""
    return not any("\ud800" <= character <= "\udfff" for character in path)


def unfit(path: str) -> str:
    """Why an agent may not make a file of this path, as a clause; empty when it may."""
    if not is_plain(path):
        return "its name is not UTF-8"
    if UNSEEN.search(path) or "\n" in path or "\t" in path:
        return "its name holds control characters"
    return "its path is too long" if is_long(path) else ""


def is_long(path: str) -> bool:
    """Whether a file system, or what walks through folders, may not take a path."""
    raw = os.fsencode(path)
    return len(raw) > PATH_BYTES or any(len(name) > NAME_BYTES for name in raw.split(b"/"))


def _file(entry: Entry | None) -> Entry | None:
    return None if entry is None or entry.mode == FOLDER else entry


def _forget_folder(result: dict[str, Mapping[str, Entry]], own: dict[str, dict[str, Entry]], path: str) -> None:
    for folder in [folder for folder in result if folder == path or folder.startswith(path + "/")]:
        del result[folder]
        own.pop(folder, None)


def _drop_empty(
    result: dict[str, Mapping[str, Entry]],
    own: dict[str, dict[str, Entry]],
    mutable: Callable[[str], dict[str, Entry]],
    folder: str,
) -> None:
    while folder and not result[folder]:
        _forget_folder(result, own, folder)
        folder, _, name = folder.rpartition("/")
        del mutable(folder)[name]
