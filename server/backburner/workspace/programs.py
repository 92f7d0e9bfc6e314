"""Finding programs that we run on the person's machine: never inside a project.

A repository may hold an executable called `git`; with `.` or a project's `bin` on PATH it would be run with the person's
rights. Does not run anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def outside(path: str, projects: Iterable[Path]) -> str:
    """`path` (a PATH value) without relative entries and without entries inside one of the folders."""
    kept = [entry for entry in path.split(os.pathsep) if os.path.isabs(entry) and not _within(entry, projects)]
    return os.pathsep.join(kept)


def find_program(name: str, path: str, projects: Iterable[Path] = ()) -> str | None:
    """Absolute path of a program on `path`, or None. Neither its entry nor its real file is inside a project."""
    projects = tuple(projects)
    for entry in outside(path, projects).split(os.pathsep):
        candidate = os.path.join(entry, name)
        if entry and os.path.isfile(candidate) and os.access(candidate, os.X_OK) and not _within(candidate, projects):
            return candidate
    return None


def _within(path: str, folders: Iterable[Path]) -> bool:
    real = Path(os.path.realpath(path))
    return any(real.is_relative_to(os.path.realpath(folder)) for folder in folders)
