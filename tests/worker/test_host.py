from __future__ import annotations

import asyncio

from agent.support import EDIT, FINISH, Project, call, script, turn
from backburner.lib.clock import HandClock
from backburner.lib.log import SECRETS
from backburner.model.events import RunFinished, TurnTaken
from backburner.model.wire import CancelRun, Environment, Hello, RunEnded, Shutdown, Watch
from backburner.worker.host import Host
from backburner.worker.pipe import in_process
from backburner.workspace.checkout import IDLE
from backburner.workspace.sandbox import Level, probe
from worker.support import NO_SANDBOX, Daemon, StoppedClock, scripted, worker

WORK = script(turn(EDIT), turn(FINISH))


async def test_hello_tells_how_commands_run() -> None:
    async with worker(level=Level("none", "bubblewrap is not installed")) as daemon:
        hello = await daemon.first(Hello)
    assert (hello.sandbox, hello.sandbox_note) == ("none", "bubblewrap is not installed")
    async with worker(level=None) as daemon:
        hello = await daemon.first(Hello)
    assert hello.sandbox == (await probe()).name


async def test_a_hundred_runs_go_on_at_once(cafe: Project) -> None:
    snapshot = await cafe.snapshot()
    clock = StoppedClock()
    text = script(turn(EDIT, wait_s=1), turn(FINISH))
    async with worker(clock=clock) as daemon:
        for number in range(1, 101):
            await daemon.start(scripted(cafe, snapshot, text, run=f"{number}.1", task=number))
        # Nobody's first turn comes before the clock is wound, so all of them wait in it at once.
        for number in range(1, 101):
            await daemon.until(lambda run=f"{number}.1": daemon.kinds(run) or None)
        assert all(daemon.kinds(f"{number}.1") == ["Briefed"] for number in range(1, 101))
        clock.let_go(1.0)
        for number in range(1, 101):
            await daemon.first(RunEnded, run=f"{number}.1")
        assert all(daemon.kinds(f"{number}.1")[-1] == "RunFinished" for number in range(1, 101))


async def test_keys_of_an_environment_are_never_written(cafe: Project) -> None:
    async with worker() as daemon:
        variables = {"PATH": "/usr/bin", "BREW_API_KEY": "beans-4711-arabica"}
        await daemon.link.send(Environment(id="e1", variables=variables))
        await daemon.run(scripted(cafe, await cafe.snapshot(), WORK))
        assert SECRETS.redact("beans-4711-arabica and /usr/bin") == "[secret] and /usr/bin"


async def test_orders_for_runs_that_are_not_on_harm_nobody(cafe: Project) -> None:
    async with worker() as daemon:
        await daemon.link.send(Watch(run="99.1", root="/nowhere", on=True))
        await daemon.link.send(CancelRun(run="99.1", task=99, root="/nowhere", keep=True))
        await daemon.first(RunEnded, run="99.1")
        assert isinstance(await daemon.run(scripted(cafe, await cafe.snapshot(), WORK)), RunFinished)


async def test_the_same_run_is_not_started_twice(cafe: Project) -> None:
    async with worker() as daemon:
        spec = scripted(cafe, await cafe.snapshot(), script(turn(EDIT), turn(FINISH, wait_s=9)))
        await daemon.start(spec)
        await daemon.first(TurnTaken)
        await daemon.start(spec)
        await daemon.link.send(CancelRun(run="12.1", task=12, root=str(cafe.root), keep=True))
        await daemon.first(RunEnded)
    assert daemon.kinds().count("Briefed") == 1


async def test_when_the_daemon_is_gone_every_run_ends_and_cleans_up(cafe: Project) -> None:
    level = await probe()
    snapshot = await cafe.snapshot()
    here, there = in_process()
    daemon = Daemon(here)
    host = Host(there, HandClock(), lambda: 0.5, level=level)
    commands = level.name == "strict"
    first = turn(call("run", command="echo 1 > made.txt")) if commands else turn(EDIT)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        serving = group.create_task(host.serve())
        group.create_task(daemon.listen())
        for number in (1, 2, 3, 4):
            text = script(first, turn(FINISH, wait_s=60))
            await daemon.start(scripted(cafe, snapshot, text, run=f"{number}.1", task=number))
        for number in (1, 2, 3, 4):
            await daemon.until(lambda run=f"{number}.1": True if "ToolsDone" in daemon.kinds(run) else None)
        here.close()
        await serving
    assert len(list(cafe.trees.glob("tree-*"))) <= IDLE


async def test_cancelled_at_any_moment_a_run_ends_and_leaves_nothing(cafe: Project) -> None:
    """Cancel after each possible number of steps of the loop; the host goes on, and a later run works."""
    level = await probe()
    snapshot = await cafe.snapshot()
    steps = (turn(call("run", command="echo 1 > made.txt")) if level.name == "strict" else turn(EDIT), turn(EDIT))
    text = script(*steps, turn(FINISH))
    async with worker(level=level) as daemon:
        ends: set[str] = set()
        for number in range(1, 60):
            run = f"{number}.1"
            await daemon.start(scripted(cafe, snapshot, text, run=run, task=number))
            for _ in range(number * number // 4):
                await asyncio.sleep(0)
            await daemon.link.send(CancelRun(run=run, task=number, root=str(cafe.root)))
            await daemon.first(RunEnded, run=run)
            ends.add((daemon.kinds(run) or ["nothing"])[-1])
        assert isinstance(await daemon.run(scripted(cafe, snapshot, text, run="99.1", task=99)), RunFinished)
    assert len(ends) > 1
    assert len(list(cafe.trees.glob("tree-*"))) <= IDLE


async def test_shutdown_ends_the_worker() -> None:
    here, there = in_process()
    host = Host(there, HandClock(), lambda: 0.5, level=NO_SANDBOX)
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        serving = group.create_task(host.serve())
        assert isinstance(await here.receive(), Hello)
        await here.send(Shutdown())
        await serving
        assert await here.receive() is None
