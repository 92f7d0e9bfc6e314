"""The bridge: bytes through, a daemon behind it whoever comes first, and one honest line when there is none."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backburner import __version__
from backburner.lib import handshake
from daemon_home import TOYS, Home, new_home, wait_for_end

URI = "file:///p/a.py"


@pytest.fixture
async def home() -> AsyncIterator[Home]:
    with new_home() as home:
        yield home
        await home.end_bridges()


async def test_a_bridge_starts_the_daemon_and_pumps_both_ways(home: Home) -> None:
    client = await home.bridge()
    await client.initialize()
    big = "line\n" * 1_000_000
    item = {"uri": URI, "languageId": "", "version": 1, "text": big}
    client.notify("textDocument/didOpen", {"textDocument": item})
    hover = await client.request(
        "textDocument/hover", {"textDocument": {"uri": URI}, "position": {"line": 0, "character": 0}}
    )
    assert hover["contents"] == big
    assert await client.request("x/pid", {}) == home.pid()


async def test_twenty_editors_at_once_get_one_daemon(home: Home) -> None:
    async def come() -> int:
        client = await home.bridge()
        await client.initialize()
        return await client.request("x/pid", {})

    pids = await asyncio.gather(*(come() for _ in range(20)))
    assert set(pids) == {home.pid()}


async def test_the_bridge_exits_with_one_line_when_the_daemon_is_killed_and_the_next_takes_over(home: Home) -> None:
    client = await home.bridge()
    await client.initialize()
    first = home.pid()
    os.kill(first, signal.SIGKILL)
    code, error = await home.bridge_end()
    assert code == 1
    assert error.startswith("backburner: the daemon is gone.")
    assert error.count("\n") == 1
    assert Path(home.socket).exists()
    again = await home.bridge()
    await again.initialize()
    assert await again.request("x/pid", {}) == home.pid() != first


async def test_the_bridge_exits_cleanly_when_the_editor_leaves_by_the_book(home: Home) -> None:
    client = await home.bridge()
    await client.initialize()
    await client.request("shutdown")
    client.notify("exit")
    assert await home.bridge_end() == (0, "")


async def test_the_bridge_exits_cleanly_when_the_editor_just_closes_its_pipe(home: Home) -> None:
    client = await home.bridge()
    await client.initialize()
    client.writer.close()
    assert await home.bridge_end() == (0, "")


async def test_what_the_editor_sent_before_it_closed_its_pipe_is_answered(home: Home) -> None:
    client = await home.bridge()
    await client.initialize()
    id = client.ask("x/pid", {})
    client.writer.close()
    assert (await client.answer(id))["result"] == home.pid()


async def test_one_editors_exit_or_death_does_not_touch_the_others(home: Home) -> None:
    staying, leaving, dying = [await home.bridge() for _ in range(3)]
    for client in (staying, leaving, dying):
        await client.initialize()
    await leaving.request("shutdown")
    leaving.notify("exit")
    assert (await home.bridge_end(1))[0] == 0
    dying.write(b"Content-Length: 1000\r\n\r\n{")
    await dying.writer.drain()
    home.bridges[2].kill()
    await home.bridges[2].wait()
    assert await staying.request("x/pid", {}) == home.pid()


async def test_the_editors_environment_goes_to_its_connection_and_not_into_the_daemon(home: Home) -> None:
    client = await home.bridge(ANTHROPIC_API_KEY="one", ODD="a\nb=ü", VIRTUAL_ENV="/venv")
    other = await home.bridge(ANTHROPIC_API_KEY="two")
    for each in (client, other):
        await each.initialize()
    environment = await client.request("x/environment", {})
    assert environment["ANTHROPIC_API_KEY"] == "one"
    assert environment["ODD"] == "a\nb=ü"
    assert (await other.request("x/environment", {}))["ANTHROPIC_API_KEY"] == "two"
    own = await client.request("x/own", {})
    assert not {"ANTHROPIC_API_KEY", "ODD", "VIRTUAL_ENV"} & own["environment"].keys()
    assert own["environment"]["BACKBURNER_HOME"] == str(home.path)


async def test_the_daemon_keeps_nothing_of_who_started_it(home: Home) -> None:
    """No folder, no session, no descriptor: a terminal can be closed, a disk unmounted."""
    client = await home.bridge()
    await client.initialize()
    own = await client.request("x/own", {})
    assert own["cwd"] == "/"
    assert own["session"] == home.pid()
    for number in own["files"]:
        try:
            target = os.readlink(f"/proc/{home.pid()}/fd/{number}")
        except FileNotFoundError:
            continue
        assert not target.startswith(("pipe:", "/dev/pts")), target


def run_bridge(home: Home, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, TOYS, "lsp"],
        env={**home.environment, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
    )


def test_a_folder_that_is_open_to_others_is_refused(home: Home) -> None:
    (home.path / "run").mkdir(mode=0o755)
    (home.path / "run").chmod(0o755)
    ended = run_bridge(home)
    assert ended.returncode == 1
    assert "is open to others" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_daemon_that_cannot_start_is_one_line_with_its_cause(home: Home) -> None:
    (home.path / "state").write_text("a file where the folder should be")
    ended = run_bridge(home)
    assert ended.returncode == 1
    assert ended.stderr.startswith("backburner: The daemon did not start: ")
    assert ended.stderr.count("\n") == 1


def test_something_else_on_the_socket_is_one_line(home: Home) -> None:
    handshake.make_folder(os.fsencode(Path(home.socket).parent))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(home.socket)
        listener.listen()
        process = subprocess.Popen(
            [sys.executable, TOYS, "lsp"], env=home.environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        connected, _ = listener.accept()
        with connected:
            connected.sendall(b"220 mail ready\n")
            _, error = process.communicate(timeout=20)
    assert process.returncode == 1
    assert error == b"backburner: Something else listens on the daemon's socket.\n"


async def test_a_bridge_of_another_version_replaces_an_idle_daemon(home: Home) -> None:
    client = await home.bridge()
    await client.initialize()
    await client.request("shutdown")
    client.notify("exit")
    await home.bridge_end()
    first = home.pid()
    newer = await of_version(home, "9.9.9").bridge()
    await newer.initialize()
    assert await newer.request("x/pid", {}) == home.pid() != first
    await wait_for_end(first)


async def test_a_bridge_of_another_version_says_so_when_the_daemon_is_busy(home: Home) -> None:
    client = await home.bridge()
    await client.initialize()
    first = home.pid()
    other = of_version(home, "9.9.9")
    newer = await other.bridge()
    await newer.initialize()
    assert await newer.request("x/pid", {}) == first
    newer.writer.close()
    code, error = await other.bridge_end()
    assert code == 0
    assert error.startswith(f"backburner: the daemon is version {__version__} and has work to do; this is 9.9.9.")
    # It leaves as soon as nobody needs it, without waiting for the idle hour.
    client.writer.close()
    await wait_for_end(first)


def of_version(home: Home, version: str) -> Home:
    """The same folder, as another version of the program sees it."""
    door = home.path / "door.py"
    door.write_text(
        "import sys, backburner\n"
        f"backburner.__version__ = {version!r}\n"
        f"sys.path.append({str(Path(TOYS).parent)!r})\n"
        f"exec(compile(open({TOYS!r}).read(), __file__, 'exec'))\n"
    )
    other = Home(home.path, str(door))
    other.bridges = home.bridges
    return other


def test_the_greeting_survives_its_journey() -> None:
    environment = {b"A": b"1", b"EMPTY": b"", b"ODD": b"a\nb=\xff"}
    data = handshake.greeting("1.2", handshake.EDITOR, environment, b"/here")
    line, _, body = data.partition(b"\n")
    assert handshake.read_greeting_line(line + b"\n") == (handshake.PROTOCOL, len(body))
    facts, read = handshake.read_greeting_body(body)
    assert facts == {"version": "1.2", "kind": "editor", "cwd": "/here"}
    assert read == environment


@pytest.mark.parametrize(
    "line", [b"", b"Content-Length: 12\r\n", b"backburner/", b"backburner/1 x\n", b"backburner/1 -1\n"]
)
def test_what_is_no_greeting_is_none(line: bytes) -> None:
    assert handshake.read_greeting_line(line) is None


def test_a_long_home_gets_a_short_socket() -> None:
    path = handshake.socket_path({b"BACKBURNER_HOME": b"/" + b"long/" * 40})
    assert len(path) < handshake.LONGEST_SOCKET_PATH
    assert path != handshake.socket_path({b"BACKBURNER_HOME": b"/" + b"long/" * 41})
