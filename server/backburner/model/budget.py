"""Money: limits per task and per day, and the time that makes it cheaper.

That a price is not known is a value (None), never zero and never an error.
Pure. Where a price is unknown, the limits in tokens, turns and time still hold (`model/wire.py`, `Limits`).
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from backburner.model.task import State, Task, When

WINDOW_S: dict[When, float] = {"now": 0.0, "2h": 2 * 3600.0, "8h": 8 * 3600.0}
"""How long a task with time may take."""


class DayBudget(Struct, frozen=True, kw_only=True):
    """What was spent today over all projects, and what may be."""

    day: str
    """`2026-11-25`, the person's local day."""
    spent_usd: float = 0.0
    """What has a known price."""
    limit_usd: float | None = None
    """None: no limit."""

    @property
    def is_spent(self) -> bool:
        return self.limit_usd is not None and self.spent_usd >= self.limit_usd


def day_budget(day: str, limit_usd: float | None, states: Iterable[State]) -> DayBudget:
    """The day's budget over several projects. A limit that was raised in one of them is raised for all."""
    spent = 0.0
    raised: list[float] = []
    for state in states:
        spent += state.spent.get(day, 0.0)
        if day in state.day_budget_raised:
            raised.append(state.day_budget_raised[day])
    if limit_usd is not None and raised:
        limit_usd = max(limit_usd, *raised)
    return DayBudget(day=day, spent_usd=spent, limit_usd=limit_usd)


def known_cost(task: Task) -> float:
    """What is known to have been spent on the task; runs without a known price count as nothing here."""
    return sum(run.cost_usd for run in task.runs if run.cost_usd is not None)


def doubled(limit_usd: float, spent_usd: float) -> float:
    """The limit doubled once, and again until something can be spent: one gesture is enough."""
    usd = 2 * limit_usd
    while 0 < usd <= spent_usd:
        usd *= 2
    return usd


def task_limit(task: Task, default_usd: float | None) -> float | None:
    """The task's own budget, else the one from the settings. None: no limit."""
    return task.budget_usd if task.budget_usd is not None else default_usd


def is_task_spent(task: Task, default_usd: float | None) -> bool:
    limit = task_limit(task, default_usd)
    return limit is not None and known_cost(task) >= limit


def usd(amount: float | None) -> str:
    """`$10`, `$1.84`, `under $0.01`, `price unknown`."""
    if amount is None:
        return "price unknown"
    if 0 < amount < 0.005:
        return "under $0.01"
    return f"${amount:.0f}" if amount == int(amount) else f"${amount:.2f}"
