"""How the daemon gets its worker: a child process on a pipe. What is said on it is `engine/workers.py`'s business."""

from __future__ import annotations

import os
import sys
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable

from backburner.lib import process, reach
from backburner.lib.link import StreamEnd
from backburner.model import wire
from backburner.store import paths

StartWorker = Callable[[], Awaitable[wire.Link]]


class WorkerLink(StreamEnd["wire.Down | wire.Up", "wire.Down | wire.Up"]):
    """The daemon's end of a worker process; closing it ends the process, whatever state it is in."""

    def __init__(self, child: Process) -> None:
        assert child.stdin is not None
        assert child.stdout is not None
        super().__init__(child.stdout, child.stdin, wire.encode, wire.decode_up)
        self._child = child

    @property
    def pid(self) -> int:
        return self._child.pid

    def close(self) -> None:
        """Close the pipe and kill the worker's process group: what it had not reported is repeated by the next one."""
        super().close()
        process.kill_group(self._child.pid)


def process_starter(door: str) -> StartWorker:
    """A function that starts `backburner worker`; `door` is the path of the package's `__main__.py`."""

    async def start_worker() -> wire.Link:
        log = os.open(paths.state_dir() / "worker.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            child = await process.start(
                [sys.executable, "-P", door, "worker", str(paths.worker_lock())],
                cwd="/",
                env={os.fsdecode(n): os.fsdecode(v) for n, v in reach.scrubbed(dict(os.environb)).items()},
                stderr=log,
            )
        finally:
            os.close(log)
        return WorkerLink(child)

    return start_worker
