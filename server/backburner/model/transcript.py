"""A provider-neutral conversation between us and a model; what is journalled and what `providers/` turn into bytes.

A transcript only ever grows at its end: the cached prefix of a request must not move. What a provider wants to see again
unedited (thinking, reasoning items) is kept verbatim in `Turn.raw`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

StopReason = Literal["end", "tools", "length", "refusal", "paused", "context_full"]
"""`paused`: send the conversation again unchanged. `length`, `context_full`: the last tool call may be half a call."""


class Usage(Struct, frozen=True, kw_only=True):
    """Tokens of one turn or of many. `input_tokens` is what was neither read from nor written to the cache."""

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    """Part of `output_tokens`."""

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            cache_read_tokens=self.cache_read_tokens + other.cache_read_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
        )

    @property
    def total_input(self) -> int:
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens


class Text(Struct, frozen=True, tag="text"):
    text: str


class Thinking(Struct, frozen=True, tag="thinking"):
    """What the model let us see of its thinking; replayed from `Turn.raw`, never from here."""

    text: str


class ToolCall(Struct, frozen=True, tag="tool_call"):
    """A wish to call a tool. `arguments` is None when what the model sent is not a JSON object."""

    id: str
    name: str
    arguments: Mapping[str, Any] | None
    raw_arguments: str = ""
    """What the model sent, to be quoted back when `arguments` is None."""


Part = Text | Thinking | ToolCall


class Turn(Struct, frozen=True, kw_only=True, tag="turn"):
    """One answer of a model."""

    parts: tuple[Part, ...]
    stop: StopReason
    usage: Usage = Usage()
    cost_usd: float | None = None
    """None: the price is not known."""
    model: str = ""
    """The model that answered, as it names itself."""
    asked: str = ""
    """The model that was asked, as the request named it: what is bound to a model in `raw` goes back only to this one."""
    wire: str = ""
    """The wire format that `raw` belongs to: `anthropic`, `responses`, `chat`, `scripted`."""
    raw: str = ""
    """The provider's own content as JSON text, to be replayed byte for byte to the same wire format."""
    refusal: str = ""
    """Why the model refused, when `stop` is `refusal`."""

    @property
    def was_cut(self) -> bool:
        """It ended before the model was done; the last call may be half a call."""
        return self.stop in ("length", "context_full")

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        return tuple(part for part in self.parts if isinstance(part, ToolCall))

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, Text))


class ToolResult(Struct, frozen=True, kw_only=True):
    """The answer to one tool call."""

    call_id: str
    name: str
    text: str
    is_error: bool = False


class ToolResults(Struct, frozen=True, tag="results"):
    """The answers to all calls of the turn before, in its order."""

    results: tuple[ToolResult, ...]


class Message(Struct, frozen=True, tag="message"):
    """What we say: the brief, a person's note or reply, a nudge."""

    text: str


Entry = Message | Turn | ToolResults


class ToolSpec(Struct, frozen=True, kw_only=True):
    """A tool as it is shown to a model. `parameters` is a JSON schema of type object, closed (`strict`)."""

    name: str
    description: str
    parameters: Mapping[str, Any]


class Shortening(Struct, frozen=True, kw_only=True):
    """How a conversation that outgrew the model's context is shown to it. Numbers count entries from the beginning.

    The entries themselves stay as they were; `model/shorten.py` makes what is shown of them.
    """

    at: int
    """Turns before this entry go back without their thinking: it is bound to every byte that stood before it."""
    elided: int = 0
    """Tool results before this entry are shown as one line each."""
    folded: int = 0
    """What stands between the brief and this entry is shown as `summary`; 0: nothing is."""
    summary: str = ""


class Conversation(Struct, frozen=True, kw_only=True):
    """Everything that a request is made from. Only `entries` grows, only at its end."""

    system: str
    tools: tuple[ToolSpec, ...]
    entries: tuple[Entry, ...]
    key: str = ""
    """Stable id of the task's conversation (a cache key for providers that take one)."""
    shortening: Shortening | None = None
    """How it is shown since it nearly outgrew the model's context."""
    awaited: str = ""
    """The provider's id of the answer that is being made for it (a background answer): asked after, not asked for again."""
