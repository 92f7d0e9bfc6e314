"""Words inside an instruction."""

from __future__ import annotations

import pytest

from backburner.model.instruction import Instruction, parse

AGENTS = ("opus", "codex", "groq")
RECIPES = ("test", "review")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("make it iterative", Instruction(text="make it iterative")),
        ("make it iterative @codex", Instruction(text="make it iterative", agents=("codex",))),
        ("@codex make it iterative", Instruction(text="make it iterative", agents=("codex",))),
        ("@codex: make it iterative", Instruction(text="make it iterative", agents=("codex",))),
        ("make it @Codex iterative", Instruction(text="make it iterative", agents=("codex",))),
        ("try both @codex @opus", Instruction(text="try both", agents=("opus", "codex"))),
        ("rename it !quick", Instruction(text="rename it", agents=("!quick",))),
        ("!quick rename it", Instruction(text="rename it", agents=("!quick",))),
        ("use its result, after 12", Instruction(text="use its result", after=12)),
        ("use its result after #12", Instruction(text="use its result", after=12)),
        ("port it in 8h", Instruction(text="port it", when="8h")),
        ("port it in 2 h $0.50", Instruction(text="port it", when="2h", budget_usd=0.5)),
        ("port it up to $2", Instruction(text="port it", budget_usd=2.0)),
        ("port it, step", Instruction(text="port it", pace="step")),
        ("port it !step", Instruction(text="port it", pace="step")),
        ("port it step in 8h", Instruction(text="port it", pace="step", when="8h")),
        ("step, port it", Instruction(text="port it", pace="step")),
        ("/test", Instruction(text="", recipe="test")),
        ("/test the empty input", Instruction(text="the empty input", recipe="test")),
        ("ask @codex, then stop", Instruction(text="ask, then stop", agents=("codex",))),
        ("make it iterative, please @codex.", Instruction(text="make it iterative, please.", agents=("codex",))),
        ("port it\n@codex", Instruction(text="port it", agents=("codex",))),
    ],
)
def test_words_are_taken_out(text: str, expected: Instruction) -> None:
    found = parse(text, AGENTS, RECIPES)
    assert set(found.agents) == set(expected.agents)
    assert found == Instruction(
        **{**{f: getattr(expected, f) for f in expected.__struct_fields__}, "agents": found.agents}
    )


@pytest.mark.parametrize(
    "text",
    [
        "explain each step",
        "step through the cases and explain",
        "add the @property decorator",
        "turn it into a @dataclass",
        "keep what happens after 12 retries",
        "the price is $5 in the table below",
        "run in 80 columns",
        "mail a@codex.example",
        "/etc/passwd is read here, stop that",
        "wait in 8h windows for it",
        "say hello to @user and @staticmethod",
        "write `@codx` into the help",
        "/etc is where it belongs",
        "add a route /reviews",
        "/tests/unit is slow",
        "it is !important here",
        "mail b@codx.example and see @codx/notes",
    ],
)
def test_english_stays_english(text: str) -> None:
    assert parse(text, AGENTS, RECIPES) == Instruction(text=text)


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        ("@codx fix this", "There is no agent @codx. Did you mean @codex?"),
        ("fix this @Codx", "There is no agent @Codx. Did you mean @codex?"),
        ("have @opuss, not @codex, do it", "There is no agent @opuss. Did you mean @opus?"),
        ("fix this @opsu", "There is no agent @opsu. Did you mean @opus?"),
        ("rename it !quik", "There is no word !quik. Did you mean !quick?"),
        ("!quik: rename it", "There is no word !quik. Did you mean !quick?"),
        ("port it !stepp", "There is no word !stepp. Did you mean !step?"),
        ("/reviw this", "There is no recipe /reviw. Did you mean /review?"),
        ("/tests the empty input @codex", "There is no recipe /tests. Did you mean /test?"),
    ],
)
def test_what_is_nearly_a_word_is_said(text: str, doubt: str) -> None:
    assert parse(text, AGENTS, RECIPES).doubt == doubt


def test_only_words_leave_no_text() -> None:
    assert parse("@codex in 8h", AGENTS) == Instruction(text="", agents=("codex",), when="8h")


@pytest.mark.parametrize("filling", [" ", " \t", "@", "@a ", " ,"])
def test_an_instruction_of_any_length_is_read(filling: str) -> None:
    """A comment of a project may be one, and the daemon serves everybody meanwhile."""
    text = "mend" + filling * (300_000 // len(filling)) + " @codex it"
    assert parse(text, AGENTS).agents == ("codex",)
