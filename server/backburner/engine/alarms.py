"""Things to do at a moment: a question's default, a new day, the end of a pause. One alarm per name; the last one counts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable

from backburner.lib.clock import Clock


class Alarms:
    """Alarms of one owner; they end with the task group that was handed in."""

    def __init__(self, clock: Clock, group: asyncio.TaskGroup) -> None:
        self._clock = clock
        self._group = group
        self._set: dict[Hashable, tuple[float, asyncio.Task[None]]] = {}

    def set(self, name: Hashable, at: float, action: Callable[[], None]) -> None:
        """Call `action` at `at` (seconds since the epoch), or soon when that has passed."""
        standing = self._set.get(name)
        if standing is not None:
            if standing[0] == at:
                return
            standing[1].cancel()
        self._set[name] = (at, self._group.create_task(self._wait(name, at, action)))

    def clear(self, name: Hashable) -> None:
        standing = self._set.pop(name, None)
        if standing is not None:
            standing[1].cancel()

    def clear_all(self) -> None:
        for name in tuple(self._set):
            self.clear(name)

    async def _wait(self, name: Hashable, at: float, action: Callable[[], None]) -> None:
        # A machine that slept wakes late and a clock may be set back: look again rather than trust one long sleep.
        while (left := at - self._clock.now()) > 0:
            await self._clock.sleep(min(left, 3600.0))
        self._set.pop(name, None)
        action()
