"""From a delegation to `SnapshotTaken` in a project of 10,000 files, beside one `git status` of the same files.

    .venv/bin/python benchmarks/snapshot.py [--files 10000] [--rounds 30]

Through the real bridge and daemon; the times are those of the events in the journal. 20 files are modified, 30 are
untracked, 5 are open with unsaved text. Warm: between two delegations one file is saved and something is typed into another.
Floor and snapshot take turns. CPU is of the daemon with the `git` processes that it ran, from a snapshot to the next.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import resource
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import world as w

MODIFIED, UNTRACKED, OPEN = 20, 30, 5


def fill(root: Path, files: int) -> list[str]:
    """A repository of modules of 0.3 to 12 KB, as large as real ones are; their paths."""
    chance = random.Random(1)
    paths: list[str] = []
    for number in range(files):
        path = f"package_{number // 400}/part_{number // 40 % 10}/module_{number}.py"
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        lines = (f"def number_{number}_{n}(a, b):\n    return a + {chance.random()}\n\n" for n in range(200))
        (root / path).write_text("".join(line for _, line in zip(range(chance.randint(5, 200)), lines, strict=False)))
        paths.append(path)
    for words in (["add", "."], ["-c", "user.name=T", "-c", "user.email=t@example.org", "commit", "-qm", "2"]):
        subprocess.run(["git", *words], cwd=root, check=True)
    return paths


def status(root: Path) -> tuple[float, float]:
    """Milliseconds of one `git status`: wall, CPU."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    command = ["git", "status", "--porcelain", "--untracked-files=all"]
    env = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    subprocess.run(command, cwd=root, env=env, stdout=subprocess.DEVNULL, check=True)
    took = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return took * 1000, (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def taken(journal: Path, task: int) -> float:
    """Milliseconds from `TaskQueued` to `SnapshotTaken`."""
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT kind, at FROM event WHERE task = ?", (task,)).fetchall()
    at = dict(rows)
    return (at["SnapshotTaken"] - at["TaskQueued"]) * 1000


async def main(files: int, rounds: int) -> None:
    walls: dict[str, list[float]] = {"floor": [], "warm": []}
    cpu: dict[str, list[float]] = {"floor": [], "warm": []}
    with w.world("") as world:
        paths = fill(world.root, files)
        edited, opened = paths[:: files // MODIFIED][:MODIFIED], paths[7 :: files // OPEN][:OPEN]
        for path in edited:
            (world.root / path).write_text("# modified\n" + (world.root / path).read_text())
        for number in range(UNTRACKED):
            (world.root / f"package_{number % 10}" / f"untracked_{number}.py").write_text(w.SOURCE)
        status(world.root)
        async with world.editor() as client:
            for path in opened:
                client.open(path)
                client.set_text(path, f"# unsaved\n{w.SOURCE}")

            async def delegate() -> float:
                target = {"uri": client.uri(opened[0]), "start_line": 1, "end_line": 2}
                argument = {"instruction": "say it is done", "agent": "practice", "targets": [target]}
                task = (await client.command("delegate", argument))["tasks"][0]
                await w.finished(client, [task])
                return taken(next(world.home.path.glob("state/*/journal.db")), task)

            first = await delegate()
            daemon, _ = world.pids()
            for number in range(rounds):
                (world.root / edited[number % MODIFIED]).write_text(f"# {number}\n{w.SOURCE}")
                client.set_text(opened[number % OPEN], f"# typed {number}\n{w.SOURCE}")
                wall, processor = status(world.root)
                walls["floor"].append(wall)
                cpu["floor"].append(processor)
                before = sum(w.cpu_s(daemon))
                walls["warm"].append(await delegate())
                cpu["warm"].append((sum(w.cpu_s(daemon)) - before) * 1000)
    rows = [("", "p50 ms", "fastest", "p99", "× floor", "CPU ms, median")]
    for name, title in (("floor", "floor: `git status`"), ("warm", "`TaskQueued` to `SnapshotTaken`, warm")):
        values, floor = walls[name], w.p(walls["floor"], 0.5)
        row = [w.p(values, part) for part in (0.5, 0.0, 0.99)]
        rows.append((title, *(f"{value:.0f}" for value in row), f"{row[0] / floor:.1f}", f"{w.median(cpu[name]):.0f}"))
    rows.append(("the first of all", f"{first:.0f}", "", "", "", ""))
    w.table(f"Snapshot of {files:,} files, {rounds} interleaved rounds; {w.load()}", *rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    asyncio.run(main(options.files, options.rounds))
