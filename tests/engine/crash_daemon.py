"""Run as a program and killed by a test: an engine with a real worker in it, and one scripted task.

After every durable write it prints what was written and waits for a line on standard input: killed there, nothing of what
follows from that write has happened.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from backburner.engine.projects import Projects
from backburner.lib.clock import RealClock
from backburner.model.events import Event
from backburner.model.task import LIVE, State
from backburner.model.wire import Link
from backburner.worker.host import Host
from backburner.worker.pipe import in_process
from backburner.workspace.sandbox import Level
from engine.peer import delegation


async def main(home: str, root: Path) -> None:
    done = asyncio.Event()

    def step(events: Sequence[Event], state: State) -> None:
        if events:
            print(" ".join(type(event).__name__ for event in events), flush=True)
            sys.stdin.readline()
        if state.tasks and not any(task.state in LIVE for task in state.tasks.values()):
            done.set()

    async with asyncio.TaskGroup() as group:

        async def start_worker() -> Link:
            near, far = in_process()
            host = Host(far, RealClock(), lambda: 0.5, level=Level("none", "not in this test"))
            group.create_task(host.serve())
            return near

        env = {"BACKBURNER_HOME": home, "HOME": home}
        async with Projects(start_worker, RealClock(), env=env, strict=True) as projects:
            engine = await projects.engine(root)
            engine.subscribe(step)
            if not engine.state.tasks:
                print("ready", flush=True)
                sys.stdin.readline()
                seen = (root / "src" / "lexer.py").read_text() + "unsaved\n"
                await engine.submit(delegation(agent="scripted"), {"src/lexer.py": seen})
                print("acknowledged", flush=True)
            step((), engine.state)
            await done.wait()


asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
