"""How a run talks to the daemon: numbered facts, each durable before the next, and remarks that may be lost.

Also where a run hears things: acknowledgements, the person's notes, live texts. Knows nothing of what the run does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from backburner.agent.base import Spent
from backburner.lib.clock import Clock
from backburner.model.conversation import grow
from backburner.model.events import Briefed, RunFact, RunFailed, RunFinished, ToolsDone, TurnTaken
from backburner.model.transcript import Conversation
from backburner.model.wire import Fact, Link, Progress, RunSpec, WantLiveTexts

PER_SECOND = 10
"""Remarks about what is being written, at most."""
LIVE_TEXTS_S = 15.0
"""How long a finishing run waits for the person's texts; without them it finishes as it is."""


class RunReport:
    """The `Report` of one run."""

    def __init__(self, spec: RunSpec, link: Link, clock: Clock) -> None:
        fresh = spec.opening is not None and spec.opening.kind == "retry"
        self._spec = spec
        self._link = link
        self._clock = clock
        self._conversation = None if fresh else spec.conversation
        self._spent = Spent()
        self._notes = list(spec.notes)
        self.keep: Callable[[frozenset[str]], Awaitable[None]] | None = None
        """Keeps blobs and texts: called before the fact that names them is sent."""
        self._one_at_a_time = asyncio.Lock()
        self._sent = 0
        self._acked = 0
        self._heard = asyncio.Event()
        self._live: Mapping[str, str | None] | None = None
        self._watched = False
        self._said_at = 0.0

    @property
    def conversation(self) -> Conversation | None:
        return self._conversation

    @property
    def spent(self) -> Spent:
        return self._spent

    async def fact(self, event: RunFact) -> None:
        """Returns when the daemon has made it durable. A fact whose wait was cancelled still comes before the next one."""
        async with self._one_at_a_time:
            await self._settled()
            if self.keep is not None and (ids := named(event)):
                await self.keep(ids)
            self._sent += 1
            self._conversation = grow(self._conversation, event)
            if isinstance(event, TurnTaken):
                self._spent.turns += 1
                self._spent.usage = self._spent.usage + event.turn.usage
                self._spent.usd += event.turn.cost_usd or 0.0
            await self._link.send(Fact(run=self._spec.run, root=self._spec.root, n=self._sent, event=event))
            await self._settled()

    async def progress(self, text: str, output_tokens: int) -> None:
        now = self._clock.monotonic()
        if self._watched and now - self._said_at >= 1 / PER_SECOND:
            self._said_at = now
            spec = self._spec
            await self._link.send(Progress(run=spec.run, root=spec.root, text=text, output_tokens=output_tokens))

    def take_notes(self) -> tuple[str, ...]:
        notes, self._notes = tuple(self._notes), []
        return notes

    async def live_texts(self, paths: tuple[str, ...]) -> Mapping[str, str | None]:
        """The person's texts as they are now; empty when nobody answers in time."""
        spec, self._live = self._spec, None
        await self._link.send(WantLiveTexts(run=spec.run, root=spec.root, task=spec.task, paths=paths))
        try:
            async with asyncio.timeout(LIVE_TEXTS_S):
                while self._live is None:
                    self._heard.clear()
                    await self._heard.wait()
        except TimeoutError:
            return {}
        return self._live

    # What the host hands in.

    def acked(self, n: int) -> None:
        self._acked = max(self._acked, n)
        self._heard.set()

    def steered(self, note: str) -> None:
        self._notes.append(note)

    def watched(self, on: bool) -> None:
        self._watched, self._said_at = on, float("-inf")

    def heard_live(self, texts: Mapping[str, str | None]) -> None:
        self._live = texts
        self._heard.set()

    async def _settled(self) -> None:
        while self._acked < self._sent:
            self._heard.clear()
            await self._heard.wait()


def named(event: RunFact) -> frozenset[str]:
    """Ids of every blob and text that a fact speaks of."""
    ids: set[str | None] = set()
    match event:
        case ToolsDone() | Briefed():
            ids.update(changed.blob for changed in event.changes or ())
        case RunFinished() | RunFailed() if event.result is not None:
            for file in event.result.proposal.files:
                ids.update((file.base_id, file.proposed_id))
            ids.update(finding.anchor.text_id for finding in event.result.findings)
        case _:
            pass
    return frozenset(identity for identity in ids if identity)
