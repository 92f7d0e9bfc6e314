"""Answers that are made in the provider's own time: asked for once, whatever happens to us meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cli.shell import Shell, open_shell
from emulator.script import Call, Turn, scene

EDIT = Call("edit", {"path": "calc.py", "old": "return a - b", "new": "return a + b"})
FINISH = Call("finish", {"title": "Correct the sum", "summary": "add() now adds."})


async def awaiting(shell: Shell) -> int:
    """A task whose answer is being made, and durably awaited."""
    view = await shell("delegate", "calc.py:1-2", "correct the sum", "--agent", "codex", "--when", "8h")
    await shell.emulator.until(lambda counters: counters.requests == 1)
    # The first look comes after the id is on disk.
    await shell.emulator.until(lambda counters: counters.polled == 1)
    return view["task"]


@pytest.mark.slow
async def test_after_a_crash_an_answer_is_asked_after_and_not_paid_for_again(tmp_path: Path) -> None:
    script = scene(Turn(think="So.", calls=(EDIT,), wait_s=8.0), Turn(calls=(FINISH,)))
    async with open_shell(tmp_path, script) as shell:
        number = await awaiting(shell)
        await asyncio.to_thread(shell.home.kill)
        await shell("wait", str(number))
        view = await shell("show", str(number))
        assert (view["state"], view["title"]) == ("ready", "Correct the sum")
        counters = shell.emulator.counters
        assert (counters.requests, counters.cancelled, counters.refusals) == (2, 0, [])
        windows = [asking.body["background_options"]["completion_window"] for asking in shell.emulator.requests]
        assert windows == ["8h", "8h"]


@pytest.mark.slow
async def test_a_task_that_is_stopped_gives_up_the_answer_that_it_awaits(tmp_path: Path) -> None:
    async with open_shell(tmp_path, scene(Turn(calls=(EDIT,), wait_s=3600.0))) as shell:
        number = await awaiting(shell)
        assert (await shell("stop", str(number)))["state"] == "cancelled"
        await shell.emulator.until(lambda counters: counters.cancelled == 1)
