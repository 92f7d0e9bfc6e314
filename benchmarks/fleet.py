"""N tasks of 4 turns of 2 s with one sandboxed command each, through the real daemon, worker and SDK, beside a bare loop.

    .venv/bin/python benchmarks/fleet.py [--sizes 1,8,16,64,256] [--rounds 2] [--ramp]

The floor is an asyncio + aiohttp program that sends the very bytes that a recorded task sent and runs the same command in
bubblewrap, as many at once as we do; it keeps no journal, makes no snapshot, lays out no files, and parses nothing. Floor
and fleet take turns. CPU with commands: what bubblewrap and its command take is in both.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
import world as w

from emulator.script import Script, parse
from emulator.server import Emulator

IDEAL_S = 8.0
COMMAND = "grep -c return module_0.py"
OLD = "def number_3(a, b):\\n    return a - b"
INSTRUCTION = "swap the sign everywhere"
SCRIPT = f"""
[[scene]]
match = "{INSTRUCTION}"
[[scene.turn]]
say = "{w.SAY}"
wait_s = 2.0
calls = [{{ tool = "read", arguments = {{ path = "module_0.py" }} }}]
[[scene.turn]]
say = "{w.SAY}"
wait_s = 2.0
calls = [{{ tool = "edit", arguments = {{ path = "module_0.py", old = "{OLD}", new = "{OLD} + 1" }} }}]
[[scene.turn]]
say = "{w.SAY}"
wait_s = 2.0
calls = [{{ tool = "run", arguments = {{ command = "{COMMAND}" }} }}]
[[scene.turn]]
say = "{w.SAY}"
wait_s = 2.0
calls = [{{ tool = "finish", arguments = {{ title = "Swap the sign", summary = "It adds now." }} }}]
"""


async def recorded() -> list[bytes]:
    """The requests of one task, as they were sent."""
    quick: Script = parse(SCRIPT.replace("wait_s = 2.0\n", ""))
    async with Emulator(quick) as emulator:
        with w.world(emulator.base_url) as world:
            async with world.editor() as client:
                states = await w.finished(client, [await w.delegate(client, 0, INSTRUCTION)])
        if states != {"ready": 1} or emulator.counters.refused:
            raise RuntimeError(f"the recorded task ended {states}: {emulator.counters.refusals}")
        return [request.raw for request in emulator.requests]


async def bare(url: str, size: int, bodies: list[bytes]) -> None:
    """The floor; prints seconds and CPU seconds."""
    gate = asyncio.Semaphore(2 * (os.cpu_count() or 1))
    headers = {"x-api-key": "k", "anthropic-version": "2023-06-01", "content-type": "application/json"}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "module_0.py").write_text(w.SOURCE)
        box = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--ro-bind", "/", "/"]
        box += [
            "--proc",
            "/proc",
            "--dev",
            "/dev",
            "--bind",
            folder,
            "/tmp",
            "--chdir",
            "/tmp",
            "--",
            "sh",
            "-c",
            COMMAND,
        ]

        async def task(session: aiohttp.ClientSession) -> None:
            for number, body in enumerate(bodies):
                async with session.post(f"{url}/v1/messages", data=body, headers=headers) as answer:
                    answer.raise_for_status()
                    async for _ in answer.content.iter_any():
                        pass
                if number == 2:
                    async with gate:
                        child = await asyncio.create_subprocess_exec(*box, stdout=-3, stderr=-3)
                        if await child.wait():
                            raise RuntimeError("the command failed in the floor")

        start, started = time.perf_counter(), time.process_time()
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(size):
                group.create_task(task(session))
        took = time.perf_counter() - start
    commands = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(json.dumps([took, time.process_time() - started, commands.ru_utime + commands.ru_stime]))


async def floor(url: str, size: int, bodies: Path) -> list[float]:
    """Seconds; CPU seconds of the loop (without its start) and of its commands."""
    argv = [sys.executable, __file__, "--floor", url, "--sizes", str(size), "--bodies", str(bodies)]
    child = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
    out, _ = await child.communicate()
    return json.loads(out)


async def fleet(world: w.World, client: w.Client, size: int) -> tuple[list[float], float, dict[str, int]]:
    """Seconds, CPU seconds of daemon + worker and of their children; peak PSS in MB; states."""
    pids = world.pids()
    before = [w.cpu_s(pid) for pid in pids]
    sizes: list[float] = []
    sampling = asyncio.ensure_future(w.sampled(lambda: sum(map(w.pss_mb, pids)), sizes))
    start = time.perf_counter()
    tasks = await asyncio.gather(*(w.delegate(client, number, INSTRUCTION) for number in range(size)))
    states = await w.finished(client, tasks)
    took = time.perf_counter() - start
    sampling.cancel()
    after = [w.cpu_s(pid) for pid in pids]
    own, commands = (sum(b[part] - a[part] for a, b in zip(before, after, strict=True)) for part in (0, 1))
    return [took, own, commands], max(sizes), states


async def main(sizes: list[int], rounds: int, ramp: bool) -> None:
    bodies = await recorded()
    ours: dict[int, list[list[float]]] = {size: [] for size in sizes}
    floors: dict[int, list[list[float]]] = {size: [] for size in sizes}
    peaks: dict[int, float] = {}
    ended: dict[int, str] = {}
    with tempfile.TemporaryDirectory() as folder, w.provider(SCRIPT) as url, w.world(url, ramp=ramp) as world:
        kept = Path(folder) / "bodies.json"
        kept.write_text(json.dumps([body.decode() for body in bodies]))
        async with world.editor() as client:
            await w.finished(
                client, [await w.delegate(client, 0, INSTRUCTION)]
            )  # the worker starts, imports, opens files
            for size in sizes:
                for _ in range(rounds):
                    floors[size].append(await floor(url, size, kept))
                    measured, peak, states = await fleet(world, client, size)
                    ours[size].append(measured)
                    # Of the first round: later ones carry the tasks of earlier ones.
                    peaks.setdefault(size, peak)
                    ended[size] = ", ".join(f"{number} {state}" for state, number in states.items())
    rows = [
        (
            "N",
            "floor s",
            "fleet s",
            "efficiency to ideal 8 s",
            "to floor",
            "CPU s/task floor",
            "CPU s/task fleet",
            "×",
            "… without commands floor",
            "fleet",
            "×",
            "peak PSS MB",
            "ended",
        )
    ]
    for size in sizes:
        (fs, fc, fk), (s, c, k) = (
            [w.median(part) for part in zip(*runs[size], strict=True)] for runs in (floors, ours)
        )
        fa, a = (fc + fk) / size, (c + k) / size
        rows.append(
            (
                str(size),
                f"{fs:.2f}",
                f"{s:.2f}",
                f"{IDEAL_S / s:.2f}",
                f"{fs / s:.2f}",
                f"{fa:.3f}",
                f"{a:.3f}",
                f"{a / fa:.1f}",
                f"{fc / size:.3f}",
                f"{c / size:.3f}",
                f"{c / fc:.1f}",
                f"{peaks[size]:.0f}",
                ended[size],
            )
        )
    w.table(
        f"Fleet{', with the ramp' if ramp else ''}: 4 turns × 2 s, one command; "
        f"medians of {rounds} interleaved rounds; {w.load()}",
        *rows,
    )
    for low, high in itertools.pairwise(sizes):
        print(
            f"- PSS of daemon + worker from {low} to {high}: "
            f"{(peaks[high] - peaks[low]) / (high - low):.2f} MB per additional agent"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", default="1,8,16,64,256")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--ramp", action="store_true", help="with the throttle's ramp, as shipped")
    parser.add_argument("--floor", help=argparse.SUPPRESS)
    parser.add_argument("--bodies", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.floor:
        asyncio.run(
            bare(
                options.floor,
                int(options.sizes),
                [body.encode() for body in json.loads(Path(options.bodies).read_text())],
            )
        )
    else:
        asyncio.run(main([int(size) for size in options.sizes.split(",")], options.rounds, options.ramp))
