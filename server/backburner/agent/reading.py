"""The tools that only look: `read` and `search`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from backburner.agent.base import ToolProblem
from backburner.agent.kit import Kit, inside, read_text
from backburner.agent.output import CAP, numbered

LINES = 2_000
"""Lines that one `read` shows at most."""
HITS = 200


class ReadArguments(Struct, frozen=True, forbid_unknown_fields=True):
    path: Annotated[str, Meta(description="File or folder, relative to the project's folder; a folder is listed.")]
    start_line: Annotated[int | None, Meta(description="First line to show, from 1. Null: the beginning.")] = None
    end_line: Annotated[int | None, Meta(description="Last line to show, inclusive. Null: the end.")] = None


async def read(kit: Kit, arguments: ReadArguments) -> str:
    """Lines of a file with their numbers, or the names in a folder."""
    path = inside(kit, arguments.path)
    if not path or (await kit.workspace.read(path) is None and await kit.workspace.list(path)):
        return await _list(kit, path)
    _, decoded = await read_text(kit, path)
    lines = decoded.text.split("\n")
    if lines[-1] == "":
        lines.pop()
    if not lines:
        return f"{path} is empty."
    start = max(1, arguments.start_line or 1)
    end = min(len(lines), arguments.end_line or len(lines))
    if start > len(lines):
        raise ToolProblem(f"{path} has only {len(lines)} lines.")
    if end < start:
        raise ToolProblem(f"end_line {end} is before start_line {start}.")
    last = _fitting(lines, start, min(end, start + LINES - 1))
    text = numbered(lines[start - 1 : last], start)
    if last < end:
        text += f"\n[lines {start} to {last} of {len(lines)}; go on with start_line {last + 1}]"
    return text


class SearchArguments(Struct, frozen=True, forbid_unknown_fields=True):
    pattern: Annotated[str, Meta(description="Regular expression, matched within single lines.")]
    glob: Annotated[str | None, Meta(description="Only paths like this, such as `src/**/*.py`. Null: all files.")] = (
        None
    )


async def search(kit: Kit, arguments: SearchArguments) -> str:
    """Lines that match, as `path:line: text`."""
    if not arguments.pattern:
        raise ToolProblem("The pattern is empty.")
    try:
        hits = await kit.workspace.search(arguments.pattern, arguments.glob or "")
    except ValueError as error:
        raise ToolProblem(f"The pattern cannot be read: {error}.") from error
    if not hits:
        return "No line matches."
    text = "\n".join(f"{hit.path}:{hit.line}: {hit.text[:300]}" for hit in hits[:HITS])
    return text if len(hits) <= HITS else f"{text}\n[first {HITS} matches; make the pattern or the glob narrower]"


async def _list(kit: Kit, path: str) -> str:
    names = await kit.workspace.list(path)
    return "\n".join(names[:LINES]) if names else "The folder is empty."


def _fitting(lines: list[str], start: int, end: int) -> int:
    """The last line so that what is shown stays below the cap; at least one line."""
    room = CAP - 500
    for number in range(start, end + 1):
        room -= min(len(lines[number - 1]), 2_040) + 8
        if room < 0 and number > start:
            return number - 1
    return end
