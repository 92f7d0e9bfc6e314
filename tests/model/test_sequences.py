"""Whole sittings in one file: typing, accepting, undoing, in any order, by the rules that the editors' side uses."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from backburner.model.text import apply, hunks, merge, split

THOUSANDS = settings(max_examples=1500, deadline=None)
LINES = st.sampled_from(["a\n", "b\n", "c\n", "\n", "}\n", "x = 1\n", "return x\n"])
BASES = st.lists(LINES, min_size=1, max_size=14)
STEPS = st.lists(st.tuples(st.sampled_from(["type", "accept", "undo"]), st.integers(0, 30)), max_size=10)


@st.composite
def sittings(draw: st.DrawFn) -> tuple[str, str]:
    """A base, and what an agent makes of it; every line of the agent is one of its own."""
    base = draw(BASES)
    proposed = list(base)
    for number in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(proposed)))
        proposed[at : at + draw(st.integers(0, 2))] = [f"agent {number}.{i}\n" for i in range(draw(st.integers(1, 2)))]
    return "".join(base), "".join(proposed)


@THOUSANDS
@given(sittings(), STEPS)
def test_what_was_typed_stays_and_what_was_taken_is_there_once(
    texts: tuple[str, str], steps: list[tuple[str, int]]
) -> None:
    base, proposed = texts
    every = hunks(base, proposed, "1.1", "f")
    live = base
    typed: list[str] = []
    taken: dict[str, tuple[str, str]] = {}
    for number, (step, at) in enumerate(steps):
        match step:
            case "type":
                line = f"typed {number}\n"
                lines = split(live)
                lines.insert(at % (len(lines) + 1), line)
                live = "".join(lines)
                typed.append(line)
            case "accept" if every:
                hunk = every[at % len(every)]
                if hunk.id in taken:
                    continue
                result = apply(base, proposed, live, [hunk], every, tuple(taken))
                if result.placed[hunk.id].placement in ("fits", "moved"):
                    assert result.text is not None
                    taken[hunk.id] = (live, result.text)
                    live = result.text
            case "undo" if taken:
                id = list(taken)[at % len(taken)]
                before, after = taken[id]
                undone = merge(after, live, before)
                if not undone.conflicts:
                    live = undone.text
                    del taken[id]
            case _:
                continue
        now = split(live)
        assert [now.count(line) for line in typed] == [1] * len(typed)
        for hunk in every:
            mine = split(proposed)[hunk.proposed.start_line : hunk.proposed.end_line]
            for line in (line for line in mine if line.startswith("agent")):
                assert now.count(line) == (hunk.id in taken)


@THOUSANDS
@given(sittings(), st.randoms(use_true_random=False))
def test_undoing_everything_in_any_order_gives_the_text_back(texts: tuple[str, str], random: object) -> None:
    base, proposed = texts
    every = list(hunks(base, proposed, "1.1", "f"))
    random.shuffle(every)  # pyright: ignore[reportAttributeAccessIssue]
    live, taken = base, []
    for hunk in every:
        after = apply(base, proposed, live, [hunk], hunks(base, proposed, "1.1", "f"), [h.id for h, _, _ in taken]).text
        assert after is not None
        taken.append((hunk, live, after))
        live = after
    assert live == proposed
    for _, before, after in reversed(taken):
        undone = merge(after, live, before)
        assert undone.conflicts == ()
        live = undone.text
    assert live == base
