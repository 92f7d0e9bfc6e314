"""The workers behind all engines: one for everybody, and one of its own for a run that was interrupted again and again.

Facts are acknowledged when they are durable. A worker that dies or falls silent is `RunInterrupted` for its runs, which go
on in the next one. Decides nothing: what may start is `schedule`'s business, what a fact means the engine's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Protocol

from backburner.engine.alarms import Alarms
from backburner.engine.line import Line, StartWorker
from backburner.lib.clock import Clock
from backburner.model.events import Event
from backburner.model.result import Proposal
from backburner.model.wire import (
    Ack,
    CancelRun,
    Draft,
    Fact,
    Hello,
    LiveTexts,
    Paused,
    Progress,
    RunEnded,
    RunSpec,
    StartRun,
    SteerRun,
    Up,
    WantDraft,
    WantLiveTexts,
    Watch,
)

IDLE_S = 600.0
"""A worker without a run ends after so long."""
LONGEST_WAIT_S = 60.0
"""Between two tries to start a worker."""
STEADY_S = 120.0
"""A worker that lived so long was no failure to start."""
DRAFT_S = 10.0

log = logging.getLogger(__name__)
Place = tuple[str, str]
"""Root and run: runs of several projects have the same numbers."""


class Port(Protocol):
    """What an engine is for the workers."""

    def report(self, event: Event) -> asyncio.Future[bool]:
        """Take a fact; the future tells, once it is durable, whether it was one of a current run."""
        ...

    def interrupted(self, task: int, run: str, reason: str) -> None: ...

    def progressed(self, progress: Progress) -> None: ...

    async def live_texts(self, paths: tuple[str, ...], run: str) -> Mapping[str, str | None]: ...

    def poke(self) -> None:
        """Something outside changed: look again what may start."""
        ...


class DraftFailed(Exception):
    """The text is a sentence."""


class Workers:
    """Starts workers when they are needed and passes orders and facts between them and the engines."""

    def __init__(
        self,
        start: StartWorker,
        clock: Clock,
        group: asyncio.TaskGroup,
        paused: Callable[[Paused], None],
    ) -> None:
        self._start = start
        self._clock = clock
        self._group = group
        self._paused = paused
        self._alarms = Alarms(clock, group)
        self._ports: dict[str, Port] = {}
        self._main: Line | None = None
        self._lines: dict[Place, Line] = {}
        """Of every run under way."""
        self._drafts: dict[int, asyncio.Future[Proposal]] = {}
        self._requests = 0
        self._failures = 0
        self._not_before = 0.0
        self._is_closed = False
        self.trouble = ""
        """Why there is no worker: a sentence; empty while nothing is wrong."""
        self.hello: Hello | None = None
        """Of the last worker: its version and how its commands are isolated."""

    @property
    def is_up(self) -> bool:
        return self._main is not None and self._main.hello is not None and not self._main.is_closing

    @property
    def running(self) -> int:
        return len(self._lines)

    def attach(self, root: str, port: Port) -> None:
        self._ports[root] = port

    def detach(self, root: str) -> None:
        self._ports.pop(root, None)

    def warm(self) -> None:
        """See to it that there is a worker soon: an editor came, or something waits to start."""
        if self._main is None and not self._is_closed and self._clock.monotonic() >= self._not_before:
            self._main = self._open()
            self._check_idle()

    def start(self, spec: RunSpec, variables: Mapping[str, str], *, alone: bool = False) -> None:
        """Start a run. `alone`: in a worker of its own, so that it takes no other run down with it."""
        self.warm()
        line = self._open() if alone or self._main is None else self._main
        place = (spec.root, spec.run)
        line.runs[place] = spec.task
        self._lines[place] = line
        line.post_environment(spec.environment, variables)
        line.post(StartRun(spec=spec))

    def cancel(self, root: str, run: str, task: int, *, keep: bool = False) -> bool:
        """Stop a run; `keep`: it finishes with what it has. False: no worker has it."""
        if line := self._lines.get((root, run)):
            line.post(CancelRun(run=run, task=task, root=root, keep=keep))
            return True
        return False

    def steer(self, root: str, run: str, note: str) -> None:
        if line := self._lines.get((root, run)):
            line.post(SteerRun(run=run, root=root, note=note))

    def watch(self, root: str, run: str, *, on: bool) -> None:
        """Have `Progress` sent, or no longer."""
        if line := self._lines.get((root, run)):
            line.post(Watch(run=run, root=root, on=on))

    async def draft(self, root: str, run: str) -> Proposal:
        """What a run has changed so far. Raises `DraftFailed`."""
        line = self._lines.get((root, run))
        if line is None:
            raise DraftFailed("It is not running.")
        self._requests += 1
        request = self._requests
        future: asyncio.Future[Proposal] = asyncio.get_running_loop().create_future()
        self._drafts[request] = future
        line.post(WantDraft(run=run, root=root, request=request))
        try:
            async with asyncio.timeout(DRAFT_S):
                return await future
        except TimeoutError as error:
            raise DraftFailed("Its draft could not be read in time.") from error
        finally:
            del self._drafts[request]

    def close(self) -> None:
        """End every worker, runs or not: what they had not reported is repeated by the next daemon's."""
        self._is_closed = True
        self._alarms.clear_all()
        for line in {*self._lines.values(), *([self._main] if self._main else [])}:
            line.cut()

    def _open(self) -> Line:
        line = Line(self._start, self._clock, self._heard)
        self._group.create_task(self._live(line))
        return line

    async def _live(self, line: Line) -> None:
        began = self._clock.monotonic()
        why = await line.live()
        if line is self._main:
            self._main = None
            self._back_off(why, lived=self._clock.monotonic() - began, wanted=line.is_closing)
        for (root, run), task in line.runs.items():
            self._lines.pop((root, run), None)
            if not self._is_closed and (port := self._ports.get(root)):
                port.interrupted(task, run, why)
        line.runs.clear()
        if not self._is_closed:
            self.poke_all()

    def _back_off(self, why: str, *, lived: float, wanted: bool) -> None:
        """Remember a failure, so that a worker that cannot live is not started in a circle."""
        if wanted or self._is_closed:
            return
        log.warning("worker gone after %.0f s: %s", lived, why)
        self._failures = 0 if lived >= STEADY_S else self._failures + 1
        wait = min(LONGEST_WAIT_S, 0.0 if self._failures <= 1 else 2.0 ** (self._failures - 1))
        self._not_before = self._clock.monotonic() + wait
        self.trouble = why if self._failures > 1 else ""
        if wait:
            self._alarms.set("try again", self._clock.now() + wait, self.poke_all)

    def _check_idle(self) -> None:
        """End the worker when nothing ran for a while; asks again as long as there is one."""
        main = self._main
        if main is None:
            return
        if not main.runs and self._clock.monotonic() - main.idle_since >= IDLE_S:
            main.close()
            return
        self._alarms.set("idle", self._clock.now() + IDLE_S, self._check_idle)

    def poke_all(self) -> None:
        """Have every engine look again what may start."""
        for port in tuple(self._ports.values()):
            port.poke()

    def _heard(self, line: Line, message: Up) -> None:
        """One message of a worker. Nothing here waits: what takes time is a child of the group."""
        match message:
            case Hello():
                self.hello, self.trouble = message, ""
                self.poke_all()
            case Fact():
                self._fact(line, message)
            case RunEnded():
                self._ended(line, message)
            case Progress():
                if port := self._ports.get(message.root):
                    port.progressed(message)
            case Paused():
                self._paused(message)
            case Draft():
                self._draft(message)
            case WantLiveTexts():
                self._group.create_task(self._send_live(line, message))
            case _:
                log.error("a message that is not for a daemon: %s", type(message).__name__)

    def _fact(self, line: Line, fact: Fact) -> None:
        port = self._ports.get(fact.root)
        if port is None or self._lines.get((fact.root, fact.run)) is not line:
            line.post(CancelRun(run=fact.run, task=0, root=fact.root))
            return

        def durable(future: asyncio.Future[bool]) -> None:
            if future.cancelled():
                return
            line.post(Ack(run=fact.run, root=fact.root, n=fact.n))
            if not future.result():
                # Not the task's current run any more: its words do not count, so it should stop talking.
                line.post(CancelRun(run=fact.run, task=0, root=fact.root))

        port.report(fact.event).add_done_callback(durable)

    def _ended(self, line: Line, ended: RunEnded) -> None:
        place = (ended.root, ended.run)
        task = line.runs.pop(place, None)
        self._lines.pop(place, None)
        if task is not None and (port := self._ports.get(ended.root)):
            # When its last fact came before, as it should, this is not admitted and nothing happens.
            port.interrupted(task, ended.run, "The run ended without a word.")
            port.poke()
        if not line.runs:
            line.idle_since = self._clock.monotonic()
            if line is not self._main:
                line.close()

    def _draft(self, draft: Draft) -> None:
        future = self._drafts.get(draft.request)
        if future is None or future.done():
            return
        if draft.error:
            future.set_exception(DraftFailed(draft.error))
        else:
            future.set_result(draft.proposal)

    async def _send_live(self, line: Line, wanted: WantLiveTexts) -> None:
        port = self._ports.get(wanted.root)
        texts: Mapping[str, str | None] = {} if port is None else await port.live_texts(wanted.paths, wanted.run)
        line.post(LiveTexts(run=wanted.run, root=wanted.root, texts=texts))
