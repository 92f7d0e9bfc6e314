"""Places of a client become targets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from backburner.lsp.from_lsp import line_range, path_of, target
from backburner.lsp.positions import from_units, to_units, units
from backburner.model.anchor import Span
from backburner.model.commands import Place

TEXT = """\
import os


# TODO: faster
def parse(text):
    # FIXME: leaks
    return "ä😀" + foo


x = 1
"""
URI = "file:///p/a.py"


def at(**rest: Any) -> Any:
    return target("a.py", TEXT, Place(uri=URI, **rest), "utf-16")


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///a/b%20c.py", Path("/a/b c.py")),
        ("file:///a/%C3%A4.py", Path("/a/ä.py")),
        ("file://localhost/a.py", Path("/a.py")),
        ("file://server/a.py", None),
        ("untitled:Untitled-1", None),
        ("git:/a.py?ref", None),
        ("output:x", None),
        ("", None),
        ("/a.py", None),
        ("file:///a%00b", None),
    ],
)
def test_only_files_of_this_machine_have_a_path(uri: str, path: Path | None) -> None:
    assert path_of(uri) == path


@pytest.mark.parametrize(
    ("place", "span", "symbol", "name"),
    [
        ({"start_line": 6}, Span(4, 7), "parse", (4, 4, 9)),
        ({"start_line": 3}, Span(3, 7), "parse", (3, 2, 14)),
        ({"start_line": 5}, Span(4, 7), "parse", (5, 6, 18)),
        ({"start_line": 9}, Span(9, 10), "", (9, 0, 5)),
        ({"start_line": 5, "end_line": 6, "end_character": 3}, Span(5, 7), "", (5, 4, 18)),
        ({"start_line": 4, "end_line": 7}, Span(4, 7), "parse", (4, 4, 9)),
        ({"start_line": 6, "end_line": 7}, Span(6, 7), "", (6, 4, 21)),
        ({"symbol": "parse"}, Span(4, 7), "parse", (4, 4, 9)),
        ({"whole_file": True}, Span(0, 10), "", (0, 0, 9)),
        ({"start_line": 4000}, Span(10, 10), "", (10, 0, 0)),
        ({"start_line": 4, "end_line": 9999, "end_character": 1}, Span(4, 10), "", (4, 0, 16)),
    ],
)
def test_a_place_becomes_lines_and_a_name(
    place: dict[str, Any], span: Span, symbol: str, name: tuple[int, int, int]
) -> None:
    anchor = at(**place).anchor
    assert (anchor.span, anchor.symbol) == (span, symbol)
    assert (anchor.name_line, anchor.name_start, anchor.name_end) == name


def test_a_problem_is_shown_where_it_is() -> None:
    raw = {
        "message": "'foo' is not defined",
        "range": {"start": {"line": 6, "character": 19}, "end": {"line": 6, "character": 22}},
        "severity": 2,
        "source": "ruff",
        "code": 821,
    }
    ours = {**raw, "source": "backburner", "message": "Ready"}
    found = at(start_line=6, start_character=19, diagnostics=[ours, raw, {"nonsense": 1}])
    assert [item.message for item in found.diagnostics] == ["'foo' is not defined"]
    assert (found.diagnostics[0].severity, found.diagnostics[0].code) == ("warning", "821")
    anchor = found.anchor
    assert TEXT.split("\n")[anchor.name_line][anchor.name_start : anchor.name_end] == "foo"


def test_the_comment_goes_with_the_target() -> None:
    assert at(start_line=5).comment == "leaks"
    assert at(start_line=6).comment == ""


def test_columns_in_every_encoding() -> None:
    line = 'return "ä😀" + x\n'
    for encoding, width in (("utf-8", 6), ("utf-16", 3), ("utf-32", 2)):
        assert units("ä😀", encoding) == width  # type: ignore[arg-type]
        assert to_units(line, 10, encoding) == 8 + width  # type: ignore[arg-type]
        assert from_units(line, 8 + width, encoding) == 10  # type: ignore[arg-type]
        assert from_units(line, 999, encoding) == len(line) - 1  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("range", "span"),
    [((2, 0, 2, 0), Span(2, 3)), ((2, 5, 4, 0), Span(2, 4)), ((2, 5, 4, 1), Span(2, 5)), ((4, 0, 2, 0), Span(4, 5))],
)
def test_a_range_touches_whole_lines(range: tuple[int, int, int, int], span: Span) -> None:
    a, b, c, d = range
    assert line_range(types.Range(types.Position(a, b), types.Position(c, d))) == span
