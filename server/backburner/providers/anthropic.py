"""The Anthropic Messages wire format.

A request is written by us as bytes: the transcript only grows at its end, so the bytes of what was sent before never
change and the provider's cache holds. Thinking goes back exactly as it came (`Turn.raw`); a turn of another wire or of
another model is rebuilt from its parts, without thinking, since thinking is bound to the model that wrote it.
Never run against the real API.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw, Struct

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
from backburner.providers.base import BadAnswer, Broken, Delta, Streamed, TurnSettings
from backburner.providers.loose import count, is_strict, parse_arguments, table
from backburner.providers.stream import Call, Heard, SdkErrors, exchange, sender
from backburner.providers.trouble import from_event

if TYPE_CHECKING:
    import anthropic

CACHE = {"type": "ephemeral"}
LOOK_BACK = 16
"""A cache marker finds what was written at most 20 blocks before it; a turn of more blocks gets a marker of its own."""

STOPS: Mapping[str, StopReason] = {
    "end_turn": "end",
    "stop_sequence": "end",
    "tool_use": "tools",
    "max_tokens": "length",
    "pause_turn": "paused",
    "compaction": "paused",
    "refusal": "refusal",
    "model_context_window_exceeded": "context_full",
}
"""What is not here ends the turn."""


def load() -> None:
    """Import the SDK (more than a second of CPU the first time): to be called in a thread."""
    from anthropic.resources import messages

    _ = messages


def client(base_url: str, key: str) -> anthropic.AsyncAnthropic:
    """A client with a pool of connections of its own; its retries are off and nothing is read from the environment."""
    import anthropic
    import httpx2

    return anthropic.AsyncAnthropic(
        # Never None: without a key the SDK would look for a profile on disk.
        api_key=key or "none",
        base_url=base_url,
        max_retries=0,
        open_telemetry=False,
        # Reading has no time limit here: `stream.py` watches for stalls.
        timeout=httpx2.Timeout(connect=10.0, read=None, write=120.0, pool=None),
        # The aiohttp transport takes half the CPU. Its limits must stay the SDK's: None would mean 100 there.
        # A redirect would take the code, and the key in Anthropic's header, to whatever address it names.
        http_client=anthropic.DefaultAioHttpClient(follow_redirects=False),
    )


class AnthropicWire:
    """One model over the Messages API. Keeps nothing between turns."""

    def __init__(self, client: anthropic.AsyncAnthropic, spec: AgentSpec, now: Callable[[], float]) -> None:
        self._client = client
        self._spec = spec
        self._now = now

    def attempt(
        self, conversation: Conversation, settings: TurnSettings, heard: Heard
    ) -> AsyncGenerator[Streamed, None]:
        """One request, one answer. Raises `ProviderError`."""
        import anthropic

        spec = self._spec
        body = request(conversation, settings, spec)
        send = sender(self._client.post, anthropic.AsyncStream[object], "/v1/messages", body)
        errors = SdkErrors(anthropic.APIStatusError, anthropic.APIConnectionError)
        call = Call(spec.provider, spec.model, settings.stall_s, heard, self._now)
        return exchange(send, errors, call, Reader(spec))

    async def give_up(self, awaited: str) -> None:
        """Nothing is ever awaited here."""


# Asking.


def request(conversation: Conversation, settings: TurnSettings, spec: AgentSpec) -> bytes:
    """The body of a request."""
    effort = settings.effort or spec.effort
    most = settings.max_output_tokens or spec.max_output_tokens
    body: dict[str, Any] = {"model": spec.model, "max_tokens": most, "stream": True}
    if conversation.system:
        body["system"] = [{"type": "text", "text": conversation.system, "cache_control": CACHE}]
    if conversation.tools:
        body["tools"] = [
            {
                "name": tool.name,
                "description": tool.description,
                "input_schema": tool.parameters,
                **({"strict": True} if spec.strict_tools and is_strict(tool.parameters) else {}),
            }
            for tool in conversation.tools
        ]
    body["messages"] = messages(conversation, spec)
    # After the messages, so that the bytes before them never move. The marker at the top follows the last block.
    body["cache_control"] = CACHE
    if spec.thinking == "adaptive":
        # Without `display` the text between tool calls comes back empty.
        body["thinking"] = {"type": "adaptive", "display": "summarized"}
    elif spec.thinking == "budget" and effort and most > 2048:
        body["thinking"] = {"type": "enabled", "budget_tokens": max(1024, most // 2)}
    if effort and spec.thinking == "adaptive":
        body["output_config"] = {"effort": effort}
    body.update(spec.extra)
    return msgspec.json.encode(body)


def messages(conversation: Conversation, spec: AgentSpec) -> list[dict[str, Any]]:
    """The conversation as messages: what stands between two turns is one user message, results first."""
    found: list[dict[str, Any]] = []
    said: list[dict[str, Any]] = []
    wide: dict[str, Any] | None = None
    for entry in conversation.entries:
        if isinstance(entry, Message):
            if entry.text:
                said.append({"type": "text", "text": entry.text})
        elif isinstance(entry, ToolResults):
            results = [_result(result.call_id, result.text, result.is_error) for result in entry.results]
            said = results + said
            if len(results) >= LOOK_BACK // 2:
                wide = results[-1]
        else:
            content = _content(entry, spec)
            if content is None:
                continue
            if said:
                found.append({"role": "user", "content": said})
                said = []
            found.append({"role": "assistant", "content": content})
    if said:
        found.append({"role": "user", "content": said})
    if wide is not None:
        wide["cache_control"] = CACHE
    return found


def _content(turn: Turn, spec: AgentSpec) -> Raw | list[dict[str, Any]] | None:
    """What the model said, verbatim if it was this model; None when there is nothing that may be sent back."""
    if turn.wire == "anthropic" and turn.asked == spec.model and turn.raw:
        return Raw(turn.raw.encode()) if turn.raw != "[]" else None
    blocks: list[dict[str, Any]] = []
    for part in turn.parts:
        if isinstance(part, Text):
            if part.text:
                blocks.append({"type": "text", "text": part.text})
        elif isinstance(part, ToolCall):
            blocks.append(
                {"type": "tool_use", "id": _id(part.id), "name": part.name, "input": dict(part.arguments or {})}
            )
    return blocks or None


def _result(call_id: str, text: str, is_error: bool) -> dict[str, Any]:
    result: dict[str, Any] = {"type": "tool_result", "tool_use_id": _id(call_id), "content": text or "(no output)"}
    if is_error:
        result["is_error"] = True
    return result


def _id(call_id: str) -> str:
    """Ids of other providers may hold characters that are refused here."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", call_id)


# Hearing.


class FlatDelta(Struct):
    type: str = ""
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None
    stop_details: Any = None


class Event(Struct):
    """Every event in one flat shape; fields that an event lacks stay empty. Unknown events have an unknown `type`."""

    type: str = ""
    index: int = 0
    message: Any = None
    content_block: dict[str, Any] | None = None
    delta: FlatDelta | None = None
    usage: dict[str, Any] | None = None
    error: Any = None


_decoder = msgspec.json.Decoder(Event)


class Block:
    """A content block that is being written: the fields it began with, and the pieces that followed."""

    def __init__(self, start: dict[str, Any]) -> None:
        self.start = start
        self.text: list[str] = []
        self.signature = ""
        self.json: list[str] = []


class Reader:
    """Puts the events of one answer together."""

    def __init__(self, spec: AgentSpec) -> None:
        self.done = False
        self._spec = spec
        self._blocks: dict[int, Block] = {}
        self._model = ""
        self._usage: dict[str, Any] = {}
        self._stop: str | None = None
        self._details: Any = None

    def read(self, data: bytes) -> Delta | None:
        """Take in one event; what of it is worth showing. Raises `ProviderError`."""
        try:
            event = _decoder.decode(data)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise BadAnswer(self._spec.provider, f"an event that cannot be read: {error}") from None
        match event.type:
            case "content_block_delta" if event.delta is not None:
                return self._piece(event.index, event.delta)
            case "content_block_start" if event.content_block is not None:
                self._blocks[event.index] = Block(event.content_block)
                text = event.content_block.get("text")
                return Delta(text) if text else None
            case "message_start":
                message = table(event.message)
                self._model = message.get("model", "")
                self._usage.update(table(message.get("usage")))
            case "message_delta":
                # Cumulative: the last value counts.
                self._usage.update({key: value for key, value in (event.usage or {}).items() if value is not None})
                if event.delta is not None and event.delta.stop_reason is not None:
                    self._stop = event.delta.stop_reason
                    self._details = event.delta.stop_details
            case "message_stop":
                self.done = True
            case "error":
                raise from_event(self._spec.provider, self._spec.model, event.error)
            case _:
                pass
        return None

    def _piece(self, index: int, delta: FlatDelta) -> Delta | None:
        block = self._blocks.get(index)
        if block is None:
            return None
        if delta.text is not None:
            block.text.append(delta.text)
            return Delta(delta.text)
        if delta.thinking is not None:
            block.text.append(delta.thinking)
            return Delta(delta.thinking, "thinking")
        if delta.partial_json is not None:
            block.json.append(delta.partial_json)
            return Delta(delta.partial_json, "call") if delta.partial_json else None
        if delta.signature is not None:
            block.signature += delta.signature
        return None

    def turn(self) -> Turn:
        """The whole answer. Raises `Broken` when the stream ended too early."""
        if not self.done and self._stop is None:
            raise Broken(self._spec.provider, "in the middle of an answer")
        parts: list[Part] = []
        raw: list[dict[str, Any]] = []
        for _, block in sorted(self._blocks.items()):
            self._finish(block, parts, raw)
        stop = STOPS.get(self._stop or "", "end")
        if stop == "tools" and not any(isinstance(part, ToolCall) for part in parts):
            stop = "end"
        return Turn(
            parts=tuple(parts),
            stop=stop,
            usage=_usage(self._usage),
            model=self._model,
            asked=self._spec.model,
            wire="anthropic",
            raw=msgspec.json.encode(raw).decode(),
            refusal=_why(self._details) if stop == "refusal" else "",
        )

    def _finish(self, block: Block, parts: list[Part], raw: list[dict[str, Any]]) -> None:
        kind = block.start.get("type")
        text = "".join(block.text)
        if kind == "text":
            text = (block.start.get("text") or "") + text
            # An empty text block is refused when it comes back.
            if text:
                parts.append(Text(text))
                raw.append({**block.start, "text": text})
        elif kind == "thinking":
            text = (block.start.get("thinking") or "") + text
            parts.append(Thinking(text))
            raw.append(
                {**block.start, "thinking": text, "signature": (block.start.get("signature") or "") + block.signature}
            )
        elif kind == "tool_use":
            written = "".join(block.json)
            arguments = parse_arguments(written) if written else table(block.start.get("input"))
            call_id, name = block.start.get("id", ""), block.start.get("name", "")
            parts.append(ToolCall(call_id, name, arguments, written))
            # What was cut off cannot go back as it is: the input must be an object.
            raw.append({**block.start, "input": Raw(written.encode()) if arguments and written else arguments or {}})
        else:
            raw.append(block.start)


def _usage(usage: Mapping[str, Any]) -> Usage:
    return Usage(
        input_tokens=count(usage.get("input_tokens")),
        cache_read_tokens=count(usage.get("cache_read_input_tokens")),
        cache_write_tokens=count(usage.get("cache_creation_input_tokens")),
        output_tokens=count(usage.get("output_tokens")),
        reasoning_tokens=count(table(usage.get("output_tokens_details")).get("thinking_tokens")),
    )


def _why(details: Any) -> str:
    told = table(details)
    return told.get("explanation") or told.get("category") or "the model refused"
