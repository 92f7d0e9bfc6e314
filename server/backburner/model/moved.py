"""Second stage of placing: lines whose block went elsewhere in the text, found again by what stood around them, then by
the symbol that holds them.

Never a guess: what is found must be the only one in both texts, and the lines must be as they were. `is_in_company` is for
what looks at lines alone: a difference, or lines with their neighbours, take `return value` of one function for that of
another when enough else has moved.
Does no I/O. `model/fit.py` asks.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from difflib import SequenceMatcher

from backburner.model.anchor import Span
from backburner.model.diff import CONTEXT, LineMap, opcodes
from backburner.model.symbols import Symbol, indent_of, is_header, symbols

ALIKE = 0.5
"""How much of a changed place must still be there to call it edited rather than gone."""
LETTERS = 24
"""Letters and digits that a block must have to be found again by its text alone."""
COMPARED = 4000
"""Characters of a place that are compared at most."""


Known = tuple[Collection[str], Collection[str]]
"""All lines of both texts."""


def moved(before: Sequence[str], now: Sequence[str], span: Span, known: Known) -> Span | None:
    """Where the lines `span` of one text are in another, if their surroundings moved as a whole; else None."""
    return _by_context(before, now, span, known) or _by_symbol(before, now, span)


def _by_context(before: Sequence[str], now: Sequence[str], span: Span, known: Known) -> Span | None:
    """The only place with exactly these lines and lines around them, in the same function."""
    for context in range(CONTEXT, 0, -1):
        start, end = max(0, span.start_line - context), min(len(before), span.end_line + context)
        if start == span.start_line or end == span.end_line:
            continue
        block = before[start:end]
        if letters(block) < LETTERS:
            return None
        hits = occurrences(now, block)
        if len(hits) == 1 and len(occurrences(before, block)) == 1:
            at = hits[0] + span.start_line - start
            place = Span(at, at + len(span))
            return place if is_in_company(before, now, span, place, known) else None
    return None


def _by_symbol(before: Sequence[str], now: Sequence[str], span: Span) -> Span | None:
    """The same lines of the only function or class of that name, which may have changed elsewhere."""
    old = _holding(before, span)
    if old is None:
        return None
    same = [symbol for symbol in symbols(now) if symbol.path == old.path]
    if len(same) != 1:
        return None
    new = same[0]
    lines, others = before[old.span.start_line : old.span.end_line], now[new.span.start_line : new.span.end_line]
    if letters(lines) < LETTERS or not alike("".join(lines), "".join(others)):
        return None
    inside = Span(span.start_line - old.span.start_line, span.end_line - old.span.start_line)
    lines_of = LineMap(opcodes(lines, others))
    if lines_of.touching(inside):
        return None
    block = lines[inside.start_line : inside.end_line]
    if len(occurrences(lines, block)) != 1 or len(occurrences(others, block)) != 1:
        # Then only its neighbours tell which of them it is.
        around = Span(max(0, inside.start_line - 1), min(len(lines), inside.end_line + 1))
        if lines_of.touching(around):
            return None
    start = new.span.start_line + lines_of.start(inside.start_line)
    return Span(start, start + len(span))


def is_in_company(before: Sequence[str], now: Sequence[str], span: Span, place: Span, known: Known) -> bool:
    """Whether lines that were matched stand below the same headers of functions and classes, or below new ones: not below
    another old one, nor where their own header is elsewhere."""
    lines_before, lines_now = known
    old, new = set(_headers(before, span)), set(_headers(now, place))
    return not any(header in lines_now for header in old - new) and not any(
        header in lines_before for header in new - old
    )


def _headers(lines: Sequence[str], span: Span) -> list[str]:
    """The header lines that hold these lines by their indentation; for an insertion those of the line before it."""
    indents = [indent_of(line) for line in lines[span.start_line : span.end_line] if line.strip()]
    at = span.start_line - 1
    if not indents:
        while at >= 0 and not lines[at].strip():
            at -= 1
        indents = [indent_of(lines[at]) + is_header(lines[at])] if at >= 0 else [0]
    limit = min(indents)
    found: list[str] = []
    while at >= 0 and limit > 0:
        line = lines[at]
        if line.strip() and indent_of(line) < limit:
            limit = indent_of(line)
            if is_header(line):
                found.append(line)
        at -= 1
    return found


def _holding(lines: Sequence[str], span: Span) -> Symbol | None:
    """The innermost symbol that holds all of the lines, if it is the only one of its name."""
    found = symbols(lines)
    holding = [
        symbol
        for symbol in found
        if symbol.span.start_line <= span.start_line and max(span.end_line, span.start_line + 1) <= symbol.span.end_line
    ]
    if not holding:
        return None
    innermost = holding[-1]
    return innermost if sum(symbol.path == innermost.path for symbol in found) == 1 else None


def alike(before: str, after: str) -> bool:
    """Whether a place was edited rather than replaced by something else. Blank space does not count."""
    one, other = "".join(before.split())[:COMPARED], "".join(after.split())[:COMPARED]
    if not one or not other:
        return False
    if one in other:
        # A formatter changed it together with the lines around it.
        return True
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return matcher.real_quick_ratio() >= ALIKE and matcher.quick_ratio() >= ALIKE and matcher.ratio() >= ALIKE


def letters(lines: Sequence[str]) -> int:
    return sum(character.isalnum() for line in lines for character in line)


def occurrences(lines: Sequence[str], block: Sequence[str]) -> list[int]:
    """First lines of all places where `block` stands in `lines`."""
    if not block:
        return []
    found: list[int] = []
    first, size = block[0], len(block)
    at = -1
    try:
        while True:
            at = lines.index(first, at + 1)
            if list(lines[at : at + size]) == list(block):
                found.append(at)
    except ValueError:
        return found
