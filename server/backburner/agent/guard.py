"""What keeps a loop from going on for ever: limits, checked before the model is asked, and an eye on circles."""

from __future__ import annotations

import json

from backburner.agent.base import LimitReached, Spent
from backburner.agent.tools import failed
from backburner.model.result import Cause, CauseKind
from backburner.model.transcript import ToolCall, ToolResult
from backburner.model.wire import Limits

SAME = 3
"""The same call so often, with nothing changed in between, is not done again."""
HOPELESS = 6


def check_limits(limits: Limits, spent: Spent, seconds: float) -> None:
    """Raises `LimitReached` when the next turn would be beyond a limit."""
    if spent.turns >= limits.turns:
        raise _reached("steps", f"It took its {limits.turns} turns without coming to an end.")
    if limits.usd is not None and limits.spent_usd + spent.usd >= limits.usd:
        raise _reached("budget", f"The task's budget of ${limits.usd:.2f} is spent.")
    if spent.usage.total_input + spent.usage.output_tokens >= limits.tokens:
        raise _reached("tokens", f"It used its {limits.tokens:,} tokens without coming to an end.")
    if seconds >= limits.seconds:
        raise _reached("time", f"It took its {limits.seconds / 60:.0f} minutes without coming to an end.")


class Repeats:
    """Counts identical calls since the workspace last changed."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], int] = {}

    def refuse(self, call: ToolCall) -> ToolResult | None:
        """The answer to a call that was made too often; None: do it. Raises `LimitReached` when telling did not help."""
        arguments = call.raw_arguments if call.arguments is None else json.dumps(call.arguments, sort_keys=True)
        times = self._seen[call.name, arguments] = self._seen.get((call.name, arguments), 0) + 1
        if times < SAME:
            return None
        if times >= HOPELESS:
            raise _reached("steps", f"It went in circles: the same {call.name} call {times} times.")
        return failed(
            call,
            f"Not done: this is the same call for the {times}th time and nothing has changed since. Look at the earlier "
            "answer and do something else, or finish with what you have.".replace("3th", "3rd"),
        )

    def forget(self) -> None:
        self._seen.clear()


def _reached(kind: CauseKind, sentence: str) -> LimitReached:
    return LimitReached(Cause(kind=kind, sentence=sentence))
