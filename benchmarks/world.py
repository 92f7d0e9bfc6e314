"""What the benchmarks share: a project, a person's folder, an emulated provider in its own process, and what `/proc` says.

Everything measured is real: bridge, daemon, worker, SDK, bubblewrap, disk. Only the model is emulated. Never asserts on a
number.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path.insert(0, str(TESTS))

from cli.shell import make_project  # noqa: E402
from daemon_home import REAL, Home, new_home  # noqa: E402
from lsp_client import Client, started  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")
FILES = 50
CONFIG = """
[limits]
day_usd = 100000.0
task_usd = 1000.0
running = 300
unread_results = 100000
unread_lines = 10000000
"""
SOURCE = "".join(f"def number_{n}(a, b):\n    return a - b\n\n\n" for n in range(10))
SAY = "I looked at what is there and go on with the next step. " * 6


@dataclass
class World:
    home: Home
    root: Path
    url: str

    @asynccontextmanager
    async def editor(self, url: str = "", **variables: str) -> AsyncIterator[Client]:
        """An editor behind a bridge of its own, initialized. `url`: another provider than that of the world; then some
        variable must differ too, because of editors with the same environment the last one's address counts for all."""
        env = {**self.home.environment, "ANTHROPIC_API_KEY": "emulated-key", "ANTHROPIC_BASE_URL": url or self.url}
        env |= variables
        async with started([sys.executable, REAL, "lsp"], env, self.root) as client:
            await client.initialize()
            yield client

    def pids(self) -> tuple[int, int]:
        """Of the daemon and of its worker."""
        daemon = self.home.pid()
        children = Path(f"/proc/{daemon}/task/{daemon}/children").read_text().split()
        workers = [int(pid) for pid in children if b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")]
        if len(workers) != 1:
            raise RuntimeError(f"the daemon has {len(workers)} workers")
        return daemon, workers[0]


def project(folder: Path) -> Path:
    """A Git project of `FILES` modules."""
    return make_project(folder / "project", {f"module_{number}.py": SOURCE for number in range(FILES)})


@contextmanager
def provider(script: str, *options: str) -> Iterator[str]:
    """The address of an emulator in its own process. `options`: more of its command line, such as limits."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "script.toml"
        path.write_text(script)
        argv = [sys.executable, "-m", "emulator", "--script", str(path), "--until-eof", *options]
        env = {**os.environ, "PYTHONPATH": str(TESTS)}
        # It says of each task that is stopped that its connection broke.
        child = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env
        )
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            yield child.stdout.readline().decode().strip()
        finally:
            child.stdin.close()
            child.wait()


@contextmanager
def world(url: str) -> Iterator[World]:
    """A daemon of its own, and a project."""
    with TemporaryDirectory(prefix="bb-project-") as folder, new_home(REAL) as home:
        (home.path / "config.toml").write_text(CONFIG)
        daemon = subprocess.Popen(
            [sys.executable, REAL, "daemon", "run"], env=home.environment, stderr=subprocess.DEVNULL
        )
        try:
            while not os.path.exists(home.socket):
                if daemon.poll() is not None:
                    raise RuntimeError("the daemon did not start")
                time.sleep(0.02)
            yield World(home, project(Path(folder)), url)
        finally:
            daemon.terminate()
            daemon.wait()


def place(client: Client, number: int) -> dict[str, object]:
    """The `number`th function of the project."""
    line = number // FILES % 10 * 4
    return {"uri": client.uri(f"module_{number % FILES}.py"), "start_line": line, "end_line": line + 1}


async def delegate(client: Client, number: int, instruction: str) -> int:
    """One task; its number, when it is durable."""
    argument = {"instruction": instruction, "recipe": "free", "agent": "opus", "targets": [place(client, number)]}
    return (await client.command("delegate", argument))["tasks"][0]


async def finished(client: Client, tasks: Sequence[int]) -> dict[str, int]:
    """How many tasks came to which state."""
    states = list((await client.command("wait", {"tasks": list(tasks), "timeout_s": 300.0}))["states"].values())
    return {state: states.count(state) for state in sorted(set(states))}


def cpu_s(pid: int) -> tuple[float, float]:
    """CPU seconds of a process, and of its children that ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK, (int(fields[13]) + int(fields[14])) / TICK


def pss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


async def sampled(read: Callable[[], float], into: list[float], every_s: float = 0.5) -> None:
    """Collect a reading again and again, until cancelled."""
    while True:
        into.append(read())
        await asyncio.sleep(every_s)


def p(values: Sequence[float], part: float) -> float:
    """The value below which that part of all values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def load() -> str:
    return f"{os.cpu_count()} cores, load of the last minute {os.getloadavg()[0]:.1f}"


def table(title: str, *rows: Sequence[str]) -> None:
    """Markdown; the first row is the head."""
    print(f"\n{title}\n")
    for number, row in enumerate(rows):
        print("| " + " | ".join(row) + " |")
        if not number:
            print("| " + " | ".join("---" for _ in row) + " |")
    sys.stdout.flush()
