"""Lines of a project that hold a text: tracked files and new ones, as the person sees them; ignored files are left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from backburner.workspace.git import Git

NONE_FOUND = 1
"""How `git grep` ends when nothing matches."""


class Match(NamedTuple):
    path: str
    line: int
    text: str


async def matches(root: Path, text: str, seen: Mapping[str, str]) -> list[Match]:
    """Sorted by path and line. `seen`: texts that the person has open, by path; they count in place of the files.

    Raises `NoGit` and `GitFailed`.
    """
    git = Git.find((root,)).but(cwd=root)
    finished = await git.run("grep", "--untracked", "-I", "-n", "-z", "--fixed-strings", "-e", text, ok=(0, NONE_FOUND))
    lines = finished.stdout.decode("utf-8", "replace").split("\n")
    on_disk = [match for match in map(_parsed, filter(None, lines)) if match.path not in seen]
    return sorted([*on_disk, *_in_open(seen, text)])


def _parsed(line: str) -> Match:
    path, number, text = line.split("\0", 2)
    return Match(path, int(number) - 1, text)


def _in_open(seen: Mapping[str, str], text: str) -> Iterator[Match]:
    for path, whole in seen.items():
        for number, line in enumerate(whole.split("\n")):
            if text in line:
                yield Match(path, number, line)
