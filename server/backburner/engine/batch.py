"""What a batch of wishes and facts comes to: events, their rows, the new state, an answer for each caller.

Pure but for the clock that was read for it: nothing is written, shown or answered here. Everything that waits is taken on
the same state, one after the other; none sees half of another.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from msgspec import Struct
from msgspec.structs import replace

from backburner.model.decide import decide
from backburner.model.events import Event, Ignored, Requeued, TaskQueued, TurnTaken
from backburner.model.evolve import Folding, NotInTable
from backburner.model.task import State
from backburner.model.wishes import Command, Refusal
from backburner.store.journal import Freezing, Frozen, Row, Unstorable, event_row

log = logging.getLogger(__name__)
BROKEN = Refusal(reason="internal", sentence="That did not work; the log of Backburner has the details.")


class Outcome(Struct, frozen=True, kw_only=True):
    """A wish that was done, and is durable."""

    events: tuple[Event, ...] = ()
    """Empty: it was so already."""
    tasks: tuple[int, ...] = ()
    """Numbers of the tasks that it made."""


@dataclass(eq=False)
class Wish:
    """A command with what the person saw."""

    command: Command
    frozen: Frozen
    future: asyncio.Future[Outcome | Refusal]


@dataclass(eq=False)
class Deed:
    """Something that happened or that the engine does: decided on the state of its turn; no events: it does not count."""

    decide: Callable[[State], Sequence[Event]]
    future: asyncio.Future[bool]
    """Whether it counted."""


@dataclass
class Batch:
    """Everything that one durable write holds."""

    state: State
    events: list[Event] = field(default_factory=list[Event])
    rows: list[Row] = field(default_factory=list[Row])
    frozen: list[Freezing] = field(default_factory=list[Freezing])
    environments: set[str] = field(default_factory=set[str])
    """Ids that the events name."""
    answers: list[tuple[asyncio.Future[Outcome | Refusal], Outcome | Refusal]] = field(
        default_factory=list[tuple["asyncio.Future[Outcome | Refusal]", "Outcome | Refusal"]]
    )
    counted: list[tuple[asyncio.Future[bool], bool]] = field(default_factory=list[tuple["asyncio.Future[bool]", bool]])

    def answer(self) -> None:
        """Tell every caller, now that it is durable."""
        for future, outcome in self.answers:
            if not future.done():
                future.set_result(outcome)
        for future, did in self.counted:
            if not future.done():
                future.set_result(did)


def settle(state: State, items: Sequence[Wish | Deed], now: float, day: str, *, strict: bool) -> Batch:
    """Decide and fold every item in turn. `strict`: what is not in the table raises, as it must in tests."""
    folding = Folding(state)
    batch = Batch(state=state)
    for item in items:
        if isinstance(item, Wish):
            _wish(batch, folding, item, now, day, strict=strict)
        else:
            _deed(batch, folding, item, now, day, strict=strict)
    batch.state = folding.state if batch.events else state
    return batch


def _wish(batch: Batch, folding: Folding, wish: Wish, now: float, day: str, *, strict: bool) -> None:
    outcome = decide(folding.state, wish.command, now)
    if isinstance(outcome, Refusal):
        batch.answers.append((wish.future, outcome))
        return
    try:
        events = _take(batch, folding, outcome, now, day, strict=strict)
    except Unstorable as error:
        batch.answers.append((wish.future, Refusal(reason="bad_arguments", sentence=str(error))))
        return
    if events is None:
        batch.answers.append((wish.future, BROKEN))
        return
    tasks = tuple(event.task for event in events if isinstance(event, TaskQueued))
    batch.answers.append((wish.future, Outcome(events=events, tasks=tasks)))
    batch.environments.update(event.environment for event in events if isinstance(event, TaskQueued | Requeued))
    # A task that waits for another begins from what is there then, not from what is seen now.
    freezing = tuple(
        event.task
        for event in events
        if isinstance(event, Requeued) or (isinstance(event, TaskQueued) and event.after is None)
    )
    if freezing:
        batch.frozen.append((freezing, wish.frozen))


def _deed(batch: Batch, folding: Folding, deed: Deed, now: float, day: str, *, strict: bool) -> None:
    try:
        events = _take(batch, folding, deed.decide(folding.state), now, day, strict=strict)
    except Unstorable:
        log.exception("a fact cannot be saved")
        events = None
    batch.counted.append((deed.future, bool(events)))


def _take(
    batch: Batch, folding: Folding, events: Sequence[Event], now: float, day: str, *, strict: bool
) -> tuple[Event, ...] | None:
    """Fold the events of one item, all or none; None: they were not in the table. Raises `Unstorable`."""
    stamped = tuple(replace(event, day=day) if isinstance(event, TurnTaken) else event for event in events)
    rows = [event_row(event) for event in stamped]
    try:
        folding.add(stamped)
    except NotInTable as error:
        if strict:
            raise
        log.exception("ignored")
        ignored = Ignored(task=getattr(error.event, "task", 0), what=type(error.event).__name__, why=str(error), at=now)
        batch.events.append(ignored)
        batch.rows.append(event_row(ignored))
        return None
    batch.events += stamped
    batch.rows += rows
    return stamped
