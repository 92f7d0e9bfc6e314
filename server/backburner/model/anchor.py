"""Where something is: lines of a file in a given text.

A span says nothing by itself; an anchor names the text that the span counts in, so that the place can be computed in any
later text (`review/placement.py`). Nothing here is ever updated.
"""

from __future__ import annotations

import hashlib

from msgspec import Struct

CONTEXT_LINES = 3


class Span(Struct, frozen=True, order=True):
    """Lines `[start_line, end_line)` of a text, zero-based. Empty spans (`start == end`) stand before a line."""

    start_line: int
    end_line: int

    @property
    def is_empty(self) -> bool:
        return self.start_line == self.end_line

    def __len__(self) -> int:
        return self.end_line - self.start_line

    def overlaps(self, other: Span) -> bool:
        """Whether the two share a line; an empty span overlaps what it stands strictly inside of."""
        return self.start_line < other.end_line and other.start_line < self.end_line


class Anchor(Struct, frozen=True, kw_only=True):
    """A span of one base text, with a few lines of context for the second-stage search."""

    path: str
    """Relative to the project root, with `/`."""
    span: Span
    text_id: str
    """The text in which `span` counts (see `text_id()`)."""
    name_line: int = -1
    """The line of the symbol's name; -1 when there is none, then the first line of the span is the place."""
    name_start: int = 0
    """First column of the name, in characters (code points) of that line."""
    name_end: int = 0
    symbol: str = ""
    """Dotted path of the symbol, such as `Lexer.parse`; empty when the target is plain lines."""
    first: str = ""
    """First line of the span, without its end."""
    last: str = ""
    before: tuple[str, ...] = ()
    """Up to `CONTEXT_LINES` lines before the span."""
    after: tuple[str, ...] = ()


def text_id(text: str) -> str:
    """The id of a text with LF line ends: what Git calls the id of the blob with its UTF-8 bytes (SHA-1)."""
    data = text.encode("utf-8", "surrogatepass")
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def anchor_at(path: str, text: str, span: Span, *, symbol: str = "") -> Anchor:
    """The anchor of whole lines of a text with LF ends, with its context. The span is cut to the text."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    start = min(max(0, span.start_line), len(lines))
    end = min(max(start, span.end_line), len(lines))
    return Anchor(
        path=path,
        span=Span(start, end),
        text_id=text_id(text),
        symbol=symbol,
        first=lines[start] if start < end else "",
        last=lines[end - 1] if start < end else "",
        before=tuple(lines[max(0, start - CONTEXT_LINES) : start]),
        after=tuple(lines[end : end + CONTEXT_LINES]),
    )
