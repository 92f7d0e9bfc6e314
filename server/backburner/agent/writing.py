"""The tools that change files of the workspace: `edit`, `write`, `delete`, `move`."""

from __future__ import annotations

import difflib
import re
from typing import Annotated

from msgspec import Meta, Struct

from backburner.agent.base import ToolProblem
from backburner.agent.kit import Kit, inside, read_bytes, read_text
from backburner.agent.output import numbered
from backburner.lib.files import OutsideRoot
from backburner.lib.log import HIDDEN
from backburner.model.text import count, decode, encode

NEAR_LINES = 20_000
"""Files with more lines are not searched for what nearly matched."""
SHOWN_LINES = 30


class EditArguments(Struct, frozen=True, forbid_unknown_fields=True):
    path: Annotated[str, Meta(description="The file, relative to the project's folder.")]
    old: Annotated[
        str,
        Meta(description="Text to replace, exactly as it is in the file, without line numbers; unique in the file."),
    ]
    new: Annotated[str, Meta(description="Text to put there.")]
    replace_all: Annotated[bool, Meta(description="Replace every occurrence.")] = False


async def edit(kit: Kit, arguments: EditArguments) -> str:
    """Replace an exact piece of a file's text."""
    path = inside(kit, arguments.path)
    data, decoded = await read_text(kit, path)
    text, old, new = decoded.text, _lf(arguments.old), _lf(arguments.new)
    if not old:
        raise ToolProblem("`old` is empty. Use `write` to make a file, or quote the lines next to the place.")
    if old == new:
        raise ToolProblem("`old` and `new` are the same; nothing to do.")
    found = text.count(old)
    if not found:
        raise ToolProblem(_not_found(path, text, old))
    if found > 1 and not arguments.replace_all:
        lines = [text.count("\n", 0, at) + 1 for at in _places(text, old)]
        shown = ", ".join(map(str, lines[:10]))
        raise ToolProblem(
            f"`old` is in {path} {found} times, at lines {shown}; nothing was changed. Quote more lines around the "
            "place that you mean, or set replace_all."
        )
    changed = text.replace(old, new)
    _write(kit, path, _encoded(changed, data), None)
    added, removed = count(text, changed)
    return f"Edited {path}: +{added} −{removed}" + (f", {found} places." if found > 1 else ".")


class WriteArguments(Struct, frozen=True, forbid_unknown_fields=True):
    path: Annotated[str, Meta(description="The file, relative to the project's folder; folders are made as needed.")]
    content: Annotated[str, Meta(description="The whole text of the file.")]


async def write(kit: Kit, arguments: WriteArguments) -> str:
    """Make a file, or replace the whole text of one."""
    path = inside(kit, arguments.path)
    if not path:
        raise ToolProblem("`path` names the project's folder, not a file.")
    content = _lf(arguments.content)
    data = await _existing(kit, path)
    if data is None:
        if await kit.workspace.list(path):
            raise ToolProblem(f"{path} is a folder.")
        _write(kit, path, _encoded(content, None), None)
        return f"Made {path}, {len(content.splitlines())} lines."
    decoded = decode(data)
    if decoded is None:
        raise ToolProblem(f"{path} is not text; it was left as it is.")
    _write(kit, path, _encoded(content, data), None)
    added, removed = count(decoded.text, content)
    return f"Wrote {path}: +{added} −{removed}."


class DeleteArguments(Struct, frozen=True, forbid_unknown_fields=True):
    path: Annotated[str, Meta(description="The file to delete, relative to the project's folder.")]


async def delete(kit: Kit, arguments: DeleteArguments) -> str:
    """Delete one file."""
    path = inside(kit, arguments.path)
    await read_bytes(kit, path)
    _write(kit, path, None, None)
    return f"Deleted {path}."


class MoveArguments(Struct, frozen=True, forbid_unknown_fields=True):
    path: Annotated[str, Meta(description="The file to move, relative to the project's folder.")]
    to: Annotated[str, Meta(description="Its new path; there must be no file yet.")]


async def move(kit: Kit, arguments: MoveArguments) -> str:
    """Move or rename one file; what names it elsewhere is not changed."""
    path, to = inside(kit, arguments.path), inside(kit, arguments.to)
    data = await read_bytes(kit, path)
    if not to or await _existing(kit, to) is not None or await kit.workspace.list(to):
        raise ToolProblem(f"There is something at {arguments.to} already; nothing was moved.")
    _write(kit, to, data, await kit.workspace.mode(path))
    _write(kit, path, None, None)
    return f"Moved {path} to {to}."


def _write(kit: Kit, path: str, data: bytes | None, mode: int | None) -> None:
    try:
        kit.workspace.write(path, data, mode)
    except OutsideRoot as error:
        raise ToolProblem(f"{error}; nothing was changed.") from error


async def _existing(kit: Kit, path: str) -> bytes | None:
    try:
        return await kit.workspace.read(path)
    except OutsideRoot as error:
        raise ToolProblem(str(error)) from error


def _encoded(text: str, like: bytes | None) -> bytes:
    """In the style of the file as it is."""
    decoded = decode(like) if like is not None else None
    try:
        return text.encode() if decoded is None else encode(text, decoded.style, like)
    except UnicodeEncodeError as error:
        raise ToolProblem(f"The text holds characters that no file can hold: {error.reason}.") from error


def _lf(text: str) -> str:
    return text.replace("\r\n", "\n")


def _places(text: str, piece: str) -> list[int]:
    places: list[int] = []
    at = text.find(piece)
    while at >= 0:
        places.append(at)
        at = text.find(piece, at + len(piece))
    return places


def _not_found(path: str, text: str, old: str) -> str:
    """Why an exact piece is not in a text, with the lines that are most like it."""
    sentence = f"`old` is not in {path}; nothing was changed."
    if HIDDEN in old:
        return f"{sentence} What is shown as {HIDDEN} is a secret: leave that line out of `old`."
    if all(re.match(r"\s*\d+\t", line) for line in old.splitlines() if line.strip()):
        return f"{sentence} Leave out the line numbers that `read` shows."
    lines, wanted = text.splitlines(), [line.strip() for line in old.splitlines()]
    while wanted and not wanted[0]:
        wanted.pop(0)
    while wanted and not wanted[-1]:
        wanted.pop()
    if not wanted or not lines or len(lines) > NEAR_LINES:
        return sentence
    stripped = [line.strip() for line in lines]
    for at in range(len(lines) - len(wanted) + 1):
        if stripped[at : at + len(wanted)] == wanted:
            return f"{sentence} It differs only in white space. The file has:\n{_excerpt(lines, at, len(wanted))}"
    at = _most_alike(stripped, wanted)
    if at is None:
        return f"{sentence} No line is like it; read the file again."
    return f"{sentence} The most similar lines are:\n{_excerpt(lines, at, len(wanted))}"


def _most_alike(lines: list[str], wanted: list[str]) -> int | None:
    """Where most lines are equal; else where one line is like the longest wanted one. None: nowhere."""
    scores: dict[int, int] = {}
    for offset, line in enumerate(wanted):
        if len(line) > 3:
            for at in (at for at, other in enumerate(lines) if other == line):
                scores[max(0, at - offset)] = scores.get(max(0, at - offset), 0) + 1
    if scores:
        return max(scores, key=lambda at: (scores[at], -at))
    longest = max(range(len(wanted)), key=lambda offset: len(wanted[offset]))
    near = difflib.get_close_matches(wanted[longest], lines, n=1, cutoff=0.6)
    return max(0, lines.index(near[0]) - longest) if near else None


def _excerpt(lines: list[str], at: int, length: int) -> str:
    length = min(length, SHOWN_LINES)
    return numbered(lines[at : at + length], at + 1)
