from __future__ import annotations

import asyncio
from collections.abc import Sequence

from msgspec.structs import replace

from backburner.engine.effects import stop_and_keep
from backburner.model import events as e
from backburner.model import wishes as w
from backburner.model.anchor import Span, text_id
from backburner.model.events import Event
from backburner.model.evolve import fold
from backburner.model.result import Changed, FileChange, HunkRef, Proposal, Result
from backburner.model.task import Opening, State, Target
from backburner.model.wire import CancelRun, SteerRun
from backburner.model.wishes import Refusal
from backburner.store import journal as journals
from backburner.store import paths
from domain import question, result
from engine.peer import House, delegation, here, until, until_state


async def test_a_delegation_runs_from_wish_to_result(house: House) -> None:
    root = house.project()
    async with house.open() as projects:
        engine = await projects.engine(root)
        outcome = await engine.submit(delegation(), {"src/lexer.py": "what I see\n"})
        assert not isinstance(outcome, Refusal)
        assert outcome.tasks == (1,)
        worker = await house.worker()
        spec = await worker.started(1)
        assert spec.run == "1.1"
        assert spec.agent.model
        assert spec.root == str(root)
        found = await engine.shadow.file_at(spec.snapshot.commit, "src/lexer.py")
        assert found is not None
        assert found[1] == b"what I see\n"
        await worker.brief(spec)
        await worker.turn(spec, "done")
        await worker.finish(spec, result("1.1"))
        assert engine.state.tasks[1].state == "ready"
        assert engine.spending() == (0.25, 10.0)


async def test_what_was_answered_is_on_disk(house: House) -> None:
    root = house.project()
    async with house.open() as projects:
        engine = await projects.engine(root)
        await engine.submit(delegation())
        on_disk = fold(State(), list(journals.read(paths.project_dir(root, house.env) / "journal.db")))
        assert 1 in on_disk.tasks


async def test_subscribers_see_only_what_is_saved_and_in_order(house: House) -> None:
    root = house.project()
    seen: list[Event] = []

    def look(events: object, state: State) -> None:
        saved = list(journals.read(paths.project_dir(root, house.env) / "journal.db"))
        seen.extend(events)  # pyright: ignore[reportArgumentType]
        assert saved[: len(seen)] == seen
        assert fold(State(), seen) == state

    async with house.open() as projects:
        engine = await projects.engine(root)
        engine.subscribe(look)
        await engine.submit(delegation(*here(1, 11, 21)))
        worker = await house.worker()
        spec = await worker.started(2)
        await worker.finish(spec, result("2.1"))
        assert {type(event).__name__ for event in seen} >= {"TaskQueued", "SnapshotTaken", "RunStarted", "RunFinished"}


async def test_what_comes_at_once_is_one_write(house: House) -> None:
    root = house.project()
    async with house.open() as projects:
        engine = await projects.engine(root)
        batches: list[int] = []
        engine.subscribe(lambda events, _: batches.append(len(events)))
        await asyncio.gather(*(engine.submit(delegation()) for _ in range(20)))
        assert len(engine.state.tasks) == 20
        assert batches[0] == 40


async def test_a_refused_wish_changes_nothing(house: House) -> None:
    async with house.open() as projects:
        engine = await projects.engine(house.project())
        refusal = await engine.submit(w.Look(task=1))
        assert isinstance(refusal, Refusal)
        assert refusal.reason == "unknown_task"
        assert engine.revision == 0


async def test_text_that_cannot_be_saved_is_refused_with_a_sentence(house: House) -> None:
    async with house.open() as projects:
        engine = await projects.engine(house.project())
        refusal = await engine.submit(w.Delegate(recipe="fix", instruction="\ud800", new=delegation().new))
        assert isinstance(refusal, Refusal)
        assert "cannot be saved" in refusal.sentence
        assert engine.state.tasks == {}


async def test_one_burst_is_one_snapshot(house: House) -> None:
    async with house.open() as projects:
        engine = await projects.engine(house.project())
        await asyncio.gather(*(engine.submit(delegation(), {"a.py": "x\n"}) for _ in range(10)))
        await until(engine, lambda state: all(task.snapshot for task in state.tasks.values()))
        assert len({task.snapshot.commit for task in engine.state.tasks.values() if task.snapshot}) == 1


async def test_delegations_that_saw_different_text_have_their_own_snapshots(house: House) -> None:
    async with house.open() as projects:
        engine = await projects.engine(house.project())
        await asyncio.gather(*(engine.submit(delegation(), {"a.py": f"{i}\n"}) for i in range(3)))
        await until(engine, lambda state: all(task.snapshot for task in state.tasks.values()))
        assert len({task.snapshot.commit for task in engine.state.tasks.values() if task.snapshot}) == 3


async def test_the_text_that_was_delegated_can_be_read_by_its_id(house: House) -> None:
    root = house.project()
    text = (root / "src/lexer.py").read_text()

    place = here()[0]
    place = Target(anchor=replace(place.anchor, text_id=text_id(text)))
    async with house.open() as projects:
        engine = await projects.engine(root)
        await engine.submit(delegation(place))
        await until(engine, lambda state: state.tasks[1].snapshot)
        assert engine.texts.get(text_id(text)) is None
        await engine.texts.load([text_id(text), "0" * 40])
        assert engine.texts.get(text_id(text)) == text


async def test_a_folder_that_vanished_fails_the_task_with_a_sentence(house: House) -> None:
    root = house.project()
    async with house.open() as projects:
        engine = await projects.engine(root)
        root.rename(root.with_name("elsewhere"))
        await engine.submit(delegation())
        await until_state(engine, 1, "failed")
        failure = engine.state.tasks[1].failure
        assert failure is not None
        assert "is gone" in failure.sentence


async def test_stop_reaches_the_run_and_its_last_words_do_not_count(house: House) -> None:
    async with house.open() as projects:
        engine = await projects.engine(house.project())
        await engine.submit(delegation())
        worker = await house.worker()
        spec = await worker.started(1)
        await engine.submit(w.Cancel(task=1))
        cancel = await worker.heard_of(CancelRun, "1.1")
        assert not cancel.keep
        await worker.finish(spec, result("1.1"))
        assert engine.state.tasks[1].state == "cancelled"


async def test_a_delegation_is_answered_before_its_snapshot_begins(house: House) -> None:
    async with house.open() as projects:
        engine = await projects.engine(house.project())
        await engine.submit(delegation())
        assert not engine.shadow.view_folder.exists()
        await until(engine, lambda state: state.tasks[1].snapshot is not None)
        assert engine.shadow.view_folder.exists()


async def test_stop_and_keep_asks_the_run_for_its_result(house: House) -> None:
    async with house.open() as projects:
        engine = await projects.engine(house.project())
        await engine.submit(delegation())
        worker = await house.worker()
        spec = await worker.started(1)
        changed = Changed(path="src/lexer.py", blob="ab")
        await worker.fact(
            spec, e.ToolsDone(task=1, run="1.1", results=(), changes=(changed,), added=1, at=house.clock.now())
        )
        await engine.submit(w.Cancel(task=1, keep=True))
        assert (await worker.heard_of(CancelRun, "1.1")).keep
        assert engine.state.tasks[1].state == "running"
        await worker.finish(spec, result("1.1"))
        assert engine.state.tasks[1].state == "ready"


async def test_stop_and_keep_reaches_a_run_that_no_worker_has_yet(house: House) -> None:
    """It goes on from an earlier run, so there is a draft to keep before its worker knows of it."""
    async with house.open() as projects:
        engine = await projects.engine(house.project())
        await engine.submit(delegation())
        worker = await house.worker()
        spec = await worker.started(1)
        changed = Changed(path="src/lexer.py", blob="b" * 40)
        await worker.brief(spec)
        await worker.fact(
            spec, e.ToolsDone(task=1, run="1.1", results=(), changes=(changed,), added=1, at=house.clock.now())
        )
        stopped: list[int] = []

        def stop_at_once(events: Sequence[Event], _: State) -> None:
            if any(isinstance(event, e.RunStarted) for event in events):
                stop_and_keep(engine, 1)
                stopped.append(1)

        engine.subscribe(stop_at_once)
        worker.die()
        assert (await (await house.worker(1)).heard_of(CancelRun, "1.2")).keep
        assert stopped == [1]


async def test_a_task_sent_behind_another_starts_although_that_is_ready_before_its_own_copy_is_made(
    house: House,
) -> None:
    async with house.open() as projects:
        engine = await projects.engine(house.project())
        await engine.submit(delegation())
        await engine.submit(delegation())
        worker = await house.worker()
        first = await worker.started(1)
        await worker.started(2)
        await engine.submit(w.SetOrder(task=2, after=1))
        await worker.finish(first, result("1.1", hunks=0))
        spec = await worker.started(2, "2.2")
        assert spec.run == "2.2"


async def test_a_note_reaches_the_run(house: House) -> None:
    async with house.open() as projects:
        engine = await projects.engine(house.project())
        await engine.submit(delegation())
        worker = await house.worker()
        await worker.started(1)
        await engine.submit(w.Steer(task=1, note="keep the API"))
        assert (await worker.heard_of(SteerRun, "1.1")).note == "keep the API"


async def test_a_note_before_the_start_goes_with_it(house: House) -> None:
    house.is_silent = True
    async with house.open() as projects:
        engine = await projects.engine(house.project())
        await engine.submit(delegation())
        await engine.submit(w.Steer(task=1, note="keep the API"))
        worker = await house.worker()
        await worker.hello()
        assert (await worker.started(1)).notes == ("keep the API",)


async def test_a_reply_goes_on_from_the_screen_with_everything_that_was_said(house: House) -> None:
    async with house.open() as projects:
        engine = await projects.engine(house.project())
        await engine.submit(delegation())
        worker = await house.worker()
        spec = await worker.started(1)
        await worker.brief(spec)
        await worker.turn(spec, "here it is")
        await worker.finish(spec, result("1.1"))
        await engine.submit(w.Judge(task=1, items=("1.1/src/lexer.py:1",), verdict="rejected"))
        await engine.submit(w.Requeue(task=1, opening=Opening(kind="reply", text="shorter")), {"src/lexer.py": "new\n"})
        again = await worker.started(1, "1.2")
        assert again.conversation is not None
        assert len(again.conversation.entries) == 2
        assert again.previous == result("1.1")
        assert again.rejected_items == ("1.1/src/lexer.py:1",)
        assert again.opening == Opening(kind="reply", text="shorter")
        found = await engine.shadow.file_at(again.snapshot.commit, "src/lexer.py")
        assert found is not None
        assert found[1] == b"new\n"


async def test_a_question_takes_its_default_at_the_deadline(house: House) -> None:
    async with house.open() as projects:
        engine = await projects.engine(house.project())
        await engine.submit(delegation())
        worker = await house.worker()
        spec = await worker.started(1)
        deadline = house.clock.now() + 600
        await worker.fact(spec, e.Asked(task=1, run="1.1", question=question("1.1", deadline), at=house.clock.now()))
        await house.wind(599)
        assert engine.state.tasks[1].state == "asking"
        await house.wind(2)
        again = await worker.started(1, "1.2")
        assert again.answer is not None
        assert (again.answer.answer, again.answer.by) == ("keep", "default")


async def test_a_task_after_another_starts_from_its_proposal(house: House) -> None:
    root = house.project()
    base = (root / "src/lexer.py").read_text()
    proposed = base.replace("line 20\n", "line twenty\n")
    async with house.open() as projects:
        engine = await projects.engine(root)
        await engine.submit(delegation())
        await engine.submit(delegation(after=1))
        assert engine.held[2].short == "after #1"
        worker = await house.worker()
        spec = await worker.started(1)
        await engine.shadow.put_text(base)
        await engine.shadow.put_text(proposed)
        hunk = HunkRef(id="1.1/src/lexer.py:1", base=Span(20, 21), proposed=Span(20, 21))
        change = FileChange(
            path="src/lexer.py", base_id=text_id(base), proposed_id=text_id(proposed), hunks=(hunk,), added=1, removed=1
        )
        # Meanwhile the person goes on typing elsewhere in the file.
        (root / "src/lexer.py").write_text(base.replace("line 0\n", "line zero\n"))
        await worker.finish(spec, Result(run="1.1", title="t", summary="s", proposal=Proposal((change,))))
        second = await worker.started(2)
        found = await engine.shadow.file_at(second.snapshot.commit, "src/lexer.py")
        assert found is not None
        assert found[1].decode() == base.replace("line 0\n", "line zero\n").replace("line 20\n", "line twenty\n")


async def test_start_anyway_starts_from_the_screen(house: House) -> None:
    async with house.open() as projects:
        projects.set_screen(lambda _: {"src/lexer.py": "unsaved now\n"})
        engine = await projects.engine(house.project())
        await engine.submit(delegation())
        await engine.submit(delegation(after=1), {"src/lexer.py": "unsaved then\n"})
        worker = await house.worker()
        await engine.submit(w.Waive(task=2, rule="after"))
        spec = await worker.started(2)
        found = await engine.shadow.file_at(spec.snapshot.commit, "src/lexer.py")
        assert found is not None
        assert found[1] == b"unsaved now\n"
