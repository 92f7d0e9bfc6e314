"""A loopback server that behaves like the providers: the bytes of their APIs, what they refuse, how they fail.

In a test:

    async with Emulator(scene(Turn(say="Hello."))) as emulator:
        emulator.base_url        # http://127.0.0.1:49152
        emulator.env()           # keys and addresses for every provider of the catalog
        emulator.requests        # what was asked, as dictionaries
        emulator.counters        # requests, limited, peak, cache_hits, cache_misses, …
        emulator.fail("limited", retry_after_s=2)      # the next request, whatever the script says
        await emulator.until(lambda counters: counters.in_flight == 3)

As a program: `python -m emulator --script FILE` (see `__main__.py`). One process serves hundreds of streams.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from aiohttp import web

from backburner.lib.clock import Clock, RealClock
from emulator import anthropic, chat, faults, responses
from emulator.buckets import Buckets, Cache, Counted, Limits
from emulator.faults import Refused
from emulator.script import Asked, Script, Turn, choose, load

KEPT = 2000
"""Requests that are remembered."""
PING_S = 0.5


@dataclass
class Counters:
    requests: int = 0
    turns: int = 0
    limited: int = 0
    refused: int = 0
    """Requests that the real API would have refused: a bug of the client."""
    refusals: list[str] = field(default_factory=list)
    in_flight: int = 0
    peak: int = 0
    broken: int = 0
    """Streams that the client left."""
    cache_hits: int = 0
    cache_misses: int = 0
    polled: int = 0
    """Times that a background answer was asked after."""
    cancelled: int = 0
    """Background answers that were cancelled."""


@dataclass
class Asking:
    """One request."""

    wire: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    raw: bytes


@dataclass
class Background:
    body: dict[str, Any]
    turn: Turn
    asked: Asked
    counted: Counted
    ready: float
    cancelled: bool = False


class Emulator:
    """The server. Options are attributes and may be changed while it runs."""

    def __init__(
        self,
        script: Script | str | Path | None = None,
        *,
        chunking: str = "plain",
        limits: Limits | None = None,
        quirks: frozenset[str] = frozenset(),
        context_tokens: int = 1_000_000,
        latency_s: float = 0.0,
        seed: int = 0,
        port: int = 0,
        key: str = "",
        clock: Clock | None = None,
    ) -> None:
        """`chunking`: `plain` or `hostile` (CRLF line ends, cut anywhere). `latency_s`: for turns without `wait_s`.

        `key`: the only one that is taken; empty: any. `clock`: for the limits.
        """
        self.script = load(script)
        self.chunking = chunking
        self.limits = limits
        self.quirks = quirks
        self.context_tokens = context_tokens
        self.latency_s = latency_s
        self.key = key
        self.counters = Counters()
        self.requests: deque[Asking] = deque(maxlen=KEPT)
        self.cache = Cache()
        self._random = random.Random(seed)
        self._buckets: dict[tuple[str, str], Buckets] = {}
        self._failing: deque[Turn] = deque()
        self._raised: dict[tuple[str, int], int] = {}
        self._background: dict[str, Background] = {}
        self._runner: web.AppRunner | None = None
        self._port = port
        self._clock = clock or RealClock()
        self._closing = asyncio.Event()
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_route("HEAD", "/", self._head)
        app.router.add_post("/v1/messages", self._messages)
        app.router.add_post("/v1/messages/count_tokens", self._count)
        app.router.add_get("/_emulator", self._report)
        for root in ("/v1", "/openai/v1"):
            app.router.add_get(f"{root}/models", self._models)
            app.router.add_get(f"{root}/models/{{id:.+}}", self._model)
            app.router.add_post(f"{root}/responses", self._responses)
            app.router.add_get(f"{root}/responses", self._no_socket)
            app.router.add_get(f"{root}/responses/{{id}}", self._poll)
            app.router.add_post(f"{root}/responses/{{id}}/cancel", self._cancel)
            app.router.add_post(f"{root}/chat/completions", self._chat)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, backlog=2048)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def env(self) -> dict[str, str]:
        """An environment in which every provider of the catalog is this server."""
        found: dict[str, str] = {"ANTHROPIC_API_KEY": "emulated-anthropic-key", "ANTHROPIC_BASE_URL": self.base_url}
        for name in ("OPENAI", "GROQ", "CEREBRAS", "OPENROUTER", "DEEPSEEK", "OLLAMA", "VLLM", "LLAMACPP", "LMSTUDIO"):
            found[f"{name}_API_KEY"] = f"emulated-{name.lower()}-key"
            found[f"{name}_BASE_URL"] = f"{self.base_url}/openai/v1" if name == "GROQ" else f"{self.base_url}/v1"
        return found

    def fail(self, fault: str, *, retry_after_s: float | None = None, times: int = 1) -> None:
        """Let the next requests fail, whatever the script says."""
        self._failing.extend([Turn(fault=fault, retry_after_s=retry_after_s)] * times)

    async def until(self, happened: Callable[[Counters], bool], timeout_s: float = 20.0) -> None:
        """Wait until the counters are as they should be."""
        async with asyncio.timeout(timeout_s):
            while not happened(self._counted()):
                self._changed.clear()
                await self._changed.wait()

    # Routes.

    async def _head(self, request: web.Request) -> web.Response:
        return web.Response()

    async def _report(self, request: web.Request) -> web.Response:
        return web.json_response(asdict(self._counted()))

    def _counted(self) -> Counters:
        self.counters.cache_hits, self.counters.cache_misses = self.cache.hits, self.cache.misses
        return self.counters

    async def _models(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [_model("emulated")], "has_more": False})

    async def _model(self, request: web.Request) -> web.Response:
        return web.json_response(_model(request.match_info["id"]))

    async def _no_socket(self, request: web.Request) -> web.Response:
        return web.Response(status=426)

    async def _count(self, request: web.Request) -> web.Response:
        return web.json_response({"input_tokens": len(await request.read()) // 4})

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        return await self._answer("anthropic", request)

    async def _responses(self, request: web.Request) -> web.StreamResponse:
        return await self._answer("responses", request)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        return await self._answer("chat", request)

    async def _answer(self, wire: str, request: web.Request) -> web.StreamResponse:
        counters = self.counters
        counters.requests += 1
        counters.in_flight += 1
        counters.peak = max(counters.peak, counters.in_flight)
        raw = await request.read()
        key = request.headers.get("Authorization", "").removeprefix("Bearer ") or request.headers.get("x-api-key", "")
        model = ""
        try:
            body = self._read(wire, request, raw, key)
            model = body["model"]
            self._changed.set()
            return await self._turn(wire, request, body, key)
        except Refused as refused:
            if not refused.fault:
                counters.refused += 1
                counters.refusals.append(refused.message)
            status, error = faults.error_body(wire, refused.fault, key=key, model=model, message=refused.message)
            return web.json_response(error, status=status)
        except (ConnectionResetError, asyncio.CancelledError):
            counters.broken += 1
            raise
        finally:
            counters.in_flight -= 1
            self._changed.set()

    def _read(self, wire: str, request: web.Request, raw: bytes, key: str) -> dict[str, Any]:
        if not key or (self.key and key != self.key):
            raise Refused("", fault="bad_key")
        try:
            body = msgspec.json.decode(raw, type=dict[str, Any])
        except msgspec.MsgspecError as error:
            raise Refused(f"The body is not a JSON object: {error}") from error
        self.requests.append(Asking(wire, request.path, dict(request.headers), body, raw))
        match wire:
            case "anthropic":
                anthropic.check(body, request.headers.get("anthropic-version", ""))
            case "responses":
                responses.check(body)
            case _:
                chat.check(body, groq=request.path.startswith("/openai/"))
        return body

    async def _turn(self, wire: str, request: web.Request, body: dict[str, Any], key: str) -> web.StreamResponse:
        asked, counted = self._understand(wire, body)
        turn = self._failing.popleft() if self._failing else choose(self.script, asked)
        fault = self._fault(turn, asked)
        headers = self._limit(wire, body["model"], key, counted)
        if counted.total > self.context_tokens:
            raise Refused(
                f"prompt is too long: {counted.total} tokens > {self.context_tokens} maximum", fault="too_long"
            )
        if fault and fault not in faults.MIDDLE:
            return self._fail(wire, request, turn, fault, key, body["model"], headers)
        wait_s = turn.wait_s or self.latency_s
        if wire == "responses" and body.get("background"):
            return self._defer(body, turn, asked, counted, wait_s)
        match wire:
            case "anthropic":
                frames, ping = anthropic.frames(turn, asked, body, counted), anthropic.PING
                error = anthropic.error_frame(fault)
            case "responses":
                frames, ping = responses.frames(turn, asked, body, counted), responses.PING
                error = responses.error_frame(fault)
            case _:
                frames, ping = chat.frames(turn, asked, body, counted, self.quirks), chat.PING
                error = chat.error_frame(fault)
        self._wrote(wire, body["model"], key, turn)
        self.counters.turns += 1
        return await self._stream(request, frames, ping, error, fault, wait_s, headers)

    def _understand(self, wire: str, body: dict[str, Any]) -> tuple[Asked, Counted]:
        match wire:
            case "anthropic":
                blocks, marks = anthropic.cache_blocks(body)
                return anthropic.asked(body), self.cache.count(body["model"], blocks, marks)
            case "responses":
                counted = self.cache.count(body["model"], responses.cache_blocks(body), None)
                return responses.asked(body), counted
            case _:
                counted = self.cache.count(body["model"], chat.cache_blocks(body), None)
                return chat.asked(body), counted

    def _fault(self, turn: Turn, asked: Asked) -> str:
        if not turn.fault:
            return ""
        place = (asked.name, asked.taken)
        raised = self._raised.get(place, 0)
        if turn.times and raised >= turn.times and not self._is_queued(turn):
            return ""
        self._raised[place] = raised + 1
        return turn.fault

    def _is_queued(self, turn: Turn) -> bool:
        return not turn.say and not turn.calls

    def _limit(self, wire: str, model: str, key: str, counted: Counted) -> dict[str, str]:
        """Rate headers; raises `Refused` with them when a limit is reached."""
        if self.limits is None:
            return {}
        now = self._clock.monotonic()
        buckets = self._buckets.setdefault((model, key), Buckets(self.limits, now))
        # What is read from the cache does not count, at Anthropic.
        tokens = counted.total - (counted.read if wire == "anthropic" else 0)
        wait_s = buckets.take(tokens, now)
        headers = buckets.headers(wire, self._clock.now())
        if wait_s:
            self.counters.limited += 1
            _, error = faults.error_body(wire, "limited")
            headers["retry-after"] = f"{wait_s:.2f}"
            raise web.HTTPTooManyRequests(
                headers=headers, text=msgspec.json.encode(error).decode(), content_type="application/json"
            )
        return headers

    def _wrote(self, wire: str, model: str, key: str, turn: Turn) -> None:
        if self.limits is not None:
            self._buckets[model, key].wrote(anthropic.output_tokens(turn))

    def _fail(
        self, wire: str, request: web.Request, turn: Turn, fault: str, key: str, model: str, headers: dict[str, str]
    ) -> web.Response:
        if fault == "refuse":
            assert request.transport is not None
            request.transport.abort()
            raise ConnectionResetError
        whole = faults.whole_answer(fault)
        if whole is not None:
            return whole
        status, error = faults.error_body(wire, fault, key=key, model=model)
        if status == 429:
            self.counters.limited += 1
        if turn.retry_after_s is not None:
            headers = {**headers, "retry-after": f"{turn.retry_after_s:g}"}
        return web.json_response(error, status=status, headers=headers)

    async def _stream(
        self,
        request: web.Request,
        frames: list[bytes],
        ping: bytes,
        error: bytes,
        fault: str,
        wait_s: float,
        headers: dict[str, str],
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={**headers, "content-type": "text/event-stream", "request-id": "req_01"})
        await response.prepare(request)
        half = max(1, len(frames) // 2)
        match fault:
            case "stream_error" | "stream_limited":
                frames = [*frames[:half], error]
            case "short":
                frames = frames[:half]
            case "garbage":
                frames = [*frames[:half], b"data: {never closed\n\n"]
            case "stall":
                await response.write(b"".join(frames[:half]))
                await self._closing.wait()
                return response
            case "cut":
                await response.write(b"".join(frames[:half]) + frames[half][: len(frames[half]) // 2])
                await asyncio.sleep(0)
                assert request.transport is not None
                request.transport.abort()
                return response
            case _:
                pass
        if wait_s:
            await self._slowly(response, frames, ping, wait_s)
        else:
            for chunk in self._chunks(frames):
                await response.write(chunk)
        with contextlib.suppress(ConnectionResetError):
            await response.write_eof()
        return response

    async def _slowly(self, response: web.StreamResponse, frames: list[bytes], ping: bytes, wait_s: float) -> None:
        """A third of the time nothing but pings, then the frames, evenly."""
        loop = asyncio.get_running_loop()
        end = loop.time() + wait_s
        await response.write(frames[0])
        while (left := end - wait_s * 2 / 3 - loop.time()) > 0:
            await asyncio.sleep(min(PING_S, left))
            await response.write(ping)
        rest = frames[1:]
        start = loop.time()
        for number, frame in enumerate(rest):
            due = start + (end - start) * (number + 1) / len(rest)
            if (left := due - loop.time()) > 0.001:
                await asyncio.sleep(left)
            await response.write(frame)

    def _chunks(self, frames: list[bytes]) -> list[bytes]:
        data = b"".join(frames)
        if self.chunking != "hostile":
            return [data]
        data = data.replace(b"\n", b"\r\n")
        # A few cuts anywhere, and one between each CR and its LF now and then.
        cuts = sorted({self._random.randrange(1, len(data)) for _ in range(40)} | {data.index(b"\r\n\r\n") + 1})
        return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]

    # Background answers.

    def _defer(self, body: dict[str, Any], turn: Turn, asked: Asked, counted: Counted, wait_s: float) -> web.Response:
        first = responses.response(turn, asked, body, counted, "queued")
        self._background[first["id"]] = Background(body, turn, asked, counted, time.monotonic() + wait_s)
        return web.json_response(first)

    async def _poll(self, request: web.Request) -> web.Response:
        self.counters.polled += 1
        self._changed.set()
        kept = self._background.get(request.match_info["id"])
        if kept is None:
            return web.json_response({"error": {"message": "Response not found", "code": None}}, status=404)
        ended = "incomplete" if kept.turn.stop == "length" else "completed"
        status = "cancelled" if kept.cancelled else ended if time.monotonic() >= kept.ready else "in_progress"
        return web.json_response(responses.response(kept.turn, kept.asked, kept.body, kept.counted, status))

    async def _cancel(self, request: web.Request) -> web.Response:
        kept = self._background.get(request.match_info["id"])
        if kept is not None and not kept.cancelled:
            kept.cancelled = True
            self.counters.cancelled += 1
        return await self._poll(request)


def _model(name: str) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "type": "model",
        "display_name": name,
        "created": 1795440000,
        "owned_by": "emulator",
    }
