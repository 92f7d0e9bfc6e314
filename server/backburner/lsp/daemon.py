"""`backburner daemon run`: one process per person, behind all editors. Its life from the lock to the last goodbye.

The order matters. The lock comes first, so that there is never a second one. Then it listens, before anything slow is
imported: clients queue at the socket instead of wondering whether it starts. On the way out the name of the socket goes
first and the lock last. `kill -9` leaves nothing that the next one could stumble over.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from backburner.lib import handshake, reach
from backburner.lib.files import LockFile
from backburner.lsp.listening import listen
from backburner.store import paths

if TYPE_CHECKING:
    from backburner.lsp.socket_server import OpenService, SocketServer

LOCK_TRIES = 100
LOCK_TICK_S = 0.05
"""A daemon that is just leaving needs a moment."""
MANY_FILES = 65_536


def run(door: str, *, detached: bool, open_service: OpenService | None = None) -> int:
    """Be the daemon until it is time to leave; the exit code. `door`: the path of the package's `__main__.py`.

    Detached (started by a client) it keeps no descriptor, folder or terminal of whoever started it. It serves what is in
    `lsp/service.py`, unless `open_service` says otherwise.
    """
    if detached:
        os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        os.chdir("/")
    os.umask(0o077)
    try:
        paths.make_state_dir()
        socket_path = paths.socket_path()
        handshake.make_folder(os.fsencode(socket_path.parent))
    except (paths.UnsafeFolder, OSError) as error:
        sys.stderr.write(f"backburner: {error}\n")
        return 1
    # Until the loop takes it over: its default is to end the process.
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    lock = LockFile(paths.daemon_lock())
    if not _acquire(lock, tries=LOCK_TRIES if detached else 1):
        holder = _holder(lock.path)
        # Whoever starts a daemon has not found one: let it see to its socket.
        with contextlib.suppress(OSError, ValueError):
            os.kill(int(holder), signal.SIGUSR1)
        sys.stderr.write(f"backburner: a daemon runs already (process {holder}).\n")
        return reach.STILL_LOCKED
    try:
        listener = listen(socket_path)
    except OSError as error:
        sys.stderr.write(f"backburner: cannot listen on {socket_path}: {error.strerror or error}\n")
        return 1
    _allow_many_files()
    return _serve(door, listener, lock, open_service, detached=detached)


def _serve(
    door: str, listener: socket.socket, lock: LockFile, open_service: OpenService | None, *, detached: bool
) -> int:
    import asyncio
    import gc
    import logging

    from backburner.lib import log
    from backburner.lib.clock import RealClock
    from backburner.lsp.socket_server import SocketServer
    from backburner.lsp.transport import prewarm
    from backburner.lsp.workers import process_starter

    if open_service is None:
        from backburner.lsp.service import open_service

    log.set_up(paths.log_file(), stderr=not detached)
    logger = logging.getLogger("backburner.daemon")
    prewarm()
    gc.collect()
    # What was imported stays; the collector need not look at it again.
    gc.freeze()

    inode = lock.path.stat().st_ino

    async def serve() -> None:
        clock = RealClock()
        async with open_service(process_starter(door), clock) as service:
            server = SocketServer(listener, service, clock, holds_lock=lambda: _is_held(lock.path, inode))
            _stop_on_signals(server)
            logger.info("listening, process %d", os.getpid())
            await server.serve()
        lock.release()
        await server.say_restart()
        logger.info("gone")

    asyncio.run(serve())
    return 0


def _stop_on_signals(server: SocketServer) -> None:
    import asyncio

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, server.stop)
    loop.add_signal_handler(signal.SIGUSR1, server.look_around)


def _acquire(lock: LockFile, *, tries: int) -> bool:
    for _ in range(tries - 1):
        if lock.acquire():
            return True
        select.select([], [], [], LOCK_TICK_S)
    return lock.acquire()


def _is_held(path: Path, inode: int) -> bool:
    try:
        return path.stat().st_ino == inode
    except OSError:
        return False


def _holder(path: Path) -> str:
    try:
        return path.read_text().strip() or "unknown"
    except OSError:
        return "unknown"


def _allow_many_files() -> None:
    """Each editor is a descriptor, and the usual soft limit of 1024 is from another time."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MANY_FILES if hard == resource.RLIM_INFINITY else min(hard, MANY_FILES)
    if soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
