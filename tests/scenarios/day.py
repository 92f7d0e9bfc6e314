"""A clock for scenarios: the time of day stands still until it is wound, and short waits pass as they always do."""

from __future__ import annotations

import asyncio
import re
import time
from datetime import datetime

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def length(time: str) -> float:
    """`10m` in seconds."""
    match = re.fullmatch(r"(\d+)([smhd])", time)
    assert match is not None, f"{time!r} is no time"
    return float(int(match[1]) * UNITS[match[2]])


class Day:
    """Begins at a moment of the machine's time zone, `2026-11-25 09:00`."""

    def __init__(self, start: str) -> None:
        self._start = datetime.fromisoformat(start).timestamp()
        self._wound = 0.0
        self._winding = asyncio.Event()
        self._sleepers: list[tuple[float, float]] = []
        """For how long each sleeper sleeps, and until when."""

    def now(self) -> float:
        return self._start + self._wound

    def monotonic(self) -> float:
        return time.monotonic() + self._wound

    async def sleep(self, seconds: float) -> None:
        end = self.monotonic() + seconds
        sleeper = (seconds, end)
        self._sleepers.append(sleeper)
        try:
            while (left := end - self.monotonic()) > 0:
                async with asyncio.timeout(left):
                    await self._winding.wait()
        except TimeoutError:
            return
        finally:
            self._sleepers.remove(sleeper)

    def sleeps(self, seconds: float) -> bool:
        """Whether somebody sleeps who went to sleep for just so long."""
        return any(long == seconds and end > self.monotonic() for long, end in self._sleepers)

    def wind(self, seconds: float) -> None:
        """Everybody who sleeps for less wakes up."""
        self._wound += seconds
        passed, self._winding = self._winding, asyncio.Event()
        passed.set()
