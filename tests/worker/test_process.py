"""The worker as a process of its own, over real pipes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from agent.support import EDIT, FINISH, Project, script, turn
from backburner.lib import process
from backburner.lib.files import LockFile
from backburner.lib.link import StreamEnd
from backburner.model.events import RunFinished, ToolsDone
from backburner.model.wire import Down, Heartbeat, Hello, Shutdown, Up, decode_up, encode
from worker.support import Daemon, scripted

MAIN = "import sys; from backburner.worker.main import main; sys.exit(main(sys.argv[1:]))"


@asynccontextmanager
async def started(lock: Path, *more: str) -> AsyncGenerator[tuple[Daemon, asyncio.subprocess.Process]]:
    child = await process.start([sys.executable, "-c", MAIN, str(lock), *more])
    assert child.stdin is not None
    assert child.stdout is not None
    link: StreamEnd[Up, Down] = StreamEnd(child.stdout, child.stdin, encode, decode_up)
    daemon = Daemon(link)
    try:
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            group.create_task(daemon.listen())
            yield daemon, child
            link.close()
    finally:
        process.kill_group(child.pid)
        await child.wait()


async def test_a_worker_process_does_a_run_and_ends_when_told(cafe: Project, tmp_path: Path) -> None:
    snapshot = await cafe.snapshot()
    async with started(tmp_path / "lock") as (daemon, child):
        hello = await daemon.first(Hello)
        assert hello.pid == child.pid
        assert os.getpriority(os.PRIO_PROCESS, child.pid) >= 5
        fact = await daemon.run(scripted(cafe, snapshot, script(turn(EDIT), turn(FINISH))))
        assert isinstance(fact, RunFinished)
        await daemon.link.send(Shutdown())
        assert await child.wait() == 0


async def test_it_ends_when_the_daemon_is_gone_even_in_the_middle_of_a_run(cafe: Project, tmp_path: Path) -> None:
    snapshot = await cafe.snapshot()
    async with started(tmp_path / "lock") as (daemon, child):
        await daemon.start(scripted(cafe, snapshot, script(turn(EDIT), turn(FINISH, wait_s=600))))
        await daemon.first(ToolsDone)
        daemon.link.close()
        assert await child.wait() == 0
    lock = LockFile(tmp_path / "lock")
    assert lock.acquire()
    lock.release()


async def test_it_serves_only_when_it_has_the_lock(cafe: Project, tmp_path: Path) -> None:
    lock = LockFile(tmp_path / "lock")
    assert lock.acquire()
    async with started(tmp_path / "lock", "0.05") as (daemon, child):
        await daemon.first(Heartbeat)
        assert not [message for message in daemon.heard if isinstance(message, Hello)]
        lock.release()
        await daemon.first(Hello)
        await daemon.link.send(Shutdown())
        assert await child.wait() == 0


async def test_it_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    """A killed parent closes its pipes as well; the writing end is kept open here, so that only the signal can do it."""
    reader, writer = os.pipe()
    command = [sys.executable, "-c", MAIN, str(tmp_path / "lock")]
    parent = f"""
import subprocess
child = subprocess.Popen({command!r}, stdin={reader}, stdout=subprocess.PIPE, pass_fds=[{reader}])
child.stdout.read(4)
print(child.pid, flush=True)
child.wait()
"""
    child = await process.start([sys.executable, "-c", parent], pass_fds=[reader])
    assert child.stdout is not None
    worker = os.pidfd_open(int(await child.stdout.readline()))
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(worker, ended.set)
    os.kill(child.pid, signal.SIGKILL)
    await child.wait()
    async with asyncio.timeout(20):
        await ended.wait()
    asyncio.get_running_loop().remove_reader(worker)
    for descriptor in (reader, writer, worker):
        os.close(descriptor)


async def test_wrong_arguments_are_a_sentence(tmp_path: Path) -> None:
    done = await process.run([sys.executable, "-c", MAIN])
    assert done.exit_code == 2
    assert done.stderr.decode().startswith("usage: ")
    assert done.stdout == b""
