"""The base protocol on a pair of byte streams: headers and bodies, with limits in both directions.

Tolerant about headers (case, spaces, line ends, unknown names), strict about lengths: a stream that is out of step is
never guessed back into step, it ends with a sentence. Knows no JSON-RPC.
"""

from __future__ import annotations

import asyncio
import re

import msgspec
from msgspec import Struct

MIB = 1024 * 1024
CHUNK = 256 * 1024
HEADER = re.compile(rb"([A-Za-z0-9-]+)[ \t]*:[ \t]*(.*)")


class FramingLimits(Struct, frozen=True, kw_only=True):
    """Where a client is taken for broken."""

    header_bytes: int = 8 * 1024
    message_bytes: int = 64 * MIB
    """Largest message that is read; also the largest that is written."""
    skipped_bytes: int = 1024 * MIB
    """A message up to this size is read past and answered with an error; beyond it the length is taken for wrong."""
    waiting_bytes: int = 64 * MIB
    """Output that may wait for a client that does not read."""
    patience_s: float = 2.0
    """Silence inside a message after which we look whether its length was wrong."""
    silence_s: float = 60.0
    """Silence inside a message after which the client is given up."""


class Broken(Exception):
    """The stream cannot be read on; the text is one sentence for the client."""


class TooLarge(Struct, frozen=True):
    """A message that was read past."""

    size: int


class Incoming:
    """Cuts a byte stream into message bodies."""

    def __init__(self, reader: asyncio.StreamReader, limits: FramingLimits) -> None:
        self._reader = reader
        self._limits = limits
        self._buffer = bytearray()

    async def next(self) -> bytes | TooLarge | None:
        """The next body; None when the stream ends (also in the middle of a message: then the client died).

        Raises `Broken` when what comes is no message. Does not give way to other tasks while messages are at hand.
        """
        while True:
            size = await self._header()
            if size is None:
                return None
            if size == 0:
                continue
            if size > self._limits.message_bytes:
                return await self._skip(size)
            while len(self._buffer) < size:
                if not await self._more(size):
                    return None
            body = bytes(memoryview(self._buffer)[:size])
            del self._buffer[:size]
            return body

    async def _header(self) -> int | None:
        """The length that the next header block announces; None at the end of the stream."""
        size: int | None = None
        taken = 0
        while True:
            end = self._buffer.find(b"\n")
            if end < 0:
                if taken + len(self._buffer) > self._limits.header_bytes:
                    raise Broken("A header is too long.")
                if not await self._more(None):
                    return None
                continue
            line = bytes(self._buffer[:end]).strip()
            del self._buffer[: end + 1]
            taken += end + 1
            if taken > self._limits.header_bytes:
                raise Broken("A header is too long.")
            if not line:
                if size is not None:
                    return size
                if taken <= 2:
                    # A stray line end between messages does no harm.
                    taken = 0
                    continue
                raise Broken("A header without Content-Length.")
            match = HEADER.fullmatch(line)
            if match is None:
                raise Broken("Expected a header; was the Content-Length before it wrong?")
            if match[1].lower() == b"content-length":
                if not match[2].isdigit() or len(match[2]) > 18 or size not in (None, int(match[2])):
                    raise Broken("Content-Length is not a number.")
                size = int(match[2])

    async def _skip(self, size: int) -> TooLarge | None:
        if size > self._limits.skipped_bytes:
            raise Broken(f"A message of {size:,} bytes is too large.")
        left = size - len(self._buffer)
        if left < 0:
            del self._buffer[:size]
        else:
            self._buffer.clear()
        while left > 0:
            data = await self._read()
            if not data:
                return None
            if len(data) > left:
                self._buffer += data[left:]
            left -= len(data)
        return TooLarge(size)

    async def _more(self, body_size: int | None) -> bool:
        """Take what comes into the buffer; False at the end of the stream."""
        between_messages = body_size is None and not self._buffer
        data = await (self._reader.read(CHUNK) if between_messages else self._read())
        self._buffer += data
        return bool(data)

    async def _read(self) -> bytes:
        """Read inside a message, where silence means trouble."""
        waited = 0.0
        while True:
            try:
                async with asyncio.timeout(self._limits.patience_s):
                    return await self._reader.read(CHUNK)
            except TimeoutError:
                waited += self._limits.patience_s
            if _is_complete(self._buffer):
                raise Broken("Content-Length is larger than the message.")
            if waited >= self._limits.silence_s:
                raise Broken("A message stopped in the middle.")


class Outgoing:
    """Writes bodies; what the client does not read waits up to a limit."""

    def __init__(self, writer: asyncio.StreamWriter, limits: FramingLimits) -> None:
        self._writer = writer
        self._limits = limits

    @property
    def waiting_bytes(self) -> int:
        return self._writer.transport.get_write_buffer_size()

    @property
    def is_closed(self) -> bool:
        return self._writer.is_closing()

    def fits(self, body: bytes) -> bool:
        return len(body) <= self._limits.message_bytes

    def send(self, body: bytes) -> bool:
        """Hand over one body that `fits`. False: the client has not read for so long that it was cut off, or is gone."""
        if self._writer.is_closing():
            return False
        if self.waiting_bytes > self._limits.waiting_bytes:
            self._writer.transport.abort()
            return False
        self._writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        return True

    async def drained(self) -> None:
        """Wait until the client has read most of what was written. Returns at once when it is gone."""
        try:
            await self._writer.drain()
        except (ConnectionError, OSError):
            return

    async def close(self) -> None:
        """Write what waits, for a second at most, and end the connection."""
        try:
            async with asyncio.timeout(1.0):
                await self._writer.drain()
                self._writer.close()
                await self._writer.wait_closed()
        except (TimeoutError, ConnectionError, OSError):
            self._writer.transport.abort()


def _is_complete(data: bytearray) -> bool:
    """Whether these bytes are a whole JSON value already."""
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return bool(data.strip())
