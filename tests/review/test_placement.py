"""Anchors in a text that moved on: followed by their lines, found again when moved, never guessed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backburner.model.anchor import Span
from backburner.model.text import hunks, split
from backburner.review.placement import Places, place_anchor, place_hunk
from review.making import LEXER, PARSE, Shelf, anchor, change, ready, task

BODY = "".join(split(LEXER)[8:13])
TOKENS = "".join(split(LEXER)[3:6])


def parse_in(live: str | None) -> tuple[str, int, str]:
    """Placement, line of the mark, and the text that is underlined."""
    placed = place_anchor(anchor(Shelf(), "lexer.py", LEXER, PARSE, "parse"), LEXER, live)
    text = split(live)[placed.line] if live else ""
    return placed.placement, placed.line, text[placed.start : placed.end]


@pytest.mark.parametrize(
    ("what", "live", "expected"),
    [
        ("unchanged", LEXER, ("fits", 8, "parse")),
        ("lines above", "# new\n# lines\n" + LEXER, ("moved", 10, "parse")),
        ("lines below", LEXER + "\n\nmore()\n", ("fits", 8, "parse")),
        ("line above deleted", LEXER.replace("import re\n", ""), ("moved", 7, "parse")),
        ("edited inside", LEXER.replace("return None", "return []"), ("fits", 8, "parse")),
        (
            "signature changed",
            LEXER.replace("def parse(text)", "async def parse(text, *, strict)"),
            ("fits", 8, "parse"),
        ),
        ("renamed", LEXER.replace("def parse(", "def parse_all("), ("fits", 8, "def parse_all(text):")),
        (
            "body replaced",
            LEXER.replace(BODY, "def parse(text):\n    raise NotImplementedError\n"),
            ("fits", 8, "parse"),
        ),
        ("indented", LEXER.replace(BODY, "".join("    " + line for line in split(BODY))), ("fits", 8, "parse")),
        ("moved up", LEXER.replace(BODY, "").replace("import re\n", "import re\n\n\n" + BODY), ("moved", 3, "parse")),
        ("moved down", LEXER.replace(BODY, "") + "\n\n" + BODY, ("moved", 14, "parse")),
        (
            "moved and changed",
            LEXER.replace(BODY, "") + "\n\n" + BODY.replace("return None", "return ()").replace("if not", "if len"),
            ("moved", 14, "parse"),
        ),
        ("deleted", LEXER.replace(BODY, ""), ("stale", 8, "")),
        ("emptied", "", ("stale", 0, "")),
        ("file gone", None, ("stale", 0, "")),
        ("something else", "print('hello, world')\n" * 3, ("stale", 0, "print('hello, world')")),
    ],
)
def test_an_anchor_follows_its_function(what: str, live: str | None, expected: tuple[str, int, str]) -> None:
    placed = parse_in(live)
    assert placed == expected if expected[0] != "stale" else placed[0] == "stale", what


def test_a_function_that_stands_twice_elsewhere_is_not_guessed_at() -> None:
    base = LEXER + "".join(f"line_{i} = {i}\n" for i in range(20))
    where = anchor(Shelf(), "lexer.py", base, PARSE, "parse")
    gone = base.replace(BODY, "")
    assert place_anchor(where, base, gone + "\n\n" + BODY).placement == "moved"
    assert place_anchor(where, base, gone + "\n\n" + BODY + "\n\nx = 1\n\n" + BODY).placement == "stale"


def test_an_empty_place_stays_between_its_neighbours() -> None:
    where = anchor(Shelf(), "lexer.py", LEXER, Span(7, 8))
    assert place_anchor(where, LEXER, "# top\n" + LEXER).line == 8


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2), st.integers(0, 3)), max_size=6))
def test_edits_elsewhere_never_make_a_span_stale(edits: list[tuple[int, int, int]]) -> None:
    """Random edits of the lines around `parse` leave it exactly as long as it was, at its own lines."""
    above, inside, below = split(LEXER)[:8], split(BODY), split(LEXER)[13:]
    for number, (at, gone, new) in enumerate(edits):
        side = above if at % 2 else below
        at = min(at // 2, len(side))
        side[at : at + gone] = [f"typed {number} {i}\n" for i in range(new)]
    live = "".join(above + inside + below)
    placed = place_anchor(anchor(Shelf(), "lexer.py", LEXER, PARSE, "parse"), LEXER, live)
    assert placed.span == Span(len(above), len(above) + len(inside))
    assert placed.placement == ("fits" if len(above) == 8 else "moved")
    assert placed.moved_by == len(above) - 8


def test_a_hunk_names_the_line_it_stands_at() -> None:
    proposed = LEXER.replace("    return found\n", "    return tuple(found)\n")
    (hunk,) = hunks(LEXER, proposed, "12.1", "lexer.py")
    placed = place_hunk(LEXER, proposed, "# new\n" + LEXER, hunk)
    assert (placed.placement, placed.span, placed.moved_by) == ("moved", Span(13, 14), 1)
    assert (placed.line, placed.start, placed.end) == (13, 4, 16)


def test_places_are_computed_again_only_for_the_file_that_changed() -> None:
    shelf = Shelf()
    proposed = LEXER.replace("return None", "return []")
    one = change(shelf, "12.1", "a.py", LEXER, proposed)
    two = change(shelf, "12.1", "b.py", LEXER, proposed)
    twelve = ready(task(shelf), one, two)
    places = Places(shelf)
    before = {"a.py": LEXER, "b.py": LEXER}
    first = [places.hunks(twelve, file, before) for file in (one, two)]
    after = {"a.py": "# typed\n" + LEXER, "b.py": LEXER}
    again = [places.hunks(twelve, file, after) for file in (one, two)]
    assert first[0] is not again[0]
    assert first[1] is again[1]


def test_nothing_is_said_about_texts_that_are_not_there() -> None:
    shelf = Shelf()
    file = change(shelf, "12.1", "lexer.py", LEXER, LEXER + "x\n")
    twelve = ready(task(shelf), file)
    assert Places({}).hunks(twelve, file, {"lexer.py": LEXER}) is None
    assert Places({}).anchor(twelve.target.anchor, {"lexer.py": LEXER}) is None
    assert Places(shelf).hunks(twelve, file, {}) is None
