"""A person's folder of their own for a test, with the toy daemon (`toy_door.py`) or the real one behind its socket."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from backburner import __main__ as real_door
from backburner import __version__
from backburner.lib import handshake
from rpc_client import ENOUGH_S, RpcClient

TOYS = str(Path(__file__).with_name("toy_door.py"))
REAL = str(real_door.__file__)


class Home:
    """`BACKBURNER_HOME` and everything that was started in it."""

    def __init__(self, path: Path, door: str = TOYS) -> None:
        self.path = path
        self.door = door
        self.bridges: list[asyncio.subprocess.Process] = []

    @property
    def environment(self) -> dict[str, str]:
        return {"BACKBURNER_HOME": str(self.path), "PATH": os.environ["PATH"], "HOME": str(self.path)}

    @property
    def socket(self) -> str:
        variables = {name.encode(): value.encode() for name, value in self.environment.items()}
        return handshake.socket_path(variables).decode()

    @property
    def lock(self) -> Path:
        return self.path / "state" / "lock"

    def pid(self) -> int:
        """Of the daemon that holds the lock, or held it last."""
        return int(self.lock.read_text())

    def is_running(self) -> bool:
        """Whether a process holds the daemon's lock."""
        try:
            with self.lock.open() as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def kill(self) -> None:
        """SIGKILL the daemon if there is one. Who holds the lock lives, so the number in it still means the daemon."""
        if self.is_running() and (number := self.lock.read_text().strip()):
            os.kill(int(number), signal.SIGKILL)

    def daemon(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, self.door, "daemon", *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=ENOUGH_S,
        )

    async def bridge(self, *arguments: str, **environment: str) -> RpcClient:
        """A client behind a bridge process of its own, which starts the daemon if there is none (or needs none)."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            self.door,
            "lsp",
            *arguments,
            env={**self.environment, **environment},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=1 << 26,
        )
        self.bridges.append(process)
        assert process.stdout is not None
        assert process.stdin is not None
        return RpcClient(process.stdout, process.stdin)

    async def bridge_end(self, number: int = -1) -> tuple[int, str]:
        """Exit code and standard error of a bridge."""
        process = self.bridges[number]
        assert process.stderr is not None
        async with asyncio.timeout(ENOUGH_S):
            error = await process.stderr.read()
            return await process.wait(), error.decode()

    async def client(self, **environment: str) -> RpcClient:
        """A client on the socket itself, initialized."""
        client = await RpcClient.to_daemon(self.socket, version=__version__, **environment)
        await client.initialize()
        return client

    async def end_bridges(self) -> None:
        """In the loop in which they were started."""
        for process in self.bridges:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.communicate()

    def clean(self) -> None:
        self.kill()
        mark = b"BACKBURNER_HOME=" + os.fsencode(self.path)
        for folder in Path("/proc").glob("[0-9]*"):
            # A daemon may have been started a moment ago that has no lock yet.
            with contextlib.suppress(OSError):
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    os.kill(int(folder.name), signal.SIGKILL)
        shutil.rmtree(self.path, ignore_errors=True)


@contextlib.contextmanager
def new_home(door: str = TOYS) -> Iterator[Home]:
    """The path is short, so that the socket lies inside it."""
    home = Home(Path(tempfile.mkdtemp(prefix="bb-", dir="/tmp")), door)
    try:
        yield home
    finally:
        home.clean()


async def wait_for_end(pid: int) -> None:
    """Return when the process is gone; fails after a while."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ended = await asyncio.to_thread(select.select, [descriptor], [], [], ENOUGH_S)
        assert ended[0], f"process {pid} did not end"
    finally:
        os.close(descriptor)
