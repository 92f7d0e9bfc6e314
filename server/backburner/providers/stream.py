"""A streamed answer as server-sent events: sends the request, watches for stalls, cuts the bytes into frames.

The SDKs build the request and keep the connections; their event parsers are not used (they cost four to fifteen times
what this costs). Any byte counts as life, pings and comments too. Never interprets an event.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec

from backburner.lib.log import SECRETS
from backburner.model.transcript import Turn
from backburner.providers.base import BadAnswer, Broken, Delta, Stalled, duration
from backburner.providers.trouble import from_body, from_status

FRAME_LIMIT = 64 * 1024 * 1024
"""A frame of more bytes than this is no event."""
PEEK = 65_536
"""How much of a body that is no stream is read to say what it is."""

log = logging.getLogger(__name__)
T = TypeVar("T")
Heard = Callable[[Mapping[str, str]], None]
"""Told the headers of every answer, good or bad: the throttle reads the rate limits from them."""


class RawResponse(Protocol):
    """What the SDKs give for a response whose body was not read."""

    @property
    def headers(self) -> Mapping[str, str]: ...
    def iter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]: ...
    async def close(self) -> None: ...


class SdkErrors(NamedTuple):
    """The exceptions of one SDK that mean: a status that is not 2xx; no connection."""

    status: type[Exception]
    connection: type[Exception]


class Call(NamedTuple):
    """What a request needs for its error sentences."""

    who: str
    model: str
    stall_s: float
    heard: Heard
    now: Callable[[], float]


class Reader(Protocol):
    """Makes an answer of the frames of one wire format. Raises `ProviderError` for what is none."""

    done: bool
    """Nothing more is to be read."""

    def read(self, data: bytes) -> Delta | None: ...
    def turn(self) -> Turn: ...


async def exchange(
    send: Callable[[], Awaitable[RawResponse]], errors: SdkErrors, call: Call, reader: Reader
) -> AsyncGenerator[Delta | Turn, None]:
    """Send, then yield what is said as it comes and the whole turn at the end. Raises `ProviderError`."""
    async with aclosing(frames(send, errors, call)) as events:
        async for data in events:
            delta = understood(call, partial(reader.read, data))
            if delta is not None:
                yield delta
            if reader.done:
                break
    yield understood(call, partial(whole, reader))


def whole(reader: Reader) -> Turn:
    """The turn as it may be journalled, and read again: every part of the type that it is said to have, and no key in it.

    A provider may repeat the key that it was asked with.
    """
    return msgspec.json.decode(SECRETS.hide(msgspec.json.encode(reader.turn()).decode()), type=Turn)


def understood(call: Call, read: Callable[[], T]) -> T:
    """What a reader makes of JSON that may have any shape."""
    try:
        return read()
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        log.info("%s: an answer of a shape that nobody expected", call.who, exc_info=error)
        raise BadAnswer(call.who, "parts of a wrong type") from error


def sender(
    post: Callable[..., Awaitable[Any]], stream: type[object], path: str, body: bytes
) -> Callable[[], Awaitable[RawResponse]]:
    """Posts a prepared body (an SDK takes 100 ms to build a long one) and leaves the answer unread.

    `post`: that of an SDK's client; `stream`: the same SDK's type of a stream of objects.
    """

    async def send() -> RawResponse:
        raw: Any = await post(
            path,
            content=body,
            cast_to=object,
            stream=True,
            stream_cls=stream,
            options={"headers": {"X-Stainless-Raw-Response": "stream"}},
        )
        return raw

    return send


async def frames(
    send: Callable[[], Awaitable[RawResponse]], errors: SdkErrors, call: Call
) -> AsyncGenerator[bytes, None]:
    """Send, then yield the data of each event as it comes. Raises `ProviderError`; closing it ends the request."""
    response = await guarded(send, errors, call)
    try:
        call.heard(dict(response.headers))  # once: theirs decode at every look
        reader = Frames()
        async with aclosing(_chunks(response, call)) as chunks:
            first = True
            async for chunk in chunks:
                if first and chunk.strip():
                    first = False
                    if not _is_stream(chunk):
                        raise from_body(call.who, call.model, await _rest(chunk, chunks))
                for data in reader.feed(chunk):
                    yield data
                if reader.held > FRAME_LIMIT:
                    raise BadAnswer(call.who, "an event without an end")
            if first:
                raise Broken(call.who, "it ended before anything was said")
            last = reader.flush()
            if last is not None:
                yield last
    finally:
        await response.close()


async def guarded(send: Callable[[], Awaitable[T]], errors: SdkErrors, call: Call) -> T:
    """Await a request of an SDK, and turn what it raises into our errors."""
    try:
        async with asyncio.timeout(call.stall_s):
            return await send()
    except TimeoutError:
        raise Stalled(call.who, duration(call.stall_s)) from None
    except errors.connection as error:
        raise Broken(call.who, _reason(error)) from error
    except errors.status as error:
        response: Any = getattr(error, "response", None)  # both SDKs have it; they share no type that says so
        call.heard(response.headers)
        raise from_status(
            call.who, call.model, response.status_code, response.headers, response.content, now=call.now()
        ) from None


def _reason(error: BaseException) -> str:
    """In a few words why there is no connection, from the innermost cause; never an address with a key in it."""
    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    name = type(error).__name__
    if "DNS" in name or "gaierror" in name:
        return "its name is not known here"
    if "Certificate" in name or "SSL" in name:
        return "its certificate is not trusted"
    if "Timeout" in name:
        return "it did not answer in time"
    return "no connection"


class Frames:
    """Cuts bytes into the data of server-sent events, wherever the chunks happen to end."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._return = False
        """The last chunk ended in a carriage return whose line feed may still come."""

    @property
    def held(self) -> int:
        return len(self._buffer)

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of every event that is complete now, in order; events without data are left out."""
        if self._return:
            chunk = b"\r" + chunk
            self._return = False
        if b"\r" in chunk:
            if chunk.endswith(b"\r"):
                self._return = True
                chunk = chunk[:-1]
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if not self._buffer and chunk.endswith(b"\n\n"):
            # As most of them come.
            whole = chunk[:-2]
        else:
            searched = max(0, len(self._buffer) - 1)
            self._buffer += chunk
            end = self._buffer.rfind(b"\n\n", searched)
            if end < 0:
                return []
            whole = bytes(self._buffer[:end])
            del self._buffer[: end + 2]
        return [data for frame in whole.split(b"\n\n") if (data := _data(frame)) is not None]

    def flush(self) -> bytes | None:
        """The last event of a stream that ended without its blank line, if it is whole; half an event is dropped."""
        data = _data(bytes(self._buffer))
        if data is None or data == b"[DONE]":
            return data
        try:
            msgspec.json.decode(data)
        except (msgspec.MsgspecError, RecursionError):
            return None
        return data


def _data(frame: bytes) -> bytes | None:
    lines = [line[5:].removeprefix(b" ") for line in frame.split(b"\n") if line.startswith(b"data:")]
    if not lines:
        return None
    return lines[0] if len(lines) == 1 else b"\n".join(lines)


def _is_stream(chunk: bytes) -> bool:
    start = chunk.lstrip()
    # A hostile cut may leave only the first byte of a field name in the first chunk.
    return any(
        start.startswith(name) or name.startswith(start[:5]) for name in (b"data", b"event", b":", b"id", b"retry")
    )


class Patience:
    """Ends a wait that takes too long, as `asyncio.timeout` does, with one timer for all the waits of an answer.

    A timer for each piece of an answer costs more than the piece.
    """

    def __init__(self, stall_s: float) -> None:
        self._stall_s = stall_s
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Task[Any] | None = None
        self._since = self._loop.time()
        self._cancelling = 0
        self._is_over = False
        self._timer = self._loop.call_later(stall_s, self._look)

    def __enter__(self) -> None:
        self._waiting, self._since = asyncio.current_task(), self._loop.time()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Raises `TimeoutError` when it was this that ended the wait."""
        task, self._waiting = self._waiting, None
        # Somebody else may have cancelled the task at the same time: that goes on.
        if (
            self._is_over
            and task is not None
            and task.uncancel() <= self._cancelling
            and kind is asyncio.CancelledError
        ):
            raise TimeoutError from error

    def close(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        left = self._since + self._stall_s - self._loop.time()
        if self._waiting is None or left > 0:
            self._timer = self._loop.call_later(left if left > 0 else self._stall_s, self._look)
            return
        self._is_over, self._cancelling = True, self._waiting.cancelling()
        self._waiting.cancel()


async def _chunks(response: RawResponse, call: Call) -> AsyncGenerator[bytes, None]:
    import aiohttp
    import httpx2

    chunks = response.iter_bytes()
    patience = Patience(call.stall_s)
    try:
        while True:
            try:
                with patience:
                    chunk = await anext(chunks)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise Stalled(call.who, duration(call.stall_s)) from None
            except (httpx2.HTTPError, httpx2.StreamError, aiohttp.ClientError, OSError) as error:
                raise Broken(call.who, "in the middle of an answer") from error
            yield chunk
    finally:
        patience.close()


async def _rest(first: bytes, chunks: AsyncIterator[bytes]) -> bytes:
    body = first
    async for chunk in chunks:
        body += chunk
        if len(body) > PEEK:
            break
    return body
