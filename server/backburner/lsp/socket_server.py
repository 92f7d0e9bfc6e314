"""The daemon's socket: greets who comes, gives each client a connection, and knows when it is time to leave.

It has never heard of tasks; what it serves is a `Service`, and whether something still lives is the service's to say.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from asyncio import Task as Handle
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

import msgspec

from backburner import __version__
from backburner.lib import handshake, reach
from backburner.lib.clock import Clock
from backburner.lsp.framing import FramingLimits
from backburner.lsp.listening import listen
from backburner.lsp.transport import Connection, Server
from backburner.lsp.workers import StartWorker

logger = logging.getLogger(__name__)

IDLE_S = 3600.0
CHECK_S = 60.0
GREETING_S = 10.0


class Service(Protocol):
    """What the daemon serves; made anew for each process, see `lsp/service.py`."""

    def build(self, connection: Connection) -> Server:
        """A server with every feature registered for this client. Called before its first byte is read."""
        ...

    def alive(self) -> int:
        """Tasks that are queued, running or asking: the daemon stays for them."""
        ...

    def describe(self) -> dict[str, Any]:
        """More for `backburner daemon status`, as plain JSON."""
        ...


OpenService = Callable[[StartWorker, Clock], AbstractAsyncContextManager[Service]]
"""Makes the service; leaving the context lets go of every file and lock."""


class SocketServer:
    """Accepts clients on a listening socket until it is time to leave.

    `serve` returns after `stop`, after an idle hour with no client and nothing alive, or at once when a client of another
    version comes while the daemon is idle. `waiting` are then the clients to be told by `say_restart`, when everything that
    the next daemon needs has been let go.
    """

    def __init__(
        self,
        listener: socket.socket,
        service: Service,
        clock: Clock,
        *,
        version: str = __version__,
        idle_s: float = IDLE_S,
        limits: FramingLimits | None = None,
        holds_lock: Callable[[], bool] = lambda: True,
    ) -> None:
        """`holds_lock` tells whether the lock that the daemon took is still the one that others would meet."""
        self._listener = listener
        self._name = Path(listener.getsockname())
        self._inode = _inode(self._name)
        self._service = service
        self._clock = clock
        self._version = version
        self._idle_s = idle_s
        self._limits = limits
        self._holds_lock = holds_lock
        self._leaving = asyncio.Event()
        self._awake = asyncio.Event()
        self._started = clock.monotonic()
        self._idle_since = self._started
        self._clients: set[Connection] = set()
        self._handles: set[Handle[None]] = set()
        self._outdated = False
        """A client of another version was here while there was work to do: leave as soon as there is none."""
        self.waiting: list[asyncio.StreamWriter] = []

    def stop(self) -> None:
        """Let `serve` return; may be called from a signal handler of the loop."""
        self._leaving.set()
        self._awake.set()

    def look_around(self) -> None:
        """Somebody could not reach us: if the socket lost its name, give it one again. For signal handlers, too."""
        self._awake.set()

    async def serve(self) -> None:
        """Accept until it is time to leave; every connection is closed when this returns."""
        self._listener.setblocking(False)
        async with asyncio.TaskGroup() as group:
            accepting = group.create_task(self._accept(group), name="accept")
            watching = group.create_task(self._watch_idleness(), name="watch idleness")
            while not self._leaving.is_set():
                self._awake.clear()
                await self._awake.wait()
                if self._name_is_lost():
                    accepting.cancel()
                    self._listen_again()
                    accepting = group.create_task(self._accept(group), name="accept")
            self._stop_listening()
            for handle in (accepting, watching, *self._handles):
                handle.cancel()

    async def say_restart(self) -> None:
        """Tell the clients of another version that they may start their own daemon now."""
        for writer in self.waiting:
            writer.write(handshake.answer(handshake.RESTART, self._version))
            await _close(writer)

    async def _accept(self, group: asyncio.TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connected, _ = await loop.sock_accept(self._listener)
            except OSError as error:
                # Out of descriptors, as a rule; the client waits in the queue.
                logger.warning("a client could not be accepted: %s", error)
                await self._clock.sleep(0.1)
                continue
            handle = group.create_task(self._welcome(connected), name="client")
            self._handles.add(handle)
            handle.add_done_callback(self._handles.discard)

    async def _welcome(self, connected: socket.socket) -> None:
        if (uid := reach.peer_uid(connected)) not in (None, os.geteuid()):
            logger.warning("user %s was turned away", uid)
            connected.close()
            return
        try:
            reader, writer = await asyncio.open_unix_connection(sock=connected)
        except OSError as error:
            logger.info("a client left at once: %s", error)
            connected.close()
            return
        try:
            async with asyncio.timeout(GREETING_S):
                greeting = await _read_greeting(reader)
        except (TimeoutError, asyncio.IncompleteReadError, ConnectionError, OSError, ValueError) as error:
            logger.info("a client did not greet: %s", error)
            await self._refuse(
                writer, "This is the socket of the Backburner daemon; an editor starts `backburner lsp`."
            )
            return
        protocol, facts, variables = greeting
        if protocol != handshake.PROTOCOL and self._is_busy():
            self._outdated = True
            sentence = f"The daemon is version {self._version} and has work to do; it does not understand this version."
            await self._refuse(writer, f"{sentence} Replace it with: backburner daemon stop")
            return
        try:
            await self._receive(reader, writer, facts, variables)
        except Exception:
            # Whatever goes wrong with one client is no concern of the others.
            logger.exception("a client was lost")
            await _close(writer)

    async def _receive(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        facts: dict[str, str],
        variables: dict[bytes, bytes],
    ) -> None:
        kind, version = facts.get("kind", ""), facts.get("version", "")
        match kind:
            case handshake.STATUS:
                writer.write(handshake.answer(handshake.OK, self._version, self._status()))
                await _close(writer)
                return
            case handshake.STOP:
                logger.info("told to stop")
                writer.write(handshake.answer(handshake.OK, self._version, self._status()))
                await _close(writer)
                self.stop()
                return
            case handshake.EDITOR | handshake.CLI:
                pass
            case _:
                await self._refuse(writer, f"The daemon (version {self._version}) does not know clients like this.")
                return
        rest = ""
        if version != self._version:
            if not self._is_busy():
                logger.info("leaving for version %s", version)
                self.waiting.append(writer)
                self.stop()
                return
            self._outdated = True
            rest = handshake.BUSY
        if self._leaving.is_set():
            self.waiting.append(writer)
            return
        writer.write(handshake.answer(handshake.OK, self._version, rest))
        environment = {os.fsdecode(name): os.fsdecode(value) for name, value in variables.items()}
        connection = Connection(reader, writer, kind=kind, environment=environment, limits=self._limits)
        connection.cwd = facts.get("cwd", "")
        self._clients.add(connection)
        try:
            await connection.serve(self._service.build)
        finally:
            self._clients.discard(connection)
            self._idle_since = self._clock.monotonic()
            self._leave_if_outdated()

    def _is_busy(self) -> bool:
        return bool(self._clients) or self._service.alive() > 0

    async def _refuse(self, writer: asyncio.StreamWriter, sentence: str) -> None:
        writer.write(handshake.answer(handshake.REFUSED, self._version, sentence))
        await _close(writer)

    async def _watch_idleness(self) -> None:
        while True:
            await self._clock.sleep(CHECK_S)
            if not self._holds_lock():
                # The state folder was taken away under us: what we know is void, and another daemon may have started.
                logger.error("the lock is gone; leaving")
                self.stop()
                return
            self.look_around()
            if self._is_busy():
                self._idle_since = self._clock.monotonic()
            elif self._clock.monotonic() - self._idle_since >= self._idle_s:
                logger.info("nothing to do any more")
                self.stop()
            else:
                self._leave_if_outdated()

    def _name_is_lost(self) -> bool:
        """Programs that clean /tmp take sockets away; without its name nobody finds us, and our lock keeps others out."""
        return not self._leaving.is_set() and _inode(self._name) != self._inode

    def _listen_again(self) -> None:
        logger.warning("%s was taken away; listening anew", self._name)
        try:
            handshake.make_folder(os.fsencode(self._name.parent))
            listener = listen(self._name)
        except OSError as error:
            logger.error("cannot listen on %s: %s", self._name, error)
            return
        self._listener.close()
        self._listener = listener
        self._listener.setblocking(False)
        self._inode = _inode(self._name)

    def _stop_listening(self) -> None:
        """First the name, then the socket: who comes in between waits for the lock, and nobody connects to nothing."""
        if _inode(self._name) == self._inode:
            self._name.unlink(missing_ok=True)
        self._listener.close()

    def _leave_if_outdated(self) -> None:
        if self._outdated and not self._is_busy():
            logger.info("leaving for another version")
            self.stop()

    def _status(self) -> str:
        status = {
            "pid": os.getpid(),
            "version": self._version,
            "clients": len(self._clients),
            "alive": self._service.alive(),
            "up_s": round(self._clock.monotonic() - self._started),
            **self._service.describe(),
        }
        return msgspec.json.encode(status).decode()


async def _read_greeting(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], dict[bytes, bytes]]:
    """Protocol, facts and environment. Raises `ValueError` for what is no greeting."""
    line = await reader.readline()
    head = handshake.read_greeting_line(line)
    if head is None:
        raise ValueError("not a greeting")
    protocol, length = head
    if length > handshake.LARGEST_GREETING:
        raise ValueError("a greeting that is too large")
    return protocol, *handshake.read_greeting_body(await reader.readexactly(length))


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError, OSError):
        await writer.wait_closed()
