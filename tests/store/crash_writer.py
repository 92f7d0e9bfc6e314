"""Run as a program and killed by a test: delegates task after task into a journal, and prints each number once durable."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from backburner.model import events as e
from backburner.store.journal import Frozen, Journal
from domain import T0, Story, delegate, snapshot


async def main() -> None:
    journal = Journal.open(Path(sys.argv[1]))
    story = Story()
    print(0, flush=True)
    while True:
        before = len(story.events)
        story.do(delegate(1))
        number = max(story.state.tasks)
        await journal.append(story.events[before:], [((number,), Frozen(texts={"a.py": f"text {number}"}, at=T0))])
        print(number, flush=True)
        if number % 2:
            taken = e.SnapshotTaken(task=number, snapshot=snapshot(), at=T0)
            story.happen(taken)
            await journal.append([taken])


asyncio.run(main())
