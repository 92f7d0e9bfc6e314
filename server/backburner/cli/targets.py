"""`FILE[:LINE[-LINE]]` on the command line into places. Lines are one-based and inclusive there, zero-based in a place."""

from __future__ import annotations

import re
from pathlib import Path

from backburner.cli.exits import NOT_FOUND, USAGE, CliError
from backburner.lib.roots import marked_root
from backburner.model.commands import Place

LINES = re.compile(r"^(?P<file>.+?):(?P<first>\d+)(?:-(?P<last>\d+))?$")


def place(text: str, *, cwd: Path) -> Place:
    """The place that `text` names. A line alone means the symbol around it; no line means the whole file."""
    match = None if (cwd / text).exists() else LINES.match(text)
    file = match["file"] if match else text
    path = (cwd / file).absolute()
    if path.is_dir():
        raise CliError(f"{file} is a folder: name files in it.", NOT_FOUND, "unknown_file")
    if not path.is_file():
        raise CliError(f"{file}: there is no such file.", NOT_FOUND, "unknown_file")
    if match is None:
        return Place(uri=path.as_uri(), whole_file=True)
    first = int(match["first"])
    last = int(match["last"]) if match["last"] else None
    if first < 1 or (last is not None and last < first):
        raise CliError(f"{text}: lines count from 1 and the second may not be before the first.", USAGE, "usage")
    return Place(uri=path.as_uri(), start_line=first - 1, end_line=-1 if last is None else last)


def project_root(start: Path) -> Path:
    """The folder that owns `start`, else its own folder."""
    folder = start if start.is_dir() else start.parent
    return marked_root(folder) or folder
