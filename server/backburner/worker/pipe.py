"""The worker's end of the pipe to the daemon: standard input and output, length-prefixed msgpack.

Standard output carries frames and nothing else; whatever prints goes to standard error. Heartbeats come from a thread of
their own, so that a busy worker can be told from a hung one.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager

from backburner.lib.clock import Clock
from backburner.lib.link import QueueEnd, ThreadEnd, pair
from backburner.model.wire import Down, Heartbeat, Link, Up, decode_down, encode

HEARTBEAT_S = 30.0

WorkerEnd = ThreadEnd[Down | Up, Down | Up]


def in_process() -> tuple[Link, Link]:
    """The daemon's and the worker's end when both live in one loop (`lsp --alone`, tests)."""
    ends: tuple[QueueEnd[Down | Up, Down | Up], QueueEnd[Down | Up, Down | Up]] = pair()
    return ends


async def standard() -> WorkerEnd:
    """The end on standard input and output. From then on `print` goes to standard error."""
    out = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    reader = asyncio.StreamReader(limit=2**20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return ThreadEnd(reader, out, encode, decode_down)


@contextmanager
def heartbeat(link: WorkerEnd, clock: Clock, every_s: float) -> Generator[None]:
    """Say that the process lives, as long as the block lasts."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(every_s):
            link.send_from_thread(Heartbeat(at=clock.now()))

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
