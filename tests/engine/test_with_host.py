"""The engine with the real worker: host, agent loop, workspace and scripted model, on a wire within one process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from backburner.engine.engine import Engine
from backburner.engine.projects import Projects
from backburner.lib.clock import RealClock
from backburner.model import wishes as w
from backburner.model.task import Opening
from backburner.model.wire import Link
from backburner.worker.host import Host
from backburner.worker.pipe import in_process
from backburner.workspace.sandbox import Level
from engine.peer import House, delegation, until_state

SCRIPT = r"""
[agents.scripted]
provider = "scripted"
script = '''
[[scene]]
[[scene.turn]]
calls = [{ tool = "plan", arguments = { direction = "spell it out" } }]
[[scene.turn]]
calls = [{ tool = "edit", arguments = { path = "src/lexer.py", old = "line 5\n", new = "line five\n" } }]
[[scene.turn]]
calls = [{ tool = "finish", arguments = { title = "Five", summary = "Line five is spelled out.", report = "" } }]

[[scene]]
match = "spell six too"
[[scene.turn]]
calls = [{ tool = "edit", arguments = { path = "src/lexer.py", old = "line 6\n", new = "line six\n" } }]
[[scene.turn]]
calls = [{ tool = "finish", arguments = { title = "Six", summary = "Line six, too.", report = "" } }]

[[scene]]
match = "ask me"
[[scene.turn]]
[[scene.turn.calls]]
tool = "ask"
[scene.turn.calls.arguments]
question = "Keep it?"
choices = [{ title = "Keep", answer = "keep" }, { title = "Remove", answer = "remove" }]
[[scene.turn]]
calls = [{ tool = "finish", arguments = { title = "Asked", summary = "I asked.", report = "done" } }]
'''
"""


@asynccontextmanager
async def opened(house: House) -> AsyncIterator[Engine]:
    house.config(SCRIPT)
    async with asyncio.TaskGroup() as group:

        async def start_worker() -> Link:
            near, far = in_process()
            host = Host(far, RealClock(), lambda: 0.5, level=Level("none", "not in this test"))
            group.create_task(host.serve())
            return near

        async with Projects(start_worker, RealClock(), env=house.env, strict=True) as projects:
            yield await projects.engine(house.project())


async def proposed(engine: Engine, task: int) -> str:
    result = engine.state.tasks[task].result
    assert result is not None
    [file] = result.proposal.files
    assert file.proposed_id is not None
    await engine.texts.load([file.proposed_id])
    text = engine.texts.get(file.proposed_id)
    assert text is not None
    return text


async def test_from_unsaved_text_to_a_result_and_a_reply(house: House) -> None:
    async with opened(house) as engine:
        seen = "".join(f"line {i}\n" for i in range(8)) + "and what I just typed\n"
        await engine.submit(delegation(agent="scripted"), {"src/lexer.py": seen})
        await until_state(engine, 1, "ready")
        task = engine.state.tasks[1]
        assert task.title == "Five"
        assert task.run is not None
        assert task.run.direction == "spell it out"
        # What the person typed after delegating is on disk only: the result was merged with it.
        assert "line five" in await proposed(engine, 1)
        item = task.open_items[0]
        await engine.submit(w.Judge(task=1, items=(item,), verdict="rejected"))
        await engine.submit(w.Requeue(task=1, opening=Opening(kind="reply", text="spell six too")))
        await until_state(engine, 1, "ready")
        text = await proposed(engine, 1)
        assert "line six" in text
        assert "line five" not in text
        assert engine.state.tasks[1].title == "Six"


async def test_a_question_is_answered_and_the_run_goes_on(house: House) -> None:
    async with opened(house) as engine:
        command = delegation(agent="scripted")
        await engine.submit(w.Delegate(recipe="free", instruction="ask me", new=command.new))
        await until_state(engine, 1, "asking")
        question = engine.state.tasks[1].question
        assert question is not None
        assert question.default == "keep"
        await engine.submit(w.GiveAnswer(task=1, answer="remove"))
        await until_state(engine, 1, "ready", "failed")
        task = engine.state.tasks[1]
        assert task.title == "Asked"
        assert [run.end for run in task.runs] == ["asked", "finished"]
        conversation = engine.journal.transcript(1)
        assert conversation is not None
        assert any("remove" in str(entry) for entry in conversation.entries)
