"""`schedule`: which queued tasks may start now, and for each of the others the reason why not.

Pure: looks at one project's state and at what the rest of the world allows (`Capacity`). Nothing is remembered between two
calls; a reason that is gone is simply not given again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from backburner.model.budget import WINDOW_S, DayBudget, is_task_spent, task_limit, usd
from backburner.model.evolve import folded
from backburner.model.held import Held, HeldReason
from backburner.model.task import State, Task

LAST_MOMENT_S = 1800.0
"""So long before its time is over, a task that had time counts as one for now."""
RESERVED = 0.25
"""Share of the places that tasks with time leave free for those without."""


class Trouble(Struct, frozen=True, kw_only=True):
    """Why an agent cannot start anything now."""

    reason: HeldReason
    sentence: str
    short: str
    until: float | None = None
    agent: str = ""


class Capacity(Struct, frozen=True, kw_only=True):
    """What the world outside a project's state allows."""

    now: float
    free: int
    """Runs that may start now, over all projects."""
    places: int = 200
    """Runs that may be at work at once, over all projects."""
    day: DayBudget
    task_usd: float | None = None
    """Budget of a task that has none of its own."""
    unread_results: int = 8
    unread_lines: int = 600
    troubles: Mapping[int, Trouble] = {}
    """By task: a missing key, an unknown agent, a provider's limit."""
    worker: Trouble | None = None
    """Why no worker can be had."""
    discounts: Mapping[int, str] = {}
    """By task: what its provider takes off for waiting (`30% off`)."""


class Plan(Struct, frozen=True, kw_only=True):
    start: tuple[int, ...] = ()
    """Tasks to start, in this order."""
    prepare: tuple[int, ...] = ()
    """Tasks that only want a snapshot still."""
    held: Mapping[int, Held] = {}
    """By task; tasks of `prepare` are among them."""


def schedule(state: State, capacity: Capacity) -> Plan:
    """What may start, and what holds the others back."""
    queued = sorted((task for task in state.tasks.values() if task.state == "queued"), key=_order(capacity.now))
    reading = too_much_to_read(state, capacity)
    start: list[int] = []
    prepare: list[int] = []
    held: dict[int, Held] = {}
    waiting = 0
    for task in queued:
        reason = _order_reason(state, task) or _outside_reason(task, capacity) or _reading_reason(task, reading)
        if reason is not None:
            held[task.number] = reason
            continue
        if task.wants_snapshot:
            prepare.append(task.number)
            held[task.number] = _held(task, "snapshot", "Its copy of your files is being made.", "queued")
            continue
        free = capacity.free - len(start)
        if _has_time(task, capacity.now) and free <= RESERVED * capacity.places and "when" not in task.exempt:
            held[task.number] = _in_time(task, capacity)
        elif capacity.worker is not None:
            held[task.number] = _troubled(task, capacity.worker)
        elif free <= 0:
            held[task.number] = _in_line(task, waiting)
            waiting += 1
        else:
            start.append(task.number)
    return Plan(start=tuple(start), prepare=tuple(prepare), held=held)


def too_much_to_read(state: State, capacity: Capacity) -> str:
    """What the person should read first (`8 results to read`); empty while that is below the limit.

    A group counts once, a report not at all, an attempt that was passed over neither.
    """
    groups: set[int] = set()
    lines = 0
    for task in state.tasks.values():
        result = task.result
        if task.state != "ready" or task.seen or result is None or folded(state, task) is not None:
            continue
        if not result.proposal.files and not result.findings:
            continue
        groups.add(task.group)
        lines += result.proposal.added + result.proposal.removed
    if len(groups) >= capacity.unread_results:
        return f"{len(groups)} results to read"
    return f"{lines} lines to read" if lines >= capacity.unread_lines else ""


def deadline(task: Task) -> float:
    """When the task must have been started for its time to be kept."""
    return task.queued_at + WINDOW_S[task.when]


def _order(now: float) -> Callable[[Task], tuple[int, float, int]]:
    """Answered questions first, then runs that were interrupted, then the queue; tasks with time come last."""

    def key(task: Task) -> tuple[int, float, int]:
        kind = task.opening.kind if task.opening is not None else ""
        if kind == "answer":
            return (0, task.since, task.number)
        if kind == "resume":
            return (1, task.since, task.number)
        if _has_time(task, now):
            return (3, deadline(task), task.number)
        return (2, task.since, task.number)

    return key


def _has_time(task: Task, now: float) -> bool:
    return task.when != "now" and now < deadline(task) - LAST_MOMENT_S


def _order_reason(state: State, task: Task) -> Held | None:
    """What it waits for within its own project."""
    other = folded(state, task) if not task.runs else None
    if other is not None and "folded" not in task.exempt:
        return _held(task, "folded", f"You took #{other} in place of this one.", f"waits: #{other} was taken")
    awaited = state.tasks.get(task.after) if task.after is not None else None
    if awaited is None or "after" in task.exempt:
        return None
    name = f"#{awaited.number}"
    match awaited.state:
        case "ready" | "accepted":
            return None
        case "failed" | "cancelled" | "rejected":
            was = {"failed": "failed", "cancelled": "was stopped", "rejected": "was rejected"}[awaited.state]
            was = "was dismissed" if awaited.is_dismissed else was
            sentence = f"{name} {was}. Start from what is on the screen, or drop this one."
            return _held(task, "after_failed", sentence, f"waits: {name} {was}")
        case _:
            return _held(task, "after", f"It starts when {name} is ready.", f"after {name}")


def _outside_reason(task: Task, capacity: Capacity) -> Held | None:
    """What the world outside does not allow."""
    trouble = capacity.troubles.get(task.number)
    if trouble is not None:
        return _troubled(task, trouble)
    if "budget" in task.exempt:
        return None
    if is_task_spent(task, capacity.task_usd):
        limit = usd(task_limit(task, capacity.task_usd))
        sentence = f"Its budget of {limit} is spent. Raise it to go on."
        return _held(task, "budget", sentence, f"waits: its {limit} is spent")
    if capacity.day.is_spent:
        limit = usd(capacity.day.limit_usd)
        sentence = f"Today's budget of {limit} is spent. Raise it, or wait until tomorrow."
        return _held(task, "day_budget", sentence, f"waits: today's {limit} is spent")
    return None


def _reading_reason(task: Task, reading: str) -> Held | None:
    going_on = task.opening is not None and task.opening.kind in ("answer", "resume")
    if not reading or going_on or "reading" in task.exempt:
        return None
    return _held(task, "reading", f"You have {reading}. Read one, or start this anyway.", f"waits: {reading}")


def _in_time(task: Task, capacity: Capacity) -> Held:
    discount = capacity.discounts.get(task.number, "")
    ending = f", {discount}" if discount else ""
    return Held(
        task=task.number,
        reason="when",
        sentence="It has time until {until} and lets others go first.",
        short="by {until}" + ending,
        until=deadline(task),
    )


def _in_line(task: Task, ahead: int) -> Held:
    if ahead == 0:
        return _held(task, "capacity", "It is the next to start when a place is free.", "queued")
    plural = "task starts" if ahead == 1 else "tasks start"
    sentence = f"{ahead} {plural} before it when a place is free."
    return Held(task=task.number, reason="capacity", sentence=sentence, short=f"queued, {ahead} ahead", ahead=ahead)


def _troubled(task: Task, trouble: Trouble) -> Held:
    return Held(
        task=task.number,
        reason=trouble.reason,
        sentence=trouble.sentence,
        short=trouble.short,
        until=trouble.until,
        agent=trouble.agent,
    )


def _held(task: Task, reason: HeldReason, sentence: str, short: str) -> Held:
    return Held(task=task.number, reason=reason, sentence=sentence, short=short)
