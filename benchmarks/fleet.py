"""N tasks of 4 turns of 2 s with one sandboxed command each, through the real daemon, worker and SDK, beside two floors.

    .venv/bin/python benchmarks/fleet.py [--sizes 1,8,16,64,256] [--rounds 2]

The floors (`floor.py`) play the same requests: bare, and with a tree of its own and a sandbox for each task, which is what
the goals name. The emulator tells limits that nobody reaches, as a provider with a large account would, so the throttle is
that of every day. Floors and fleet take turns. CPU: of daemon and worker with every process that they start, beside that of
the floor with its own. The table goes into `RESULTS.md` as it is; a missed goal is in bold.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import floor
import world as w

from emulator.script import Script, parse
from emulator.server import Emulator

IDEAL_S = 8.0
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
calls = [{{ tool = "run", arguments = {{ command = "{floor.COMMAND}" }} }}]
[[scene.turn]]
say = "{w.SAY}"
wait_s = 2.0
calls = [{{ tool = "finish", arguments = {{ title = "Swap the sign", summary = "It adds now." }} }}]
"""
LIMITS = ("--rpm", "1e6", "--itpm", "1e9", "--otpm", "1e9")
GOAL_CPU = 2.0
"""Times the CPU of the second floor."""
GOAL_MB = 0.5


def goal(size: int) -> float:
    """The part of the second floor's throughput that is wanted."""
    return 0.9 if size <= 64 else 0.8


class Measured(NamedTuple):
    took_s: float
    own_s: float
    """CPU of the processes themselves."""
    children_s: float
    """CPU of what they started."""

    @property
    def cpu_s(self) -> float:
        return self.own_s + self.children_s


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


async def fleet(world: w.World, client: w.Client, size: int) -> tuple[Measured, float]:
    """What it took, and the peak PSS of daemon and worker in MB. Raises `RuntimeError` when a task does not end ready."""
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
    own, children = (sum(b[part] - a[part] for a, b in zip(before, after, strict=True)) for part in (0, 1))
    if states != {"ready": size}:
        raise RuntimeError(f"{size} tasks ended {states}")
    return Measured(took, own, children), max(sizes)


async def main(sizes: list[int], rounds: int) -> None:
    bodies = await recorded()
    runs: dict[tuple[str, int], list[Measured]] = {(kind, size): [] for kind in KINDS for size in sizes}
    peaks: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as folder, w.provider(SCRIPT, *LIMITS) as url, w.world(url) as world:
        kept = Path(folder) / "bodies.json"
        kept.write_text(json.dumps([body.decode() for body in bodies]))
        async with world.editor() as client:
            # The worker starts, imports and opens files.
            await w.finished(client, [await w.delegate(client, 0, INSTRUCTION)])
            for size in sizes:
                for _ in range(rounds):
                    for kind in KINDS[:2]:
                        runs[kind, size].append(Measured(*await floor.measured(kind, url, size, kept)))
                    measured, peak = await fleet(world, client, size)
                    runs["fleet", size].append(measured)
                    # Of the first round: later ones carry the tasks of earlier ones.
                    peaks.setdefault(size, peak)
    w.table(
        f"Fleet: 4 turns × 2 s, one command; medians of {rounds} interleaved rounds; {w.load()}",
        HEAD,
        *(row(size, *(median(runs[kind, size]) for kind in KINDS), peaks[size]) for size in sizes),
    )
    for low, high in itertools.pairwise(sizes):
        slope = (peaks[high] - peaks[low]) / (high - low)
        print(f"- From {low} to {high}: {bold(f'{slope:.2f}', missed=slope > GOAL_MB)} MB of PSS for each agent more")


KINDS = ("bare", "trees", "fleet")
HEAD = (
    *("N", "bare s", "trees s", "fleet s", "ideal 8 s / fleet", "bare / fleet", "trees / fleet"),
    *("CPU s per task: bare", "trees", "fleet", "of it in children", "× trees", "peak PSS MB"),
)


def row(size: int, bare: Measured, trees: Measured, ours: Measured, peak: float) -> list[str]:
    efficiency, times = trees.took_s / ours.took_s, ours.cpu_s / trees.cpu_s
    return [
        str(size),
        *(f"{each.took_s:.2f}" for each in (bare, trees, ours)),
        f"{IDEAL_S / ours.took_s:.2f}",
        f"{bare.took_s / ours.took_s:.2f}",
        bold(f"{efficiency:.2f}", missed=round(efficiency, 2) < goal(size)),
        *(f"{each.cpu_s / size:.3f}" for each in (bare, trees, ours)),
        f"{ours.children_s / size:.3f}",
        bold(f"{times:.1f}", missed=round(times, 1) > GOAL_CPU),
        f"{peak:.0f}",
    ]


def bold(text: str, *, missed: bool) -> str:
    return f"**{text}**" if missed else text


def median(measured: Sequence[Measured]) -> Measured:
    return Measured(*map(w.median, zip(*measured, strict=True)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1,8,16,64,256", help="numbers of tasks at once")
    parser.add_argument("--rounds", type=int, default=2, help="rounds of each size; the table has their medians")
    options = parser.parse_args()
    asyncio.run(main([int(size) for size in options.sizes.split(",")], options.rounds))
