"""`backburner daemon status` and `backburner daemon stop`: one question each to the running daemon."""

from __future__ import annotations

import json
import os
import select
import sys
from typing import Any

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
        return _said(as_json, 1, str(error), running=False)
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


def stop(*, as_json: bool = False) -> int:
    """Let the daemon end, and wait until it has; 1 when there is none. Unfinished tasks go on with the next one."""
    try:
        reached = reach.reach(dict(os.environb), __version__, handshake.STOP, None)
    except reach.Unreachable as error:
        return _said(as_json, 1, str(error), running=False)
    reached.socket.close()
    alive = json.loads(reached.rest)["alive"]
    lock = LockFile(paths.daemon_lock())
    for _ in range(TICKS):
        if lock.acquire():
            lock.release()
            break
        select.select([], [], [], TICK_S)
    else:
        return _said(as_json, 1, "The daemon has not ended yet.", running=True)
    tasks = "1 unfinished task goes" if alive == 1 else f"{alive} unfinished tasks go"
    rest = f" {tasks} on when it starts again." if alive else ""
    return _said(as_json, 0, f"Stopped.{rest}", running=False, alive=alive)


def _said(as_json: bool, code: int, sentence: str, **facts: Any) -> int:
    said = json.dumps({**facts, "sentence" if code == 0 else "error": sentence}, indent=2) if as_json else sentence
    sys.stdout.write(f"{said}\n")
    return code
