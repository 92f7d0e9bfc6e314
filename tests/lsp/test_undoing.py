"""Undoing accepts of results that make the same change, in any order: texts alone."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from backburner.lsp.placing import Placing
from backburner.lsp.transport import Refusal
from backburner.lsp.undoing import Other, fallen
from backburner.model.result import HunkRef
from backburner.model.text import fit, hunks, merge, split

LINES = st.sampled_from([f"{word}\n" for word in "abcdefgh"])
MANY = settings(max_examples=400, deadline=None)
NEW = st.sampled_from(["new 1\n", "new 2\n"])


@dataclass
class Taken:
    """A result and what was accepted of it."""

    task: int
    proposed: str
    hunks: tuple[HunkRef, ...]
    before: str = ""
    after: str = ""
    placed: frozenset[str] = frozenset()
    bare: frozenset[str] = frozenset()

    @property
    def accepted(self) -> frozenset[str]:
        return self.placed | self.bare


@st.composite
def edited(draw: st.DrawFn, text: str) -> str:
    lines = split(text)
    for _ in range(draw(st.integers(1, 3))):
        at, gone = draw(st.integers(0, len(lines))), draw(st.integers(0, 2))
        lines[at : at + gone] = draw(st.lists(NEW, max_size=2))
    return "".join(lines)


@st.composite
def results(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A base and what two or three results make of it, often alike."""
    base = "".join(draw(st.lists(LINES, min_size=1, max_size=9, unique=True)))
    first = draw(edited(base))
    return base, [
        first,
        *draw(st.lists(st.one_of(st.just(first), edited(first), edited(base)), min_size=1, max_size=2)),
    ]


def accept(base: str, live: str, taken: Taken, theirs: bool) -> str:
    if not taken.hunks:
        return live
    placing = Placing("f", base, taken.proposed, taken.hunks, taken.hunks, (), theirs)
    try:
        after = placing.compute(live) or ""
    except Refusal:
        return live
    taken.before, taken.after = live, after
    taken.placed, taken.bare = frozenset(placing.placed), frozenset(placing.already)
    return after


def undo(base: str, live: str, one: Taken, order: list[Taken]) -> str:
    """The text after it; raises `Refusal`."""
    merged = merge(one.after, live, one.before) if one.placed else None
    if merged is not None and merged.conflicts:
        raise Refusal("overlaps")
    result = merged.text if merged is not None else live
    later = order[order.index(one) + 1 :]
    others = [
        Other(
            other.task, base, other.proposed, other.hunks, other.bare, other.placed if other in later else frozenset()
        )
        for other in order
        if other is not one and other.accepted
    ]
    gone = fallen(others, "f", live, result)
    for other in order:
        other.bare -= frozenset(gone.get(other.task, ()))
    one.placed = one.bare = frozenset()
    return result


def standing(base: str, text: str, taken: Taken) -> set[str]:
    found = fit(base, taken.proposed, text, taken.hunks)
    return {id for id in taken.accepted if found[id].placement == "applied"}


def accepted(base: str, proposals: list[str], theirs: bool) -> tuple[list[Taken], str]:
    """Every result accepted as far as it fits, one after the other, and the text then."""
    order = [Taken(n, text, tuple(hunks(base, text, f"{n}.1", "f"))) for n, text in enumerate(proposals, 1)]
    live = base
    for taken in order:
        live = accept(base, live, taken, theirs)
    return order, live


@MANY
@given(results(), st.data())
def test_a_change_goes_only_with_the_last_verdict_on_it(made: tuple[str, list[str]], data: st.DataObject) -> None:
    base, proposals = made
    theirs = data.draw(st.booleans())
    order, live = accepted(base, proposals, theirs)
    typed = data.draw(st.integers(0, 1))
    lines = split(live)
    lines.insert(data.draw(st.integers(0, len(lines))), "typed\n" * typed)
    live = "".join(lines)
    while left := [taken for taken in order if taken.accepted]:
        one = data.draw(st.sampled_from(left))
        stood = {taken.task: standing(base, live, taken) for taken in left}
        try:
            live = undo(base, live, one, order)
        except Refusal:
            return
        assert live.count("typed\n") == typed
        for taken in left:
            if theirs and taken.task < one.task:
                # What was taken over it had displaced it before.
                continue
            assert stood[taken.task] & taken.accepted <= standing(base, live, taken)
    # What took theirs gives back what it displaced, also when that was undone meanwhile.
    assert theirs or live.replace("typed\n", "") == base


@MANY
@given(results(), st.booleans())
def test_the_latest_first_is_never_refused(made: tuple[str, list[str]], theirs: bool) -> None:
    base, proposals = made
    order, live = accepted(base, proposals, theirs)
    for taken in reversed(order):
        live = undo(base, live, taken, order)
    assert live == base
