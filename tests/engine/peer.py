"""A worker for tests: a real end of the wire that does what the test says, and the projects around it."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from backburner.engine.engine import Engine
from backburner.engine.line import WorkerUnavailable
from backburner.engine.projects import Projects
from backburner.lib.clock import HandClock
from backburner.lib.link import pair
from backburner.model import events as e
from backburner.model import wishes as w
from backburner.model.events import Event
from backburner.model.result import Result
from backburner.model.task import State, Target
from backburner.model.transcript import Text, ToolCall, Turn
from backburner.model.wire import (
    VERSION,
    Ack,
    CancelRun,
    Down,
    Environment,
    Fact,
    Heartbeat,
    Hello,
    Link,
    RunEnded,
    RunSpec,
    StartRun,
    SteerRun,
    Up,
)
from domain import target


class UtcDays:
    def day(self, moment: float) -> str:
        return f"day-{int(moment // 86400)}"

    def bounds(self, day: str) -> tuple[float, float]:
        number = int(day.removeprefix("day-"))
        return number * 86400.0, (number + 1) * 86400.0


class Worker:
    """One worker that was started; the far end of its wire."""

    def __init__(self, link: Link, clock: HandClock) -> None:
        self.link = link
        self.clock = clock
        self.heard: list[Down] = []
        """Everything but acknowledgements, in order."""
        self.environments: dict[str, Mapping[str, str]] = {}
        self._acks: dict[tuple[str, str], int] = {}
        self._sent: dict[tuple[str, str], int] = {}
        self._new = asyncio.Event()

    async def listen(self) -> None:
        while (message := await self.link.receive()) is not None:
            if isinstance(message, Ack):
                self._acks[message.root, message.run] = message.n
            elif isinstance(message, Environment):
                self.environments[message.id] = message.variables
            else:
                self.heard.append(message)  # pyright: ignore[reportArgumentType]
            self._new.set()

    async def hello(self, version: int = VERSION) -> None:
        await self.link.send(Hello(version=version, program="test", pid=1, sandbox="none"))

    async def until(self, is_there: Callable[[], Any]) -> Any:
        """Wait until something was heard."""
        async with asyncio.timeout(20):
            while not (found := is_there()):
                self._new.clear()
                await self._new.wait()
        return found

    async def started(self, task: int, run: str = "") -> RunSpec:
        """What the task's run was given, once it is started here."""

        def find() -> RunSpec | None:
            specs = [m.spec for m in self.heard if isinstance(m, StartRun) and m.spec.task == task]
            return next((spec for spec in specs if not run or spec.run == run), None)

        return await self.until(find)

    async def heard_of(self, kind: type[CancelRun] | type[SteerRun], run: str) -> Any:
        return await self.until(lambda: next((m for m in self.heard if isinstance(m, kind) and m.run == run), None))

    async def say(self, message: Up) -> None:
        await self.link.send(message)

    async def fact(self, spec: RunSpec, event: Event) -> None:
        """Report a fact and wait until it is acknowledged."""
        n = await self.send_fact(spec, event)
        await self.until(lambda: self._acks.get((spec.root, spec.run), 0) >= n)

    async def send_fact(self, spec: RunSpec, event: Event) -> int:
        place = (spec.root, spec.run)
        self._sent[place] = n = self._sent.get(place, 0) + 1
        await self.link.send(Fact(run=spec.run, root=spec.root, n=n, event=event))
        return n

    def acknowledged(self, spec: RunSpec) -> int:
        return self._acks.get((spec.root, spec.run), 0)

    async def brief(self, spec: RunSpec) -> None:
        await self.fact(
            spec, e.Briefed(task=spec.task, run=spec.run, system="system", messages=("go",), at=self.clock.now())
        )

    async def turn(self, spec: RunSpec, text: str = "", *calls: str, cost: float | None = 0.25) -> None:
        parts = (Text(text), *(ToolCall(id=f"call-{name}", name=name, arguments={}) for name in calls))
        turn = Turn(parts=parts, stop="tools" if calls else "end", cost_usd=cost, model="scripted")
        await self.fact(spec, e.TurnTaken(task=spec.task, run=spec.run, turn=turn, at=self.clock.now()))

    async def finish(self, spec: RunSpec, result: Result) -> None:
        await self.fact(spec, e.RunFinished(task=spec.task, run=spec.run, result=result, at=self.clock.now()))
        await self.say(RunEnded(run=spec.run, root=spec.root))

    def die(self) -> None:
        self.link.close()


class House:
    """A person's projects with a clock that is wound by hand and workers that do what the test says."""

    def __init__(self, tmp_path: Path, clock: HandClock) -> None:
        self.tmp_path = tmp_path
        self.clock = clock
        self.env = {"BACKBURNER_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)}
        self.keys = {"ANTHROPIC_API_KEY": "sk-test-key-123456"}
        self.workers: list[Worker] = []
        self.refuses = ""
        """Why no worker can be started, while that is so."""
        self.is_silent = False
        """New workers do not say hello by themselves."""
        self._came = asyncio.Event()
        self._group: asyncio.TaskGroup
        self.projects: Projects

    async def start_worker(self) -> Link:
        if self.refuses:
            raise WorkerUnavailable(self.refuses)
        near, far = pair()
        worker = Worker(far, self.clock)
        self._group.create_task(worker.listen())
        if not self.is_silent:
            await worker.hello()
        self.workers.append(worker)
        self._came.set()
        return near

    async def worker(self, number: int = 0) -> Worker:
        """The worker that was started as the `number`th (from 0), once there is one."""
        async with asyncio.timeout(20):
            while len(self.workers) <= number:
                self._came.clear()
                await self._came.wait()
        return self.workers[number]

    async def wind(self, seconds: float) -> None:
        """Let time pass while the workers' hearts beat."""
        while seconds > 0:
            step = min(seconds, 30.0)
            for worker in self.workers:
                await worker.say(Heartbeat(at=self.clock.now()))
            await turns()
            self.clock.wind(step)
            await turns()
            seconds -= step

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Projects]:
        async with asyncio.TaskGroup() as group:
            self._group = group
            async with Projects(
                self.start_worker, self.clock, env=self.env, days=UtcDays(), strict=True
            ) as self.projects:
                if self.keys:
                    self.projects.hand_over({"PATH": "/usr/bin", **self.keys})
                yield self.projects
            for worker in self.workers:
                worker.die()

    def config(self, text: str) -> None:
        (self.tmp_path / "home").mkdir(exist_ok=True)
        (self.tmp_path / "home" / "config.toml").write_text(text)

    def project(self, name: str = "project") -> Path:
        """A small project under Git with one commit."""
        root = self.tmp_path / name
        (root / "src").mkdir(parents=True)
        (root / "src" / "lexer.py").write_text("".join(f"line {i}\n" for i in range(40)))
        git(root, "init", "-q", "-b", "main")
        git(root, "add", "-A")
        git(root, "commit", "-q", "-m", "begin")
        return root


async def turns(count: int = 10) -> None:
    """Let everything that is ready happen."""
    for _ in range(count):
        await asyncio.sleep(0)


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(root), *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def here(*lines: int) -> tuple[Target, ...]:
    return tuple(target("src/lexer.py", line) for line in lines or (3,))


def delegation(*targets: Target, agent: str = "opus", **options: Any) -> w.Delegate:
    new = tuple(w.NewTask(target=each, agent=agent) for each in targets or here())
    return w.Delegate(recipe="implement", instruction="do it", new=new, **options)


async def until(engine: Engine, is_so: Callable[[State], Any]) -> Any:
    """Wait until something is true of an engine's state."""
    changed = asyncio.Event()
    stop = engine.subscribe(lambda *_: changed.set())
    try:
        async with asyncio.timeout(20):
            while not (found := is_so(engine.state)):
                changed.clear()
                await changed.wait()
        return found
    except TimeoutError as error:
        tasks = engine.state.tasks.values()
        told = [f"#{task.number} {task.state} {task.failure}" for task in tasks]
        raise AssertionError(f"{told}, {list(engine.held.values())}, {engine.trouble}") from error
    finally:
        stop()


async def until_state(engine: Engine, task: int, *states: str) -> None:
    await until(engine, lambda state: task in state.tasks and state.tasks[task].state in states)
