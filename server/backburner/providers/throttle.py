"""One scheduler per (endpoint, key, model): who may ask when, how many at once, and what is tried again.

The only place that retries and the only one that waits: the SDKs' own retries are off. A limit holds back the pool, not
one run; whoever waits keeps its place (longest-running run first). What is final is never tried again. Shared clients live
here too, since they have the same life. Chance and time are handed in. Never looks at what is said.
"""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from backburner.lib.clock import Clock
from backburner.model.catalog import AgentSpec
from backburner.model.transcript import Turn, Usage
from backburner.providers.base import (
    Awaited,
    Broken,
    Delta,
    Limited,
    Overloaded,
    Passing,
    ProviderError,
    Streamed,
    TurnSettings,
)
from backburner.providers.buckets import Bucket, Kind, Need, bucket, readings

START = 32
"""Requests at once to begin with, as long as nothing is known of the provider's limits."""
TOLD = 256
"""Requests at once when its answers tell the limits: what is too much for those is held back by their buckets."""
AHEAD_S = 3.0
"""For at most so long the first request goes ahead of all others, until its answer begins."""
COLD_S = 300.0
"""Without an answer for so long, the next request counts as the first again."""
MOST = 1000
"""Requests at once at most: the SDKs' connection pools end there."""
RAMP_S = 10.0
"""While nothing is refused the number doubles each time so many seconds have passed."""
CUT = 0.7
LONGEST_BACKOFF_S = 60.0
FIRST_OUTPUT = 500.0
"""Tokens that an answer is expected to have before one was seen."""

log = logging.getLogger(__name__)


class Pause(Struct, frozen=True, kw_only=True):
    """A provider holds back a whole pool until then."""

    pool: str
    """`Anthropic claude-opus-5-5`."""
    who: str
    until: float
    """Seconds since the epoch."""
    runs: tuple[str, ...] = ()
    """Runs that wait for it now."""


@dataclass(order=True)
class Waiter:
    order: tuple[bool, int, int]
    """Foreground first, then the run that asked first, then who came first."""
    need: Need = field(compare=False)
    run: str = field(compare=False)
    bell: asyncio.Event = field(compare=False, default_factory=asyncio.Event)
    ticket: Ticket | None = field(compare=False, default=None)
    gone: bool = field(compare=False, default=False)


@dataclass(eq=False)
class Ticket:
    """The right to make one request."""

    need: Need
    started: float
    first_byte_s: float | None = None


class Pool:
    """The requests of one model with one key at one endpoint."""

    def __init__(self, name: str, spec: AgentSpec, clock: Clock, on_pause: Callable[[Pause], None]) -> None:
        self.name = name
        self.who = spec.provider
        self.limit = float(min(MOST, spec.concurrency or START))
        """How many requests may be under way."""
        self.in_flight = 0
        self.buckets: dict[Kind, Bucket] = {}
        self.output = float(spec.max_output_tokens) if spec.reserves_output else FIRST_OUTPUT
        """Tokens that the next answer is expected to have."""
        self._reserves = spec.reserves_output
        self._local = spec.free
        self._clock = clock
        self._on_pause = on_pause
        self._paused_until = 0.0
        self._waiting: list[Waiter] = []
        self._runs: dict[str, int] = {}
        self._arrivals = 0
        self._ramping = not spec.free
        self._ramped_at = clock.monotonic()
        self._cut_at = -1.0
        self._good = 0
        self._best_first_byte = float("inf")
        self._finds_out = not (spec.concurrency or spec.free)
        """How many requests are right is found out; else somebody said it."""
        self._alone_since = 0.0
        """When the last request began that had the pool for itself."""
        self._heard_at = float("-inf")

    @property
    def waiting(self) -> int:
        return sum(not waiter.gone for waiter in self._waiting)

    def heard(self, headers: Mapping[str, str]) -> None:
        """Rate limits from the headers of an answer."""
        now = self._heard_at = self._clock.monotonic()
        for kind, reading in readings(headers, self._clock.now()).items():
            known = self.buckets.get(kind)
            if known is None:
                self.buckets[kind] = bucket(reading, now)
            else:
                known.read(reading, now)
        if self.buckets and self._finds_out and self._ramping:
            self.limit = max(self.limit, TOLD)
        self._ring()

    async def enter(self, settings: TurnSettings, need: Need) -> Ticket:
        """Wait for a turn to ask. Raises `Limited` when a pause would last longer than the caller wants to wait."""
        self._arrivals += 1
        place = self._runs.setdefault(settings.run, self._arrivals) if settings.run else self._arrivals
        waiter = Waiter((settings.when != "now", place, self._arrivals), need, settings.run)
        heapq.heappush(self._waiting, waiter)
        try:
            while True:
                waiter.bell.clear()
                delay = self._admit()
                if waiter.ticket is not None:
                    return waiter.ticket
                pause_s = self._paused_until - self._clock.monotonic()
                if pause_s > settings.longest_wait_s:
                    raise Limited(self.who, retry_after_s=pause_s)
                if pause_s > 0:
                    self._tell(pause_s)
                # Only the first in line watches the clock; it rings for the next.
                await self._wait(waiter.bell, delay if self._head() is waiter else None)
        except BaseException:
            waiter.gone = True
            if waiter.ticket is not None:
                self.leave(waiter.ticket, None, None)
            self._ring()
            raise

    def leave(self, ticket: Ticket, usage: Usage | None, error: ProviderError | None) -> None:
        """A request ended: with a turn, with an error, or (neither) because its caller went away."""
        now = self._clock.monotonic()
        self.in_flight -= 1
        if usage is not None:
            self._settle(ticket, usage)
            self._went_well(ticket, now)
        elif isinstance(error, (Limited, Overloaded)):
            # Once per round: what was sent before the last cut says nothing new.
            if ticket.started > self._cut_at:
                self._cut_at = now
                self.limit = max(1.0, min(self.limit, self.in_flight + 1.0) * CUT)
            self._ramping = False
            self._good = 0
        self._ring()

    def pause(self, wait_s: float) -> None:
        """Nobody asks for so long."""
        until = self._clock.monotonic() + wait_s
        if until > self._paused_until:
            self._paused_until = until
            self._tell(wait_s)

    def _settle(self, ticket: Ticket, usage: Usage) -> None:
        really = Need(usage.input_tokens + usage.cache_write_tokens, usage.total_input, usage.output_tokens)
        for kind, known in self.buckets.items():
            known.level = min(known.capacity, known.level + ticket.need.of(kind) - really.of(kind))
        if not self._reserves:
            self.output += 0.2 * (usage.output_tokens - self.output)

    def _went_well(self, ticket: Ticket, now: float) -> None:
        if self._local and ticket.first_byte_s is not None:
            # A local server says nothing of limits: more at once is good until the first byte comes much later.
            self._best_first_byte = min(self._best_first_byte, ticket.first_byte_s)
            if ticket.first_byte_s > 2 * self._best_first_byte + 1.0:
                self.limit = max(1.0, self.limit * 0.9)
                self._good = 0
                return
        if self._ramping:
            return
        self._good += 1
        if self._good >= self.limit:
            self._good = 0
            self.limit = min(MOST, self.limit + 1)

    def _ramp(self, now: float) -> float | None:
        """Double when it is time; seconds until the next time, None when it no longer doubles."""
        if not self._ramping or self.limit >= MOST:
            return None
        if now - self._ramped_at >= RAMP_S:
            self._ramped_at = now
            if self.in_flight >= int(self.limit):
                self.limit = min(MOST, self.limit * 2)
        return self._ramped_at + RAMP_S - now

    def _ahead_s(self, now: float) -> float:
        """Seconds for which the one request under way may still go ahead.

        Its answer tells the limits, and from its beginning on the provider has the start of all prompts in its cache:
        tools and system prompt are the same for all tasks of a project, and written once they cost a tenth.
        """
        if not self._finds_out or self.in_flight != 1 or now - self._heard_at < COLD_S:
            return 0.0
        return self._alone_since + AHEAD_S - now

    def _admit(self) -> float | None:
        """Let in whoever may go. Seconds until the first of the rest may try again; None: when something ends."""
        while (waiter := self._head()) is not None:
            now = self._clock.monotonic()
            if now < self._paused_until:
                return self._paused_until - now
            if (ahead_s := self._ahead_s(now)) > 0:
                return ahead_s
            ramp_s = self._ramp(now)
            if self.in_flight >= int(self.limit):
                return ramp_s
            wait_s = max((known.wait_s(waiter.need.of(kind), now) for kind, known in self.buckets.items()), default=0.0)
            if wait_s > 0:
                return wait_s
            heapq.heappop(self._waiting)
            for kind, known in self.buckets.items():
                known.level -= waiter.need.of(kind)
            self.in_flight += 1
            if self.in_flight == 1:
                self._alone_since = now
            waiter.ticket = Ticket(waiter.need, now)
            waiter.bell.set()
            self._ring()
        return None

    def _head(self) -> Waiter | None:
        while self._waiting and self._waiting[0].gone:
            heapq.heappop(self._waiting)
        return self._waiting[0] if self._waiting else None

    def _ring(self) -> None:
        head = self._head()
        if head is not None:
            head.bell.set()

    def _tell(self, pause_s: float) -> None:
        runs = tuple(dict.fromkeys(waiter.run for waiter in self._waiting if waiter.run and not waiter.gone))
        self._on_pause(Pause(pool=self.name, who=self.who, until=self._clock.now() + pause_s, runs=runs))

    async def _wait(self, bell: asyncio.Event, delay: float | None) -> None:
        if delay is None:
            await bell.wait()
            return
        async with asyncio.TaskGroup() as group:
            timer = group.create_task(self._ring_after(bell, delay))
            await bell.wait()
            timer.cancel()

    async def _ring_after(self, bell: asyncio.Event, delay: float) -> None:
        await self._clock.sleep(delay)
        bell.set()


class Throttle:
    """All pools of a worker, and the SDK clients that they share."""

    def __init__(
        self, clock: Clock, random: Callable[[], float], on_pause: Callable[[Pause], None] | None = None
    ) -> None:
        """`random` gives numbers in [0, 1). `on_pause` is told of each pause, again when more runs wait for it."""
        self.clock = clock
        self._random = random
        self._on_pause = on_pause or _ignore
        self._pools: dict[tuple[str, str, str], Pool] = {}
        self._clients: dict[tuple[str, ...], Any] = {}

    def pool(self, spec: AgentSpec, key: str) -> Pool:
        """The pool of this model with this key; the key itself is not kept."""
        name = (spec.base_url, digest(key), spec.model)
        if name not in self._pools:
            self._pools[name] = Pool(f"{spec.provider} {spec.model}", spec, self.clock, self._on_pause)
        return self._pools[name]

    def client(self, name: tuple[str, ...], make: Callable[[], Any]) -> Any:
        """The SDK client of that name, made on first use: one connection pool per endpoint and key."""
        if name not in self._clients:
            self._clients[name] = make()
        return self._clients[name]

    async def aclose(self) -> None:
        clients, self._clients = self._clients, {}
        for client in clients.values():
            closing: Awaitable[None] = client.close()
            await closing

    async def turn(
        self,
        pool: Pool,
        settings: TurnSettings,
        need: Need,
        attempt: Callable[[], AsyncGenerator[Streamed, None]],
    ) -> AsyncGenerator[Streamed, None]:
        """Run `attempt` when it may, and again while what goes wrong may go by itself. Raises `ProviderError`."""
        tries = 0
        while True:
            tries += 1
            ticket = await pool.enter(settings, need)
            shown = False
            turn: Turn | None = None
            failure: ProviderError | None = None
            try:
                async with aclosing(attempt()) as stream:
                    async for item in stream:
                        if ticket.first_byte_s is None:
                            ticket.first_byte_s = self.clock.monotonic() - ticket.started
                        if isinstance(item, Turn):
                            turn = item
                        else:
                            shown = shown or not isinstance(item, Awaited)
                            yield item
                if turn is None:
                    failure = Broken(pool.who, "it ended in the middle of an answer")
            except ProviderError as error:
                failure = error
            finally:
                pool.leave(ticket, None if turn is None else turn.usage, failure)
            if failure is None and turn is not None:
                yield turn
                return
            assert failure is not None
            failure.tries = tries
            if not isinstance(failure, Passing) or tries >= failure.attempts:
                raise failure
            await self._rest(pool, failure, tries, settings)
            if shown:
                yield Delta("", "again")

    async def _rest(self, pool: Pool, failure: Passing, tries: int, settings: TurnSettings) -> None:
        """Wait before the next try. What the provider asks for holds back the pool, our own back-off only this run."""
        log.info("%s: %s (try %d)", pool.name, failure.sentence, tries)
        backoff_s = self._random() * min(LONGEST_BACKOFF_S, 2.0 ** (tries - 1))
        if failure.retry_after_s is not None:
            if failure.retry_after_s > settings.longest_wait_s:
                raise failure
            pool.pause(failure.retry_after_s * (1 + 0.1 * self._random()))
        elif isinstance(failure, Limited):
            pool.pause(max(1.0, backoff_s))
        elif backoff_s > 0:
            await self.clock.sleep(backoff_s)


def digest(key: str) -> str:
    """A name for a key that does not tell it."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def _ignore(pause: Pause) -> None:
    pass
