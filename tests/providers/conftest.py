"""Models of every wire format, all at the emulator. No other address is known here."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from backburner.lib.clock import Clock, RealClock
from backburner.model.catalog import AgentSpec, resolve
from backburner.providers.base import Model
from backburner.providers.opening import open_model
from backburner.providers.throttle import Pause, Throttle
from emulator.server import Emulator

Opener = Callable[..., Awaitable[Model]]


class HastyClock(RealClock):
    """Time that passes `speed` times faster, for whoever asks this clock."""

    def __init__(self, speed: float = 1000.0) -> None:
        self._speed = speed
        self._epoch = super().now()
        self._start = super().monotonic()

    def now(self) -> float:
        return self._epoch + self.monotonic()

    def monotonic(self) -> float:
        return (super().monotonic() - self._start) * self._speed

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / self._speed)


@pytest.fixture
def clock() -> HastyClock:
    return HastyClock()


@pytest.fixture
def brisk() -> HastyClock:
    """Twenty times faster: slow enough for real requests to take next to no time on it."""
    return HastyClock(20.0)


@pytest.fixture
def pauses() -> list[Pause]:
    return []


@pytest.fixture
async def throttle(clock: Clock, pauses: list[Pause]) -> AsyncIterator[Throttle]:
    made = Throttle(clock, random.Random(1).random, pauses.append)
    yield made
    await made.aclose()


@pytest.fixture
def opener(throttle: Throttle, clock: Clock) -> Opener:
    async def open_at(emulator: Emulator, agent: str, *, env: dict[str, str] | None = None, **row: Any) -> Model:
        given = {**emulator.env(), **(env or {})}
        spec = resolve(agent, {agent: row} if row else {}, given)
        assert isinstance(spec, AgentSpec), spec
        assert spec.base_url.startswith("http://127.0.0.1:")
        return await open_model(spec, given, throttle, clock)

    return open_at
