"""The process in which runs live: takes orders from the daemon, carries out hundreds of runs, reports their facts.

Every run is a child of one task group and cannot take its siblings down. Environments and keys are held in memory only, and
whatever looks like a key in them is registered so that it is never written. When the daemon is gone, so is everything here.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from backburner import __version__
from backburner.lib.clock import Clock
from backburner.lib.log import SECRETS
from backburner.model.catalog import AgentSpec
from backburner.model.result import Check, Proposal
from backburner.model.wire import (
    VERSION,
    Ack,
    CancelRun,
    Down,
    Draft,
    Environment,
    Hello,
    Link,
    LiveTexts,
    Paused,
    RunEnded,
    Shutdown,
    StartRun,
    SteerRun,
    Up,
    WantDraft,
    Watch,
)
from backburner.providers.base import Model
from backburner.providers.opening import open_model
from backburner.providers.throttle import Pause, Throttle
from backburner.worker.causes import cause_of
from backburner.worker.report import RunReport
from backburner.worker.run import Run, Surroundings
from backburner.workspace.sandbox import Level, probe
from backburner.workspace.shadow import Shadow

STARTING = 8
"""Runs that are being set up at once."""
SECRET_NAMES = ("KEY", "TOKEN", "SECRET", "PASSWORD")

log = logging.getLogger(__name__)
Place = tuple[str, str]
"""Root and run: runs of several projects have the same numbers."""


class Host:
    """All runs of one worker."""

    def __init__(self, link: Link, clock: Clock, chance: Callable[[], float], *, level: Level | None = None) -> None:
        """`chance` gives numbers in [0, 1). `level`: how commands run, where the caller has probed already."""
        self._link = link
        self._clock = clock
        self._level = level
        self._runs: dict[Place, tuple[Run, RunReport, asyncio.Task[None]]] = {}
        self._environments: dict[str, Mapping[str, str]] = {}
        self._models: dict[tuple[bytes, str], Model] = {}
        self._shadows: dict[tuple[Path, Path], Shadow] = {}
        self._remarks: asyncio.Queue[Up] = asyncio.Queue()
        self._throttle = Throttle(clock, chance, self._paused)
        self._starting = asyncio.Semaphore(STARTING)
        self._opening = asyncio.Lock()
        self._opening_shadow = asyncio.Lock()
        self._checked: dict[tuple[str, str], tuple[Check, str]] = {}
        self._gates: dict[int, asyncio.Semaphore] = {}

    async def serve(self) -> None:
        """Say hello, then do what comes until the daemon is gone or says so; ends with every run cleaned up."""
        level = self._level = self._level or await probe()
        hello = Hello(
            version=VERSION, program=__version__, pid=os.getpid(), sandbox=level.name, sandbox_note=level.note
        )
        await self._link.send(hello)
        try:
            async with asyncio.TaskGroup() as group:
                remarking = group.create_task(self._send_remarks())
                while (message := await self._link.receive()) is not None and not isinstance(message, Shutdown):
                    self._take(group, message)
                remarking.cancel()
                for _, _, handle in self._runs.values():
                    handle.cancel()
        finally:
            for model in self._models.values():
                await model.aclose()
            for shadow in self._shadows.values():
                await shadow.close()
            await self._throttle.aclose()
            self._link.close()

    def _take(self, group: asyncio.TaskGroup, message: Down | Up) -> None:
        """One order. Nothing here waits: what takes time is a child of the group."""
        match message:
            case Environment():
                self._environment(message)
            case StartRun():
                self._start(group, message)
            case Ack():
                if found := self._runs.get((message.root, message.run)):
                    found[1].acked(message.n)
            case SteerRun():
                if found := self._runs.get((message.root, message.run)):
                    found[1].steered(message.note)
            case Watch():
                if found := self._runs.get((message.root, message.run)):
                    found[1].watched(message.on)
            case LiveTexts():
                if found := self._runs.get((message.root, message.run)):
                    found[1].heard_live(message.texts)
            case CancelRun():
                self._cancel(message)
            case WantDraft():
                group.create_task(self._draft(message))
            case _:
                log.error("a message that is not for a worker: %s", type(message).__name__)

    def _environment(self, message: Environment) -> None:
        for name, value in message.variables.items():
            if any(part in name.upper() for part in SECRET_NAMES):
                SECRETS.add(value)
        if self._environments.get(message.id) == message.variables:
            return
        self._environments[message.id] = message.variables
        # Running runs keep the client that they have; new ones get the new key.
        self._models = {place: model for place, model in self._models.items() if place[1] != message.id}

    def _start(self, group: asyncio.TaskGroup, message: StartRun) -> None:
        spec = message.spec
        place = (spec.root, spec.run)
        if place in self._runs:
            log.error("run %s is on already", spec.run)
            return
        report = RunReport(spec, self._link, self._clock)
        at_once = spec.isolation.at_once or 2 * (os.cpu_count() or 1)
        around = Surroundings(
            clock=self._clock,
            level=self._level or Level("none", ""),
            gate=self._gates.setdefault(at_once, asyncio.Semaphore(at_once)),
            starting=self._starting,
            variables=self._environments.get(spec.environment, {}),
            model=lambda agent: self._model(agent, spec.environment),
            shadow=self._shadow,
            checked=self._checked,
        )
        run = Run(spec, report, around)
        handle = group.create_task(self._live(run))
        self._runs[place] = (run, report, handle)
        # Not in a `finally` of the child: one that is cancelled before its first step never gets there.
        handle.add_done_callback(lambda _: self._ended(place))

    async def _live(self, run: Run) -> None:
        try:
            await run.carry_out()
        except Exception as error:
            # The run boundary itself failed: the daemon learns of the end and queues the run again.
            cause_of(error, run.spec.run)

    def _ended(self, place: Place) -> None:
        root, run = place
        del self._runs[place]
        self._remarks.put_nowait(RunEnded(run=run, root=root))

    def _cancel(self, message: CancelRun) -> None:
        found = self._runs.get((message.root, message.run))
        if found is None:
            self._remarks.put_nowait(RunEnded(run=message.run, root=message.root))
        elif message.keep:
            found[0].stop_and_keep()
        else:
            found[0].give_up()
            found[2].cancel()

    async def _draft(self, message: WantDraft) -> None:
        found = self._runs.get((message.root, message.run))
        proposal, error = Proposal(()), ""
        if found is None:
            error = "This run is not on any more."
        else:
            try:
                proposal = await found[0].draft()
            except Exception as problem:
                error = cause_of(problem, message.run).sentence
        await self._link.send(
            Draft(run=message.run, root=message.root, request=message.request, proposal=proposal, error=error)
        )

    async def _model(self, agent: AgentSpec, environment: str) -> Model:
        """The client that runs of this agent share. Raises `ProviderError`."""
        place = (msgspec.json.encode(agent), environment)
        async with self._opening:
            model = self._models.get(place)
            if model is None:
                variables = self._environments.get(environment, {})
                model = await open_model(agent, variables, self._throttle, self._clock)
                self._models[place] = model
            return model

    async def _shadow(self, folder: Path, root: Path) -> Shadow:
        """Stays open until the worker ends, with its processes and the trees that it keeps for the next run."""
        async with self._opening_shadow:
            if (folder, root) not in self._shadows:
                self._shadows[folder, root] = await Shadow.open(folder, root)
            return self._shadows[folder, root]

    def _paused(self, pause: Pause) -> None:
        self._remarks.put_nowait(Paused(pool=pause.pool, who=pause.who, until=pause.until, runs=pause.runs))

    async def _send_remarks(self) -> None:
        while True:
            await self._link.send(await self._remarks.get())
