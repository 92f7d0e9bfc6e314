from __future__ import annotations

import typing

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backburner.model import events as e
from backburner.model import wishes as w
from backburner.model.evolve import Folding, NotInTable, admit, evolve, fold, folded
from backburner.model.result import Changed, FileChange
from backburner.model.runs import file_renamed
from backburner.model.table import ANY, TABLE
from backburner.model.task import Accepted, Answer, OpenAccept, Opening, Question, State, TaskState
from backburner.model.transcript import ToolResult
from domain import DAY, T0, Story, cause, question, result, snapshot, turn


def test_the_table_reaches_every_state_and_every_state_can_end() -> None:
    reached: set[TaskState | None] = {None}
    for _ in ANY:
        reached |= {to for (state, _), states in TABLE.items() if state in reached for to in states}
    assert reached == {None, *ANY}

    ends: set[TaskState] = {"accepted", "rejected"}
    for _ in ANY:
        ends |= {state for (state, _), states in TABLE.items() if state is not None and states & ends}
    assert ends == set(ANY)


def test_the_table_speaks_about_every_event_of_a_task() -> None:
    about_no_task = {e.DelegationMade, e.Ignored, e.Checkpoint}
    assert {kind for _, kind in TABLE} == set(typing.get_args(e.Event)) - about_no_task


def after(*steps: typing.Callable[[Story], object]) -> Story:
    story = Story().delegated()
    for step in steps:
        step(story)
    return story


def failed(story: Story) -> None:
    story.running().happen(e.RunFailed(task=1, run=story.run(), cause=cause(), at=story.now))


def asking(story: Story) -> None:
    story.running().happen(e.Asked(task=1, run=story.run(), question=question(story.run()), at=story.now))


def cancelled(story: Story) -> None:
    story.do(w.Cancel(task=1))


def accepted_all(story: Story) -> None:
    story.do(w.Judge(task=1, items=(), verdict="accepted"))


def rejected_all(story: Story) -> None:
    story.do(w.Judge(task=1, items=(), verdict="rejected"))


LIVES: dict[str, tuple[TaskState, tuple[typing.Callable[[Story], object], ...]]] = {
    "delegated": ("queued", ()),
    "started": ("running", (Story.running,)),
    "asks": ("asking", (asking,)),
    "answered": ("queued", (asking, lambda s: s.do(w.GiveAnswer(task=1, answer="keep")))),
    "finished": ("ready", (Story.ready,)),
    "one of two accepted": ("ready", (Story.ready, lambda s: s.do(judge_one(s, "accepted")))),
    "all accepted": ("accepted", (Story.ready, accepted_all)),
    "all rejected": ("rejected", (Story.ready, rejected_all)),
    "one accepted, one rejected": (
        "accepted",
        (Story.ready, lambda s: s.do(judge_one(s, "accepted")), lambda s: s.do(judge_one(s, "rejected"))),
    ),
    "accept taken back": ("ready", (Story.ready, accepted_all, lambda s: s.do(w.TakeBack(task=1)))),
    "failed with nothing": ("failed", (failed,)),
    "failure dismissed": ("rejected", (failed, lambda s: s.do(w.Dismiss(task=1)))),
    "failed with an earlier open result": ("ready", (Story.ready, lambda s: s.requeue("reply", "more"), failed)),
    "failed after everything was accepted": (
        "failed",
        (Story.ready, accepted_all, lambda s: s.requeue("reply", "more"), failed),
    ),
    "that failure dismissed": (
        "accepted",
        (
            Story.ready,
            accepted_all,
            lambda s: s.requeue("reply", "more"),
            failed,
            lambda s: s.do(w.Dismiss(task=1)),
        ),
    ),
    "snapshot failed": (
        "failed",
        (lambda s: s.happen(e.SnapshotFailed(task=1, cause=cause("snapshot"), at=s.now)),),
    ),
    "cancelled while queued": ("cancelled", (cancelled,)),
    "cancelled while running": ("cancelled", (Story.running, cancelled)),
    "cancelled while asking": ("cancelled", (asking, cancelled)),
    "a reply cancelled": ("ready", (Story.ready, lambda s: s.requeue("reply", "more"), cancelled)),
    "a reply to an accepted one cancelled": (
        "accepted",
        (Story.ready, accepted_all, lambda s: s.requeue("reply", "more"), cancelled),
    ),
    "interrupted": (
        "queued",
        (Story.running, lambda s: s.happen(e.RunInterrupted(task=1, run=s.run(), reason="gone", at=s.now))),
    ),
    "retried": ("queued", (failed, lambda s: s.requeue("retry"))),
}


def judge_one(story: Story, verdict: typing.Literal["accepted", "rejected"]) -> w.Judge:
    return w.Judge(task=1, items=story.task().open_items[:1], verdict=verdict)


@pytest.mark.parametrize("name", LIVES)
def test_the_life_of_a_task(name: str) -> None:
    state, steps = LIVES[name]
    assert after(*steps).task().state == state


def test_what_is_not_in_the_table_raises_and_changes_nothing() -> None:
    story = after()
    with pytest.raises(NotInTable, match="RunFinished in queued"):
        evolve(story.task(), e.RunFinished(task=1, run="1.1", result=result("1.1"), at=T0))
    folding = Folding(story.state)
    with pytest.raises(NotInTable):
        folding.add((e.Seen(task=1, at=T0), e.TurnTaken(task=1, run="1.1", turn=turn("x"), at=T0)))
    assert folding.state == story.state


def test_a_fold_leaves_the_state_it_began_with_alone() -> None:
    story = after()
    before = msgspec.json.encode(story.state)
    fold(story.state, (e.Seen(task=1, at=T0), e.BudgetRaised(task=0, budget_usd=5, day=DAY, at=T0)))
    assert msgspec.json.encode(story.state) == before


def test_facts_of_a_run_that_is_not_the_current_one_are_not_admitted() -> None:
    story = after(Story.running)
    last_words = e.RunFinished(task=1, run="1.1", result=result("1.1"), at=T0)
    assert admit(story.state, last_words)
    assert not admit(story.state, msgspec.structs.replace(last_words, run="1.2"))
    assert not admit(story.state, msgspec.structs.replace(last_words, task=9))
    cancelled(story)
    assert not admit(story.state, last_words)


def test_what_a_run_costs_is_summed_by_day_and_unknown_stays_unknown() -> None:
    story = after(Story.running)
    story.happen(
        e.TurnTaken(task=1, run="1.1", turn=turn("a", cost=0.25), day=DAY, at=T0),
        e.TurnTaken(task=1, run="1.1", turn=turn("b", cost=None), day=DAY, at=T0),
        e.TurnTaken(task=1, run="1.1", turn=turn("c", cost=0.5), day="2027-01-16", at=T0),
    )
    assert story.state.spent == {DAY: 0.25, "2027-01-16": 0.5}
    assert story.task().cost_usd is None
    assert story.task().usage.input_tokens == 30


def test_the_workspace_after_tools_is_one_change_per_path() -> None:
    story = after(Story.running)
    for blob in ("one", "two", None):
        story.happen(
            e.TurnTaken(task=1, run="1.1", turn=turn("", "edit"), at=T0),
            e.ToolsDone(
                task=1,
                run="1.1",
                results=(ToolResult(call_id="call-edit", name="edit", text="done"),),
                changes=(Changed(path="a", blob=blob), Changed(path=f"only-{blob}", blob="x")),
                added=3,
                removed=1,
                at=T0,
            ),
        )
    task = story.task()
    assert {changed.path: changed.blob for changed in task.changes} == {
        "a": None,
        "only-one": "x",
        "only-two": "x",
        "only-None": "x",
    }
    assert task.run is not None
    assert (task.run.added, task.run.removed, task.run.turns) == (3, 1, 3)


def test_an_interrupted_run_goes_on_where_it_was() -> None:
    story = after(Story.running)
    story.happen(
        e.TurnTaken(task=1, run="1.1", turn=turn("", "edit"), at=T0),
        e.ToolsDone(task=1, run="1.1", results=(), changes=(Changed(path="a", blob="x"),), added=2, at=T0),
        e.DirectionStated(task=1, run="1.1", direction="split lexer", at=T0),
        e.RunInterrupted(task=1, run="1.1", reason="gone", at=T0),
    )
    assert story.task().opening == Opening(kind="resume")
    story.running()
    run = story.task().run
    assert run is not None
    assert not run.fresh
    assert (run.id, run.turns, run.added, run.direction) == ("1.2", 1, 2, "split lexer")
    assert story.task().changes == (Changed(path="a", blob="x"),)
    assert story.task().wants_snapshot is False


def test_a_run_interrupted_before_its_first_turn_begins_anew() -> None:
    story = after(Story.running)
    story.happen(e.RunInterrupted(task=1, run="1.1", reason="gone", at=T0))
    assert story.task().opening is None
    story.running()
    run = story.task().run
    assert run is not None
    assert run.fresh


def test_a_reply_interrupted_before_it_was_said_is_said_again() -> None:
    story = after(Story.ready, lambda s: s.requeue("reply", "shorter please"), Story.running)
    story.happen(e.RunInterrupted(task=1, run="1.2", reason="gone", at=T0))
    assert story.task().opening == Opening(kind="reply", text="shorter please")
    story.running()
    story.happen(e.Briefed(task=1, run="1.3", system="", messages=("shorter please",), at=T0))
    story.happen(e.RunInterrupted(task=1, run="1.3", reason="gone", at=T0))
    assert story.task().opening == Opening(kind="resume")


def test_interruptions_in_a_row_are_counted_until_a_turn_is_taken() -> None:
    story = after(Story.running)
    story.happen(e.RunInterrupted(task=1, run="1.1", reason="gone", at=T0))
    story.running().happen(e.RunInterrupted(task=1, run="1.2", reason="gone", at=T0))
    assert story.task().idle_interruptions == 2
    story.running().happen(e.TurnTaken(task=1, run="1.3", turn=turn("a"), at=T0))
    assert story.task().idle_interruptions == 0


def test_a_retry_starts_over_from_a_new_snapshot() -> None:
    story = after(Story.running)
    story.happen(
        e.TurnTaken(task=1, run="1.1", turn=turn("", "edit"), at=T0),
        e.ToolsDone(task=1, run="1.1", results=(), changes=(Changed(path="a", blob="x"),), at=T0),
    )
    story.ready()
    story.requeue("retry")
    assert story.task().wants_snapshot
    story.running()
    assert story.task().changes == ()
    run = story.task().run
    assert run is not None
    assert (run.fresh, run.turns) == (True, 0)


def test_the_result_stays_until_the_next_run_has_one() -> None:
    story = after(Story.ready, lambda s: s.requeue("reply", "more"))
    old = story.items()
    story.running()
    story.do(w.Judge(task=1, items=tuple(old[:1]), verdict="rejected"))
    assert story.task().state == "running"
    assert story.task().verdicts == {old[0]: "rejected"}
    story.ready()
    assert story.task().verdicts == {}
    assert set(story.items()).isdisjoint(old)


def test_the_proof_of_an_accept_counts_after_the_result_was_replaced() -> None:
    story = after(Story.ready, lambda s: s.requeue("reply", "more"))
    item = story.items()[0]
    begin = w.BeginAccept(task=1, items=(item,), path="src/lexer.py", before_id="x", after_id="y")
    story.do(begin)
    story.ready()
    proof = Accepted(path="src/lexer.py", items=(item,), before_id="x", after_id="y", at=T0)
    story.do(w.Judge(task=1, items=(item,), verdict="accepted", accepted=proof))
    task = story.task()
    assert (task.state, task.accepting, task.accepts, task.verdicts) == ("ready", (), (proof,), {})
    story.do(w.TakeBack(task=1, items=(item,)))
    assert story.task().accepts == ()


def test_a_note_is_gone_once_a_turn_has_read_it() -> None:
    story = after(lambda s: s.do(w.Steer(task=1, note="first")), Story.running)
    story.do(w.Steer(task=1, note="second"))
    story.happen(
        e.TurnTaken(task=1, run="1.1", turn=turn("", "read"), at=T0),
        e.ToolsDone(task=1, run="1.1", results=(), messages=("first",), notes_read=1, at=T0),
    )
    assert story.task().notes == ("second",)


def test_an_answer_is_recorded_with_who_gave_it() -> None:
    story = after(asking)
    asked = story.task().question
    assert isinstance(asked, Question)
    story.do(w.GiveAnswer(task=1, answer="remove"))
    assert story.task().answers == (Answer(question=asked, answer="remove", by="person", at=story.now),)
    assert story.task().opening == Opening(kind="answer", text="remove")


def test_dismissed_findings_do_not_come_back() -> None:
    story = after(lambda s: s.ready(hunks=0, findings=2))
    story.do(w.Dismiss(task=1, items=("1.1/finding:1",)))
    story.do(w.Dismiss(task=1))
    assert story.task().state == "rejected"
    story.requeue("retry")
    story.ready(hunks=1, findings=2)
    assert story.task().verdicts == {"1.2/finding:1": "dismissed", "1.2/finding:2": "dismissed"}
    assert story.task().open_items == ("1.2/src/lexer.py:1",)


def test_another_review_of_the_file_does_not_bring_up_what_was_dismissed() -> None:
    story = after(lambda s: s.ready(hunks=1, findings=2))
    story.do(w.Dismiss(task=1, items=("1.1/finding:1",)))
    story.delegated()
    assert story.task(2).dismissed_findings == story.task(1).dismissed_findings != ()
    story.ready(2, hunks=1, findings=2)
    assert story.task(2).verdicts == {"2.1/finding:1": "dismissed"}


def test_a_renamed_folder_takes_every_place_of_a_task_with_it() -> None:
    story = after(lambda s: s.ready(findings=1))
    story.do(w.BeginAccept(task=1, items=(story.items()[0],), path="src/lexer.py", before_id="x", after_id="y"))
    story.do(w.RenamePath(old="src", new="lib/core"))
    task = story.task()
    assert task.target.path == "lib/core/lexer.py"
    assert task.result is not None
    assert task.result.proposal.files[0].path == "lib/core/lexer.py"
    assert task.result.findings[0].anchor.path == "lib/core/lexer.py"
    assert task.accepting[0].path == "lib/core/lexer.py"
    assert story.do(w.RenamePath(old="src", new="other")) == ()


def test_a_rename_can_be_of_some_tasks_only() -> None:
    story = after(lambda s: s.ready())
    assert story.do(w.RenamePath(old="src", new="lib", tasks=(7,))) == ()
    story.do(w.RenamePath(old="src", new="lib", tasks=(1,)))
    assert story.task().target.path == "lib/lexer.py"


def test_the_agents_own_rename_keeps_both_of_its_names() -> None:
    file = FileChange(path="new.py", base_id="x", proposed_id="x", renamed_from="old.py", hunks=())
    assert file_renamed(file, "old.py", "new.py") == file, "it was accepted"
    assert file_renamed(file, "new.py", "old.py") == file, "it was undone"
    mine = file_renamed(file, "old.py", "mine.py")
    assert (mine.path, mine.renamed_from) == ("new.py", "mine.py")


def test_accepting_from_one_attempt_folds_the_others_without_rejecting_them() -> None:
    story = Story().delegated(3, attempts=True)
    for number in (1, 2, 3):
        story.ready(number)
    assert [folded(story.state, story.task(n)) for n in (1, 2, 3)] == [None, None, None]
    story.do(w.Judge(task=2, items=tuple(story.items(2)[:1]), verdict="accepted"))
    assert [folded(story.state, story.task(n)) for n in (1, 2, 3)] == [2, None, 2]
    assert [story.task(n).state for n in (1, 2, 3)] == ["ready", "ready", "ready"]
    story.do(w.TakeBack(task=2))
    assert [folded(story.state, story.task(n)) for n in (1, 2, 3)] == [None, None, None]


def test_a_group_with_several_targets_is_never_folded() -> None:
    story = Story().delegated(2)
    story.ready(1).ready(2)
    story.do(w.Judge(task=1, items=(), verdict="accepted"))
    assert folded(story.state, story.task(2)) is None


COMMANDS: tuple[typing.Callable[[Story, int, int], w.Command], ...] = (
    lambda s, n, i: w.Delegate(recipe="fix", instruction="x", new=new_tasks(1 + i % 3), attempts=i % 2 == 0),
    lambda s, n, i: w.Steer(task=n, note="note"),
    lambda s, n, i: w.GiveAnswer(task=n, answer=f"answer {i}"),
    lambda s, n, i: w.Cancel(task=n, keep=i % 3 == 0),
    lambda s, n, i: w.Look(task=n),
    lambda s, n, i: w.BeginAccept(task=n, items=some(s, n, i), path=f"p{i % 2}", before_id="x", after_id="y"),
    lambda s, n, i: w.DropAccept(task=n, path=f"p{i % 2}", reason="no proof"),
    lambda s, n, i: proof(s, n, i),
    lambda s, n, i: w.Judge(task=n, items=some(s, n, i), verdict=("accepted", "rejected", "dismissed")[i % 3]),
    lambda s, n, i: w.TakeBack(task=n, items=tuple(s.state.tasks[n].verdicts)[: i % 3] if n in s.state.tasks else ()),
    lambda s, n, i: w.Dismiss(task=n),
    lambda s, n, i: w.Requeue(
        task=n,
        opening=Opening(kind=("retry", "reply", "refit", "continue")[i % 4], text="go on"),  # pyright: ignore[reportArgumentType]
    ),
    lambda s, n, i: w.RenamePath(old="src", new=f"src{i}"),
    lambda s, n, i: w.Waive(task=n, rule=("reading", "budget", "after", "nonsense")[i % 4]),
    lambda s, n, i: w.SetOrder(task=n, after=i),
    lambda s, n, i: w.RaiseBudget(task=(0, n)[i % 2], budget_usd=float(i), day=DAY),
    lambda s, n, i: w.EditProposal(task=n, result=edited(s, n, i)),
)


def new_tasks(count: int) -> tuple[w.NewTask, ...]:
    return tuple(w.NewTask(target=result_target(i), agent="opus") for i in range(count))


def result_target(i: int) -> typing.Any:
    from domain import target

    return target(line=i)


def some(story: Story, number: int, i: int) -> tuple[str, ...]:
    task = story.state.tasks.get(number)
    if task is None or task.result is None:
        return ("9.9/x:1",)
    return task.result.items[: i % 3]


def proof(story: Story, number: int, i: int) -> w.Judge:
    task = story.state.tasks.get(number)
    opened = (
        task.accepting[0]
        if task is not None and task.accepting
        else OpenAccept(path="p0", items=some(story, number, i), before_id="x", after_id="y", at=T0)
    )
    done = Accepted(path=opened.path, items=opened.items, before_id="x", after_id="y", at=T0)
    return w.Judge(task=number, items=opened.items, verdict="accepted", accepted=done)


def edited(story: Story, number: int, i: int) -> typing.Any:
    task = story.state.tasks.get(number)
    run = task.result.run if task is not None and task.result is not None else "9.9"
    return result(run, hunks=1 + i % 2)


def facts(story: Story, number: int, i: int) -> typing.Sequence[e.Event]:
    """Something that a run or the snapshotter could report about the task, also of a run that is not the current one."""
    task = story.state.tasks.get(number)
    if task is None:
        return ()
    at = story.now
    if task.state == "queued":
        if task.wants_snapshot:
            return (
                (e.SnapshotFailed(task=number, cause=cause("snapshot"), at=at),)
                if i % 7 == 0
                else (e.SnapshotTaken(task=number, snapshot=snapshot(), at=at),)
            )
        fresh = task.opening is None or task.opening.kind == "retry"
        run = f"{number}.{len(task.runs) + 1}"
        return (e.RunStarted(task=number, run=run, agent="opus", fresh=fresh, at=at),)
    if task.run is None:
        return ()
    run = task.run.id if i % 5 else f"{number}.99"
    fact = (
        e.Briefed(task=number, run=run, system="s", messages=("m",), at=at),
        e.TurnTaken(task=number, run=run, turn=turn("t", "edit", cost=(0.5, None)[i % 2]), day=DAY, at=at),
        e.ToolsDone(
            task=number,
            run=run,
            results=(),
            notes_read=min(1, len(task.notes)),
            changes=(Changed(path="a", blob="b"),),
            at=at,
        ),
        e.DirectionStated(task=number, run=run, direction="there", at=at),
        e.Asked(task=number, run=run, question=question(run), at=at),
        e.RunFinished(task=number, run=run, result=result(run, hunks=i % 3, findings=i % 2), at=at),
        e.RunFailed(task=number, run=run, cause=cause(), at=at),
        e.RunFailed(task=number, run=run, cause=cause(), result=result(run), at=at),
        e.RunInterrupted(task=number, run=run, reason="gone", at=at),
    )[i % 9]
    return (fact,) if admit(story.state, fact) else ()


STEPS = st.lists(
    st.tuples(st.integers(0, len(COMMANDS) * 2), st.integers(1, 4), st.integers(0, 60)), min_size=1, max_size=60
)


def told(steps: typing.Sequence[tuple[int, int, int]]) -> Story:
    """A story of random wishes and facts; whatever `decide` and `admit` let through must be in the table."""
    story = Story().delegated(2)
    for what, number, i in steps:
        if what < len(COMMANDS):
            story.do(COMMANDS[what](story, number, i))
        else:
            story.now += 1
            story.happen(*facts(story, number, i))
    return story


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_accepted_events_never_leave_the_table_and_fold_to_one_state(steps: list[tuple[int, int, int]]) -> None:
    story = told(steps)
    assert fold(State(), story.events) == story.state
    assert fold(State(), story.events) == story.state
    half = len(story.events) // 2
    checkpoint = e.Checkpoint(state=fold(State(), story.events[:half]), at=T0)
    assert fold(State(), (checkpoint, *story.events[half:])) == story.state
    read_back = msgspec.json.decode(msgspec.json.encode(story.events), type=list[e.Event])
    assert fold(State(), read_back) == story.state


@settings(max_examples=100, deadline=None)
@given(STEPS)
def test_states_agree_with_what_is_in_the_task(steps: list[tuple[int, int, int]]) -> None:
    for task in told(steps).state.tasks.values():
        assert (task.question is not None) == (task.state == "asking")
        assert (task.run is not None and task.run.end == "") == (task.state == "running")
        if task.state in ("accepted", "ready"):
            assert task.result is not None or "accepted" in task.verdicts.values()
        if task.state == "ready":
            assert task.open_items
        if task.state == "accepted":
            assert "accepted" in task.verdicts.values()
        if task.state == "failed":
            assert task.failure is not None
