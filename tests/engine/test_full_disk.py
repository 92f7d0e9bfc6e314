"""A disk that refuses to take the journal: nothing is shown that is not saved, nothing that happened is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

from backburner.engine.engine import Engine
from backburner.model import wishes as w
from backburner.model.evolve import fold
from backburner.model.task import State
from backburner.model.wishes import Refusal
from backburner.store import journal as journals
from domain import result
from engine.peer import House, delegation, turns, until


def limit(engine: Engine, *, full: bool) -> None:
    """Let the journal grow no further; or again."""
    connection = engine.journal._connection  # pyright: ignore[reportPrivateUsage]
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages if full else 1_000_000}")


def saved(engine: Engine) -> State:
    return fold(State(), list(journals.read(Path(engine.journal.path))))


LONG = "word " * 20_000


async def test_a_wish_is_refused_with_a_sentence_and_works_again_later(house: House) -> None:
    async with house.open() as projects:
        engine = await projects.engine(house.project())
        await engine.submit(delegation())
        limit(engine, full=True)
        refusal = await engine.submit(w.Steer(task=1, note=LONG))
        assert isinstance(refusal, Refusal)
        assert refusal.reason == "disk"
        assert refusal.sentence.startswith("The disk is full")
        assert engine.state.tasks[1].notes == ()
        assert saved(engine) == engine.state
        limit(engine, full=False)
        assert not isinstance(await engine.submit(w.Steer(task=1, note=LONG)), Refusal)
        assert saved(engine).tasks[1].notes == (LONG,)


async def test_facts_are_kept_and_acknowledged_only_when_they_are_saved(house: House) -> None:
    async with house.open() as projects:
        engine = await projects.engine(house.project())
        await engine.submit(delegation())
        worker = await house.worker()
        spec = await worker.started(1)
        limit(engine, full=True)
        big = result("1.1", title=LONG)
        reporting = asyncio.create_task(worker.finish(spec, big))
        await until(engine, lambda _: engine.trouble)
        refusal = await engine.submit(w.Look(task=1))
        assert isinstance(refusal, Refusal)
        assert refusal.reason == "disk"
        await house.wind(10)
        await turns()
        assert worker.acknowledged(spec) == 0
        assert engine.state.tasks[1].state == "running"
        limit(engine, full=False)
        await house.wind(10)
        await reporting
        assert worker.acknowledged(spec) == 1
        assert engine.state.tasks[1].state == "ready"
        assert engine.trouble == ""
        assert saved(engine) == engine.state
