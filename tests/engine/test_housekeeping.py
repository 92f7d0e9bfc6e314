from __future__ import annotations

import asyncio

from backburner.engine.housekeeping import KEPT_S, forgettable, keep_house
from backburner.engine.local import reachable_agents
from backburner.engine.schedule import Trouble
from backburner.model import wishes as w
from backburner.model.anchor import text_id
from backburner.model.task import Snapshot
from domain import Story
from engine.peer import House, delegation, here, until


def test_only_what_was_decided_long_ago_and_is_not_waited_for_is_forgotten() -> None:
    story = Story().delegated(4)
    for number in (1, 2, 3):
        story.ready(number)
    for number in (1, 2):
        story.do(w.Judge(task=number, items=(), verdict="rejected"))
    story.do(w.SetOrder(task=4, after=2))
    assert forgettable(story.state, story.now + 1) == [1]
    assert forgettable(story.state, story.task(1).since) == []


async def test_texts_of_open_tasks_stay_and_those_of_old_ones_go(house: House) -> None:
    root = house.project()
    async with house.open() as projects:
        engine = await projects.engine(root)
        await engine.submit(delegation(*here(1, 11)))
        await until(engine, lambda state: all(task.snapshot for task in state.tasks.values()))
        for number in (1, 2):
            await engine.shadow.keep(number, [await engine.shadow.put_text(f"of {number}\n")])
        await engine.submit(w.Cancel(task=1))
        await engine.submit(w.Dismiss(task=1))
        house.clock.wind(KEPT_S + 60)
        await keep_house(engine)
        refs = engine.shadow.folder / "refs" / "tasks" / engine.shadow.view
        assert not any((refs / "1").glob("*")) if (refs / "1").is_dir() else True
        assert text_id("of 2\n") in {path.name for path in (refs / "2").iterdir()}
        snapshot = engine.state.tasks[2].snapshot
        assert isinstance(snapshot, Snapshot)
        assert await engine.shadow.is_whole(snapshot)


async def test_a_model_server_on_this_machine_is_found() -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert await reachable_agents({"OLLAMA_BASE_URL": f"http://127.0.0.1:{port}/v1"}) == {"ollama"}
    server.close()
    await server.wait_closed()
    assert await reachable_agents({"OLLAMA_BASE_URL": f"http://127.0.0.1:{port}/v1"}) == frozenset()


async def test_a_program_with_a_network_of_its_own_waits_until_it_is_confirmed(house: House) -> None:
    house.config('[agents.other]\ncommand = ["other", "{instruction}"]\n')
    async with house.open() as projects:
        engine = await projects.engine(house.project())
        await engine.submit(delegation(agent="claude"))
        held = engine.held[1]
        assert held.reason == "unconfirmed"
        assert "[agents.claude]" in held.sentence
        house.config("[agents.claude]\nnetwork = true\n")
        engine.poke()
        spec = await (await house.worker()).started(1)
        assert spec.isolation.own_network
        assert spec.agent.command[0] == "claude"


async def test_an_unknown_effort_waits_until_it_is_mended(house: House) -> None:
    house.config('effort = "hgih"\n[agents.opus]\nkey_env = ""\n')
    async with house.open() as projects:
        engine = await projects.engine(house.project())
        await engine.submit(delegation(agent="opus"))
        assert (engine.held[1].reason, engine.held[1].short) == ("no_effort", "waits: unknown effort")
        assert "there are low, medium, high" in engine.held[1].sentence
        house.config('effort = "high"\n[agents.opus]\nkey_env = ""\n')
        engine.poke()
        assert (await (await house.worker()).started(1)).agent.effort == "high"


async def test_an_unknown_agent_is_a_reason_to_wait(house: House) -> None:
    async with house.open() as projects:
        engine = await projects.engine(house.project())
        await engine.submit(delegation(agent="oppus"))
        assert engine.held[1].short == "waits: no agent oppus"
        assert "opus" in engine.held[1].sentence
        assert isinstance(engine.agents.resolve(engine.state.tasks[1]), Trouble)
