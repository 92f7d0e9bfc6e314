"""The OpenAI Responses wire format, without state at the provider.

Every output item, reasoning included (encrypted), goes back byte for byte from `Turn.raw`; a turn of another wire or
another model is rebuilt from its parts, without thinking. With `when` set to a later window the request runs in the
provider's cheaper background mode: it is created, its id is told (`Awaited`), then it is asked after. The provider keeps it
until it is fetched, so that it outlives us. Never run against the real API.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
from msgspec import Raw, Struct

from backburner.lib.clock import Clock
from backburner.model.catalog import AgentSpec
from backburner.model.transcript import (
    Conversation,
    Message,
    Part,
    StopReason,
    Text,
    Thinking,
    ToolCall,
    ToolResults,
    Turn,
    Usage,
)
from backburner.providers import openai_client
from backburner.providers.base import (
    Awaited,
    BadAnswer,
    Broken,
    Delta,
    NoModel,
    Passing,
    ProviderError,
    Rejected,
    Streamed,
    TurnSettings,
)
from backburner.providers.loose import count, is_strict, parse_arguments, table
from backburner.providers.stream import Call, Heard, exchange, guarded, understood, whole
from backburner.providers.trouble import from_event

if TYPE_CHECKING:
    import openai

POLL_S = (5.0, 60.0)
"""A background answer is asked after every so often: at first, at most."""
UNHEARD_S = 6 * 3600.0
"""So long the provider may be out of reach while it makes an answer."""
GIVE_UP_S = 5.0

log = logging.getLogger(__name__)

INCOMPLETE: Mapping[str, StopReason] = {"max_output_tokens": "length", "content_filter": "refusal"}


class ResponsesWire:
    """One model over the Responses API. Keeps nothing between turns."""

    def __init__(self, client: openai.AsyncOpenAI, spec: AgentSpec, clock: Clock) -> None:
        self._client = client
        self._spec = spec
        self._clock = clock

    async def attempt(
        self, conversation: Conversation, settings: TurnSettings, heard: Heard
    ) -> AsyncGenerator[Streamed, None]:
        """One request, one answer. Raises `ProviderError`."""
        call = Call(self._spec.provider, self._spec.model, settings.stall_s, heard, self._clock.now)
        body = request(conversation, settings, self._spec)
        begun = await self._found(settings.awaited, call) if settings.awaited else None
        if begun is not None or (settings.when != "now" and self._spec.windows):
            streamed = self._background(body, begun, call)
        else:
            send = openai_client.sender(self._client, "/responses", body)
            streamed = exchange(send, openai_client.errors(), call, Reader(self._spec))
        async with aclosing(streamed) as items:
            async for item in items:
                yield item

    async def _background(
        self, body: bytes, begun: dict[str, Any] | None, call: Call
    ) -> AsyncGenerator[Awaited | Turn, None]:
        """Create the answer, unless it has `begun`; ask after it; give the turn."""
        answer = begun or await self._ask("post", "/responses", body, call)
        path = _path(str(answer.get("id", "")))
        if begun is None:
            yield Awaited(str(answer.get("id", "")))
        wait_s, heard_at = POLL_S[0], self._clock.monotonic()
        while answer.get("status") in ("queued", "in_progress"):
            await self._clock.sleep(wait_s)
            wait_s = min(POLL_S[1], wait_s * 1.5)
            try:
                answer = await self._ask("get", path, None, call)
                heard_at = self._clock.monotonic()
            except Passing:
                # The answer is being made whether we hear of it or not: a laptop may sleep meanwhile.
                if self._clock.monotonic() - heard_at > UNHEARD_S:
                    raise
        reader = Reader(self._spec)
        try:
            event = msgspec.json.encode({"type": f"response.{answer.get('status', 'failed')}", "response": answer})
            understood(call, partial(reader.read, event))
        except ProviderError:
            yield Awaited("")
            raise
        yield understood(call, partial(whole, reader))

    async def _found(self, awaited: str, call: Call) -> dict[str, Any] | None:
        """An answer that was asked for earlier; None when the provider does not have it any more."""
        try:
            return await self._ask("get", _path(awaited), None, call)
        except (NoModel, Rejected) as gone:
            log.info("%s: the awaited answer is gone (%s)", call.who, gone)
            return None

    async def give_up(self, awaited: str) -> None:
        """Cancel an answer. It ends by itself where that does not work; there is nobody left to tell."""
        call = Call(self._spec.provider, self._spec.model, GIVE_UP_S, _unheard, self._clock.now)
        try:
            await self._ask("post", f"{_path(awaited)}/cancel", None, call)
        except ProviderError as error:
            log.info("an awaited answer could not be cancelled: %s", error)

    async def _ask(self, method: str, path: str, body: bytes | None, call: Call) -> dict[str, Any]:
        content, headers = await guarded(
            lambda: openai_client.ask(self._client, method, path, body), openai_client.errors(), call
        )
        call.heard(headers)
        try:
            answer = msgspec.json.decode(content)
        except (msgspec.MsgspecError, RecursionError):
            answer = None
        if not isinstance(answer, dict) or "status" not in answer:
            raise BadAnswer(call.who, "something else than a response")
        return table(answer)


def _unheard(headers: Mapping[str, str]) -> None:
    """Limits do not matter to who gives up."""


def _path(awaited: str) -> str:
    return f"/responses/{quote(awaited, safe='')}"


# Asking.


def request(conversation: Conversation, settings: TurnSettings, spec: AgentSpec) -> bytes:
    """The body of a request."""
    background = settings.when != "now" and spec.windows
    body: dict[str, Any] = {
        "model": spec.model,
        "stream": not background,
        # A background answer must be kept until it is fetched; nothing else is kept.
        "store": background,
        "include": ["reasoning.encrypted_content"],
        "max_output_tokens": settings.max_output_tokens or spec.max_output_tokens,
        "parallel_tool_calls": True,
    }
    if not background:
        body["stream_options"] = {"include_obfuscation": False}
    if conversation.system:
        body["instructions"] = conversation.system
    if conversation.key:
        body["prompt_cache_key"] = conversation.key
    effort = settings.effort or spec.effort
    body["reasoning"] = {"summary": "auto", **({"effort": effort} if effort else {})}
    body["text"] = {"verbosity": "low"}
    if conversation.tools:
        body["tools"] = [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "strict": spec.strict_tools and is_strict(tool.parameters),
                "parameters": tool.parameters,
            }
            for tool in conversation.tools
        ]
    if background:
        body["background"] = True
        body["background_options"] = {"completion_window": settings.when}
        if conversation.key:
            body["background_options"]["continuation_id"] = conversation.key
    body.update(spec.extra)
    # Last, so that the bytes before the newest item never move.
    body["input"] = items(conversation, spec)
    return msgspec.json.encode(body)


def items(conversation: Conversation, spec: AgentSpec) -> list[Any]:
    """The conversation as input items."""
    found: list[Any] = []
    for entry in conversation.entries:
        if isinstance(entry, Message):
            found.append({"role": "user", "content": entry.text})
        elif isinstance(entry, ToolResults):
            found += [
                {"type": "function_call_output", "call_id": result.call_id[:64], "output": result.text}
                for result in entry.results
            ]
        elif entry.wire == "responses" and entry.asked == spec.model and entry.raw:
            found += msgspec.json.decode(entry.raw, type=list[Raw])
        else:
            found += _rebuilt(entry)
    return found


def _rebuilt(turn: Turn) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for part in turn.parts:
        if isinstance(part, Text):
            if part.text:
                found.append({"role": "assistant", "content": part.text})
        elif isinstance(part, ToolCall):
            arguments = msgspec.json.encode(part.arguments or {}).decode()
            found.append({"type": "function_call", "call_id": part.id[:64], "name": part.name, "arguments": arguments})
    return found


# Hearing.


class Event(Struct):
    """Every event in one flat shape; unknown events have an unknown `type`."""

    type: str = ""
    output_index: int = 0
    item: Raw = Raw()
    delta: Any = None
    response: Any = None
    code: Any = None
    message: Any = None


_decoder = msgspec.json.Decoder(Event)


class Reader:
    """Puts the events of one answer together."""

    def __init__(self, spec: AgentSpec) -> None:
        self.done = False
        self._spec = spec
        self._items: dict[int, bytes] = {}
        self._response: dict[str, Any] = {}

    def read(self, data: bytes) -> Delta | None:
        """Take in one event; what of it is worth showing. Raises `ProviderError`."""
        if data == b"[DONE]":
            return None
        try:
            event = _decoder.decode(data)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise BadAnswer(self._spec.provider, f"an event that cannot be read: {error}") from None
        match event.type:
            case "response.output_text.delta" | "response.refusal.delta":
                return Delta(event.delta) if event.delta else None
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                return Delta(event.delta, "thinking") if event.delta else None
            case "response.function_call_arguments.delta":
                return Delta(event.delta, "call") if event.delta else None
            case "response.output_item.done" if bytes(event.item):
                # The item of `.added` may be incomplete; this one is whole, and is kept as the bytes that came.
                self._items[event.output_index] = bytes(event.item)
            case "response.completed" | "response.incomplete":
                self._response = table(event.response)
                self.done = True
            case "response.failed" | "response.cancelled":
                error = table(event.response).get("error") or {"message": "the answer was cancelled"}
                raise from_event(self._spec.provider, self._spec.model, error)
            case "error":
                error = {"code": event.code, "message": event.message}
                raise from_event(self._spec.provider, self._spec.model, error)
            case _:
                pass
        return None

    def turn(self) -> Turn:
        """The whole answer. Raises `Broken` when the stream ended too early."""
        if not self.done:
            raise Broken(self._spec.provider, "in the middle of an answer")
        written = [item for _, item in sorted(self._items.items())]
        if not written:
            output: list[Any] = self._response.get("output") or []
            written = [msgspec.json.encode(item) for item in output]
        parts: list[Part] = []
        refusal = ""
        for item in written:
            refusal += _read_item(msgspec.json.decode(item, type=dict[str, Any]), parts)
        reason: Any = table(self._response.get("incomplete_details")).get("reason")
        stop: StopReason = "tools" if any(isinstance(part, ToolCall) for part in parts) else "end"
        if self._response.get("status") == "incomplete":
            stop = INCOMPLETE.get(reason, "length")
        elif refusal:
            stop = "refusal"
        return Turn(
            parts=tuple(parts),
            stop=stop,
            usage=_usage(table(self._response.get("usage"))),
            model=self._response.get("model") or "",
            asked=self._spec.model,
            wire="responses",
            raw=(b"[" + b",".join(written) + b"]").decode(),
            refusal=(refusal or "the provider's filter stopped the answer") if stop == "refusal" else "",
        )


def _read_item(item: Mapping[str, Any], parts: list[Part]) -> str:
    """Add what an output item says to `parts`; the text of a refusal in it. Items of no tool of ours are only kept."""
    refusal = ""
    match item.get("type"):
        case "message":
            for content in item.get("content") or ():
                if content.get("type") == "refusal":
                    refusal += content.get("refusal", "")
                elif content.get("text"):
                    parts.append(Text(content["text"]))
        case "reasoning":
            summary = "\n".join(piece.get("text", "") for piece in item.get("summary") or ())
            if summary:
                parts.append(Thinking(summary))
        case "function_call":
            written = item.get("arguments") or ""
            parts.append(ToolCall(item.get("call_id", ""), item.get("name", ""), parse_arguments(written), written))
        case _:
            pass
    return refusal


def _usage(usage: Mapping[str, Any]) -> Usage:
    given = table(usage.get("input_tokens_details"))
    cached, wrote = count(given.get("cached_tokens")), count(given.get("cache_write_tokens"))
    return Usage(
        # Their total holds what was cached; ours does not.
        input_tokens=max(0, count(usage.get("input_tokens")) - cached - wrote),
        cache_read_tokens=cached,
        cache_write_tokens=wrote,
        output_tokens=count(usage.get("output_tokens")),
        reasoning_tokens=count(table(usage.get("output_tokens_details")).get("reasoning_tokens")),
    )
