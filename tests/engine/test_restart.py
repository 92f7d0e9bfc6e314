"""What is true after the daemon went away, at whatever moment."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from backburner.engine.projects import CannotOpen
from backburner.lib.clock import HandClock
from backburner.model import events as e
from backburner.model import wishes as w
from backburner.model.decide import decide
from backburner.model.events import Checkpoint
from backburner.model.evolve import fold
from backburner.model.task import Opening, State
from backburner.model.transcript import Message, ToolResult, ToolResults, Turn
from backburner.model.wire import CancelRun, RunEnded
from backburner.store import journal as journals
from backburner.store import paths
from backburner.store.journal import Frozen, Journal
from backburner.workspace.repository import head
from domain import question, result
from engine.peer import House, delegation, git, here, turns, until, until_state


def again(house: House) -> House:
    """The same person later: everything in memory is gone."""
    later = House(house.tmp_path, HandClock(house.clock.now() + 60))
    later.env = house.env
    return later


async def test_a_run_goes_on_from_its_last_turn(house: House) -> None:
    root = house.project()
    async with house.open() as projects:
        engine = await projects.engine(root)
        await engine.submit(delegation())
        worker = await house.worker()
        spec = await worker.started(1)
        await worker.brief(spec)
        await worker.turn(spec, "so far")
    later = again(house)
    async with later.open() as projects:
        await projects.open_living()
        assert list(projects.loaded) == [root]
        spec = await (await later.worker()).started(1)
        assert spec.run == "1.2"
        assert spec.opening == Opening(kind="resume")
        assert spec.conversation is not None
        assert len(spec.conversation.entries) == 2
        # The daemon's end is not the run's doing.
        assert projects.loaded[root].state.tasks[1].idle_interruptions == 0


async def test_a_project_without_life_is_not_loaded_but_its_spending_counts(house: House) -> None:
    root = house.project()
    async with house.open() as projects:
        engine = await projects.engine(root)
        await engine.submit(delegation())
        worker = await house.worker()
        spec = await worker.started(1)
        await worker.turn(spec, "x", cost=3.5)
        await worker.finish(spec, result("1.1"))
    later = again(house)
    async with later.open() as projects:
        await projects.open_living()
        assert projects.loaded == {}
        other = await projects.engine(later.project("other"))
        assert other.spending() == (3.5, 10.0)
        # Loading it later counts it once, not twice.
        await projects.engine(root)
        assert other.spending() == (3.5, 10.0)


async def test_a_task_without_its_key_waits_and_says_what_it_needs(house: House) -> None:
    root = house.project()
    house.is_silent = True
    async with house.open() as projects:
        name = projects.hand_over({"PATH": "/opt/bin", "ANTHROPIC_API_KEY": "sk-test-key-123456"})
        engine = await projects.engine(root)
        await engine.submit(delegation(environment=name))
        await until(engine, lambda state: state.tasks[1].snapshot)
    later = again(house)
    later.keys = {}
    async with later.open() as projects:
        engine = await projects.engine(root)
        assert engine.held[1].short == "waits: needs ANTHROPIC_API_KEY"
        assert "open an editor that has it" in engine.held[1].sentence
        projects.hand_over({"PATH": "/usr/bin", "ANTHROPIC_API_KEY": "sk-test-key-123456"})
        worker = await later.worker()
        spec = await worker.started(1)
        # The PATH is the one of the editor that it was delegated from.
        assert worker.environments[spec.environment]["PATH"] == "/opt/bin"


async def test_a_question_keeps_its_deadline(house: House) -> None:
    root = house.project()
    deadline = house.clock.now() + 600
    async with house.open() as projects:
        engine = await projects.engine(root)
        await engine.submit(delegation())
        worker = await house.worker()
        spec = await worker.started(1)
        await worker.fact(spec, e.Asked(task=1, run="1.1", question=question("1.1", deadline), at=house.clock.now()))
    later = again(house)
    async with later.open() as projects:
        engine = await projects.engine(root)
        await later.wind(500)
        assert engine.state.tasks[1].state == "asking"
        await later.wind(60)
        spec = await (await later.worker()).started(1)
        assert spec.answer is not None
        assert spec.answer.by == "default"


async def queued_without_snapshot(house: House, root: Path, texts: dict[str, str | None]) -> None:
    """A journal as it is when the daemon dies right after the acknowledgement."""
    async with house.open() as projects:
        engine = await projects.engine(root)
        now = head(root)
        at_press = Frozen(texts=texts, head=now.commit, branch=now.branch, index=now.index_digest, at=house.clock.now())
        folder = paths.project_dir(root, house.env)
        assert engine.state.tasks == {}
    events = decide(State(), delegation(), house.clock.now())
    assert isinstance(events, tuple)
    journal = Journal.open(folder / "journal.db")
    await journal.append(events, [((1,), at_press)])
    journal.close()


async def test_a_snapshot_that_was_not_taken_is_taken_from_what_was_frozen(house: House) -> None:
    root = house.project()
    await queued_without_snapshot(house, root, {"src/lexer.py": "unsaved\n"})
    later = again(house)
    async with later.open() as projects:
        await projects.open_living()
        engine = projects.loaded[root]
        spec = await (await later.worker()).started(1)
        found = await engine.shadow.file_at(spec.snapshot.commit, "src/lexer.py")
        assert found is not None
        assert found[1] == b"unsaved\n"
        assert engine.journal.frozen() == {}


async def test_a_snapshot_is_refused_when_head_moved_meanwhile(house: House) -> None:
    root = house.project()
    await queued_without_snapshot(house, root, {})
    (root / "src" / "lexer.py").write_text("other\n")
    git(root, "commit", "-q", "-a", "-m", "moved")
    later = again(house)
    async with later.open() as projects:
        engine = await projects.engine(root)
        await until_state(engine, 1, "failed")
        failure = engine.state.tasks[1].failure
        assert failure is not None
        assert failure.kind == "snapshot"
        assert failure.sentence.startswith("Your files changed before I could copy them")
        await engine.submit(w.Requeue(task=1, opening=Opening(kind="retry")))
        await (await later.worker()).started(1)


async def test_a_project_that_is_still_being_opened_keeps_nobody_from_ending(house: House) -> None:
    root = house.project()
    async with asyncio.timeout(30):
        async with house.open() as projects:
            opening = asyncio.create_task(projects.engine(root))
            await asyncio.sleep(0)
        await opening
    assert projects.loaded == {}
    async with again(house).open() as later:
        await later.engine(root)


async def test_two_daemons_never_hold_one_project(house: House) -> None:
    root = house.project()
    other = again(house)
    async with house.open() as projects, other.open() as others:
        await projects.engine(root)
        with pytest.raises(CannotOpen, match="has project open") as caught:
            await others.engine(root)
        assert caught.value.reason == "locked"
    async with again(house).open() as projects:
        await projects.engine(root)


async def test_a_damaged_journal_is_a_sentence_and_the_others_work(house: House) -> None:
    root, fine = house.project(), house.project("fine")
    async with house.open() as projects:
        for each in (root, fine):
            await (await projects.engine(each)).submit(delegation())
    journal = paths.project_dir(root, house.env) / "journal.db"
    journal.write_bytes(b"somebody's notes\n" * 500)
    async with again(house).open() as projects:
        await projects.open_living()
        assert list(projects.loaded) == [fine]
        with pytest.raises(CannotOpen, match="left as it is"):
            await projects.engine(root)
    assert journal.read_bytes() == b"somebody's notes\n" * 500


async def test_a_folder_that_is_no_project_is_refused(house: House) -> None:
    async with house.open() as projects:
        for folder in (Path("/"), house.tmp_path / "nowhere"):
            with pytest.raises(CannotOpen) as caught:
                await projects.engine(folder)
            assert caught.value.sentence.endswith(".")


async def test_a_checkpoint_keeps_the_start_short(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    root = house.project()
    monkeypatch.setattr("backburner.engine.engine.CHECKPOINT_EVENTS", 30)
    async with house.open() as projects:
        engine = await projects.engine(root)
        for _ in range(30):
            await engine.submit(delegation(*here(1), agent="nobody"))
        await until(engine, lambda state: all(task.snapshot for task in state.tasks.values()))
        state = engine.state
    events = list(journals.read(paths.project_dir(root, house.env) / "journal.db"))
    assert isinstance(events[0], Checkpoint)
    assert len(events) < 45
    assert fold(State(), events) == state


async def test_a_project_rests_when_nothing_lives_in_it_and_comes_back(house: House) -> None:
    root = house.project()
    async with house.open() as projects:
        engine = await projects.engine(root)
        await engine.submit(delegation())
        worker = await house.worker()
        await worker.finish(await worker.started(1), result("1.1"))
        await house.wind(700)
        assert root in projects.loaded
        await house.wind(1200)
        assert projects.loaded == {}
        state = (await projects.engine(root)).state
        assert state.tasks[1].state == "ready"
        assert projects.is_idle()


async def test_a_project_somebody_looks_at_does_not_rest(house: House) -> None:
    root = house.project()
    async with house.open() as projects:
        engine = await projects.engine(root)
        stop = engine.subscribe(lambda *_: None)
        await house.wind(3000)
        assert projects.loaded == {root: engine}
        stop()
        await house.wind(1300)
        assert projects.loaded == {}


async def test_a_file_belongs_to_the_innermost_project(house: House) -> None:
    outer = house.project()
    inner = outer / "vendor"
    inner.mkdir()
    git(inner, "init", "-q")
    async with house.open() as projects:
        await asyncio.gather(projects.engine(outer), projects.engine(inner), projects.engine(inner))
        assert projects.owner(inner / "a.py") == inner
        assert projects.owner(outer / "src" / "a.py") == outer
        assert projects.owner(Path("/elsewhere")) is None


async def test_places_are_shared_by_all_projects(house: House) -> None:
    house.config("[limits]\nrunning = 2\n")
    async with house.open() as projects:
        one = await projects.engine(house.project("one"))
        other = await projects.engine(house.project("other"))
        await one.submit(delegation(*here(1, 11)))
        worker = await house.worker()
        first = await worker.started(1)
        await worker.started(2)
        await other.submit(delegation())
        await until(other, lambda state: state.tasks[1].snapshot)
        assert other.held[1].short == "queued"
        assert other.held[1].reason == "capacity"
        await worker.finish(first, result("1.1"))
        await until_state(other, 1, "running")


async def test_the_days_budget_is_shared_and_a_new_day_begins(house: House) -> None:
    house.config("[limits]\nday_usd = 1\n")
    async with house.open() as projects:
        one = await projects.engine(house.project("one"))
        other = await projects.engine(house.project("other"))
        await one.submit(delegation())
        worker = await house.worker()
        await worker.turn(await worker.started(1), "x", cost=1.5)
        await other.submit(delegation())
        await until(other, lambda state: state.tasks[1].snapshot)
        assert other.held[1].short == "waits: today's $1 is spent"
        await one.submit(w.RaiseBudget(task=0, budget_usd=5, day=one.today()))
        await until_state(other, 1, "running")
        spec = await worker.until(
            lambda: next(
                (m.spec for m in worker.heard if getattr(m, "spec", None) and m.spec.root == str(other.root)), None
            )
        )
        await worker.turn(spec, "x", cost=6.0)
        await other.submit(delegation(budget_usd=20.0))
        await until(other, lambda _: 2 in other.held and other.held[2].reason == "day_budget")
        await house.wind(86400)
        assert other.state.tasks[2].state == "running"
        assert other.spending() == (0.0, 1.0)


async def test_a_run_stops_between_two_turns_when_the_days_money_is_spent_and_goes_on_when_it_is_raised(
    house: House,
) -> None:
    house.config("[limits]\nday_usd = 1\ntask_usd = 50\n")
    async with house.open() as projects:
        engine = await projects.engine(house.project())
        await engine.submit(delegation(*here(1, 11)))
        worker = await house.worker()
        first, other = await worker.started(1), await worker.started(2)
        await worker.brief(first)
        await worker.brief(other)
        await worker.turn(first, "", "read", cost=1.5)
        # The turn is paid for: what it calls is still done.
        assert engine.state.tasks[1].state == "running"
        read = ToolResult(call_id="call-read", name="read", text="1\tline")
        await worker.send_fact(first, e.ToolsDone(task=1, run="1.1", results=(read,), at=house.clock.now()))
        cancelled = await worker.heard_of(CancelRun, "1.1")
        assert not cancelled.keep
        await worker.say(RunEnded(run="1.1", root=first.root))
        await until_state(engine, 1, "queued")
        await turns()
        assert engine.held[1].short == "waits: today's $1 is spent"
        assert engine.state.tasks[1].runs[-1].end == "paused"
        assert engine.state.tasks[1].idle_interruptions == 0
        # One that has come to its end is not stopped.
        await worker.turn(other, "", "finish", cost=0.5)
        done = ToolResult(call_id="call-finish", name="finish", text="Received.")
        await worker.fact(other, e.ToolsDone(task=2, run="2.1", results=(done,), at=house.clock.now()))
        assert engine.state.tasks[2].state == "running"
        await engine.submit(w.RaiseBudget(task=0, budget_usd=5, day=engine.today()))
        again = await worker.started(1, "1.2")
        assert again.opening == Opening(kind="resume")
        assert again.conversation is not None
        assert [type(entry) for entry in again.conversation.entries] == [Message, Turn, ToolResults]


async def test_settings_are_read_again_when_the_file_changes(house: House) -> None:
    async with house.open() as projects:
        engine = await projects.engine(house.project())
        assert engine.settings.limits.task_usd == 2.0
        house.config("[limits]\ntask_usd = 0.5\n")
        assert engine.settings.limits.task_usd == 0.5
        assert "opus" in engine.agent_names()
        assert engine.first_agent() == "opus"
