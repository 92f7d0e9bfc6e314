"""`backburner daemon status` and `backburner daemon stop`: one question each to the running daemon."""

from __future__ import annotations

import json
import os
import select
import sys

from backburner import __version__
from backburner.lib import handshake, reach
from backburner.lib.files import LockFile
from backburner.store import paths

TICKS = 600
TICK_S = 0.05


def status(*, as_json: bool = False) -> int:
    """Print what the daemon says about itself, as a sentence or as one object; 1 when there is none."""
    try:
        reached = reach.reach(dict(os.environb), __version__, handshake.STATUS, None)
    except reach.Unreachable as error:
        said = json.dumps({"running": False, "error": str(error)}, indent=2) if as_json else str(error)
        sys.stdout.write(f"{said}\n")
        return 1
    reached.socket.close()
    facts = json.loads(reached.rest)
    if as_json:
        sys.stdout.write(json.dumps({"running": True, **facts}, indent=2) + "\n")
        return 0
    minutes = facts["up_s"] // 60
    sys.stdout.write(
        f"Daemon {facts['version']}, process {facts['pid']}, up {minutes // 60} h {minutes % 60} min: "
        f"{facts['clients']} connected, {facts['alive']} tasks alive.\n"
    )
    return 0


def stop() -> int:
    """Let the daemon end, and wait until it has; 1 when there is none. Unfinished tasks go on with the next one."""
    try:
        reached = reach.reach(dict(os.environb), __version__, handshake.STOP, None)
    except reach.Unreachable as error:
        sys.stdout.write(f"{error}\n")
        return 1
    reached.socket.close()
    alive = json.loads(reached.rest)["alive"]
    lock = LockFile(paths.daemon_lock())
    for _ in range(TICKS):
        if lock.acquire():
            lock.release()
            break
        select.select([], [], [], TICK_S)
    else:
        sys.stdout.write("The daemon has not ended yet.\n")
        return 1
    rest = f" {alive} unfinished tasks go on when it starts again." if alive else ""
    sys.stdout.write(f"Stopped.{rest}\n")
    return 0
