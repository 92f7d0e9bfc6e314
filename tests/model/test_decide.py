from __future__ import annotations

from collections.abc import Callable

import pytest

from backburner.model import events as e
from backburner.model import wishes as w
from backburner.model.budget import DayBudget, day_budget, is_task_spent, known_cost, usd
from backburner.model.decide import decide
from backburner.model.evolve import fold
from backburner.model.result import Changed
from backburner.model.task import Accepted, Opening, State
from backburner.model.wishes import Command, Refusal
from domain import DAY, T0, Story, cause, delegate, question, result, turn

PATH = "src/lexer.py"


def asking(story: Story) -> None:
    story.running().happen(e.Asked(task=1, run="1.1", question=question("1.1"), at=story.now))


def failed(story: Story) -> None:
    story.running().happen(e.RunFailed(task=1, run="1.1", cause=cause(), at=story.now))


def report(story: Story) -> None:
    story.ready(hunks=0)


def two_runs(story: Story) -> None:
    story.ready()
    story.requeue("reply", "more")
    story.ready()


def accept_open(story: Story) -> None:
    story.ready()
    story.do(begin("1.1/src/lexer.py:1"))


def begin(*items: str, task: int = 1, path: str = PATH) -> w.BeginAccept:
    return w.BeginAccept(task=task, items=items, path=path, before_id="x", after_id="y")


def judge(*items: str, verdict: str = "accepted") -> w.Judge:
    return w.Judge(task=1, items=items, verdict=verdict)  # pyright: ignore[reportArgumentType]


def requeue(kind: str, text: str = "") -> w.Requeue:
    return w.Requeue(task=1, opening=Opening(kind=kind, text=text))  # pyright: ignore[reportArgumentType]


def nothing(story: Story) -> None:
    pass


def accepted(story: Story) -> None:
    story.ready()
    story.do(judge())


REFUSED: list[tuple[str, Callable[[Story], object], Command, str, str]] = [
    ("a task that is not there", nothing, w.Look(task=7), "unknown_task", "#7; the last one is #1"),
    ("no target", nothing, w.Delegate(recipe="fix", instruction="", new=()), "no_target", "no target"),
    ("after a task that is not there", nothing, delegate(after=9), "unknown_task", "no task #9"),
    ("verdict before a result", nothing, judge(), "no_result", "#1 has no result yet"),
    ("verdict while running", Story.running, judge(), "no_result", "no result"),
    ("verdict twice", accepted, judge("1.1/src/lexer.py:1"), "already_decided", "is accepted already"),
    ("verdict on everything twice", accepted, judge(), "already_decided", "#1 is decided already"),
    ("verdict on an unknown hunk", Story.ready, judge("1.1/src/lexer.py:9"), "unknown_item", "1.1/src/lexer.py:9"),
    ("verdict on an earlier result", two_runs, judge("1.1/src/lexer.py:1"), "old_result", "the present one is 1.2"),
    ("verdict on what is being accepted", accept_open, judge("1.1/src/lexer.py:1"), "busy", "into lexer.py"),
    ("second accept of a path", accept_open, begin("1.1/src/lexer.py:2"), "busy", "into lexer.py"),
    ("accept of nothing", Story.ready, begin(), "bad_arguments", "names the hunks"),
    ("dropping what is not open", Story.ready, w.DropAccept(task=1, path=PATH, reason=""), "no_open_accept", PATH),
    ("take back without a verdict", Story.ready, w.TakeBack(task=1), "not_decided", "no verdict"),
    (
        "take back of an open hunk",
        accepted,
        w.TakeBack(task=1, items=("1.1/src/lexer.py:7",)),
        "not_decided",
        "no verdict",
    ),
    ("dismissing a change", Story.ready, w.Dismiss(task=1), "has_changes", "Accept or reject"),
    ("dismissing what runs", Story.running, w.Dismiss(task=1), "still_live", "Stop it"),
    ("dismissing twice", accepted, w.Dismiss(task=1), "already_decided", "decided"),
    ("reply to a running task", Story.running, requeue("reply", "x"), "running", "Tell it"),
    ("reply to a queued task", nothing, requeue("reply", "x"), "queued", "Tell it"),
    ("reply to a question", asking, requeue("reply", "x"), "asking", "Answer it"),
    ("reply without text", Story.ready, requeue("reply", "  "), "bad_arguments", "no text"),
    ("reply while accepting", accept_open, requeue("reply", "x"), "busy", "lexer.py"),
    ("refit of what is decided", accepted, requeue("refit"), "already_decided", "decided already"),
    ("refit without a change", report, requeue("refit"), "no_result", "no change to refit"),
    ("continue without anything", failed, requeue("continue"), "no_result", "Run again"),
    ("resume by hand", Story.ready, requeue("resume"), "bad_arguments", "by itself"),
    ("a note to a finished task", Story.ready, w.Steer(task=1, note="x"), "not_running", "Reply"),
    ("an empty note", Story.running, w.Steer(task=1, note=" "), "bad_arguments", "no text"),
    ("answer without a question", Story.running, w.GiveAnswer(task=1, answer="x"), "no_question", "asks nothing"),
    ("empty answer", asking, w.GiveAnswer(task=1, answer=""), "bad_arguments", "no answer"),
    ("default before its time", asking, w.GiveAnswer(task=1, answer="", by_default=True), "too_early", "waits"),
    ("stopping what has ended", Story.ready, w.Cancel(task=1), "not_running", "not running"),
    ("keeping what has not started", nothing, w.Cancel(task=1, keep=True), "not_running", "no draft"),
    ("waiving after the start", Story.running, w.Waive(task=1, rule="reading"), "not_queued", "does not wait"),
    ("waiving a missing key", nothing, w.Waive(task=1, rule="no_key"), "bad_arguments", "cannot start"),
    ("order after the start", Story.running, w.SetOrder(task=1, after=None), "not_queued", "not wait"),
    ("order after nobody", nothing, w.SetOrder(task=1, after=5), "unknown_task", "#5"),
    ("order after itself", nothing, w.SetOrder(task=1, after=1), "cycle", "cannot wait for itself"),
    ("no money", nothing, w.RaiseBudget(task=1, budget_usd=0), "bad_arguments", "more than $0"),
    ("a budget that is no number", nothing, w.RaiseBudget(task=1, budget_usd=float("nan")), "bad_arguments", "$0"),
    ("the day's limit without a day", nothing, w.RaiseBudget(task=0, budget_usd=5), "bad_arguments", "which day"),
    (
        "editing an earlier result",
        two_runs,
        w.EditProposal(task=1, result=result("1.1")),
        "old_result",
        "present one is 1.2",
    ),
]


@pytest.mark.parametrize(
    ("before", "command", "reason", "words"), [row[1:] for row in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_refused(before: Callable[[Story], object], command: Command, reason: str, words: str) -> None:
    story = Story().delegated()
    before(story)
    state = story.state
    refusal = story.do(command)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == reason
    assert words in refusal.sentence
    assert refusal.sentence.endswith((".", "!"))
    assert story.state is state


def test_nothing_was_delegated_yet() -> None:
    refusal = decide(State(), w.Look(task=1), T0)
    assert isinstance(refusal, Refusal)
    assert "nothing was delegated here yet" in refusal.sentence


def test_one_delegation_with_several_targets_is_a_group() -> None:
    story = Story().delegated(1).delegated(3)
    assert sorted(story.state.tasks) == [1, 2, 3, 4]
    assert [task.group for task in story.state.tasks.values()] == [1, 2, 2, 2]
    assert story.state.delegations[2].tasks == (2, 3, 4)
    assert story.state.next_number == 5


def test_a_longer_cycle_is_refused() -> None:
    story = Story().delegated().delegated(after=1).delegated(after=2)
    refusal = story.do(w.SetOrder(task=1, after=3))
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "cycle"


def test_what_is_so_already_is_no_event() -> None:
    story = Story().delegated().ready()
    story.do(w.Look(task=1))
    assert story.do(w.Look(task=1)) == ()
    story.requeue("retry")
    story.do(w.Waive(task=1, rule="reading"))
    assert story.do(w.Waive(task=1, rule="reading")) == ()
    assert story.do(w.SetOrder(task=1, after=None)) == ()


def test_an_accept_is_open_from_its_beginning_to_its_proof() -> None:
    story = Story().delegated().ready()
    item = story.items()[0]
    story.do(begin(item))
    assert [accept.items for accept in story.task().accepting] == [(item,)]
    proof = Accepted(path=PATH, items=(item,), before_id="x", after_id="y", at=T0)
    story.do(w.Judge(task=1, items=(item,), verdict="accepted", accepted=proof))
    assert story.task().accepting == ()
    assert story.task().accepts == (proof,)
    assert story.task().verdicts == {item: "accepted"}


def test_a_dropped_accept_leaves_everything_open() -> None:
    story = Story().delegated().ready()
    story.do(begin(story.items()[0]))
    story.do(w.DropAccept(task=1, path=PATH, reason="the editor changed something else"))
    assert story.task().accepting == ()
    assert len(story.task().open_items) == 2


def test_two_tasks_cannot_accept_into_one_file_at_once() -> None:
    story = Story().delegated(2)
    story.ready(1).ready(2)
    story.do(begin(story.items(1)[0]))
    refusal = story.do(begin(story.items(2)[0], task=2))
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "busy"
    assert not isinstance(story.do(begin(story.items(2)[0], task=2, path="src/other.py")), Refusal)


def test_proof_without_a_beginning_counts_when_the_hunk_is_still_open() -> None:
    story = Story().delegated().ready()
    item = story.items()[0]
    proof = Accepted(path=PATH, items=(item,), before_id="x", after_id="y", at=T0)
    story.do(w.Judge(task=1, items=(item,), verdict="accepted", accepted=proof))
    assert story.task().verdicts == {item: "accepted"}


def test_an_accept_taken_back_is_open_again() -> None:
    story = Story().delegated().ready()
    story.do(judge())
    assert story.task().state == "accepted"
    story.do(w.TakeBack(task=1, items=(story.items()[1],)))
    assert story.task().state == "ready"
    assert story.task().open_items == (story.items()[1],)


def test_dismiss_takes_findings_and_leaves_hunks() -> None:
    story = Story().delegated().ready(hunks=1, findings=2)
    story.do(w.Dismiss(task=1))
    assert story.task().open_items == ("1.1/src/lexer.py:1",)
    assert story.task().state == "ready"


def test_a_report_is_one_item_to_dismiss() -> None:
    story = Story().delegated().ready(hunks=0)
    assert story.items() == ("1.1/report",)
    story.do(w.Dismiss(task=1))
    assert story.task().state == "rejected"


def test_the_default_answer_is_taken_at_its_deadline_and_can_be_changed() -> None:
    story = Story().delegated()
    asking(story)
    story.now = T0 + 600
    story.do(w.GiveAnswer(task=1, answer="", by_default=True))
    assert story.task().answers[-1].answer == "keep"
    assert story.task().answers[-1].by == "default"
    story.running()
    story.do(w.GiveAnswer(task=1, answer="remove"))
    assert story.task().answers[-1].answer == "remove"
    assert "remove" in story.task().notes[-1]


def test_changing_an_answer_after_the_end_replies_with_it() -> None:
    story = Story().delegated()
    asking(story)
    story.do(w.GiveAnswer(task=1, answer="keep"))
    story.ready()
    story.do(w.GiveAnswer(task=1, answer="remove"))
    assert story.task().state == "queued"
    opening = story.task().opening
    assert opening is not None
    assert opening.kind == "reply"
    assert "remove" in opening.text


def test_a_requeue_may_name_another_agent() -> None:
    story = Story().delegated().ready()
    story.do(w.Requeue(task=1, opening=Opening(kind="retry"), agent="codex", effort="high"))
    assert (story.task().agent, story.task().effort) == ("codex", "high")


def test_stop_and_keep_is_left_to_the_run() -> None:
    story = Story().delegated().running()
    refusal = story.do(w.Cancel(task=1, keep=True))
    assert isinstance(refusal, w.Refusal)
    assert "no draft yet" in refusal.sentence
    changed = Changed(path="src/lexer.py", blob="ab")
    story.happen(e.ToolsDone(task=1, run=story.run(), results=(), changes=(changed,), added=1, removed=0, at=T0))
    assert story.do(w.Cancel(task=1, keep=True)) == ()
    assert story.task().state == "running"


def test_a_limit_raised_in_one_project_counts_in_all() -> None:
    one = fold(State(spent={DAY: 6.0}), (e.BudgetRaised(task=0, budget_usd=20, day=DAY, at=T0),))
    other = State(spent={DAY: 5.0, "2027-01-14": 100.0})
    budget = day_budget(DAY, 10.0, (one, other))
    assert budget == DayBudget(day=DAY, spent_usd=11.0, limit_usd=20.0)
    assert not budget.is_spent
    assert day_budget("2027-01-14", 10.0, (one, other)).is_spent
    assert not day_budget(DAY, None, (one, other)).is_spent


def test_an_unknown_price_never_counts_as_spent() -> None:
    story = Story().delegated().running()
    story.happen(e.TurnTaken(task=1, run="1.1", turn=turn("x", cost=None), day=DAY, at=T0))
    assert known_cost(story.task()) == 0
    assert not is_task_spent(story.task(), 1.0)
    story.happen(e.RunInterrupted(task=1, run="1.1", reason="", at=T0))
    story.running().happen(e.TurnTaken(task=1, run="1.2", turn=turn("x", cost=1.5), day=DAY, at=T0))
    assert is_task_spent(story.task(), 1.0)
    assert not is_task_spent(story.task(), None)
    story.do(w.RaiseBudget(task=1, budget_usd=3))
    assert not is_task_spent(story.task(), 1.0)


def test_a_task_that_its_budget_stopped_goes_on_where_it_was_when_that_is_raised() -> None:
    story = Story().delegated().running()
    story.happen(e.TurnTaken(task=1, run="1.1", turn=turn("x", cost=1.5), day=DAY, at=T0))
    story.happen(e.RunFailed(task=1, run="1.1", cause=cause("budget"), at=T0))
    story.do(w.RaiseBudget(task=1, budget_usd=1.2))
    assert story.task().state == "failed"
    story.do(w.RaiseBudget(task=1, budget_usd=3))
    assert (story.task().state, story.task().failure) == ("queued", None)
    assert story.task().opening == Opening(kind="resume")
    assert not story.task().wants_snapshot
    story.running()
    assert not story.task().runs[-1].fresh


def test_money_as_people_write_it() -> None:
    assert [usd(x) for x in (None, 0, 10.0, 1.84, 0.5, 0.001)] == [
        "price unknown", "$0", "$10", "$1.84", "$0.50", "under $0.01",
    ]  # fmt: skip
