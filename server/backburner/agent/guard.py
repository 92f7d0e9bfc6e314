"""What keeps a loop from going on for ever: limits, checked before the model is asked, and an eye on circles.

Money is looked at twice: whether any is left, and what of the next answer the rest can pay, so that one turn cannot spend
much more than there is.
"""

from __future__ import annotations

import json

from backburner.agent.base import LimitReached, Spent
from backburner.agent.tools import failed
from backburner.model.budget import usd
from backburner.model.catalog import AgentSpec
from backburner.model.result import Cause, CauseKind
from backburner.model.task import When
from backburner.model.transcript import ToolCall, ToolResult, Usage
from backburner.model.wire import Limits
from backburner.providers import prices

SAME = 3
"""The same call so often, with nothing changed in between, is not done again."""
HOPELESS = 6
LEAST_OUTPUT = 1000
"""Tokens of an answer below which it is not worth asking for one."""


def check_limits(limits: Limits, spent: Spent, seconds: float) -> None:
    """Raises `LimitReached` when the next turn would be beyond a limit."""
    if spent.turns >= limits.turns:
        raise _reached("steps", f"It took its {limits.turns} turns without coming to an end.")
    if limits.usd is not None and limits.spent_usd + spent.usd >= limits.usd:
        raise _reached("budget", f"Its budget of {usd(limits.usd)} is spent. Raise it to go on.")
    if spent.usage.total_input + spent.usage.output_tokens >= limits.tokens:
        raise _reached("tokens", f"It used its {limits.tokens:,} tokens without coming to an end.")
    if seconds >= limits.seconds:
        raise _reached("time", f"It took its {limits.seconds / 60:.0f} minutes without coming to an end.")


def affordable(
    agent: AgentSpec, limits: Limits, spent: Spent, tokens: tuple[float, float], *, when: When, at: float
) -> int:
    """Tokens of the next answer that what is left can pay, at most the agent's; those where no price or limit is known.

    `tokens`: of the request, new and in all. Raises `LimitReached` when the rest is too little for any answer.
    """
    most = agent.max_output_tokens
    if limits.usd is None:
        return most
    new, total = (int(number) for number in tokens)
    asked = prices.cost(agent, Usage(cache_read_tokens=total - new, cache_write_tokens=new), when=when, at=at)
    answered = prices.cost(agent, Usage(output_tokens=most), when=when, at=at)
    if asked is None or not answered:
        return most
    left = limits.usd - limits.spent_usd - spent.usd
    most = min(most, int((left - asked) / answered * most))
    if most < min(LEAST_OUTPUT, agent.max_output_tokens):
        raise _reached(
            "budget",
            f"The next step would cost more than is left of its budget of {usd(limits.usd)} ({usd(max(0.0, left))}). "
            "Raise it to go on.",
        )
    return most


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
