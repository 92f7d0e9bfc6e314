"""`backburner lsp --alone`: everything in one process, over standard streams; for tests and for debugging.

The same engine, the same server, the same worker code as with a daemon; only the pipes between them are missing.
"""

from __future__ import annotations

import asyncio
import os
import sys

from backburner.lib import log
from backburner.lib.clock import Clock, RealClock
from backburner.lsp.service import open_service
from backburner.lsp.transport import Connection
from backburner.model.wire import Heartbeat, Link
from backburner.store import paths
from backburner.worker.host import Host
from backburner.worker.main import chance
from backburner.worker.pipe import HEARTBEAT_S, in_process


def main() -> int:
    """Serve the one client on standard input and output; 0 when it left in order."""
    try:
        paths.make_state_dir()
    except paths.UnsafeFolder as error:
        sys.stderr.write(f"backburner: {error}\n")
        return 1
    log.set_up(paths.log_file())
    return asyncio.run(_serve())


async def _serve() -> int:
    try:
        reader, writer = await _standard_streams()
    except ValueError:
        sys.stderr.write("backburner: the language server speaks over pipes; an editor starts it.\n")
        return 2
    clock = RealClock()
    connection = Connection(reader, writer, environment=dict(os.environ))
    async with asyncio.TaskGroup() as group:
        hosts: list[asyncio.Task[None]] = []

        async def start_worker() -> Link:
            ours, theirs = in_process()
            hosts.append(group.create_task(Host(theirs, clock, chance).serve(), name="worker"))
            hosts.append(group.create_task(_beat(theirs, clock), name="heartbeat"))
            return ours

        async with open_service(start_worker, clock) as service:
            await connection.serve(service.build)
        for host in hosts:
            host.cancel()
    return 0 if connection.orderly else 1


async def _beat(link: Link, clock: Clock) -> None:
    """A worker in the same loop cannot be hung while the daemon is not; but it is asked for a sign of life all the same."""
    while True:
        await clock.sleep(HEARTBEAT_S)
        await link.send(Heartbeat(at=clock.now()))


async def _standard_streams() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Standard input and output as streams. From then on `print` goes to standard error."""
    out = os.fdopen(os.dup(1), "wb", 0)
    os.dup2(2, 1)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=2**20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    # A reader that nothing is ever read from: its protocol knows how to wait for the end of the pipe.
    protocol = asyncio.StreamReaderProtocol(asyncio.StreamReader())
    transport, _ = await loop.connect_write_pipe(lambda: protocol, out)
    return reader, asyncio.StreamWriter(transport, protocol, None, loop)
