from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from backburner.engine.schedule import Capacity, Trouble, schedule
from backburner.model import events as e
from backburner.model import wishes as w
from backburner.model.budget import DayBudget
from domain import DAY, T0, Story, cause, delegate, question, turn

OPEN = Capacity(now=T0, free=200, day=DayBudget(day=DAY, spent_usd=0.0, limit_usd=10.0), task_usd=2.0)


def snapped(count: int = 1, **options: object) -> Story:
    story = Story().delegated(count, **options)
    for number in list(story.state.tasks):
        if story.task(number).wants_snapshot:
            story.snapped(number)
    return story


def test_a_task_with_its_snapshot_starts() -> None:
    plan = schedule(snapped().state, OPEN)
    assert plan.start == (1,)
    assert plan.held == {}


def test_a_task_without_snapshot_waits_for_it_alone() -> None:
    plan = schedule(Story().delegated().state, OPEN)
    assert (plan.start, plan.prepare, plan.held[1].short) == ((), (1,), "queued")


def test_places_are_given_in_order_and_the_rest_know_how_many_are_ahead() -> None:
    plan = schedule(snapped(5).state, replace(OPEN, free=2))
    assert plan.start == (1, 2)
    assert [plan.held[n].short for n in (3, 4, 5)] == ["queued", "queued, 1 ahead", "queued, 2 ahead"]
    assert plan.held[5].ahead == 2


def test_answered_questions_come_first_then_interrupted_runs() -> None:
    story = snapped(4)
    story.running(3).happen(
        e.TurnTaken(task=3, run="3.1", turn=turn("x"), at=T0),
        e.RunInterrupted(task=3, run="3.1", reason="gone", at=story.now),
    )
    story.running(4).happen(e.Asked(task=4, run="4.1", question=question("4.1"), at=story.now))
    story.do(w.GiveAnswer(task=4, answer="keep"))
    assert schedule(story.state, OPEN).start == (4, 3, 1, 2)


def after_failed(story: Story) -> None:
    story.running(1).happen(e.RunFailed(task=1, run="1.1", cause=cause(), at=story.now))


def after_cancelled(story: Story) -> None:
    story.do(w.Cancel(task=1))


def after_rejected(story: Story) -> None:
    story.ready(1)
    story.do(w.Judge(task=1, items=(), verdict="rejected"))


def after_dismissed(story: Story) -> None:
    after_failed(story)
    story.do(w.Dismiss(task=1))


def waived(story: Story) -> None:
    story.do(w.Waive(task=2, rule="after"))


AFTER: list[tuple[str, Callable[[Story], object], str | None]] = [
    ("queued", lambda s: None, "after #1"),
    ("running", lambda s: s.running(1), "after #1"),
    ("ready", lambda s: s.ready(1), None),
    ("accepted", lambda s: (s.ready(1), s.do(w.Judge(task=1, items=(), verdict="accepted"))), None),
    ("failed", after_failed, "waits: #1 failed"),
    ("cancelled", after_cancelled, "waits: #1 was stopped"),
    ("rejected", after_rejected, "waits: #1 was rejected"),
    ("dismissed", after_dismissed, "waits: #1 was dismissed"),
    ("waived", waived, None),
]


@pytest.mark.parametrize(("before", "short"), [row[1:] for row in AFTER], ids=[row[0] for row in AFTER])
def test_a_task_starts_after_the_one_it_waits_for(before: Callable[[Story], object], short: str | None) -> None:
    story = snapped().delegated(after=1)
    before(story)
    plan = schedule(story.state, OPEN)
    if short is None:
        assert 2 in plan.prepare
    else:
        assert plan.held[2].short == short
        assert plan.held[2].rule == "after"


def unread(count: int, **shape: object) -> Story:
    story = Story()
    for _ in range(count):
        story.delegated()
        story.ready(max(story.state.tasks), **shape)
    return story


def test_too_many_results_to_read_hold_back_new_tasks() -> None:
    story = unread(8)
    story.delegated().snapped(9)
    held = schedule(story.state, OPEN).held[9]
    assert (held.reason, held.short, held.rule) == ("reading", "waits: 8 results to read", "reading")
    story.do(w.Look(task=3))
    assert schedule(story.state, OPEN).start == (9,)


def test_too_many_lines_to_read_hold_back_new_tasks() -> None:
    story = unread(2, lines=300)
    story.delegated().snapped(3)
    assert schedule(story.state, OPEN).held[3].short == "waits: 600 lines to read"
    assert schedule(story.state, replace(OPEN, unread_lines=601)).start == (3,)


def test_a_group_counts_once_and_a_report_not_at_all() -> None:
    story = Story().delegated(7)
    for number in range(1, 8):
        story.ready(number)
    for _ in range(9):
        story.delegated()
        story.ready(max(story.state.tasks), hunks=0)
    story.delegated()
    last = max(story.state.tasks)
    story.snapped(last)
    assert schedule(story.state, OPEN).start == (last,)


def test_the_reading_limit_can_be_waived_and_never_holds_what_was_begun() -> None:
    story = unread(8)
    story.delegated(3)
    story.snapped(9).running(9).happen(e.Asked(task=9, run="9.1", question=question("9.1"), at=story.now))
    story.do(w.GiveAnswer(task=9, answer="keep"))
    story.snapped(10).do(w.Waive(task=10, rule="reading"))
    story.snapped(11)
    plan = schedule(story.state, OPEN)
    assert plan.start == (9, 10)
    assert plan.held[11].reason == "reading"


def test_a_spent_day_holds_everything_that_is_not_waived() -> None:
    story = snapped(2)
    story.do(w.Waive(task=2, rule="budget"))
    spent = replace(OPEN, day=DayBudget(day=DAY, spent_usd=10.2, limit_usd=10.0))
    plan = schedule(story.state, spent)
    assert plan.start == (2,)
    assert plan.held[1].short == "waits: today's $10 is spent"
    assert schedule(story.state, replace(spent, day=DayBudget(day=DAY, spent_usd=99.0))).start == (1, 2)


def test_a_task_that_spent_its_budget_waits_until_it_is_raised() -> None:
    story = snapped().running()
    story.happen(
        e.TurnTaken(task=1, run="1.1", turn=turn("x", cost=2.5), day=DAY, at=T0),
        e.RunInterrupted(task=1, run="1.1", reason="gone", at=T0),
    )
    assert schedule(story.state, OPEN).held[1].short == "waits: its $2 is spent"
    story.do(w.RaiseBudget(task=1, budget_usd=4))
    assert schedule(story.state, OPEN).start == (1,)


def test_trouble_with_an_agent_holds_its_tasks_only() -> None:
    limit = Trouble(
        reason="paused",
        sentence="Anthropic's limit is reached until {until}.",
        short="waits: Anthropic limit until {until}",
        until=T0 + 60,
    )
    plan = schedule(snapped(2).state, replace(OPEN, troubles={1: limit}))
    assert plan.start == (2,)
    assert plan.held[1].said(lambda _: "14:03") == (
        "Anthropic's limit is reached until 14:03.",
        "waits: Anthropic limit until 14:03",
    )


def test_without_a_worker_everything_waits_with_its_reason() -> None:
    no_worker = Trouble(reason="worker", sentence="The worker does not start.", short="waits: no worker")
    plan = schedule(snapped().state, replace(OPEN, worker=no_worker))
    assert plan.held[1].reason == "worker"
    assert plan.held[1].sentence == "The worker does not start."


def test_tasks_with_time_go_last_and_leave_places_free() -> None:
    story = Story()
    story.do(replace(delegate(2), when="8h"))
    story.do(delegate(1))
    for number in (1, 2, 3):
        story.snapped(number)
    assert schedule(story.state, OPEN).start == (3, 1, 2)
    tight = replace(OPEN, free=2, places=4, discounts={1: "30% off"})
    plan = schedule(story.state, tight)
    assert plan.start == (3,)
    assert plan.held[1].said(lambda _: "18:00")[1] == "by 18:00, 30% off"
    assert plan.held[2].said(lambda _: "18:00")[1] == "by 18:00"
    late = replace(tight, now=T0 + 7.8 * 3600)
    assert schedule(story.state, late).start == (1, 2)


def test_attempts_at_a_target_that_was_taken_do_not_start() -> None:
    story = snapped(3, attempts=True)
    story.ready(1)
    story.do(w.Judge(task=1, items=(), verdict="accepted"))
    plan = schedule(story.state, OPEN)
    assert plan.start == ()
    assert plan.held[2].short == "waits: #1 was taken"
    story.do(w.Waive(task=2, rule="folded"))
    assert schedule(story.state, OPEN).start == (2,)


def test_a_running_task_starts_over_after_the_one_it_overlaps() -> None:
    story = Story().delegated().running().delegated().running(2)
    story.do(w.SetOrder(task=2, after=1))
    assert (story.task(2).state, story.task(2).after, story.task(2).exempt) == ("queued", 1, ())
    held = schedule(story.state, OPEN).held
    assert held[2].short == "after #1"
