"""From the `delegate` command to its durable answer beside one flush of the disk, and to the first byte at the provider.

    .venv/bin/python benchmarks/delegate.py [--samples 100] [--agents 200] [--cold 3]

Through the real bridge, daemon and worker. The floor is one small SQLite transaction, flushed, in the journal's folder;
a request that does nothing shows what the way through the bridge costs at this load. All three take turns, and each sample
waits for its task to end. Once with nothing else alive, once while other agents
stream (2,000 events a second in total, from an emulator in its own process). The provider that is measured lives in this
process: one clock. Cold: the first delegation of a daemon that has just started, sent as soon as the editor is initialized.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import time
import urllib.request
from contextlib import closing
from pathlib import Path

import world as w

from emulator.script import Turn, scene
from emulator.server import Emulator

STREAM_S = 180.0
"""A third of it is pings alone."""
EVENTS_S = 2000
INSTRUCTION = "say it is done"


def script(agents: int) -> str:
    pieces = int(STREAM_S * 2 / 3 * EVENTS_S / agents)
    return f"""
[[scene]]
match = "stream for long"
[[scene.turn]]
wait_s = {STREAM_S}
pieces = {pieces}
say = "{"abcdefg " * pieces}"
"""


class Floor:
    """One flushed transaction after the other, as the journal writes them."""

    def __init__(self, folder: Path) -> None:
        self.connection = sqlite3.connect(folder / "floor.db", isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode = WAL", "synchronous = FULL"):
            self.connection.execute(f"PRAGMA {pragma}")
        self.connection.execute("CREATE TABLE event (seq INTEGER PRIMARY KEY, body BLOB)")

    def take(self) -> float:
        """Milliseconds."""
        start = time.perf_counter()
        self.connection.execute("BEGIN IMMEDIATE")
        self.connection.execute("INSERT INTO event (body) VALUES (?)", (b"x" * 1500,))
        self.connection.execute("COMMIT")
        return (time.perf_counter() - start) * 1000


async def idle_request(client: w.Client) -> float:
    """Milliseconds."""
    start = time.perf_counter()
    await client.request("textDocument/codeLens", {"textDocument": {"uri": "untitled:Untitled-1"}})
    return (time.perf_counter() - start) * 1000


async def sample(client: w.Client, emulator: Emulator, number: int) -> tuple[float, float]:
    """Milliseconds from the command to its answer, and to the first byte at the provider."""
    asked = emulator.counters.requests
    start = time.perf_counter()

    async def arrives() -> float:
        await emulator.until(lambda counters: counters.requests > asked, timeout_s=60.0)
        return time.perf_counter()

    first_byte = asyncio.ensure_future(arrives())
    task = await w.delegate(client, number, INSTRUCTION)
    answered = time.perf_counter()
    arrived = await first_byte
    states = await w.finished(client, [task])
    if states != {"ready": 1}:
        raise RuntimeError(f"a measured task ended {states}")
    return (answered - start) * 1000, (arrived - start) * 1000


def in_flight(url: str) -> int:
    with urllib.request.urlopen(f"{url}/_emulator") as answer:
        return json.load(answer)["in_flight"]


async def cold(times: int) -> list[float]:
    """Milliseconds from the first key press to the first byte at the provider, each with a new daemon."""
    found: list[float] = []
    for _ in range(times):
        async with Emulator(scene(Turn(say="It is done."))) as emulator:
            with w.world(emulator.base_url) as world:
                async with world.editor() as client:
                    found.append((await sample(client, emulator, 0))[1])
    return found


async def main(samples: int, agents: int, colds: int) -> None:
    rows = [("", "n", "p50 ms", "p99 ms", "p50 − floor's", "p99 − floor's")]

    def add(name: str, values: list[float], floor: list[float] | None = None) -> None:
        parts = [w.p(values, part) for part in (0.5, 0.99)]
        beside = (
            [f"{part - w.p(floor, at):.1f}" for part, at in zip(parts, (0.5, 0.99), strict=True)] if floor else ["", ""]
        )
        rows.append((name, str(len(values)), *(f"{part:.1f}" for part in parts), *beside))

    quick = Emulator(scene(Turn(say="It is done.")))
    with w.provider(script(agents)) as url, w.world(url) as world:
        async with quick, world.editor(quick.base_url, TZ="UTC") as client, world.editor() as other:
            for number in range(5):
                await sample(client, quick, number)
            floor = Floor(next(world.home.path.glob("state/*/journal.db")).parent)
            with closing(floor.connection):
                for when in ("alone", f"while {agents} agents stream"):
                    note = when
                    streams: list[int] = []
                    if when != "alone":
                        streams = [await w.delegate(other, number, "stream for long") for number in range(agents)]
                        while in_flight(url) < agents:  # noqa: ASYNC110 -- it is in another process
                            await asyncio.sleep(0.2)
                        await asyncio.sleep(STREAM_S / 3 + 1)
                        before = in_flight(url)
                    taken: list[tuple[float, float, float, float]] = []
                    for number in range(samples):
                        flushed, nothing = await asyncio.to_thread(floor.take), await idle_request(client)
                        taken.append((flushed, nothing, *await sample(client, quick, number)))
                    if streams:
                        note = f"{when} ({before} at the beginning, {in_flight(url)} at the end)"
                        await asyncio.gather(*(other.command("stop", {"task": task}) for task in streams))
                    flushes, nothings, answers, bytes_ = (list(part) for part in zip(*taken, strict=True))
                    add(f"floor: one flushed transaction, {note}", flushes)
                    add(f"a request that does nothing, {note}", nothings)
                    add(f"`delegate` to durable answer, {note}", answers, flushes)
                    add(f"key press to first byte, warm, {note}", bytes_)
    add("key press to first byte, cold", await cold(colds))
    w.table(f"Delegate; {w.load()}", *rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--agents", type=int, default=200)
    parser.add_argument("--cold", type=int, default=3)
    options = parser.parse_args()
    asyncio.run(main(options.samples, options.agents, options.cold))
