"""What is offered at a place."""

from __future__ import annotations

import pytest
from lsprotocol import types

from backburner.lsp.actions import Asked, offers, wanted
from backburner.lsp.capabilities import Client
from backburner.model.anchor import Span
from backburner.model.mark import Action, Mark

TEXT = ["def parse(text):", "    # TODO: be iterative", "    return go(foo)", "", "", "x = 1", ""]
OURS = Client(input=True)
PLAIN = Client()


def problem(
    line: int, message: str, *, source: str | None = "ruff", code: str | None = "F821", width: int = 3
) -> types.Diagnostic:
    where = types.Range(types.Position(line, 4), types.Position(line, 4 + width))
    return types.Diagnostic(range=where, message=message, source=source, code=code)


def asked(
    line: int, *, end: int | None = None, problems: list[types.Diagnostic] | None = None, **rest: object
) -> Asked:
    last = line if end is None else end
    where = types.Range(types.Position(line, 0), types.Position(last, 0 if end is None else 1))
    return Asked(
        uri="file:///p/a.py",
        lines=TEXT,
        span=Span(line, last + 1),
        range=where,
        diagnostics=problems or [],
        **rest,  # type: ignore[arg-type]
    )


def mark(line: int = 0, *, task: int = 12, problem: bool = True) -> Mark:
    return Mark(
        path="a.py",
        line=line,
        start=4,
        end=9,
        span_end=line + 3,
        task=task,
        state="ready",
        severity="information" if problem else None,
        actions=(
            Action(command="backburner.read", lens="Read", title=f"#{task} Read", arguments={"task": task}),
            Action(command="backburner.accept", lens="Accept", title=f"#{task} Accept all", arguments={"task": task}),
        ),
    )


def titles(found: Asked, client: Client = OURS) -> list[str]:
    return [offer.title for offer in offers(found, client)]


def test_delegate_actions_stand_in_the_order_of_the_menu() -> None:
    alike = [problem(2, "'foo' is not defined"), problem(5, "'bar' is not defined")]
    assert titles(asked(2, problems=alike)) == [
        "Delegate: fix \"'foo' is not defined\"",
        "Delegate: fix all 2 like this",
        "Delegate: implement parse()",
        "Delegate: test parse()",
        "Delegate…",
    ]


def test_a_comment_is_offered_before_its_symbol() -> None:
    assert titles(asked(1)) == [
        "Delegate: do this TODO",
        "Delegate: implement parse()",
        "Delegate: test parse()",
        "Delegate…",
    ]


def test_at_most_four_start_something_besides_the_box() -> None:
    alike = [problem(1, "'foo' is not defined"), problem(5, "'bar' is not defined")]
    found = titles(asked(1, problems=alike))
    assert found[-1] == "Delegate…"
    assert len(found) == 5
    assert "Delegate: test parse()" not in found


def test_a_client_without_a_box_writes_an_instruction() -> None:
    assert titles(asked(5), PLAIN) == ["Delegate: write instruction"]


def test_asked_automatically_only_results_are_offered() -> None:
    assert titles(asked(2, problems=[problem(2, "x")], automatic=True, marks=(mark(),))) == [
        "#12 Read",
        "#12 Accept all",
    ]
    assert titles(asked(5, problems=[problem(5, "x")], automatic=True, marks=(mark(),))) == []


def test_fix_on_save_gets_nothing() -> None:
    for only in (("source.fixAll",), ("source",), ("quickfix",)):
        assert titles(asked(2, problems=[problem(2, "x")], automatic=True, only=only, marks=(mark(),))) == []
    assert titles(asked(2, problems=[problem(2, "x")], only=("source.fixAll",), marks=(mark(),))) == []


def test_results_are_found_by_range_without_their_problem() -> None:
    for line in (0, 1, 2):
        assert titles(asked(line, marks=(mark(),)))[:2] == ["#12 Read", "#12 Accept all"]
    assert "#12 Read" not in titles(asked(5, marks=(mark(),)))


def test_kinds_follow_the_problem() -> None:
    for offer in offers(asked(2, problems=[problem(2, "x")], marks=(mark(),)), OURS):
        assert offer.kind == ("quickfix" if offer.title.startswith(("#12", "Delegate: fix")) else "refactor.rewrite")
    assert {offer.kind for offer in offers(asked(2, marks=(mark(problem=False),)), OURS)} == {"refactor.rewrite"}


def test_only_filters_by_hierarchy() -> None:
    found = asked(2, problems=[problem(2, "x")], only=("refactor",), marks=(mark(),))
    assert titles(found) == ["Delegate: implement parse()", "Delegate: test parse()", "Delegate…"]
    assert wanted("refactor.rewrite", ("refactor.rewrite",))
    assert wanted("quickfix", ("",))
    assert not wanted("refactor.rewrite", ("refactor.re",))


@pytest.mark.parametrize("source", ["backburner", None])
def test_our_own_problems_are_never_offered_for_fixing(source: str | None) -> None:
    """ALE sends a problem back without its source."""
    ours = problem(2, "Ready: Iterative lexer. +24 −3.", source=source, code="#12")
    found = offers(asked(2, problems=[ours, problem(2, "x")], marks=(mark(),)), OURS)
    assert [offer.title for offer in found if offer.title.startswith("Delegate: fix")] == ['Delegate: fix "x"']
    assert found[0].diagnostics == (ours,)
    for offer in found:
        assert "Iterative lexer" not in repr(offer.argument)


def test_problems_elsewhere_count_as_alike_but_are_not_the_one_at_the_cursor() -> None:
    far = [problem(5, "'bar' is not defined")]
    assert titles(asked(2, problems=far))[0] == "Delegate: implement parse()"
    no_code = [problem(2, "cannot find 'foo' here", code=None), problem(5, "cannot find 'bar' here", code=None)]
    assert "Delegate: fix all 2 like this" in titles(asked(2, problems=no_code))


@pytest.mark.parametrize("length", [10, 43, 44, 45, 46, 47, 300])
def test_titles_are_short(length: int) -> None:
    for title in titles(asked(2, problems=[problem(2, "m" * length)])):
        assert len(title) <= 60


def test_outside_a_project_nothing_can_be_delegated() -> None:
    assert titles(asked(2, ours=False, marks=(mark(),))) == ["#12 Read", "#12 Accept all"]


def test_a_selection_is_delegated_as_it_is() -> None:
    box = offers(asked(1, end=2), OURS)[-1]
    assert box.argument["targets"][0] == {
        "uri": "file:///p/a.py",
        "start_line": 1,
        "start_character": 0,
        "end_line": 2,
        "end_character": 1,
    }
