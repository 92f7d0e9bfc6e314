"""The worker as a program of its own: `python -m backburner worker LOCKFILE`.

Dies with the daemon that started it (parent-death signal where there is one, end of standard input everywhere). Serves only
while it holds the lock, so that an old worker cannot spend money or write beside a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import sys
from pathlib import Path

from backburner.lib.clock import Clock, RealClock
from backburner.lib.files import LockFile
from backburner.worker.host import Host
from backburner.worker.pipe import HEARTBEAT_S, heartbeat, standard

NICE = 5
LOCK_RETRY_S = 0.2
PR_SET_PDEATHSIG = 1

log = logging.getLogger(__name__)


def main(arguments: list[str]) -> int:
    """Serve until the daemon is gone. `arguments`: the path of the lock file, and how often to say that we live.

    Logging was set up by the front door.
    """
    if len(arguments) not in (1, 2):
        print("usage: backburner worker LOCKFILE [HEARTBEAT_SECONDS]", file=sys.stderr)
        return 2
    die_with_parent()
    with contextlib.suppress(OSError):
        os.nice(NICE)
    asyncio.run(_serve(Path(arguments[0]), float(arguments[1]) if len(arguments) == 2 else HEARTBEAT_S))
    return 0


def die_with_parent() -> None:
    """Ask the kernel to kill us when our parent dies. Where it cannot, the end of standard input has to do."""
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        # It died between our start and the call.
        raise SystemExit(1)


async def _serve(lock_path: Path, heartbeat_s: float) -> None:
    clock: Clock = RealClock()
    link = await standard()
    lock = LockFile(lock_path)
    with heartbeat(link, clock, heartbeat_s):
        while not lock.acquire():
            log.info("another worker still holds %s", lock_path)
            await clock.sleep(LOCK_RETRY_S)
        try:
            await Host(link, clock, chance).serve()
        finally:
            lock.release()


def chance() -> float:
    """A number in [0, 1), to spread what would otherwise happen at once."""
    return int.from_bytes(os.urandom(4), "big") / 2**32
