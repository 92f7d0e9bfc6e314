from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from agent.support import LEXER, Project, spec_for
from backburner.model.catalog import AgentSpec
from backburner.model.events import DirectionStated, RunFailed, RunFinished, TurnTaken
from backburner.model.wire import CancelRun, Environment, Isolation, Limits, Progress, RunEnded, Watch
from worker.support import Daemon, worker

pytest.importorskip("acp")
AGENT = Path(__file__).with_name("acp_agent.py")
CONFIRMED = Isolation(own_network=True)


def speaks(mode: str) -> AgentSpec:
    command = (sys.executable, str(AGENT), mode)
    return AgentSpec(name="claude", kind="acp", command=command, network=True)


async def run(cafe: Project, daemon: Daemon, mode: str, **fields: object) -> object:
    await daemon.link.send(Environment(id="e1", variables={"PATH": os.environ["PATH"]}))
    fields = {"agent": speaks(mode), "isolation": CONFIRMED, "environment": "e1", **fields}
    return await daemon.run(spec_for(cafe, await cafe.snapshot(), **fields))


async def test_an_external_agent_works_in_our_copy(cafe: Project) -> None:
    async with worker() as daemon:
        fact = await run(cafe, daemon, "work", notes=("Be quick.",))
    assert isinstance(fact, RunFinished)
    texts = {
        file.path: await cafe.shadow.get_text(file.proposed_id)
        for file in fact.result.proposal.files
        if file.proposed_id is not None
    }
    assert texts["lexer.py"] == LEXER.replace('split(" ")', "split()")
    assert texts["heard.txt"] == "Be quick."
    assert fact.result.summary == "I split, yes."
    [direction] = [one for one in daemon.facts() if isinstance(one, DirectionStated)]
    assert direction.direction == "split at any space"
    turns = [one.turn for one in daemon.facts() if isinstance(one, TurnTaken)]
    assert [turn.cost_usd for turn in turns] == [0.25, 0.0]
    assert turns[0].usage.output_tokens == 5
    assert (cafe.root / "lexer.py").read_text() == LEXER


@pytest.mark.parametrize(
    ("mode", "sentence"),
    [
        ("refuse", "refused to do this."),
        ("fail", "did not start: Authentication required."),
    ],
)
async def test_what_goes_wrong_is_one_sentence(cafe: Project, mode: str, sentence: str) -> None:
    async with worker() as daemon:
        fact = await run(cafe, daemon, mode)
    assert isinstance(fact, RunFailed)
    assert sentence in fact.cause.sentence


async def test_a_program_that_is_no_agent_is_one_sentence(cafe: Project) -> None:
    async with worker() as daemon:
        ends = AgentSpec(name="x", kind="acp", command=(sys.executable, "-c", "pass"), network=True)
        gone = AgentSpec(name="x", kind="acp", command=("/no/such/program",), network=True)
        first = await run(cafe, daemon, "", agent=ends)
        second = await run(cafe, daemon, "", agent=gone, run="13.1")
    assert isinstance(first, RunFailed)
    assert "did not start" in first.cause.sentence
    assert isinstance(second, RunFailed)
    assert second.cause.sentence == "There is no program program on the PATH."


async def test_it_runs_only_when_confirmed(cafe: Project) -> None:
    async with worker() as daemon:
        fact = await run(cafe, daemon, "work", isolation=Isolation())
    assert isinstance(fact, RunFailed)
    assert "confirm once" in fact.cause.sentence


async def test_it_has_the_run_s_time(cafe: Project) -> None:
    async with worker() as daemon:
        fact = await run(cafe, daemon, "hang", limits=Limits(seconds=1))
    assert isinstance(fact, RunFailed)
    assert fact.cause.kind == "time"


async def test_stopped_and_kept_it_leaves_what_it_changed(cafe: Project) -> None:
    async with worker() as daemon:
        await daemon.link.send(Environment(id="e1", variables={"PATH": os.environ["PATH"]}))
        await daemon.start(
            spec_for(cafe, await cafe.snapshot(), agent=speaks("hang"), isolation=CONFIRMED, environment="e1")
        )
        await daemon.link.send(Watch(run="12.1", root=str(cafe.root), on=True))
        await daemon.first(Progress)
        await daemon.link.send(CancelRun(run="12.1", task=12, root=str(cafe.root), keep=True))
        await daemon.first(RunEnded)
    fact = daemon.facts()[-1]
    assert isinstance(fact, RunFinished)
    assert fact.result.stopped
    assert [file.path for file in fact.result.proposal.files] == ["lexer.py"]
