"""Comments that ask for work: `TODO`, `FIXME`, `XXX` and `backburner: ...`, in any language.

A comment is recognised by its leader (`#`, `//`, `/*`, `--`, `;`, `%`, `<!--`), never by parsing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

LEADER = r"(?:#+|//+|/\*+|\*|--+|;+|%+|<!--|\"\"\"|'''|\{-|\(\*)"
COMMENT = re.compile(
    rf"(?P<leader>(?:^|(?<=\s)|(?<=[;{{}}),])){LEADER})[!/]?\s*"
    r"(?:(?P<mark>TODO|FIXME|XXX)\b(?:\([^)]*\))?|(?P<ours>backburner)(?=:))\s*[:\-]?\s*(?P<text>[^\n\r]*)"
)
CLOSING = ("*/", "-->", "-}", "*)", '"""', "'''")
MOST_LINES = 20


class Comment(Struct, frozen=True, kw_only=True):
    """One comment that asks for work. Lines `[line, end_line)`, columns of the mark's line in characters."""

    kind: Literal["TODO", "FIXME", "XXX", "backburner"]
    text: str
    """What it asks for, continuation lines joined by a space; without the mark."""
    line: int
    end_line: int
    start: int
    end: int


def comment_at(lines: Sequence[str], line: int) -> Comment | None:
    """The comment that stands on `line`, which may be one of its continuation lines."""
    for first in range(line, max(-1, line - MOST_LINES), -1):
        if first >= len(lines):
            continue
        comment = _read(lines, first)
        if comment is not None:
            return comment if line < comment.end_line else None
        if not _is_comment(lines[first]):
            return None
    return None


def comments(lines: Sequence[str]) -> tuple[Comment, ...]:
    """Every comment of a text that asks for work."""
    found: list[Comment] = []
    for number, line in enumerate(lines):
        if "TODO" in line or "FIXME" in line or "XXX" in line or "backburner" in line:
            comment = _read(lines, number)
            if comment is not None:
                found.append(comment)
    return tuple(found)


def _read(lines: Sequence[str], number: int) -> Comment | None:
    line = lines[number].rstrip("\r\n")
    match = COMMENT.search(line)
    if match is None:
        return None
    texts = [_unclosed(match["text"]).strip()]
    end = number + 1
    # Lines go on with the comment when they carry the same leader, indented alike, and begin nothing new.
    alone = not line[: match.start("leader")].strip()
    goes_on = re.compile(re.escape(line[: match.start("leader")]) + re.escape(match["leader"]) + r"\s+(?P<text>\S.*)")
    while alone and end < len(lines) and end - number < MOST_LINES:
        following = lines[end].rstrip("\r\n")
        more = goes_on.match(following)
        if more is None or COMMENT.search(following):
            break
        texts.append(_unclosed(more["text"]).strip())
        end += 1
    return Comment(
        kind=match["mark"] or "backburner",  # type: ignore[arg-type]
        text=" ".join(text for text in texts if text),
        line=number,
        end_line=end,
        start=match.start("mark") if match["mark"] else match.start("ours"),
        end=len(_unclosed(line)),
    )


def _unclosed(text: str) -> str:
    """Without the end of a comment and the white space around it."""
    bare = text.rstrip()
    closing = next((closing for closing in CLOSING if bare.endswith(closing)), None)
    return text if closing is None else bare.removesuffix(closing).rstrip()


def _is_comment(line: str) -> bool:
    return re.match(rf"\s*{LEADER}", line) is not None
