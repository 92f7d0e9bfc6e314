"""What the fleet is measured against: one asyncio + aiohttp loop that sends the very bytes that a recorded task sent.

Two of them. `bare` runs the task's command as it is, in one folder for all. `trees` does what no agent in a copy of its
own can do without: for each task `git read-tree` lays the files out in a folder of its own, the command runs in
bubblewrap, `git write-tree` names what is there. Commands run as many at once as ours do, and all of it is as nice as our
worker, so that a machine in use holds back both alike. Nothing is parsed, journalled, snapshotted or cleaned up.

    python floor.py bare|trees URL SIZE BODIES      prints seconds, CPU seconds of the loop, CPU seconds of its commands
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import world as w

from backburner.worker.main import NICE

COMMAND = "grep -c return module_0.py"
COMMAND_AFTER = 2
"""Number of the answer that asks for the command, from 0."""
HEADERS = {"x-api-key": "k", "anthropic-version": "2023-06-01", "content-type": "application/json"}
BWRAP = ("bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--ro-bind", "/", "/")
Step = tuple[Sequence[str], Path, Mapping[str, str] | None]
"""Command line, folder, environment (None: ours)."""


def bare(project: Path, number: int) -> list[Step]:
    return [(("sh", "-c", COMMAND), project, None)]


def trees(project: Path, number: int) -> list[Step]:
    place = project.parent / f"tree-{number}"
    place.mkdir()
    env = {**os.environ, "GIT_DIR": f"{project}/.git", "GIT_WORK_TREE": str(place), "GIT_INDEX_FILE": f"{place}.index"}
    boxed = (*BWRAP, "--proc", "/proc", "--dev", "/dev", "--bind", str(place), "/tmp", "--chdir", "/tmp", "--")
    return [
        (("git", "read-tree", "--reset", "-u", "HEAD"), place, env),
        ((*boxed, "sh", "-c", COMMAND), place, None),
        (("git", "write-tree"), place, env),
    ]


async def play(url: str, size: int, bodies: Sequence[bytes], steps: Callable[[Path, int], list[Step]]) -> None:
    gate = asyncio.Semaphore(2 * (os.cpu_count() or 1))

    async def task(session: aiohttp.ClientSession, project: Path, number: int) -> None:
        for turn, body in enumerate(bodies):
            async with session.post(f"{url}/v1/messages", data=body, headers=HEADERS) as answer:
                answer.raise_for_status()
                async for _ in answer.content.iter_any():
                    pass
            if turn == COMMAND_AFTER:
                async with gate:
                    for argv, folder, env in steps(project, number):
                        child = await asyncio.create_subprocess_exec(
                            *argv, cwd=folder, env=env, stdout=subprocess.DEVNULL
                        )
                        if await child.wait():
                            raise RuntimeError(f"{argv[0]} failed in the floor")

    with tempfile.TemporaryDirectory() as folder:
        project = w.project(Path(folder))
        start, started = time.perf_counter(), _cpu_s()
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
            asyncio.TaskGroup() as group,
        ):
            for number in range(size):
                group.create_task(task(session, project, number))
        took, ended = time.perf_counter() - start, _cpu_s()
    print(json.dumps([took, *(b - a for a, b in zip(started, ended, strict=True))]))


def _cpu_s() -> tuple[float, float]:
    """Of this process and of its children that ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    own, children = (part.ru_utime + part.ru_stime for part in used)
    return own, children


async def measured(kind: str, url: str, size: int, bodies: Path) -> list[float]:
    """Run one in a process of its own: seconds; CPU seconds of the loop (without its start) and of its commands."""
    argv = [sys.executable, __file__, kind, url, str(size), str(bodies)]
    child = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.PIPE)
    out, _ = await child.communicate()
    found: Any = json.loads(out)
    return found


if __name__ == "__main__":
    kind, url, size, bodies = sys.argv[1:]
    os.nice(NICE)
    sent = [body.encode() for body in json.loads(Path(bodies).read_text())]
    asyncio.run(play(url, int(size), sent, {"bare": bare, "trees": trees}[kind]))
