"""Two ends of a connection that carry whole messages: within one process, over streams, over a pair of file descriptors.

A message is handed over *before* `send` waits: a caller that is cancelled in `send` has sent. Knows no message type; the
codec is handed in. One reader per end; any number of senders.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

In = TypeVar("In")
Out = TypeVar("Out")

BEHIND = 1000
"""Messages after which a sender within one process waits for the other side."""
BEHIND_BYTES = 8 * 1024 * 1024
LARGEST = 1024 * 1024 * 1024
"""A frame that claims to be larger is taken for a broken stream."""


class QueueEnd(Generic[In, Out]):
    """One end of a `pair`. Messages pass by reference, so they must be frozen."""

    def __init__(self) -> None:
        self.peer: QueueEnd[Out, In] | None = None
        self._inbox: deque[In] = deque()
        self._changed = asyncio.Event()
        self._closed = False

    async def send(self, message: Out) -> None:
        """Hand over; waits while the other side is more than `BEHIND` messages behind. Lost when it is gone."""
        peer = self.peer
        if peer is None or self._closed:
            return
        peer._put(message)
        while len(peer._inbox) > BEHIND and not self._closed:
            self._changed.clear()
            await self._changed.wait()

    async def receive(self) -> In | None:
        """The next message; None when the connection is closed and everything that was sent has been taken."""
        while not self._inbox:
            if self._closed:
                return None
            self._changed.clear()
            await self._changed.wait()
        message = self._inbox.popleft()
        if self.peer is not None and len(self._inbox) <= BEHIND:
            self.peer._changed.set()
        return message

    def close(self) -> None:
        for end in (self, self.peer):
            if end is not None:
                end._closed = True
                end._changed.set()

    def _put(self, message: In) -> None:
        self._inbox.append(message)
        self._changed.set()


def pair() -> tuple[QueueEnd[In, Out], QueueEnd[Out, In]]:
    """Two connected ends within one event loop."""
    one: QueueEnd[In, Out] = QueueEnd()
    other: QueueEnd[Out, In] = QueueEnd()
    one.peer, other.peer = other, one
    return one, other


def frame(data: bytes) -> bytes:
    """Four bytes of length, most significant first, then the data."""
    return len(data).to_bytes(4, "big") + data


async def read_frame(reader: asyncio.StreamReader) -> bytes | None:
    """The next frame; None at the end of the stream, also when it ends inside a frame."""
    try:
        size = int.from_bytes(await reader.readexactly(4), "big")
        if size > LARGEST:
            return None
        return await reader.readexactly(size)
    except (asyncio.IncompleteReadError, ConnectionError, OSError):
        return None


class StreamEnd(Generic[In, Out]):
    """An end over asyncio streams, such as the pipes of a child process."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        encode: Callable[[Out], bytes],
        decode: Callable[[bytes], In],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._encode = encode
        self._decode = decode
        self._draining = asyncio.Lock()

    async def send(self, message: Out) -> None:
        if self._writer.is_closing():
            return
        self._writer.write(frame(self._encode(message)))
        try:
            async with self._draining:
                await self._writer.drain()
        except (ConnectionError, OSError):
            # The reader's end of stream tells it; a sender has nobody left to tell.
            self._writer.close()

    async def receive(self) -> In | None:
        data = await read_frame(self._reader)
        return None if data is None else self._decode(data)

    def close(self) -> None:
        self._writer.close()


class ThreadEnd(Generic[In, Out]):
    """An end that writes from a thread of its own, so that other threads may send too and a full pipe stops no loop."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        descriptor: int,
        encode: Callable[[Out], bytes],
        decode: Callable[[bytes], In],
    ) -> None:
        self._reader = reader
        self._descriptor = descriptor
        self._encode = encode
        self._decode = decode
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Event()
        self._lock = threading.Lock()
        self._waiting_bytes = 0
        self._closed = False
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="link writer", daemon=True)
        self._thread.start()

    async def send(self, message: Out) -> None:
        self.send_from_thread(message)
        while self._waiting_bytes > BEHIND_BYTES and not self._closed:
            self._room.clear()
            await self._room.wait()

    def send_from_thread(self, message: Out) -> None:
        """Hand over without waiting; may be called from any thread."""
        if self._closed:
            return
        data = frame(self._encode(message))
        with self._lock:
            self._waiting_bytes += len(data)
            self._outbox.put(data)

    async def receive(self) -> In | None:
        data = await read_frame(self._reader)
        return None if data is None else self._decode(data)

    def close(self) -> None:
        """Write what is waiting (at most five seconds long), then stop."""
        if not self._closed:
            self._closed = True
            self._outbox.put(None)
            self._thread.join(timeout=5)

    def _write(self) -> None:
        while (data := self._outbox.get()) is not None:
            view = memoryview(data)
            try:
                while view:
                    view = view[os.write(self._descriptor, view) :]
            except OSError:
                self._closed = True
            with self._lock:
                self._waiting_bytes -= len(data)
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._room.set)
