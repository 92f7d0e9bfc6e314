"""What belongs to the person and not to one project: today's spending, the places for runs, the pauses of providers.

In memory only: everything in it follows from the journals (of loaded projects their states, of others today's turns) and
from what workers say. Decides nothing; `engine/schedule.py` gets its numbers.
"""

from __future__ import annotations

from pathlib import Path

from backburner.model.budget import DayBudget, day_budget
from backburner.model.events import TurnTaken
from backburner.model.task import State
from backburner.store.journal import JournalError, turns_since


class Ledger:
    """One per daemon."""

    def __init__(self) -> None:
        self._states: dict[str, State] = {}
        """By root: the last state of every project that is or was loaded, or what of it is known without loading."""
        self._running: dict[str, int] = {}
        self._pauses: dict[str, float] = {}

    @property
    def running(self) -> int:
        """Runs at work in all projects."""
        return sum(self._running.values())

    def put(self, root: str, state: State, running: int) -> bool:
        """The state of a project now. True when others may have reason to look again: a place or money is free."""
        before = self._running.get(root, 0)
        raised = root in self._states and self._states[root].day_budget_raised != state.day_budget_raised
        self._states[root] = state
        self._running[root] = running
        return running < before or raised

    def rest(self, root: str) -> None:
        """The project is no longer loaded; what it spent still counts."""
        self._running.pop(root, None)

    def budget(self, day: str, limit_usd: float | None) -> DayBudget:
        return day_budget(day, limit_usd, self._states.values())

    def look_into(self, root: str, journal: Path, day: str, since: float) -> JournalError | None:
        """Count what a project that is not loaded spent since the beginning of the day; why not, when it cannot be read."""
        if root in self._states:
            return None
        spent = 0.0
        try:
            for event in turns_since(journal, since):
                if isinstance(event, TurnTaken) and event.day == day:
                    spent += event.turn.cost_usd or 0.0
        except JournalError as error:
            return error
        self._states[root] = State(spent={day: spent})
        return None

    def pause(self, who: str, until: float) -> None:
        """A provider lets nobody in until then; a later word replaces an earlier one."""
        self._pauses[who] = until

    def paused(self, who: str, now: float) -> float | None:
        """Until when a provider lets nobody in; None when it does."""
        until = self._pauses.get(who)
        return until if until is not None and until > now else None
