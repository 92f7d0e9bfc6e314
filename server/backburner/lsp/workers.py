"""How the daemon gets its workers: child processes on pipes. What is said there is `engine/workers.py`'s business.

Each living worker of this daemon has a lock file of its own. A lock that somebody else holds belongs to a worker of a daemon
that is gone: until that one has ended, no new one is started, so that no two spend money or write trees for the same runs.
"""

from __future__ import annotations

import os
import sys
from asyncio.subprocess import Process
from collections.abc import Collection
from pathlib import Path

from backburner.engine.line import StartWorker, WorkerUnavailable
from backburner.lib import process, reach
from backburner.lib.files import LockFile
from backburner.lib.link import StreamEnd
from backburner.model import wire
from backburner.store import paths

__all__ = ["StartWorker", "WorkerLink", "process_starter"]


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
    living: dict[Path, Process] = {}

    async def start_worker() -> wire.Link:
        for lock in [lock for lock, child in living.items() if child.returncode is not None]:
            del living[lock]
        lock = _free_lock(paths.worker_lock(), living.keys())
        log = os.open(paths.state_dir() / "worker.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            child = await process.start(
                [sys.executable, "-P", door, "worker", str(lock)],
                cwd="/",
                env={os.fsdecode(n): os.fsdecode(v) for n, v in reach.scrubbed(dict(os.environb)).items()},
                stderr=log,
            )
        finally:
            os.close(log)
        living[lock] = child
        return WorkerLink(child)

    return start_worker


def _free_lock(first: Path, ours: Collection[Path]) -> Path:
    """A lock file for one more worker: `worker.lock`, `worker.lock.1` ...

    Raises `WorkerUnavailable` when a worker that is not ours still holds one.
    """
    for path in {first, *first.parent.glob(f"{first.name}.*")} - set(ours):
        lock = LockFile(path)
        if not lock.acquire():
            raise WorkerUnavailable("An old worker has not ended yet.")
        lock.release()
    number = 0
    path = first
    while path in ours:
        number += 1
        path = first.with_name(f"{first.name}.{number}")
    return path
