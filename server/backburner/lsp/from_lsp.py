"""From the protocol to the domain: URIs to paths, places to targets, problems of other servers to diagnostics.

Positions of a client may lie outside the text; they are cut to it, never refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
from lsprotocol import types

from backburner.lsp.capabilities import Encoding
from backburner.lsp.positions import from_units
from backburner.model.anchor import Span, anchor_at
from backburner.model.commands import Place
from backburner.model.comments import Comment, comment_at
from backburner.model.result import Severity
from backburner.model.symbols import Symbol, symbol_at, symbol_named
from backburner.model.task import Diagnostic, Target

SOURCE = "backburner"
"""The source of our own problems; never a reason to offer anything, never part of a brief."""
SEVERITIES: dict[int, Severity] = {1: "error", 2: "warning", 3: "information", 4: "hint"}
MOST_DIAGNOSTICS = 50
LONGEST_MESSAGE = 2000


def path_of(uri: str) -> Path | None:
    """The absolute path behind a `file:` URI; None for every other scheme, other hosts and relative paths."""
    parts = urlsplit(uri)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        return None
    path = unquote(parts.path, errors="surrogateescape")
    return Path(path) if path.startswith("/") and "\0" not in path else None


def diagnostics_of(place: Place) -> tuple[Diagnostic, ...]:
    """The problems that a place carries as plain JSON; malformed ones and ours are left out."""
    found = (_plain_diagnostic(raw) for raw in place.diagnostics[:MOST_DIAGNOSTICS])
    return tuple(item for item in found if item is not None)


def line_range(range: types.Range) -> Span:
    """The whole lines that a range touches; a range that ends at the start of a line does not touch that line."""
    start, end = range.start, range.end
    last = end.line if end.character > 0 or end.line <= start.line else end.line - 1
    return Span(max(0, start.line), max(start.line, last) + 1)


def target(path: str, text: str, place: Place, encoding: Encoding) -> Target:
    """What is delegated at `place` in `text` (LF ends): the lines, the name to show it at, the problems, the comment."""
    lines = text.split("\n")
    problems = diagnostics_of(place)
    line = min(max(0, place.start_line), len(lines) - 1)
    comment = comment_at(lines, line) if place.end_line < 0 and not problems and not place.symbol else None
    symbol = None if place.whole_file else _symbol(lines, place, line, comment)
    span = _span(lines, place, symbol, line, comment)
    anchor = anchor_at(path, text, span, symbol=symbol.path if symbol is not None else "")
    name = _name(lines, place, symbol, span, comment, encoding, _first_range(place))
    anchor = msgspec.structs.replace(anchor, name_line=name[0], name_start=name[1], name_end=name[2])
    words = place.comment or (comment.text if comment is not None else "")
    return Target(anchor=anchor, diagnostics=problems, whole_file=place.whole_file, comment=words)


def _symbol(lines: Sequence[str], place: Place, line: int, comment: Comment | None) -> Symbol | None:
    if place.symbol:
        named = symbol_named(lines, place.symbol)
        if named is not None:
            return named
    if place.end_line >= 0 and (place.end_line, place.end_character) != (place.start_line, place.start_character):
        return _exactly(lines, place)
    found = symbol_at(lines, line)
    if comment is None:
        return found
    # A comment right above a symbol is about that one rather than about what encloses both.
    below = symbol_at(lines, comment.end_line) if comment.end_line < len(lines) else None
    return below if below is not None and below.span.start_line == comment.end_line else found


def _exactly(lines: Sequence[str], place: Place) -> Symbol | None:
    """The symbol that was selected as a whole; chosen lines inside one stay lines."""
    span = _chosen(place)
    found = symbol_at(lines, _first_with_text(lines, span))
    while found is not None and found.span != span and "." in found.path:
        found = symbol_named(lines, found.path.rsplit(".", 1)[0])
    return found if found is not None and found.span == span else None


def _span(lines: Sequence[str], place: Place, symbol: Symbol | None, line: int, comment: Comment | None) -> Span:
    if place.whole_file:
        return Span(0, len(lines) - 1 if lines[-1] == "" else len(lines))
    if symbol is not None:
        if comment is not None and comment.end_line == symbol.span.start_line:
            return Span(comment.line, symbol.span.end_line)
        return symbol.span
    if comment is not None:
        return Span(comment.line, comment.end_line)
    if place.end_line >= 0:
        return _chosen(place)
    return Span(line, line + 1)


def _chosen(place: Place) -> Span:
    start = types.Position(place.start_line, place.start_character)
    end = types.Position(max(place.start_line, place.end_line), place.end_character)
    return line_range(types.Range(start, end))


def _name(
    lines: Sequence[str],
    place: Place,
    symbol: Symbol | None,
    span: Span,
    comment: Comment | None,
    encoding: Encoding,
    problem: types.Range | None,
) -> tuple[int, int, int]:
    """Line and columns (in characters) at which the task is shown: problem, comment, symbol's name, first line."""
    if problem is not None and problem.start.line < len(lines):
        # One line only, also for a problem that spans several.
        line = lines[problem.start.line]
        start = from_units(line, problem.start.character, encoding)
        one_line = problem.end.line == problem.start.line
        end = from_units(line, problem.end.character, encoding) if one_line else len(line.rstrip())
        return problem.start.line, start, max(start, end)
    if comment is not None:
        return comment.line, comment.start, comment.end
    if symbol is not None:
        return symbol.name_line, symbol.name_start, symbol.name_end
    first = _first_with_text(lines, span)
    line = lines[first] if first < len(lines) else ""
    return first, len(line) - len(line.lstrip()), len(line.rstrip())


def _first_with_text(lines: Sequence[str], span: Span) -> int:
    for number in range(span.start_line, min(span.end_line, len(lines))):
        if lines[number].strip():
            return number
    return min(span.start_line, len(lines) - 1)


def _plain_diagnostic(raw: Mapping[str, Any]) -> Diagnostic | None:
    message = raw.get("message")
    if not isinstance(message, str) or is_ours(raw.get("source"), raw.get("code")):
        return None
    try:
        line = int(raw["range"]["start"]["line"])
    except (KeyError, TypeError, ValueError):
        line = 0
    severity = raw.get("severity")
    code = raw.get("code")
    return Diagnostic(
        message=message[:LONGEST_MESSAGE],
        severity=SEVERITIES.get(severity, "error") if isinstance(severity, int) else "error",
        source=str(raw.get("source") or ""),
        code="" if code is None else str(code),
        line=max(0, line),
    )


def _first_range(place: Place) -> types.Range | None:
    """The range of the first problem that is not ours, where it is well formed."""
    for raw in place.diagnostics:
        if is_ours(raw.get("source"), raw.get("code")):
            continue
        try:
            start, end = raw["range"]["start"], raw["range"]["end"]
            return types.Range(
                types.Position(max(0, int(start["line"])), max(0, int(start["character"]))),
                types.Position(max(0, int(end["line"])), max(0, int(end["character"]))),
            )
        except (KeyError, TypeError, ValueError):
            return None
    return None


def others(raw: Iterable[types.Diagnostic]) -> list[types.Diagnostic]:
    """Without ours."""
    return [item for item in raw if not is_ours(item.source, item.code)]


def is_ours(source: object, code: object) -> bool:
    """Whether a problem that a client sent back is one of ours. ALE leaves the source out; the code is then all there is."""
    return source == SOURCE or (not source and re.fullmatch(r"#\d+", str(code)) is not None)
