"""Asking the model for its next turn: what fits into its context and into the budget, streamed to whoever watches.

The conversation is shortened before it no longer fits, and when the provider says that it does not; that is a fact like
every other, so that a resumed run is shown the same. An answer that is made in the provider's own time is journalled by its
id before anybody waits for it.
"""

from __future__ import annotations

from contextlib import aclosing

from backburner.agent.base import Brief, LimitReached, Report
from backburner.agent.guard import affordable
from backburner.lib.clock import Clock
from backburner.model.budget import WINDOW_S
from backburner.model.events import TranscriptShortened, TurnAwaited
from backburner.model.result import Cause
from backburner.model.shorten import expected, shortened, shown
from backburner.model.task import When
from backburner.model.transcript import Conversation, Turn
from backburner.providers.base import Awaited, BadAnswer, Model, TooLong, TurnSettings

WATCHED = 2_000
"""Characters of the answer in the making that a watcher sees."""
FULL = 0.7
"""Share of the context at which the conversation is shortened: the answer needs room too."""
MOST = 250_000
"""Tokens of a conversation at most, whatever the model could hold: each turn pays for all of them again."""
TRIES = 3
"""How often a conversation that the provider finds too long is shortened before the run gives up."""
LATE_S = 1800.0
"""So much later than promised a cheaper answer may come."""


async def ask(model: Model, brief: Brief, report: Report, clock: Clock) -> Turn:
    """The model's next turn. Raises `LimitReached` and `ProviderError`."""
    agent = brief.spec.agent
    room = FULL * min(agent.context_tokens, MOST)
    for _ in range(TRIES):
        conversation = await _fitted(brief, report, clock, room)
        try:
            return await _stream(
                model, conversation, _settings(brief, report, conversation, clock), brief, report, clock
            )
        except TooLong:
            # The provider counts otherwise than we do, or its model holds less than the catalog says.
            room = min(room, expected(shown(conversation))[1]) / 2
            if not await _shorten(brief, report, clock, room):
                break
    raise LimitReached(too_long(brief))


def too_long(brief: Brief) -> Cause:
    agent = brief.spec.agent
    sentence = (
        f"The task does not fit into the context of {agent.model or agent.name}, even shortened. "
        "Delegate a smaller piece, or use a model that holds more."
    )
    return Cause(kind="too_long", sentence=sentence, who=agent.provider or agent.name)


async def _fitted(brief: Brief, report: Report, clock: Clock, room: float) -> Conversation:
    """The conversation, shortened if it is time."""
    conversation = report.conversation
    if conversation is None:
        raise AssertionError("a run without a brief")
    if conversation.awaited:
        return conversation
    _, tokens = expected(shown(conversation))
    if _is_full(conversation):
        room = min(room, tokens) / 2
    if tokens > room and not await _shorten(brief, report, clock, room) and _is_full(conversation):
        raise LimitReached(too_long(brief))
    return report.conversation or conversation


def _is_full(conversation: Conversation) -> bool:
    """Whether the last answer ended because there was no room left, and nothing was left out since."""
    entries = conversation.entries
    last = max((index for index, entry in enumerate(entries) if isinstance(entry, Turn)), default=-1)
    how = conversation.shortening
    turn = entries[last] if last >= 0 else None
    return isinstance(turn, Turn) and turn.stop == "context_full" and (how is None or how.at <= last)


async def _shorten(brief: Brief, report: Report, clock: Clock, room: float) -> bool:
    """Whether something could be left out."""
    how = shortened(report.conversation, room) if report.conversation is not None else None
    if how is None:
        return False
    await report.fact(TranscriptShortened(task=brief.spec.task, run=brief.spec.run, shortening=how, at=clock.now()))
    return True


def _settings(brief: Brief, report: Report, conversation: Conversation, clock: Clock) -> TurnSettings:
    """How the turn is taken. Raises `LimitReached` when the budget cannot pay for it."""
    spec = brief.spec
    when = _window(spec.when, spec.due, clock.now())
    tokens = expected(shown(conversation))
    most = spec.agent.max_output_tokens
    # An answer that is awaited is paid for already.
    if not conversation.awaited:
        most = affordable(spec.agent, brief.limits, report.spent, tokens, when=when, at=clock.now())
        left = spec.agent.context_tokens - tokens[1]
        most = max(1024, min(most, int(left))) if left < most else most
    return TurnSettings(
        effort=spec.agent.effort or brief.recipe.effort,
        max_output_tokens=most if most < spec.agent.max_output_tokens else 0,
        when=when,
        awaited=conversation.awaited,
        run=spec.run,
    )


def _window(when: When, due: float, now: float) -> When:
    """The longest window within `when` that ends in time: each turn of a task has a window of its own."""
    fitting: list[When] = [
        window
        for window in ("8h", "2h")
        if WINDOW_S[window] <= WINDOW_S[when] and now + WINDOW_S[window] <= due + LATE_S
    ]
    return when if not due else fitting[0] if fitting else "now"


async def _stream(
    model: Model, conversation: Conversation, settings: TurnSettings, brief: Brief, report: Report, clock: Clock
) -> Turn:
    spec = brief.spec
    text, written = "", 0
    async with aclosing(model.turn(conversation, settings)) as stream:
        async for item in stream:
            if isinstance(item, Turn):
                return item
            if isinstance(item, Awaited):
                await report.fact(TurnAwaited(task=spec.task, run=spec.run, awaited=item.id, at=clock.now()))
                continue
            text, written = ("", 0) if item.kind == "again" else (text + item.text, written + len(item.text))
            text = text[-WATCHED:]
            await report.progress(text, written // 4)
    raise BadAnswer(spec.agent.provider, "the stream ended without a turn")
