"""Three texts: merging, placing hunks in a text that moved on, putting some of them in."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backburner.model.anchor import Span
from backburner.model.text import Conflict, apply, fit, hunks, merge, split

LINES = st.sampled_from(["a\n", "b\n", "c\n", "d\n", "\n", "}\n", "x = 1\n", "return x\n"])
TEXT = st.tuples(st.lists(LINES, max_size=14).map("".join), st.sampled_from(["", "", "z"])).map("".join)
MANY = settings(max_examples=400, deadline=None)


@st.composite
def edited(draw: st.DrawFn, text: str, word: str) -> str:
    """The text with a few lines replaced, deleted or inserted; every line typed here is one of its own."""
    lines = split(text)
    for number in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines)))
        gone = draw(st.integers(0, 2))
        new = [f"{word} {number}.{i}\n" for i in range(draw(st.integers(0, 2)))]
        lines[at : at + gone] = new
    if any(not line.endswith("\n") for line in lines[:-1]):
        lines = [line if line.endswith("\n") else line + "\n" for line in lines]
    return "".join(lines)


@st.composite
def three(draw: st.DrawFn) -> tuple[str, str, str]:
    base = draw(TEXT)
    return base, draw(edited(base, "typed")), draw(edited(base, "agent"))


@MANY
@given(TEXT, TEXT)
def test_merging_into_unchanged_text_gives_the_proposal(base: str, proposed: str) -> None:
    assert merge(base, base, proposed) == (proposed, ())
    assert merge(base, proposed, base) == (proposed, ())
    assert merge(base, proposed, proposed) == (proposed, ())


@MANY
@given(three())
def test_every_line_that_a_person_typed_survives_a_merge(texts: tuple[str, str, str]) -> None:
    base, ours, theirs = texts
    merged = split(merge(base, ours, theirs).text)
    for line in split(ours):
        if line.startswith("typed"):
            assert merged.count(line) == 1


@MANY
@given(three())
def test_a_merge_is_the_same_from_both_sides_but_for_conflicts(texts: tuple[str, str, str]) -> None:
    base, ours, theirs = texts
    one, other = merge(base, ours, theirs), merge(base, theirs, ours)
    assert len(one.conflicts) == len(other.conflicts)
    if not one.conflicts:
        assert one.text == other.text


@MANY
@given(three())
def test_a_conflict_names_its_three_sides(texts: tuple[str, str, str]) -> None:
    base, ours, theirs = texts
    result = merge(base, ours, theirs)
    for conflict in result.conflicts:
        mine = split(ours)[conflict.ours.start_line : conflict.ours.end_line]
        merged = split(result.text)[conflict.merged.start_line : conflict.merged.end_line]
        assert [line.rstrip("\n") for line in merged] == [line.rstrip("\n") for line in mine]
        yours = split(theirs)[conflict.theirs.start_line : conflict.theirs.end_line]
        was = split(base)[conflict.base.start_line : conflict.base.end_line]
        assert mine != yours
        assert was != mine
        assert was != yours


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "text", "conflicts"),
    [
        ("a\nb\nc\n", "A\nb\nc\n", "a\nb\nC\n", "A\nb\nC\n", 0),
        ("a\nb\nc\n", "A\nb\nc\n", "a\nB\nc\n", "A\nB\nc\n", 0),
        ("a\nb\nc\n", "a\nb1\nc\n", "a\nb2\nc\n", "a\nb1\nc\n", 1),
        ("a\nb\n", "a\nx\nb\n", "a\ny\nb\n", "a\nx\nb\n", 1),
        ("a\nb\n", "a\nx\nb\n", "a\nx\nb\n", "a\nx\nb\n", 0),
        ("a\nb\n", "a\nx\nb\n", "a\nB\n", "a\nx\nb\n", 1),
        ("a\nb\nc\n", "a\nc\n", "a\nb!\nc\n", "a\nc\n", 1),
        ("a", "a\nb", "A", "a\nb", 1),
        ("", "x\n", "", "x\n", 0),
    ],
)
def test_merge_case(base: str, ours: str, theirs: str, text: str, conflicts: int) -> None:
    result = merge(base, ours, theirs)
    assert result.text == text
    assert len(result.conflicts) == conflicts


def test_conflict_spans() -> None:
    result = merge("a\nb\nc\n", "0\na\nb1\nc\n", "a\nb2\nb3\nc\n")
    assert result.conflicts == (Conflict(Span(1, 2), Span(2, 3), Span(1, 3), Span(2, 3)),)


# Hunks in a live text.


@MANY
@given(TEXT, TEXT, st.randoms(use_true_random=False))
def test_accepting_all_hunks_in_any_order_gives_the_agents_text(base: str, proposed: str, random: object) -> None:
    found = list(hunks(base, proposed, "1.1", "f"))
    random.shuffle(found)  # pyright: ignore
    every = hunks(base, proposed, "1.1", "f")
    live: str | None = base
    accepted: set[str] = set()
    for hunk in found:
        result = apply(base, proposed, live, [hunk], every, accepted)
        assert result.placed[hunk.id].placement in ("fits", "moved")
        live = result.text
        accepted.add(hunk.id)
    assert live == proposed
    assert apply(base, proposed, base, found, every).text == proposed


@MANY
@given(three(), st.data())
def test_an_accepted_hunk_appears_exactly_once_and_typed_lines_survive(
    texts: tuple[str, str, str], data: st.DataObject
) -> None:
    base, live, proposed = texts
    every = hunks(base, proposed, "1.1", "f")
    accepted: set[str] = set()
    new_lines = [line for line in split(proposed) if line.startswith("agent")]
    for step in range(4):
        if every:
            wanted = data.draw(st.lists(st.sampled_from(every), unique=True, max_size=3))
            result = apply(base, proposed, live, wanted, every, accepted)
            assert result.text is not None
            before = live
            live = result.text
            for line in split(before):
                if line.startswith("typed"):
                    assert split(live).count(line) == split(before).count(line)
            accepted |= {id for id, fitted in result.placed.items() if fitted.placement in ("fits", "moved")}
            for hunk in wanted:
                lines = split(proposed)[hunk.proposed.start_line : hunk.proposed.end_line]
                agent = [line for line in lines if line.startswith("agent")]
                if result.placed[hunk.id].placement in ("fits", "moved"):
                    assert all(split(live).count(line) == 1 for line in agent)
                elif result.placed[hunk.id].placement in ("conflicts", "stale") and not accepted:
                    assert not any(line in split(live) for line in agent)
            again = apply(base, proposed, live, wanted, every, accepted)
            assert again.text == live or any(
                fitted.placement in ("fits", "moved") and id not in accepted for id, fitted in again.placed.items()
            )
            assert all(split(live).count(line) <= 1 for line in new_lines)
        lines = split(live)
        at = data.draw(st.integers(0, len(lines)))
        kept = data.draw(st.integers(0, 1))
        lines[at : at + kept] = [f"typed later {step}\n"]
        live = "".join(line if line.endswith("\n") else line + "\n" for line in lines)


@MANY
@given(three())
def test_placing_and_applying_agree(texts: tuple[str, str, str]) -> None:
    base, live, proposed = texts
    every = hunks(base, proposed, "1.1", "f")
    placed = fit(base, proposed, live, every)
    for hunk in every:
        result = apply(base, proposed, live, [hunk], every)
        assert result.placed == {hunk.id: placed[hunk.id]}
        assert (hunk.id in result.refused) == (placed[hunk.id].placement in ("conflicts", "stale"))
        if hunk.id in result.refused:
            assert result.text == live


@MANY
@given(TEXT, TEXT, st.integers(0, 3), st.integers(0, 3))
def test_edits_elsewhere_never_make_a_hunk_stale(base: str, proposed: str, above: int, below: int) -> None:
    """Lines typed at the two ends, with a line of distance, only move hunks."""
    base, proposed = "top\n" + base, "top\n" + proposed
    if not base.endswith("\n") or not proposed.endswith("\n"):
        base, proposed = base + "\n", proposed + "\n"
    base, proposed = base + "end\n", proposed + "end\n"
    every = hunks(base, proposed, "1.1", "f")
    head = "".join(f"typed {i}\n" for i in range(above))
    tail = "".join(f"typed below {i}\n" for i in range(below))
    placed = fit(base, proposed, head + base + tail, every)
    for hunk in every:
        assert placed[hunk.id].placement == ("moved" if above else "fits")
        assert placed[hunk.id].moved_by == above
    assert apply(base, proposed, head + base + tail, every).text == head + proposed + tail


@MANY
@given(TEXT, TEXT)
def test_the_same_change_made_by_hand_counts_as_applied(base: str, proposed: str) -> None:
    every = hunks(base, proposed, "1.1", "f")
    assert {fitted.placement for fitted in fit(base, proposed, proposed, every).values()} <= {"applied"}


BASE = "def f():\n    one\n    two\n\ndef g():\n    three\n    four\n\ndef h():\n    five\n    six\n"
PROPOSED = BASE.replace("    three\n", "    THREE\n").replace("    five\n", "    FIVE\n    5.5\n")


@pytest.mark.parametrize(
    ("live", "first", "second"),
    [
        (BASE, "fits", "fits"),
        ("import x\n" + BASE, "moved", "moved"),
        (BASE.replace("    one\n", ""), "moved", "moved"),
        (BASE.replace("    three\n", "    three + 1\n"), "conflicts", "fits"),
        (BASE.replace("    three\n", "    THREE\n"), "applied", "fits"),
        (PROPOSED, "applied", "applied"),
        (BASE.replace("def g():\n    three\n    four\n\n", ""), "stale", "moved"),
        (BASE.replace("    four\n", "    4\n"), "fits", "fits"),
        ("", "stale", "stale"),
        (None, "stale", "stale"),
        ("print('something else altogether')\n", "stale", "stale"),
    ],
)
def test_placement_case(live: str | None, first: str, second: str) -> None:
    every = hunks(BASE, PROPOSED, "1.1", "f")
    placed = fit(BASE, PROPOSED, live, every)
    assert [placed[hunk.id].placement for hunk in every] == [first, second]


FUNCTION = "def parse_header(line):\n    name, value = line.split(':')\n    return name.strip(), value.strip()\n\n\n"
OTHER = "def unrelated_helper(number):\n    doubled = number * 2\n    return doubled + 1\n\n\n"
REST = "def a_third_one(text):\n    words = text.split()\n    for word in words:\n        print(word)\n\n\n"


def test_a_hunk_follows_a_function_that_was_moved() -> None:
    base = FUNCTION + OTHER + REST
    proposed = base.replace("line.split(':')", "line.split(':', 1)")
    moved = OTHER + REST + FUNCTION
    result = apply(base, proposed, moved, hunks(base, proposed, "1.1", "f"))
    assert [fitted.placement for fitted in result.placed.values()] == ["moved"]
    assert result.text == moved.replace("line.split(':')", "line.split(':', 1)")


def test_a_block_that_stands_twice_is_not_guessed_at() -> None:
    base = FUNCTION + OTHER + REST
    proposed = base.replace("line.split(':')", "line.split(':', 1)")
    live = OTHER + FUNCTION + REST + FUNCTION
    result = apply(base, proposed, live.replace(FUNCTION, "", 1) + FUNCTION, hunks(base, proposed, "1.1", "f"))
    assert [fitted.placement for fitted in result.placed.values()] == ["stale"]
    assert result.refused


def test_new_and_deleted_files() -> None:
    new = hunks(None, "x\n", "1.1", "f")
    assert apply(None, "x\n", None, new).text == "x\n"
    assert apply(None, "x\n", "", new).text == "x\n"
    assert apply(None, "x\n", "mine\n", new).refused == ("1.1/f:1",)
    assert fit(None, "x\n", "x\n", new)["1.1/f:1"].placement == "applied"
    gone = hunks("x\n", None, "1.1", "f")
    assert apply("x\n", None, "x\n", gone).text is None
    assert apply("x\n", None, "x\ny\n", gone).refused == ("1.1/f:1",)
    assert fit("x\n", None, None, gone)["1.1/f:1"].placement == "applied"


def test_a_changed_accepted_hunk_still_lets_the_rest_be_placed() -> None:
    """Accept, then change what was accepted: the other hunks keep their place."""
    every = hunks(BASE, PROPOSED, "1.1", "f")
    live = apply(BASE, PROPOSED, BASE, [every[0]], every).text
    assert live is not None
    live = live.replace("THREE", "THREE  # as discussed")
    result = apply(BASE, PROPOSED, live, [every[1]], every, {every[0].id})
    assert result.text == live.replace("    five\n", "    FIVE\n    5.5\n")


def test_hunks_that_look_alike_are_told_apart_by_verdicts() -> None:
    """The live text could come from either of two hunks; the verdict says from which."""
    base = "x\na\nx\na\nx\n"
    proposed = "y\nx\na\nx\na\nx\ny\n"
    every = hunks(base, proposed, "1.1", "f")
    for order in permutations(every):
        live: str | None = base
        accepted: list[str] = []
        for hunk in order:
            live = apply(base, proposed, live, [hunk], every, accepted).text
            accepted.append(hunk.id)
        assert live == proposed


def test_taking_the_agents_side_replaces_only_the_edits_that_overlap() -> None:
    every = hunks(BASE, PROPOSED, "1.1", "f")
    live = "# mine\n" + BASE.replace("    three\n", "    three + 1\n    extra\n").replace("    six\n", "    6\n")
    result = apply(BASE, PROPOSED, live, every, every, (), [every[0].id])
    assert [fitted.placement for fitted in result.placed.values()] == ["fits", "moved"]
    assert result.text == "# mine\n" + PROPOSED.replace("    six\n", "    6\n")


def test_a_conflict_spans_the_hunk_and_the_edit_that_overlaps_it() -> None:
    base = "a\nb\nc\nd\ne\n"
    every = hunks(base, "a\nB\nC\nD\ne\n", "1.1", "f")
    live = "a\nb\nc, mine\nd\ne\n"
    assert fit(base, "a\nB\nC\nD\ne\n", live, every)["1.1/f:1"].span == Span(1, 4)
    taken = apply(base, "a\nB\nC\nD\ne\n", live, every, every, (), ["1.1/f:1"])
    assert taken.text == "a\nB\nC\nD\ne\n"


@MANY
@given(three())
def test_taking_every_side_of_the_agent_puts_each_hunk_in(texts: tuple[str, str, str]) -> None:
    base, live, proposed = texts
    every = hunks(base, proposed, "1.1", "f")
    result = apply(base, proposed, live, every, every, (), [hunk.id for hunk in every])
    for hunk in every:
        lines = split(proposed)[hunk.proposed.start_line : hunk.proposed.end_line]
        if result.placed[hunk.id].placement in ("fits", "moved"):
            assert all(split(result.text or "").count(line) == 1 for line in lines if line.startswith("agent"))
