"""Which folder owns a file: the nearest parent with a `.git` or a `backburner.toml`."""

from __future__ import annotations

from pathlib import Path

MARKERS = (".git", "backburner.toml")


def marked_root(folder: Path) -> Path | None:
    """The nearest of `folder` and its parents that is marked as a project. Home and `/` are never one."""
    home = Path.home()
    for candidate in (folder, *folder.parents):
        if candidate == home or candidate == candidate.parent:
            return None
        if any((candidate / marker).exists() for marker in MARKERS):
            return candidate
    return None
