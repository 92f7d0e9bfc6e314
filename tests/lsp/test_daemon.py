"""The daemon's life: one per person, fair to all, gone when nobody needs it, and nothing left behind by any death."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from backburner import __version__
from backburner.lib import handshake, reach
from backburner.lib.clock import HandClock
from backburner.lsp.listening import listen
from backburner.lsp.socket_server import CHECK_S, IDLE_S, SocketServer
from backburner.lsp.workers import process_starter
from daemon_home import TOYS, Home, new_home, wait_for_end
from rpc_client import RpcClient, frame
from toy_daemon import Toys

URI = "file:///p/a.py"


@pytest.fixture
async def home() -> AsyncIterator[Home]:
    with new_home() as home:
        yield home
        await home.end_bridges()


@pytest.fixture(scope="module")
def running() -> Iterator[Home]:
    """A daemon that several tests share."""
    with new_home() as home:
        start(home)
        yield home


def start(home: Home) -> None:
    variables = {name.encode(): value.encode() for name, value in home.environment.items()}
    reach.reach(variables, __version__, handshake.STATUS, reach.daemon_program(home.door)).socket.close()


# The socket server, with a clock that is wound by hand.


class Clockwork:
    def __init__(self, path: str, holds_lock: Callable[[], bool]) -> None:
        self.clock = HandClock()
        self.toys = Toys(process_starter(TOYS))
        self.door = SocketServer(listen(Path(path)), self.toys, self.clock, holds_lock=holds_lock)

    async def pass_minutes(self, minutes: int) -> None:
        for _ in range(minutes):
            self.clock.wind(CHECK_S)
            for _ in range(10):
                await asyncio.sleep(0)


@asynccontextmanager
async def door(
    home: Home, holds_lock: Callable[[], bool] = lambda: True
) -> AsyncIterator[tuple[Clockwork, asyncio.Task[None]]]:
    handshake.make_folder(os.fsencode(Path(home.socket).parent))
    with_clock = Clockwork(home.socket, holds_lock)
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(with_clock.door.serve())
        try:
            yield with_clock, serving
        finally:
            with_clock.door.stop()


HOUR = round(IDLE_S / CHECK_S)


async def test_the_daemon_leaves_after_an_idle_hour_and_not_before(home: Home) -> None:
    async with door(home) as (daemon, serving):
        await daemon.pass_minutes(HOUR - 2)
        assert not serving.done()
        await daemon.pass_minutes(4)
        assert serving.done()
        assert not Path(home.socket).exists()


async def test_the_daemon_stays_while_an_editor_is_there_or_a_task_lives(home: Home) -> None:
    async with door(home) as (daemon, serving):
        await daemon.pass_minutes(1)
        client = await home.client()
        await daemon.pass_minutes(3 * HOUR)
        assert not serving.done()
        daemon.toys.claimed = 1
        await client.close()
        await daemon.pass_minutes(3 * HOUR)
        assert not serving.done()
        daemon.toys.claimed = 0
        await daemon.pass_minutes(HOUR - 1)
        assert not serving.done()
        await daemon.pass_minutes(3)
        assert serving.done()


@pytest.mark.parametrize(
    "data",
    [
        frame({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}),
        b"GET / HTTP/1.1\r\n\r\n",
        b"backburner/1 99999999\n",
        handshake.greeting("0.1.0", "fax machine", {}),
    ],
)
async def test_who_does_not_greet_is_told_and_turned_away(home: Home, data: bytes) -> None:
    async with door(home):
        reader, writer = await asyncio.open_unix_connection(home.socket)
        writer.write(data)
        answer = handshake.read_answer(await reader.readline())
        assert answer is not None
        assert answer[0] == handshake.REFUSED
        assert await reader.read() == b""
        writer.close()
        # And the next one is served.
        await (await home.client()).close()


async def test_an_unknown_protocol_is_refused_with_a_sentence_while_there_is_work(home: Home) -> None:
    async with door(home) as (daemon, serving):
        daemon.toys.claimed = 1
        reader, writer = await asyncio.open_unix_connection(home.socket)
        body = b"version=99.0\0kind=editor"
        writer.write(b"backburner/9 %d\n" % len(body) + body)
        answer = handshake.read_answer(await reader.readline())
        assert answer is not None
        assert answer[0] == handshake.REFUSED
        assert "backburner daemon stop" in answer[2]
        assert not serving.done()
        writer.close()


# The process.


def test_a_second_daemon_does_not_start(running: Home) -> None:
    first = running.pid()
    ended = running.daemon("run")
    assert ended.returncode == reach.STILL_LOCKED
    assert f"process {first}".encode() in ended.stderr
    assert running.pid() == first
    assert b"Daemon 0." in running.daemon("status").stdout


async def test_status_and_stop(home: Home) -> None:
    assert home.daemon("status").returncode == 1
    start(home)
    pid = home.pid()
    client = await home.client()
    await client.request("x/alive", {"amount": 3})
    status = (await asyncio.to_thread(home.daemon, "status")).stdout.decode()
    assert f"process {pid}" in status
    assert "1 connected, 3 tasks alive" in status
    facts = json.loads((await asyncio.to_thread(home.daemon, "status", "--json")).stdout)
    assert (facts["running"], facts["pid"], facts["version"]) == (True, pid, __version__)
    assert (facts["clients"], facts["alive"]) == (1, 3)
    stopped = await asyncio.to_thread(home.daemon, "stop")
    assert stopped.stdout == b"Stopped. 3 unfinished tasks go on when it starts again.\n"
    assert await client.receive() is None
    await wait_for_end(pid)
    assert not Path(home.socket).exists()
    assert home.daemon("stop").returncode == 1
    gone = home.daemon("status", "--json")
    assert gone.returncode == 1
    assert json.loads(gone.stdout) == {"running": False, "error": "No daemon runs."}


async def test_sigterm_ends_it_cleanly(home: Home) -> None:
    start(home)
    client = await home.client()
    os.kill(home.pid(), signal.SIGTERM)
    assert await client.receive() is None
    await wait_for_end(home.pid())
    _, status = os.waitpid(home.pid(), os.WNOHANG)  # noqa: ASYNC222 (it has ended)
    assert os.waitstatus_to_exitcode(status) == 0
    assert not Path(home.socket).exists()
    assert not home.is_running()


async def test_a_daemon_killed_at_any_moment_is_replaced(home: Home) -> None:
    """Also one that was killed between taking the lock and listening, and a socket that nobody listens on."""
    for _ in range(3):
        start(home)
        pid = home.pid()
        os.kill(pid, signal.SIGKILL)
        await wait_for_end(pid)
    Path(home.socket).unlink()
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(home.socket)
    start(home)
    assert home.pid() != pid
    client = await home.client()
    assert await client.request("x/pid", {}) == home.pid()


@pytest.mark.parametrize("moments", [0, 1, 5, 20])
async def test_a_starter_and_its_daemon_killed_early_do_not_stop_the_next(home: Home, moments: int) -> None:
    await home.bridge()
    for _ in range(moments):
        # A few milliseconds of their life, measured by how long another process takes.
        await (await asyncio.create_subprocess_exec(sys.executable, "-I", "-S", "-c", "")).wait()
    home.bridges[0].kill()
    home.kill()
    client = await home.bridge()
    await client.initialize()
    assert await client.request("x/pid", {}) == home.pid()


async def test_a_daemon_whose_socket_was_cleaned_away_is_found_again(home: Home) -> None:
    """Programs that clean /tmp do that after some days; the lock must not keep the next editor out."""
    start(home)
    pid = home.pid()
    before = await home.client()
    Path(home.socket).unlink()
    client = await home.bridge()
    await client.initialize()
    assert await client.request("x/pid", {}) == pid
    assert await before.request("x/pid", {}) == pid


async def test_a_daemon_whose_folder_was_removed_leaves(home: Home) -> None:
    there = True
    async with door(home, lambda: there) as (daemon, serving):
        client = await home.client()
        await daemon.pass_minutes(2)
        assert not serving.done()
        there = False
        await daemon.pass_minutes(2)
        assert await client.receive() is None
        await serving


async def test_the_worker_is_a_process_of_its_own_that_dies_with_the_daemon(home: Home) -> None:
    start(home)
    client = await home.client(SECRET_KEY="abcdef")
    worker = await client.request("x/worker", {})
    assert worker["program"] == __version__
    status = Path(f"/proc/{worker['pid']}/stat").read_text().rpartition(")")[2].split()
    assert int(status[16]) == 5
    environment = Path(f"/proc/{worker['pid']}/environ").read_bytes()
    assert b"SECRET_KEY" not in environment
    os.kill(home.pid(), signal.SIGKILL)
    await wait_for_end(worker["pid"])


async def test_two_workers_of_one_daemon_live_side_by_side_but_an_old_one_must_end_first(home: Home) -> None:
    start(home)
    client = await home.client()
    first, second = [(await client.request("x/worker", {}))["pid"] for _ in range(2)]
    for worker in (first, second):
        os.kill(worker, 0)
    with (home.path / "state" / "worker.lock.7").open("w") as old:
        fcntl.flock(old, fcntl.LOCK_EX)
        assert (await client.error("x/worker", {}))["code"] == -32603
    assert (await client.request("x/worker", {}))["pid"] not in (first, second)


async def test_fifty_clients_see_their_own_texts(running: Home) -> None:
    async def come(number: int) -> None:
        client = await running.client()
        item = {"uri": URI, "languageId": "", "version": 1, "text": f"text {number}"}
        client.notify("textDocument/didOpen", {"textDocument": item})
        place = {"textDocument": {"uri": URI}, "position": {"line": 0, "character": 0}}
        for _ in range(20):
            assert (await client.request("textDocument/hover", place))["contents"] == f"text {number}"
        await client.close()

    await asyncio.gather(*(come(number) for number in range(50)))


async def test_a_flooding_neighbour_gets_one_turn_to_anothers_one(running: Home) -> None:
    """While a flood of thousands of requests waits to be answered, a request of another client goes in between."""
    flooding = await running.client()
    quiet = await running.client()
    flood = frame(
        {"jsonrpc": "2.0", "id": 7, "method": "textDocument/codeLens", "params": {"textDocument": {"uri": URI}}}
    )
    count = 20_000
    answered = 0

    async def read_flood() -> None:
        nonlocal answered
        while answered < count:
            await flooding.receive()
            answered += 1

    async with asyncio.TaskGroup() as group:
        group.create_task(read_flood())
        flooding.write(flood * count)
        await flooding.writer.drain()
        waited: list[int] = []
        for _ in range(20):
            before = answered
            await quiet.request("x/pid", {})
            waited.append(answered - before)
    # A turn for a turn, but for what lies in buffers on the way.
    assert sorted(waited)[10] < 500, waited
    await flooding.close()
    await quiet.close()


async def test_closed_connections_give_their_memory_back(running: Home) -> None:
    async def visit() -> None:
        client = await running.client()
        item = {"uri": URI, "languageId": "", "version": 1, "text": "x" * 1_000_000}
        client.notify("textDocument/didOpen", {"textDocument": item})
        await client.request("x/pid", {})
        await client.close()

    for _ in range(20):
        await visit()
    before = resident_kib(running.pid())
    for _ in range(200):
        await visit()
    # 200 texts of 1 MB passed through.
    assert resident_kib(running.pid()) - before < 8_000


async def test_the_daemon_is_small(running: Home) -> None:
    assert resident_kib(running.pid()) < 90_000


def resident_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise AssertionError("no Pss")


async def test_nobody_else_may_use_the_socket(running: Home) -> None:
    assert Path(running.socket).stat().st_mode & 0o777 == 0o600
    assert Path(running.socket).parent.stat().st_mode & 0o777 == 0o700
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert reach.peer_uid(ours) == os.geteuid()


async def test_the_command_lines_way_in_is_a_connection_that_speaks_the_protocol(running: Home) -> None:
    connected = await asyncio.to_thread(handshake.connect, running.environment)
    client = await RpcClient.over(connected)
    await client.initialize()
    assert await client.request("x/pid", {}) == running.pid()
    await client.close()
