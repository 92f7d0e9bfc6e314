"""The daemon's side of a link, for tests of the worker: acknowledges facts, answers for live texts, waits for what comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from msgspec.structs import replace

from agent.support import Project, spec_for
from backburner.lib.clock import HandClock
from backburner.model.conversation import fold
from backburner.model.events import Asked, RunFact, RunFailed, RunFinished
from backburner.model.transcript import Conversation
from backburner.model.wire import (
    Ack,
    Fact,
    Hello,
    Link,
    LiveTexts,
    RunEnded,
    RunSpec,
    Shutdown,
    StartRun,
    Up,
    WantLiveTexts,
)
from backburner.worker.host import Host
from backburner.worker.pipe import in_process
from backburner.workspace.sandbox import Level

Message = TypeVar("Message")
NO_SANDBOX = Level("none", "bubblewrap is not installed")


class StoppedClock(HandClock):
    """Stands still until `let_go`; from then on whoever sleeps wakes at once, and the time has passed."""

    is_free = False

    async def sleep(self, seconds: float) -> None:
        if self.is_free:
            asyncio.get_running_loop().call_soon(self.wind, seconds)
        await super().sleep(seconds)

    def let_go(self, seconds: float) -> None:
        """Wake those who sleep for at most `seconds`, and let nobody wait any more."""
        self.is_free = True
        self.wind(seconds)


class Daemon:
    """Acknowledges every fact at once, unless `acks` says otherwise."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.heard: list[Up] = []
        self.live: dict[str, str | None] = {}
        """Live texts by path; every other path is as in the snapshot."""
        self.acks: Callable[[Fact], bool] = lambda fact: True
        self.changed = asyncio.Event()
        self.gone = False

    async def listen(self) -> None:
        while (message := await self.link.receive()) is not None:
            self.heard.append(message)
            if isinstance(message, Fact) and self.acks(message):
                await self.link.send(Ack(run=message.run, root=message.root, n=message.n))
            if isinstance(message, WantLiveTexts):
                texts = {path: self.live[path] for path in message.paths if path in self.live}
                await self.link.send(LiveTexts(run=message.run, root=message.root, texts=texts))
            self.changed.set()
        self.gone = True
        self.changed.set()

    async def until(self, wanted: Callable[[], Message | None]) -> Message:
        """Wait until `wanted` gives something."""
        while True:
            found = wanted()
            if found is not None:
                return found
            assert not self.gone, "the worker is gone"
            self.changed.clear()
            await self.changed.wait()

    async def first(self, kind: type[Message], **fields: Any) -> Message:
        """The first message of a kind (or fact with an event of that kind)."""

        def look() -> Message | None:
            for message in self.heard:
                for candidate in (message, message.event if isinstance(message, Fact) else None):
                    if isinstance(candidate, kind) and all(
                        getattr(candidate, name) == value for name, value in fields.items()
                    ):
                        return candidate
            return None

        return await self.until(look)

    def facts(self, run: str = "12.1") -> list[RunFact]:
        return [message.event for message in self.heard if isinstance(message, Fact) and message.run == run]

    def kinds(self, run: str = "12.1") -> list[str]:
        return [type(fact).__name__ for fact in self.facts(run)]

    def conversation(self, run: str = "12.1") -> Conversation | None:
        return fold(self.facts(run))

    async def start(self, spec: RunSpec) -> None:
        await self.link.send(StartRun(spec=spec))

    async def run(self, spec: RunSpec) -> Any:
        """Start a run and wait for its last fact and its end."""
        await self.start(spec)
        await self.first(RunEnded, run=spec.run)
        return next((fact for fact in self.facts(spec.run) if isinstance(fact, RunFinished | RunFailed | Asked)), None)


@asynccontextmanager
async def worker(*, level: Level | None = NO_SANDBOX, clock: HandClock | None = None) -> AsyncGenerator[Daemon]:
    """A host in this loop, and the daemon's end of its link. Ends both."""
    here, there = in_process()
    daemon = Daemon(here)
    host = Host(there, clock or HandClock(), lambda: 0.5, level=level)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(host.serve())
        group.create_task(daemon.listen())
        await daemon.first(Hello)
        try:
            yield daemon
        finally:
            await here.send(Shutdown())


def scripted(project: Project, snapshot: Any, script: str, **fields: Any) -> RunSpec:
    spec = spec_for(project, snapshot, **fields)
    return replace(spec, agent=replace(spec.agent, script=script))
