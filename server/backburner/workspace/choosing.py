"""Which untracked files go into a snapshot: not those that look like secrets, not the huge, not the countless.

Whatever is left out is named, with its reason, so that neither the person nor an agent has to guess. Only looks at names
and sizes; reads no content.
"""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from backburner.model.task import LeftOut

FILE_CAP = 10 * 1024 * 1024
FOLDER_CAP = 2_000
TOTAL_CAP_BYTES = 1024 * 1024 * 1024
TOTAL_CAP_FILES = 50_000
LISTED = 200
"""Paths that one list of what was left out names at most."""
DEFAULT_EXCLUDES = (
    *("node_modules/", "bower_components/", ".venv/", "venv/", "__pycache__/", "*.pyc", ".tox/", ".nox/", "target/"),
    *(".mypy_cache/", ".pytest_cache/", ".ruff_cache/", ".hypothesis/", ".gradle/", ".terraform/", ".next/", ".nuxt/"),
    *(".cache/", ".parcel-cache/", ".turbo/", ".svn/", ".hg/", ".jj/", ".DS_Store", ".direnv/"),
)
"""Left out of folders without Git, where no `.gitignore` need exist."""
_SECRET_NAMES = re.compile(
    r"\.env.*|.*\.(pem|key|p12|pfx|jks|keystore|ppk)|id_[^.]*(\.(pub|bak|old|key))?"
    r"|\.npmrc|\.netrc|_netrc|\.pypirc|\.git-credentials|\.pgpass|\.htpasswd",
    re.IGNORECASE,
)
_SECRET_FOLDERS = frozenset({".ssh", ".aws", ".gnupg", ".kube", ".docker"})


@dataclass(frozen=True)
class Caps:
    file_bytes: int = FILE_CAP
    folder_files: int | None = FOLDER_CAP
    total_files: int = TOTAL_CAP_FILES
    total_bytes: int = TOTAL_CAP_BYTES
    secrets: bool = True
    """Leave out what looks like a secret; not for files that an agent made."""


def shown(path: bytes) -> str:
    """A path for people and for the journal: what is not UTF-8 in it is escaped."""
    return path.decode("utf-8", "backslashreplace")


def looks_secret(path: str) -> bool:
    """By its name only: keys, certificates, `.env` files and what tools keep passwords in."""
    *folders, name = path.split("/")
    return bool(_SECRET_NAMES.fullmatch(name)) or not _SECRET_FOLDERS.isdisjoint(folders)


def choose(
    root: Path, untracked: Iterable[bytes], caps: Caps, folders: Sequence[bytes] = ()
) -> tuple[list[bytes], list[LeftOut]]:
    """Split what is untracked into what is taken and what is left out.

    `untracked` is relative to `root`; a `/` at the end marks a repository of its own. `folders` are the topmost
    folders without tracked files (each with a `/` at its end), in which the number of files is limited.
    """
    sizes: dict[bytes, int] = {}
    left_out: list[LeftOut] = []
    base = os.fsencode(root)
    for path in untracked:
        name = shown(path)
        if path.endswith(b"/"):
            left_out.append(LeftOut(name, "is a repository of its own"))
        elif caps.secrets and looks_secret(name):
            left_out.append(LeftOut(name, "looks like a secret"))
        else:
            try:
                status = os.lstat(base + b"/" + path)
            except OSError:
                continue
            size = status.st_size if stat.S_ISREG(status.st_mode) else 0
            if size > caps.file_bytes:
                left_out.append(LeftOut(name, f"is larger than {caps.file_bytes // 2**20} MB"))
            else:
                sizes[path] = size
    _drop_folders(sizes, caps, folders, left_out)
    _drop_rest(sizes, caps, left_out)
    return list(sizes), left_out


def listed(left_out: Iterable[LeftOut]) -> tuple[LeftOut, ...]:
    """In order, each path once, and not more than a person would read."""
    by_path = {item.path: item for item in left_out}
    items = [by_path[path] for path in sorted(by_path)]
    if len(items) > LISTED:
        items[LISTED:] = [LeftOut("…", f"and {len(items) - LISTED} more paths")]
    return tuple(items)


def _drop_folders(sizes: dict[bytes, int], caps: Caps, folders: Sequence[bytes], left_out: list[LeftOut]) -> None:
    if caps.folder_files is None or not folders:
        return
    known = frozenset(folders)
    inside: dict[bytes, bytes] = {}
    for path in sizes:
        for end in (at for at, character in enumerate(path) if character == 0x2F):
            if path[: end + 1] in known:
                inside[path] = path[: end + 1]
                break
    counts = Counter(inside.values())
    full = {folder for folder, count in counts.items() if count > caps.folder_files}
    left_out.extend(LeftOut(shown(folder), f"holds {counts[folder]:,} untracked files") for folder in full)
    for path, folder in inside.items():
        if folder in full:
            del sizes[path]


def _drop_rest(sizes: dict[bytes, int], caps: Caps, left_out: list[LeftOut]) -> None:
    for path in sorted(sizes)[caps.total_files :]:
        left_out.append(LeftOut(shown(path), f"there are more than {caps.total_files:,} untracked files"))
        del sizes[path]
    total = sum(sizes.values())
    for path in sorted(sizes, key=lambda path: sizes[path], reverse=True):
        if total <= caps.total_bytes:
            break
        total -= sizes.pop(path)
        left_out.append(LeftOut(shown(path), "untracked files are too large together"))
