"""Lines of a project that hold a text: tracked files and new ones, as the person sees them; ignored files are left out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from backburner.workspace.git import Git

NONE_FOUND = 1
"""How `git grep` ends when nothing matches."""
FOUND = re.compile(r"(?P<path>[^\0]+)\0(?P<number>\d+)\0(?P<text>.*)\n")


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
    return sorted([*_on_disk(finished.stdout.decode("utf-8", "replace"), seen), *_in_open(seen, text)])


def _on_disk(output: str, seen: Mapping[str, str]) -> Iterator[Match]:
    for found in FOUND.finditer(output):
        # A path of several lines is in no snapshot either.
        if found["path"] not in seen and "\n" not in found["path"]:
            yield Match(found["path"], int(found["number"]) - 1, found["text"])


def _in_open(seen: Mapping[str, str], text: str) -> Iterator[Match]:
    for path, whole in seen.items():
        for number, line in enumerate(whole.split("\n")):
            if text in line:
                yield Match(path, number, line)
