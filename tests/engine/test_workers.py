from __future__ import annotations

import asyncio

import msgspec
import pytest

from backburner.engine.engine import Engine
from backburner.engine.workers import Workers
from backburner.model import events as e
from backburner.model import wishes as w
from backburner.model.result import Changed, Proposal
from backburner.model.task import Opening
from backburner.model.transcript import Message, Turn
from backburner.model.wire import (
    CancelRun,
    Draft,
    Fact,
    LiveTexts,
    Paused,
    Progress,
    RunEnded,
    WantDraft,
    WantLiveTexts,
    Watch,
)
from backburner.model.wishes import Refusal
from backburner.store import journal as journals
from backburner.store import paths
from domain import cause, result
from engine.peer import House, delegation, here, turns, until, until_state


async def test_an_acknowledged_fact_is_on_disk(house: House) -> None:
    root = house.project()
    async with house.open() as projects:
        await (await projects.engine(root)).submit(delegation())
        worker = await house.worker()
        spec = await worker.started(1)
        await worker.brief(spec)
        saved = list(journals.read(paths.project_dir(root, house.env) / "journal.db"))
        assert type(saved[-1]) is e.Briefed


async def test_a_worker_gets_the_environment_before_the_run(house: House) -> None:
    async with house.open() as projects:
        name = projects.hand_over({"PATH": "/opt/bin", "OPENAI_API_KEY": "sk-other-key-99", "EDITOR": "vi"})
        engine = await projects.engine(house.project())
        await engine.submit(delegation(agent="codex", environment=name))
        worker = await house.worker()
        spec = await worker.started(1)
        assert worker.environments[spec.environment] == {
            "PATH": "/opt/bin",
            "OPENAI_API_KEY": "sk-other-key-99",
            "ANTHROPIC_API_KEY": "sk-test-key-123456",
        }


async def test_secrets_are_in_no_file(house: House) -> None:
    async with house.open() as projects:
        name = projects.hand_over({"PATH": "/opt/bin", "ANTHROPIC_API_KEY": "sk-very-secret-key-42"})
        engine = await projects.engine(house.project())
        await engine.submit(delegation(environment=name))
        spec = await (await house.worker()).started(1)
        assert spec.environment == name
    files = [path for path in (house.tmp_path / "home").rglob("*") if path.is_file()]
    assert any(b"/opt/bin" in path.read_bytes() for path in files)
    assert not any(b"very-secret" in path.read_bytes() for path in files)


async def test_a_dead_worker_costs_no_turn(house: House) -> None:
    async with house.open() as projects:
        engine = await projects.engine(house.project())
        await engine.submit(delegation())
        worker = await house.worker()
        spec = await worker.started(1)
        await worker.brief(spec)
        await worker.turn(spec, "", "edit")
        changed = (Changed(path="src/lexer.py", blob="b" * 40),)
        await worker.fact(
            spec, e.ToolsDone(task=1, run="1.1", results=(), changes=changed, added=2, at=house.clock.now())
        )
        worker.die()
        again = await (await house.worker(1)).started(1)
        assert again.run == "1.2"
        assert again.opening == Opening(kind="resume")
        assert again.changes == changed
        assert again.conversation is not None
        assert [type(entry) for entry in again.conversation.entries] == [Message, Turn]
        assert again.limits.spent_usd == 0.25


async def test_a_run_that_loses_its_worker_again_and_again_gets_one_to_itself_and_then_fails(house: House) -> None:
    async with house.open() as projects:
        engine = await projects.engine(house.project())
        await engine.submit(delegation(*here(1, 11)))
        for number in (0, 1):
            worker = await house.worker(number)
            await worker.started(1)
            spec = await worker.started(2)
            await worker.turn(spec, "progress")
            worker.die()
            await house.wind(60)
        # The third time each has its own: task 2 took a turn each time and is with the others.
        workers = [await house.worker(2), await house.worker(3)]
        for worker in workers:
            await worker.until(lambda worker=worker: worker.heard)
        alone = next(worker for worker in workers if any(m_task(message) == 1 for message in worker.heard))
        shared = next(w for w in workers if w is not alone)
        await shared.started(2, "2.3")
        await alone.started(1, "1.3")
        alone.die()
        await until_state(engine, 1, "failed")
        failure = engine.state.tasks[1].failure
        assert failure is not None
        assert failure.kind == "interrupted"
        assert "three times" in failure.sentence
        assert engine.state.tasks[2].state == "running"


def m_task(message: object) -> int:
    spec = getattr(message, "spec", None)
    return spec.task if spec is not None else 0


async def test_a_silent_worker_is_ended_and_its_runs_go_on_elsewhere(house: House) -> None:
    async with house.open() as projects:
        engine = await projects.engine(house.project())
        await engine.submit(delegation())
        worker = await house.worker()
        await worker.started(1)
        await house.wind(600)
        assert engine.state.tasks[1].state == "running"
        for _ in range(5):
            house.clock.wind(30)
            await turns()
        second = await house.worker(1)
        assert (await second.started(1)).run == "1.2"


async def test_nothing_starts_before_a_worker_says_hello(house: House) -> None:
    house.is_silent = True
    async with house.open() as projects:
        engine = await projects.engine(house.project())
        await engine.submit(delegation())
        worker = await house.worker()
        await until(engine, lambda state: state.tasks[1].snapshot and engine.held[1].reason == "worker")
        assert engine.held[1].short == "queued"
        await worker.hello()
        await worker.started(1)


async def test_a_worker_that_cannot_start_is_a_reason_to_wait_and_is_tried_again(house: House) -> None:
    house.refuses = "The old worker still runs."
    async with house.open() as projects:
        engine = await projects.engine(house.project())
        await engine.submit(delegation())
        held = await until(engine, lambda _: 1 in engine.held and engine.held[1].short == "waits: no worker")
        assert held
        assert engine.held[1].sentence == "The old worker still runs."
        assert engine.state.tasks[1].runs == ()
        house.refuses = ""
        await house.wind(60)
        await (await house.worker()).started(1)
        assert 1 not in engine.held


async def test_a_worker_of_another_version_is_not_used(house: House) -> None:
    house.is_silent = True
    async with house.open() as projects:
        engine = await projects.engine(house.project())
        await engine.submit(delegation())
        await (await house.worker()).hello(version=99)
        await (await house.worker(1)).hello(version=99)
        await until(engine, lambda _: "another version" in engine.held[1].sentence)


async def test_words_of_a_run_that_is_not_current_any_more_are_told_to_stop(house: House) -> None:
    async with house.open() as projects:
        engine = await projects.engine(house.project())
        await engine.submit(delegation())
        worker = await house.worker()
        spec = await worker.started(1)
        await engine.submit(w.Cancel(task=1))
        await engine.submit(w.Requeue(task=1, opening=Opening(kind="retry")))
        again = await worker.started(1, "1.2")
        before = engine.state
        await worker.turn(spec, "late words")
        await worker.heard_of(CancelRun, "1.1")
        assert engine.state is before
        await worker.turn(again, "these count")
        assert engine.state.tasks[1].run is not None
        assert engine.state.tasks[1].run.turns == 1


async def test_a_run_that_ends_without_a_word_is_queued_again(house: House) -> None:
    async with house.open() as projects:
        engine = await projects.engine(house.project())
        await engine.submit(delegation())
        worker = await house.worker()
        spec = await worker.started(1)
        await worker.say(RunEnded(run=spec.run, root=spec.root))
        await worker.started(1, "1.2")


async def test_the_draft_comes_from_the_run_and_else_from_the_journal(house: House) -> None:
    root = house.project()
    async with house.open() as projects:
        engine = await projects.engine(root)
        await engine.submit(delegation())
        worker = await house.worker()
        spec = await worker.started(1)
        asking = asyncio.create_task(engine.draft(1))
        wanted = await worker.until(lambda: next((m for m in worker.heard if isinstance(m, WantDraft)), None))
        offered = result("1.1").proposal
        await worker.say(Draft(run=spec.run, root=spec.root, request=wanted.request, proposal=offered))
        assert await asking == offered

        blob = await engine.shadow.put_text("all new\n")
        changed = (Changed(path="src/lexer.py", blob=blob),)
        await worker.turn(spec, "", "write")
        await worker.fact(spec, e.ToolsDone(task=1, run="1.1", results=(), changes=changed, at=house.clock.now()))
        asking = asyncio.create_task(engine.draft(1))
        wanted = await worker.until(
            lambda: next((m for m in worker.heard if isinstance(m, WantDraft) and m.request > 1), None)
        )
        failed = Draft(
            run=spec.run, root=spec.root, request=wanted.request, proposal=Proposal(()), error="It is not on any more."
        )
        await worker.say(failed)
        journalled = await asking
        assert [file.path for file in journalled.files] == ["src/lexer.py"]
        assert (journalled.added, journalled.removed) == (1, 40)


async def test_who_watches_sees_what_is_written(house: House) -> None:
    async with house.open() as projects:
        engine = await projects.engine(house.project())
        await engine.submit(delegation())
        seen: list[str] = []
        unwatch = engine.watch(1, lambda progress: seen.append(progress.text))
        worker = await house.worker()
        spec = await worker.started(1)
        await worker.until(lambda: any(isinstance(m, Watch) and m.on for m in worker.heard))
        await worker.say(Progress(run=spec.run, root=spec.root, text="def pa"))
        await worker.turn(spec, "x")
        assert seen == ["def pa"]
        unwatch()
        await worker.until(lambda: any(isinstance(m, Watch) and not m.on for m in worker.heard))


async def test_a_finishing_run_gets_the_texts_as_they_are_now(house: House) -> None:
    root = house.project()
    async with house.open() as projects:
        projects.set_live_texts(lambda _, wanted: {path: "unsaved\n" for path in wanted if path == "src/open.py"})
        engine = await projects.engine(root)
        await engine.submit(delegation())
        worker = await house.worker()
        spec = await worker.started(1)
        wanted = ("src/open.py", "src/lexer.py", "src/gone.py", "../outside.py")
        await worker.say(WantLiveTexts(run=spec.run, root=spec.root, task=1, paths=wanted))
        answer = await worker.until(lambda: next((m for m in worker.heard if isinstance(m, LiveTexts)), None))
        assert answer.texts == {
            "src/open.py": "unsaved\n",
            "src/lexer.py": (root / "src/lexer.py").read_text(),
            "src/gone.py": None,
            "../outside.py": None,
        }


async def test_a_providers_limit_holds_back_its_tasks_until_it_ends(house: House) -> None:
    async with house.open() as projects:
        engine = await projects.engine(house.project())
        await engine.submit(delegation())
        worker = await house.worker()
        spec = await worker.started(1)
        until_then = house.clock.now() + 300
        await worker.say(Paused(pool="p", who="Anthropic", until=until_then, runs=(spec.run,)))
        await worker.turn(spec, "x")
        await engine.submit(delegation())
        await until(engine, lambda state: engine.held[2].reason == "paused")
        assert engine.held[2].said(lambda moment: f"{moment - until_then:.0f}")[1] == "waits: Anthropic limit until 0"
        await house.wind(301)
        await worker.started(2)


async def test_an_idle_worker_ends_and_comes_back_when_it_is_needed(house: House) -> None:
    async with house.open() as projects:
        projects.workers.warm()
        first = await house.worker()
        await house.wind(1300)
        assert await first.until(lambda: any(type(m).__name__ == "Shutdown" for m in first.heard))
        first.die()
        engine = await projects.engine(house.project())
        await engine.submit(delegation())
        await (await house.worker(1)).started(1)


async def test_rubbish_from_a_worker_ends_that_worker_only(house: House) -> None:
    async with house.open() as projects:
        engine = await projects.engine(house.project())
        await engine.submit(delegation())
        worker = await house.worker()
        spec = await worker.started(1)
        bad = Fact(run=spec.run, root=spec.root, n=1, event=None)  # pyright: ignore[reportArgumentType]
        await worker.say(bad)
        await worker.say("nonsense")  # pyright: ignore[reportArgumentType]
        await worker.turn(msgspec.structs.replace(spec), "still here")
        assert engine.state.tasks[1].state == "running"


@pytest.mark.parametrize("kept", [True, False])
async def test_a_failure_is_said_at_the_task(house: House, kept: bool) -> None:
    async with house.open() as projects:
        engine = await projects.engine(house.project())
        await engine.submit(delegation())
        worker = await house.worker()
        spec = await worker.started(1)
        event = e.RunFailed(
            task=1, run="1.1", cause=cause(), result=result("1.1") if kept else None, at=house.clock.now()
        )
        await worker.fact(spec, event)
        task = engine.state.tasks[1]
        assert task.state == ("ready" if kept else "failed")
        assert task.failure == cause()


async def test_a_run_is_alone_in_the_workers_list_of_what_runs(house: House) -> None:
    """Two projects have runs with the same number; neither gets the other's words."""
    one, other = house.project("one"), house.project("other")
    async with house.open() as projects:
        engines: list[Engine] = [await projects.engine(one), await projects.engine(other)]
        for engine in engines:
            assert not isinstance(await engine.submit(delegation()), Refusal)
        worker = await house.worker()
        specs = await worker.until(
            lambda: (
                [m.spec for m in worker.heard if m_task(m)] if sum(m_task(m) > 0 for m in worker.heard) == 2 else None
            )
        )
        assert {spec.root for spec in specs} == {str(one), str(other)}
        mine = next(spec for spec in specs if spec.root == str(other))
        await worker.finish(mine, result("1.1"))
        assert engines[1].state.tasks[1].state == "ready"
        assert engines[0].state.tasks[1].state == "running"
        assert isinstance(projects.workers, Workers)
        await turns()
        assert projects.workers.running == 1
