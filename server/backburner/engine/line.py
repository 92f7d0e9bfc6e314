"""One connection to one worker: sends in order, watches its heartbeat, and ends when the worker does.

Knows no engine: what the worker says goes to one callback. Why it ended is a clause for people.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from collections.abc import Awaitable, Callable, Mapping

from backburner.lib.clock import Clock
from backburner.model.wire import VERSION, Down, Environment, Heartbeat, Hello, Link, Shutdown, Up

BEAT_S = 30.0
SILENT_S = 100.0
"""Without a heartbeat for so long, a worker counts as gone."""
HELLO_S = 60.0
"""A worker that has not said hello by then counts as one that cannot start."""

StartWorker = Callable[[], Awaitable[Link]]
"""Starts a worker; raises `OSError` or `WorkerUnavailable` with a sentence when there can be none."""

log = logging.getLogger(__name__)


class WorkerUnavailable(Exception):
    """No worker can be started now; the text is a sentence for the person."""


class Line:
    """A worker and what is under way in it."""

    def __init__(self, start: StartWorker, clock: Clock, heard: Callable[[Line, Up], None]) -> None:
        self._start = start
        self._clock = clock
        self._heard = heard
        self._link: Link | None = None
        self._outbox: deque[Down] = deque()
        self._posted = asyncio.Event()
        self._environments: dict[str, Mapping[str, str]] = {}
        self._beat = clock.monotonic()
        self.hello: Hello | None = None
        self.runs: dict[tuple[str, str], int] = {}
        """Task by root and run, from its start to its `RunEnded`."""
        self.idle_since = clock.monotonic()
        self.is_closing = False
        self._is_cut = False

    def post(self, message: Down) -> None:
        """Hand over; goes out in order."""
        self._outbox.append(message)
        self._posted.set()

    def post_environment(self, name: str, variables: Mapping[str, str]) -> None:
        """Hand over an environment, if the worker does not have it as it is."""
        if self._environments.get(name) != variables:
            self._environments[name] = variables
            self.post(Environment(id=name, variables=variables))

    def close(self) -> None:
        """Ask the worker to end; `live` returns when it has."""
        self.is_closing = True
        self.post(Shutdown())

    def cut(self) -> None:
        """End the connection now."""
        self.is_closing = self._is_cut = True
        if self._link is not None:
            self._link.close()

    async def live(self) -> str:
        """Start the worker and talk with it until it is gone. Returns why, as a sentence."""
        try:
            self._link = await self._start()
        except (OSError, WorkerUnavailable) as error:
            return str(error) or "The worker cannot be started."
        if self._is_cut:
            self._link.close()
            return "The worker is not wanted any more."
        self._beat = self._clock.monotonic()
        try:
            async with asyncio.TaskGroup() as group:
                writing = group.create_task(self._write(self._link))
                watching = group.create_task(self._watch(self._link))
                why = await self._read(self._link)
                writing.cancel()
                watching.cancel()
        except* Exception as problems:
            # Whatever a broken worker sends must not reach the daemon: its runs continue in another one.
            log.error("worker", exc_info=problems)
            why = "The worker sent something that cannot be understood."
        finally:
            self._link.close()
        return why

    async def _read(self, link: Link) -> str:
        while (message := await link.receive()) is not None:
            self._beat = self._clock.monotonic()
            match message:
                case Heartbeat():
                    pass
                case Hello():
                    if message.version != VERSION:
                        return f"The worker is of another version ({message.program}). Restart Backburner."
                    self.hello = message
                    self._heard(self, message)
                case _:
                    self._heard(self, message)  # pyright: ignore[reportArgumentType]
        return "The worker ended." if self._is_alive() else "The worker fell silent and was ended."

    def _is_alive(self) -> bool:
        if self.hello is not None and self.hello.pid == os.getpid():
            # It lives in this process (`lsp --alone`), where nothing beats and nothing can fall silent alone.
            return True
        return self._clock.monotonic() - self._beat <= (SILENT_S if self.hello else HELLO_S)

    async def _write(self, link: Link) -> None:
        while True:
            while self._outbox:
                await link.send(self._outbox.popleft())
            self._posted.clear()
            await self._posted.wait()

    async def _watch(self, link: Link) -> None:
        while self._is_alive():
            await self._clock.sleep(BEAT_S)
        link.close()
