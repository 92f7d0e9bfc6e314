"""Two texts: opcodes, line maps, hunks, the unified diff."""

from __future__ import annotations

import random
import subprocess
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backburner.model.anchor import Span
from backburner.model.text import LineMap, changes, count, hunks, opcodes, split, unified

TEXT = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "\n", "}\n", "long line\n"]), max_size=14).map("".join)
UNENDED = st.tuples(TEXT, st.sampled_from(["", "z", "a"])).map("".join)


@given(UNENDED)
def test_lines_joined_are_the_text(text: str) -> None:
    assert "".join(split(text)) == text


def test_only_a_line_feed_ends_a_line() -> None:
    assert split("a\x0cb\u2028c\rd\n\ne") == ["a\x0cb\u2028c\rd\n", "\n", "e"]


def replay(a: list[str], b: list[str]) -> list[str]:
    out: list[str] = []
    i = j = 0
    for op in opcodes(a, b):
        assert (op.a_start, op.b_start) == (i, j)
        i, j = op.a_end, op.b_end
        if op.tag == "equal":
            assert a[op.a_start : op.a_end] == b[op.b_start : op.b_end]
        out.extend(b[op.b_start : op.b_end])
    assert (i, j) == (len(a), len(b))
    return out


@given(UNENDED, UNENDED)
def test_opcodes_cover_both_texts(a: str, b: str) -> None:
    assert "".join(replay(split(a), split(b))) == b
    ops = opcodes(split(a), split(b))
    assert all(one.tag == "equal" or two.tag == "equal" for one, two in pairwise(ops))


@pytest.mark.parametrize("kind", ["many edits", "few kinds of line", "moved block", "nothing in common", "reversed"])
def test_cost_is_bounded_on_20000_lines(kind: str) -> None:
    source = random.Random(kind)
    a = [f"line {i} of the file\n" if i % 4 else "\n" for i in range(20_000)]
    b = list(a)
    match kind:
        case "many edits":
            for at in source.sample(range(20_000), 5_000):
                b[at] = f"changed {at}\n"
            b.insert(0, "head\n")
            b.append("tail\n")
        case "few kinds of line":
            a = [source.choice("{};\n") for _ in range(20_000)]
            b = [source.choice("{};\n") for _ in range(20_000)]
        case "moved block":
            b = b[5_000:] + b[:5_000]
        case "nothing in common":
            b = [f"other {i}\n" for i in range(20_000)]
        case _:
            b = a[::-1]
    started = time.process_time()
    assert replay(a, b) == b
    assert time.process_time() - started < 3


@given(UNENDED, UNENDED)
def test_mapped_lines_are_equal_and_in_order(a: str, b: str) -> None:
    one, other = split(a), split(b)
    map = LineMap(opcodes(one, other))
    found = [map.line(i) for i in range(len(one))]
    assert all(j is None or one[i] == other[j] for i, j in enumerate(found))
    kept = [j for j in found if j is not None]
    assert kept == sorted(set(kept))
    for point in range(len(one) + 1):
        assert 0 <= map.end(point) <= len(other)
        assert 0 <= map.start(point) <= len(other)


def test_text_typed_at_the_border_of_a_span_stays_outside() -> None:
    map = LineMap(opcodes(split("a\nb\nc\nd\n"), split("a\nx\nb\nc\ny\nd\n")))
    assert (map.start(1), map.end(3)) == (2, 4)


@pytest.mark.parametrize(
    ("base", "proposed", "expected"),
    [
        ("a\nb\nc\n", "a\nB\nc\n", [("edit", Span(1, 2), Span(1, 2))]),
        ("a\nb\nc\n", "a\nb\nx\nc\n", [("edit", Span(2, 2), Span(2, 3))]),
        ("a\n}\n\nb\n", "A\n}\n\nB\n", [("edit", Span(0, 4), Span(0, 4))]),
        ("a\nx\nb\n", "A\nx\nB\n", [("edit", Span(0, 1), Span(0, 1)), ("edit", Span(2, 3), Span(2, 3))]),
        (None, "a\nb\n", [("create", Span(0, 0), Span(0, 2))]),
        ("a\nb\n", None, [("delete", Span(0, 2), Span(0, 0))]),
        ("same\n", "same\n", []),
        ("a", "a\n", [("edit", Span(0, 1), Span(0, 1))]),
    ],
)
def test_hunks_are_the_pieces_a_reader_sees(base: str | None, proposed: str | None, expected: list[object]) -> None:
    found = hunks(base, proposed, "12.2", "src/a.py")
    assert [(hunk.kind, hunk.base, hunk.proposed) for hunk in found] == expected
    assert [hunk.id for hunk in found] == [f"12.2/src/a.py:{i}" for i in range(1, len(found) + 1)]


def test_rename_mode_and_binary_are_hunks() -> None:
    found = hunks("a\n", "b\n", "1.1", "p", renamed=True, mode_changed=True)
    assert [hunk.kind for hunk in found] == ["rename", "mode", "edit"]
    assert [hunk.kind for hunk in hunks("x", "y", "1.1", "p", binary=True)] == ["binary"]
    assert [hunk.kind for hunk in hunks(None, "y", "1.1", "p", binary=True)] == ["create"]
    assert [hunk.kind for hunk in hunks("x", "x", "1.1", "p", binary=True, renamed=True)] == ["rename"]


@given(UNENDED, UNENDED)
def test_count_agrees_with_the_changes(a: str, b: str) -> None:
    added, removed = count(a, b)
    assert len(split(a)) - removed + added == len(split(b))
    assert (added, removed) == (0, 0) or changes(split(a), split(b))


def test_unified_names_hunks_and_shows_no_line_twice() -> None:
    base = "".join(f"{i}\n" for i in range(12))
    proposed = base.replace("3\n", "three\n").replace("5\n", "five\n").replace("11\n", "eleven")
    found = hunks(base, proposed, "12.2", "lexer.py")
    assert unified(base, proposed, "a/lexer.py", "b/lexer.py", found) == (
        "--- a/lexer.py\n+++ b/lexer.py\n"
        "@@ -1,5 +1,5 @@ 12.2/lexer.py:1\n 0\n 1\n 2\n-3\n+three\n 4\n"
        "@@ -6,4 +6,4 @@ 12.2/lexer.py:2\n-5\n+five\n 6\n 7\n 8\n"
        "@@ -10,3 +10,3 @@ 12.2/lexer.py:3\n 9\n 10\n-11\n+eleven\n\\ No newline at end of file\n"
    )


def test_unified_of_equal_texts_is_empty() -> None:
    assert unified("a\n", "a\n", "a/x", "b/x") == ""


def test_unified_diffs_apply_with_git(tmp_path: Path) -> None:
    source = random.Random(7)
    for case in range(12):
        lines = [f"{source.randint(0, 9)}\n" for _ in range(source.randint(0, 30))]
        base = "".join(lines)
        for _ in range(source.randint(1, 6)):
            at = source.randint(0, len(lines))
            lines[at : at + source.randint(0, 2)] = [f"new {source.randint(0, 99)}\n"] * source.randint(0, 2)
        proposed = "".join(lines) + source.choice(["", "no newline"])
        if base == proposed or not base or not proposed:
            continue
        (tmp_path / "f").write_text(base)
        patch = unified(base, proposed, "a/f", "b/f", hunks(base, proposed, "1.1", "f"))
        subprocess.run(["git", "apply", "-"], input=patch.encode(), cwd=tmp_path, check=True)
        assert (tmp_path / "f").read_text() == proposed, case
