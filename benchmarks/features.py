"""Code actions, lenses and diagnostics with 200 tasks: while nothing streams, and while their agents stream.

    .venv/bin/python benchmarks/features.py [--tasks 200] [--rounds 3]

The same tasks all the time, in interleaved windows: the emulator that streams 2,000 events a second to them is stopped
(SIGSTOP) for the quiet ones. It runs on the same cores, so what it takes counts against us. Both editors are real; the
second shows no lenses, so there each task that is alive has a diagnostic. The floor is `codeLens` of a text that belongs to
nobody.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import time
import urllib.request
from collections.abc import Awaitable
from pathlib import Path

import world as w

TURN_S = 360.0
"""One turn of each task; a third of it is pings alone, while the throttle lets all of them begin."""
EVENTS_S = 2000
WINDOW_S = 12.0
SETTLE_S = 6.0
"""After the emulator goes on: it makes up for the time in which it was stopped."""
Window = dict[str, list[float]]
NOTHING = {"textDocument": {"uri": "untitled:Untitled-1"}}


def script(tasks: int) -> str:
    pieces = int(TURN_S * 2 / 3 * EVENTS_S / tasks)
    turn = f'wait_s = {TURN_S}\npieces = {pieces}\nsay = "{"abcd " * pieces}"'
    return f'[[scene]]\nmatch = "stream for long"\n[[scene.turn]]\n{turn}\n'


def emulator() -> int:
    """The process of the emulator, a child of this one."""
    own = os.getpid()
    for pid in Path(f"/proc/{own}/task/{own}/children").read_text().split():
        if b"emulator" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return int(pid)
    raise RuntimeError("there is no emulator")


def in_flight(url: str) -> int:
    with urllib.request.urlopen(f"{url}/_emulator") as answer:
        return json.load(answer)["in_flight"]


async def publication(shows: w.Client, number: int, first: int) -> float:
    """Milliseconds from the command that makes a task to the diagnostic at its place. The task waits for `first`."""
    path = f"module_{number % w.FILES}.py"
    before = len(shows.ours(path))
    start = time.perf_counter()
    argument = {"instruction": "wait", "recipe": "free", "after": first, "targets": [w.place(shows, number)]}
    task = (await shows.command("delegate", argument))["tasks"][0]
    await shows.until(lambda: len(shows.ours(path)) > before, "the mark of a new task")
    took = time.perf_counter() - start
    await shows.command("stop", {"task": task})
    await shows.until(lambda: len(shows.ours(path)) == before, "the end of the mark")
    return took * 1000


async def ask(client: w.Client, shows: w.Client, first: int, seconds: float, into: Window) -> None:
    """Ask as an editor does, one after another with a breath between, over all files."""
    end = time.perf_counter() + seconds
    number = 0

    async def timed(name: str, request: Awaitable[object]) -> None:
        start = time.perf_counter()
        await request
        into.setdefault(name, []).append((time.perf_counter() - start) * 1000)
        await asyncio.sleep(0.005)

    while time.perf_counter() < end:
        path = f"module_{number % w.FILES}.py"
        await timed("floor", client.request("textDocument/codeLens", NOTHING))
        await timed("`codeLens`", client.lenses(path))
        await timed("`codeAction`, asked for by the person", client.actions(path, 1, triggerKind=1))
        await timed("`codeAction`, automatic", client.actions(path, 1, triggerKind=2))
        number += 1
        if number % 10 == 0:
            into.setdefault("command to its diagnostic", []).append(await publication(shows, number, first))


async def main(tasks: int, rounds: int) -> None:
    quiet: Window = {}
    streaming: Window = {}
    with w.provider(script(tasks)) as url, w.world(url) as world:
        async with world.editor() as client, world.editor() as shows:
            for number in range(w.FILES):
                client.open(f"module_{number}.py")
                shows.open(f"module_{number}.py")
            made = await asyncio.gather(*(w.delegate(client, number, "stream for long") for number in range(tasks)))
            start = time.perf_counter()
            while in_flight(url) < tasks:  # noqa: ASYNC110 -- it is in another process
                await asyncio.sleep(0.2)
            began = time.perf_counter() - start
            await asyncio.sleep(max(0.0, TURN_S / 3 - began) + began + 1)
            for _ in range(rounds):
                os.kill(emulator(), signal.SIGSTOP)
                try:
                    await asyncio.sleep(1)
                    await ask(client, shows, made[0], WINDOW_S, quiet)
                finally:
                    os.kill(emulator(), signal.SIGCONT)
                await asyncio.sleep(SETTLE_S)
                await ask(client, shows, made[0], WINDOW_S, streaming)
            streams = in_flight(url)
            queue = await client.command("list", {"views": True})
    running = sum(task["state"] == "running" for task in queue)
    rows = [("", "n quiet/streaming", "p50 ms quiet", "streaming", "×", "p99 ms quiet", "streaming", "×")]
    for name, values in quiet.items():
        others = streaming[name]
        row = [name, f"{len(values)}/{len(others)}"]
        for part in (0.5, 0.99):
            low, high = w.p(values, part), w.p(others, part)
            row += [f"{low:.1f}", f"{high:.1f}", f"{high / low:.1f}"]
        rows.append(tuple(row))
    w.table(
        f"Features: {running} of {tasks} tasks running and {streams} streaming at the end; {EVENTS_S} events/s asked for; "
        f"{rounds} rounds; {w.load()}",
        *rows,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    asyncio.run(main(options.tasks, options.rounds))
