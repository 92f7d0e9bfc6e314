"""Why a queued task does not run yet, as a value: made by `engine/schedule.py`, shown by `review/`.

Nothing here is stored: after every change all reasons are computed anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

HeldReason = Literal[
    "snapshot",
    "after",
    "after_failed",
    "folded",
    "no_agent",
    "unknown_agent",
    "no_effort",
    "unconfirmed",
    "no_key",
    "paused",
    "budget",
    "day_budget",
    "reading",
    "when",
    "capacity",
    "worker",
]
"""`after_failed`: what it waits for will not come, so it asks: start from the screen, or drop. `folded`: another attempt at
the same target was taken. `budget`: the task's own. `no_agent`: none at all. `no_effort`: the provider does not know
the word. `unconfirmed`: a program with a network of its own, which the person must allow once. `worker`: the program that
runs agents is not there."""

FOR_PERSON: frozenset[HeldReason] = frozenset(
    (
        "after_failed",
        "folded",
        "no_agent",
        "unknown_agent",
        "no_effort",
        "unconfirmed",
        "no_key",
        "budget",
        "day_budget",
        "reading",
    )
)
"""Reasons that do not end by themselves (or not before midnight): whoever only waits would wait in vain."""

RULES: dict[HeldReason, str] = {
    "after": "after",
    "after_failed": "after",
    "folded": "folded",
    "budget": "budget",
    "day_budget": "budget",
    "reading": "reading",
    "when": "when",
}
"""Reasons that the person can waive ("Start anyway"), and the rule that `Waive` names for each."""


class Held(Struct, frozen=True, kw_only=True):
    """One queued task that waits."""

    task: int
    reason: HeldReason
    sentence: str
    """Whole sentence with the next step where there is one; times stand as `{until}` (see `said`)."""
    short: str
    """What stands after `#12 ` in a lens: `queued, 2 ahead`, `waits: 8 results to read`, `after #11`; `{until}` as above."""
    ahead: int = 0
    """How many tasks start before it, when it waits for its turn."""
    until: float | None = None
    """When the wait ends by itself, where that is known."""
    agent: str = ""
    """The agent that has no key or must be allowed."""

    @property
    def rule(self) -> str:
        """The rule to waive with "Start anyway"; empty when it cannot be waived."""
        return RULES.get(self.reason, "")

    def said(self, clock_time: Callable[[float], str]) -> tuple[str, str]:
        """`sentence` and `short` with the time put in; `clock_time` writes a moment as the person's clock shows it."""
        if self.until is None:
            return self.sentence, self.short
        moment = clock_time(self.until)
        return self.sentence.replace("{until}", moment), self.short.replace("{until}", moment)
