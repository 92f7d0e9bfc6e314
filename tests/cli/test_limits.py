"""What a task may cost and how much a model can hold, all the way from the command line to the providers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from backburner.model.shorten import SUMMARY
from cli.shell import BEFORE, open_shell
from emulator.script import Call, Scene, Script, Turn

EDIT = Call("edit", {"path": "calc.py", "old": "return a - b", "new": "return a + b"})
FINISH = Call("finish", {"title": "Correct the sum", "summary": "add() now adds."})
PARTS = {f"part{number}.py": f"value = {number}\n" * 800 for number in range(8)}
WRITES = tuple(
    Turn(think="So.", calls=(Call("write", {"path": f"new{number}.py", "content": "value = 1\n" * 2_000}),))
    for number in range(3)
)
SMALL = """
[agents.opus]
context_tokens = 24_000
[agents.codex]
context_tokens = 24_000
[agents.groq]
context_tokens = 24_000
"""


AGENTS = pytest.mark.parametrize("agent", ["opus", "codex", "groq"])


def reads(files: dict[str, str]) -> tuple[Turn, ...]:
    return tuple(Turn(think="So.", calls=(Call("read", {"path": path}),)) for path in files)


@AGENTS
async def test_a_conversation_longer_than_the_model_holds_comes_to_its_result(tmp_path: Path, agent: str) -> None:
    script = Script((Scene(match="correct the sum", turn=(*reads(PARTS), Turn(calls=(EDIT,)), Turn(calls=(FINISH,)))),))
    files = {"calc.py": BEFORE, **PARTS}
    async with open_shell(tmp_path, script, SMALL, files, context_tokens=24_000) as shell:
        view = await shell("delegate", "calc.py:1-2", "correct the sum", "--agent", agent, "--wait")
        counters = shell.emulator.counters
        assert (view["state"], view["title"]) == ("ready", "Correct the sum")
        # Nothing was sent that the real API would have refused, and nothing was too long.
        assert counters.refusals == []
        assert counters.turns == counters.requests == len(PARTS) + 2


@AGENTS
async def test_what_is_left_out_is_told_in_a_message(tmp_path: Path, agent: str) -> None:
    script = Script(
        (
            Scene(turn=WRITES),
            Scene(match=SUMMARY, turn=(Turn(), Turn(think="Now.", calls=(EDIT,)), Turn(calls=(FINISH,)))),
        )
    )
    async with open_shell(tmp_path, script, SMALL, context_tokens=24_000) as shell:
        view = await shell("delegate", "calc.py:1-2", "correct the sum", "--agent", agent, "--wait")
        assert (view["state"], view["title"]) == ("ready", "Correct the sum")
        assert shell.emulator.counters.refusals == []


@AGENTS
async def test_what_the_provider_finds_too_long_is_shortened_and_asked_again(tmp_path: Path, agent: str) -> None:
    """The catalog says that the model holds more than it does."""
    script = Script((Scene(match="correct the sum", turn=(*reads(PARTS), Turn(calls=(EDIT,)), Turn(calls=(FINISH,)))),))
    files = {"calc.py": BEFORE, **PARTS}
    async with open_shell(tmp_path, script, "", files, context_tokens=20_000) as shell:
        view = await shell("delegate", "calc.py:1-2", "correct the sum", "--agent", agent, "--wait")
        assert (view["state"], view["title"]) == ("ready", "Correct the sum")
        assert shell.emulator.counters.requests > shell.emulator.counters.turns


async def test_what_does_not_fit_even_shortened_is_one_sentence_at_the_task(tmp_path: Path) -> None:
    script = Script((Scene(match="correct the sum", turn=(Turn(calls=(EDIT,)),)),))
    async with open_shell(tmp_path, script, context_tokens=500) as shell:
        view = await shell("delegate", "calc.py:1-2", "correct the sum", "--agent", "opus", "--wait", code=1)
        assert view["error"] == (
            "The task does not fit into the context of claude-opus-5-5, even shortened. Delegate a smaller piece, or use "
            "a model that holds more."
        )


async def test_a_running_task_waits_when_the_day_s_money_is_spent_and_raise_lets_it_go_on(tmp_path: Path) -> None:
    script = Script((Scene(match="correct the sum", turn=(*reads(PARTS), Turn(calls=(EDIT,)), Turn(calls=(FINISH,)))),))
    config = "[limits]\nday_usd = 0.02\n"
    async with open_shell(tmp_path, script, config, {"calc.py": BEFORE, **PARTS}) as shell:
        view = await shell("delegate", "calc.py:1-2", "correct the sum", "--agent", "opus")
        await shell.emulator.until(lambda counters: counters.turns > 0 and counters.in_flight == 0)
        async with asyncio.timeout(30):
            while not (view := await shell("show", str(view["task"])))["waits"]:
                pass
        assert view["state"] == "queued"
        assert view["waits"] == "waits: today's $0.02 is spent"
        assert 0.02 <= view["cost_usd"] < 0.06
        asked = shell.emulator.counters.requests
        await shell("raise", "--usd", "10")
        await shell("wait", str(view["task"]))
        view = await shell("show", str(view["task"]))
        assert (view["state"], view["title"]) == ("ready", "Correct the sum")
        # It went on where it was.
        assert shell.emulator.counters.requests == len(PARTS) + 2 > asked


async def test_a_task_stops_before_the_request_that_its_budget_cannot_pay_and_raise_lets_it_go_on(
    tmp_path: Path,
) -> None:
    script = Script((Scene(match="correct the sum", turn=(*reads(PARTS), Turn(calls=(EDIT,)), Turn(calls=(FINISH,)))),))
    async with open_shell(tmp_path, script, files={"calc.py": BEFORE, **PARTS}) as shell:
        words = ("delegate", "calc.py:1-2", "correct the sum", "--agent", "opus", "--budget", "0.08", "--wait")
        view = await shell(*words, code=1)
        assert view["state"] == "failed"
        assert view["error"].startswith("The next step would cost more than is left of its budget of $0.08 (")
        assert view["cost_usd"] <= 0.08
        most = [asking.body["max_tokens"] for asking in shell.emulator.requests]
        assert most == sorted(most, reverse=True)
        assert most[-1] < 5_000
        await shell("raise", str(view["task"]), "--usd", "2")
        await shell("wait", str(view["task"]))
        view = await shell("show", str(view["task"]))
        assert (view["state"], view["title"]) == ("ready", "Correct the sum")
        assert shell.emulator.counters.requests == len(PARTS) + 2
