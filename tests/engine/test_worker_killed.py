"""A real worker process is killed from outside at every durable step of its run; the task still comes to its result."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

import backburner
from backburner.engine.projects import Projects
from backburner.lib.clock import RealClock
from backburner.lsp.workers import process_starter
from backburner.model import conversation
from backburner.model import events as e
from backburner.model.events import Event
from backburner.model.task import State
from engine.peer import House, delegation, until_state
from engine.test_with_host import SCRIPT

DOOR = str(Path(backburner.__file__).parent / "__main__.py")
STEPS = (
    "RunStarted",
    "Briefed",
    "TurnTaken",
    "DirectionStated",
    "ToolsDone",
    "TurnTaken 2",
    "ToolsDone 2",
    "TurnTaken 3",
)


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
async def test_a_worker_killed_at_a_durable_step_loses_nothing(
    house: House, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.config(SCRIPT)
    monkeypatch.setenv("BACKBURNER_HOME", house.env["BACKBURNER_HOME"])
    root = house.project()
    kind, _, nth = step.partition(" ")
    seen: list[Event] = []
    killed: list[int] = []

    async with Projects(process_starter(DOOR), RealClock(), env=house.env, strict=True) as projects:
        engine = await projects.engine(root)

        def watch(events: Sequence[Event], _: State) -> None:
            for event in events:
                seen.append(event)
                same = sum(type(one).__name__ == kind for one in seen)
                if type(event).__name__ == kind and same == int(nth or 1) and not killed:
                    assert projects.workers.hello is not None
                    killed.append(projects.workers.hello.pid)
                    os.kill(killed[0], signal.SIGKILL)

        engine.subscribe(watch)
        await engine.submit(delegation(agent="scripted"))
        async with asyncio.timeout(60):
            await until_state(engine, 1, "ready", "failed")
        task = engine.state.tasks[1]
        assert task.state == "ready", task.failure
        assert projects.workers.hello is not None
        assert projects.workers.hello.pid not in killed
        ends = [run.end for run in task.runs]
        # A worker that is dead before it was given the run has not interrupted it.
        assert ends == ["interrupted", "finished"] or (step == "RunStarted" and ends == ["finished"])
        before = seen[: next((i for i, event in enumerate(seen) if isinstance(event, e.RunInterrupted)), 0)]
        assert engine.journal.transcript(1) is not None
        cut_off = [call.name for call in conversation.unanswered(conversation.fold(before))]
        turns = sum(isinstance(event, e.TurnTaken) for event in seen)
        assert turns <= 3 + bool(cut_off)
        assert task.result is not None
        assert (task.result.proposal.added == 1) == (cut_off != ["edit"])
