"""Some hunks of a file against the text as it is."""

from __future__ import annotations

from typing import Any

import pytest

from backburner.lsp.placing import Placing
from backburner.lsp.reverts import Reverts
from backburner.lsp.roots import Owned
from backburner.lsp.transport import Refusal
from backburner.model.text import hunks

BASE = "a\nb\nc\nd\ne\nf\ng\nh\n"
PROPOSED = "a\nB\nc\nd\ne\nf\nG\nh\n"
HUNKS = hunks(BASE, PROPOSED, "1.1", "x")


def placing(*numbers: int, theirs: bool = False, accepted: tuple[str, ...] = ()) -> Placing:
    return Placing("x", BASE, PROPOSED, HUNKS, [HUNKS[number - 1] for number in numbers], accepted, theirs)


def test_what_was_typed_stays() -> None:
    wish = placing(1, 2)
    assert wish.compute("new\n" + BASE.replace("d\n", "")) == "new\n" + PROPOSED.replace("d\n", "")
    assert wish.placed == ("1.1/x:1", "1.1/x:2")
    assert wish.refused == {}


def test_one_hunk_of_two() -> None:
    wish = placing(2)
    assert wish.compute(BASE) == BASE.replace("g", "G")
    assert wish.placed == ("1.1/x:2",)


def test_a_hunk_that_overlaps_is_left_and_said() -> None:
    wish = placing(1, 2)
    assert wish.compute(BASE.replace("b\n", "b2\n")) == BASE.replace("b\n", "b2\n").replace("g", "G")
    assert wish.placed == ("1.1/x:2",)
    assert wish.refused == {"1.1/x:1": "x: it overlaps your edit. Read it, then Refit or take theirs."}


def test_when_none_fits_it_is_refused() -> None:
    with pytest.raises(Refusal, match="overlaps your edit") as caught:
        placing(1).compute(BASE.replace("b\n", "b2\n"))
    assert caught.value.data == {"reason": "conflict"}


def test_theirs_takes_the_place_of_the_overlapping_edit() -> None:
    wish = placing(1, theirs=True)
    assert wish.compute(BASE.replace("b\n", "b2\n")) == BASE.replace("b\n", "B\n")
    assert wish.placed == ("1.1/x:1",)


def test_a_hunk_that_was_typed_by_hand_needs_no_edit() -> None:
    wish = placing(1)
    assert wish.compute(BASE.replace("b", "B")) == BASE.replace("b", "B")
    assert (wish.placed, wish.already) == ((), ("1.1/x:1",))


def test_applied_means_every_placed_hunk_stands_there() -> None:
    wish = placing(1, 2)
    wish.compute(BASE)
    assert wish.is_applied("typed\n" + PROPOSED)
    assert not wish.is_applied(BASE)
    assert not wish.is_applied(BASE.replace("b", "B"))


def test_undoing_is_noticed_once_and_only_by_the_exact_text(tmp_path: Any) -> None:
    reverts = Reverts()
    owned = Owned(tmp_path, "x")
    reverts.add(tmp_path, "x", 1, ("1.1/x:1",), "a\n", "A\n")
    reverts.add(tmp_path, "x", 1, ("1.1/x:2",), "A\n", "B\n")
    assert reverts.reverted(owned, ["A", ""]) is not None
    assert reverts.reverted(owned, ["A", ""]) is None
    assert reverts.reverted(Owned(tmp_path, "y"), ["a", ""]) is None
    found = reverts.reverted(owned, ["a", ""])
    assert found is not None
    assert found.items == ("1.1/x:1",)
