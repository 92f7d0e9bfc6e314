"""The Chat Completions wire format, for every host that speaks it: Groq, Cerebras, Ollama, vLLM, llama.cpp, OpenRouter …

What differs between hosts is data in the catalog; what differs in how they stream is told apart here by what comes. Thinking
is shown and not sent back. Never run against the real hosts.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, Any

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
from backburner.providers.base import BadAnswer, Broken, Delta, Streamed, TurnSettings
from backburner.providers.loose import count, is_strict, parse_arguments, table
from backburner.providers.stream import Call, Heard, exchange
from backburner.providers.trouble import from_event

if TYPE_CHECKING:
    import openai

EFFORTS = {"xhigh": "high", "max": "high"}
"""Hosts of this format know no more than `high`."""
TIGHT = 16_000
"""Output asked for where the host's limiter reserves it up front."""


class ChatWire:
    """One model over Chat Completions. Keeps nothing between turns."""

    def __init__(self, client: openai.AsyncOpenAI, spec: AgentSpec, clock: Clock) -> None:
        self._client = client
        self._spec = spec
        self._clock = clock

    def attempt(
        self, conversation: Conversation, settings: TurnSettings, heard: Heard
    ) -> AsyncGenerator[Streamed, None]:
        """One request, one answer. Raises `ProviderError`."""
        call = Call(self._spec.provider, self._spec.model, settings.stall_s, heard, self._clock.now)
        send = openai_client.sender(self._client, "/chat/completions", request(conversation, settings, self._spec))
        taken = sum(isinstance(entry, Turn) for entry in conversation.entries)
        return exchange(send, openai_client.errors(), call, Reader(self._spec, taken))

    async def give_up(self, awaited: str) -> None:
        """Nothing is ever awaited here."""


# Asking.


def request(conversation: Conversation, settings: TurnSettings, spec: AgentSpec) -> bytes:
    """The body of a request."""
    most = settings.max_output_tokens or spec.max_output_tokens
    if spec.reserves_output:
        most = min(most, TIGHT)
    body: dict[str, Any] = {
        "model": spec.model,
        "stream": True,
        "stream_options": {"include_usage": True},
        spec.output_field: most,
    }
    effort = settings.effort or spec.effort
    if effort:
        body["reasoning_effort"] = EFFORTS.get(effort, effort)
    if conversation.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.parameters,
                    **({"strict": True} if spec.strict_tools and is_strict(tool.parameters) else {}),
                },
            }
            for tool in conversation.tools
        ]
    body.update(spec.extra)
    # Last, so that the bytes before the newest message never move.
    body["messages"] = messages(conversation)
    return msgspec.json.encode(body)


def messages(conversation: Conversation) -> list[Any]:
    """The conversation as messages."""
    found: list[Any] = [{"role": "system", "content": conversation.system}] if conversation.system else []
    for entry in conversation.entries:
        if isinstance(entry, Message):
            found.append({"role": "user", "content": entry.text})
        elif isinstance(entry, ToolResults):
            found += [
                {"role": "tool", "tool_call_id": result.call_id, "content": result.text} for result in entry.results
            ]
        elif entry.wire == "chat" and entry.raw:
            found.append(Raw(entry.raw.encode()))
        elif any(isinstance(part, (Text, ToolCall)) for part in entry.parts):
            found.append(_assistant(entry.parts))
    return found


def _assistant(parts: tuple[Part, ...]) -> dict[str, Any]:
    text = "".join(part.text for part in parts if isinstance(part, Text))
    message: dict[str, Any] = {"role": "assistant", "content": text or None}
    calls = [
        {
            "id": part.id,
            "type": "function",
            # Hosts parse what comes back to fill their template: what cannot be parsed goes back empty.
            "function": {
                "name": part.name,
                "arguments": (part.raw_arguments or msgspec.json.encode(part.arguments).decode())
                if part.arguments
                else "{}",
            },
        }
        for part in parts
        if isinstance(part, ToolCall)
    ]
    if calls:
        message["tool_calls"] = calls
    elif not text:
        message["content"] = ""
    return message


# Hearing.


class Function(Struct):
    name: str | None = None
    arguments: Any = None


class CallPiece(Struct):
    index: int | None = None
    id: str | None = None
    function: Function | None = None


class ChatDelta(Struct):
    content: Any = None
    reasoning: Any = None
    reasoning_content: Any = None
    refusal: str | None = None
    tool_calls: list[CallPiece] | None = None


class ChatChoice(Struct):
    delta: ChatDelta | None = None
    finish_reason: str | None = None


class Chunk(Struct):
    choices: list[ChatChoice] | None = None
    usage: dict[str, Any] | None = None
    model: str | None = None
    error: Any = None
    x_groq: dict[str, Any] | None = None


_decoder = msgspec.json.Decoder(Chunk)


class OpenCall:
    """A tool call that is being written."""

    def __init__(self, key: int | None, call_id: str) -> None:
        self.key = key
        self.id = call_id
        self.name = ""
        self.arguments = ""


class Reader:
    """Puts the chunks of one answer together."""

    def __init__(self, spec: AgentSpec, taken: int) -> None:
        """`taken`: turns before this one, for calls that come without an id."""
        self.done = False
        self._spec = spec
        self._taken = taken
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._refusal = ""
        self._calls: list[OpenCall] = []
        self._finish: str | None = None
        self._usage: dict[str, Any] = {}
        self._model = ""

    def read(self, data: bytes) -> Delta | None:
        """Take in one chunk; what of it is worth showing. Raises `ProviderError`."""
        if data.strip() == b"[DONE]":
            self.done = True
            return None
        try:
            chunk = _decoder.decode(data)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise BadAnswer(self._spec.provider, f"a chunk that cannot be read: {error}") from None
        if chunk.error is not None:
            raise from_event(self._spec.provider, self._spec.model, chunk.error)
        if chunk.model:
            self._model = chunk.model
        usage = chunk.usage or (chunk.x_groq or {}).get("usage")
        if usage:
            self._usage = usage
        if not chunk.choices:
            return None
        choice = chunk.choices[0]
        if choice.finish_reason:
            self._finish = choice.finish_reason
        return self._piece(choice.delta) if choice.delta is not None else None

    def _piece(self, delta: ChatDelta) -> Delta | None:
        for piece in delta.tool_calls or ():
            self._call(piece)
        if delta.refusal:
            self._refusal += delta.refusal
        if isinstance(delta.content, str) and delta.content:
            self._text.append(delta.content)
            return Delta(delta.content)
        thinking = delta.reasoning or delta.reasoning_content
        if isinstance(thinking, str) and thinking:
            self._thinking.append(thinking)
            return Delta(thinking, "thinking")
        if delta.tool_calls:
            written = "".join(_text(piece.function.arguments) for piece in delta.tool_calls if piece.function)
            return Delta(written, "call") if written else None
        return None

    def _call(self, piece: CallPiece) -> None:
        """Some hosts number every call 0: a piece with an id of its own begins a new call."""
        known = next((call for call in reversed(self._calls) if call.key == piece.index), None)
        if piece.index is None and self._calls and not piece.id:
            known = self._calls[-1]
        if known is None or (piece.id and known.id and piece.id != known.id):
            known = OpenCall(piece.index, piece.id or "")
            self._calls.append(known)
        known.id = known.id or piece.id or ""
        if piece.function is not None:
            # The name comes once, whole; some hosts repeat it with each piece.
            known.name = known.name or piece.function.name or ""
            known.arguments += _text(piece.function.arguments)

    def turn(self) -> Turn:
        """The whole answer. Raises `Broken` when the stream ended too early."""
        if not self.done and self._finish is None:
            raise Broken(self._spec.provider, "in the middle of an answer")
        parts: list[Part] = []
        if self._thinking:
            parts.append(Thinking("".join(self._thinking)))
        if self._text:
            parts.append(Text("".join(self._text)))
        for ordinal, call in enumerate(self._calls):
            call_id = call.id or f"call_{self._taken}_{ordinal}"
            parts.append(ToolCall(call_id, call.name, parse_arguments(call.arguments), call.arguments))
        stop = self._stop()
        said = any(isinstance(part, (Text, ToolCall)) for part in parts)
        return Turn(
            parts=tuple(parts),
            stop=stop,
            usage=_usage(self._usage),
            model=self._model,
            asked=self._spec.model,
            wire="chat",
            raw=msgspec.json.encode(_assistant(tuple(parts))).decode() if said else "",
            refusal=(self._refusal or "the provider's filter stopped the answer") if stop == "refusal" else "",
        )

    def _stop(self) -> StopReason:
        match self._finish:
            case "length":
                return "length"
            case "content_filter":
                return "refusal"
            case _:
                pass
        if self._refusal:
            return "refusal"
        # Some hosts say `stop` although there are calls.
        return "tools" if self._calls else "end"


def _text(arguments: Any) -> str:
    """Arguments come as pieces of text; some hosts send the object itself."""
    if arguments is None:
        return ""
    return arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode()


def _usage(usage: Mapping[str, Any]) -> Usage:
    cached = count(table(usage.get("prompt_tokens_details")).get("cached_tokens"))
    return Usage(
        input_tokens=max(0, count(usage.get("prompt_tokens")) - cached),
        cache_read_tokens=cached,
        output_tokens=count(usage.get("completion_tokens")),
        reasoning_tokens=count(table(usage.get("completion_tokens_details")).get("reasoning_tokens")),
    )
