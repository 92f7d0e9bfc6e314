"""Chat Completions: what servers refuse, the stream, and the ways in which servers differ.

Quirks (an option of the server): `index0` numbers every call 0, `whole` sends arguments in one piece, `stop` says `stop`
despite calls, `no_ids` leaves out call ids, `old_reasoning` calls thinking `reasoning_content`, `no_usage` sends none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Set
from typing import Any

import msgspec

from emulator.anthropic import output_tokens
from emulator.buckets import Counted
from emulator.faults import Refused
from emulator.script import Asked, Item, Turn, pieces

GROQ_REFUSES = ("logprobs", "logit_bias", "top_logprobs")
RESPONSES_ONLY = ("gpt-5.4", "gpt-5.5", "gpt-5.6", "gpt-6")


def check(body: dict[str, Any], groq: bool) -> None:
    """Raise `Refused` for what servers refuse."""
    if not isinstance(body.get("model"), str):
        raise Refused("you must provide a model parameter")
    if body["model"].startswith(RESPONSES_ONLY) and body.get("tools"):
        raise Refused("Function tools with reasoning_effort are not supported, use /v1/responses instead.")
    if groq:
        for name in GROQ_REFUSES:
            if name in body:
                raise Refused(f"property '{name}' is unsupported")
        if any("name" in message for message in body.get("messages") or ()):
            raise Refused("'messages.0' : property 'name' is unsupported")
    if body.get("reasoning_effort") not in (None, "none", "default", "minimal", "low", "medium", "high"):
        raise Refused("`reasoning_effort` must be one of `none`, `default`, `low`, `medium`, or `high`")
    for tool in body.get("tools") or ():
        if tool.get("type") != "function" or "name" not in tool.get("function", {}):
            raise Refused("tools: only functions with a name are supported")
    _check_messages(body.get("messages") or [])


def _check_messages(messages: list[dict[str, Any]]) -> None:
    if not messages:
        raise Refused("messages must not be empty")
    waiting: list[str] = []
    for index, message in enumerate(messages):
        role = message.get("role")
        if role == "tool":
            if message.get("tool_call_id") not in waiting:
                raise Refused(f"messages[{index}]: a 'tool' message must follow the 'tool_calls' that it answers")
            waiting.remove(message["tool_call_id"])
            continue
        if waiting:
            raise Refused(f"messages[{index}]: these tool calls have no answer: {waiting}")
        if role == "assistant":
            calls = message.get("tool_calls") or []
            if message.get("content") is None and not calls:
                raise Refused(f"messages[{index}]: assistant message needs content or tool_calls")
            for call in calls:
                _check_arguments(index, call)
            waiting = [call["id"] for call in calls]
        elif role not in ("system", "user", "developer"):
            raise Refused(f"messages[{index}].role: unknown role {role!r}")
        elif not isinstance(message.get("content"), str | list):
            raise Refused(f"messages[{index}].content: required")
    if waiting:
        raise Refused(f"these tool calls have no answer: {waiting}")


def _check_arguments(index: int, call: dict[str, Any]) -> None:
    try:
        msgspec.json.decode(call["function"]["arguments"], type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise Refused(f"messages[{index}]: tool call arguments are no JSON object") from error


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "\n".join(piece.get("text", "") for piece in content or ())


def cache_blocks(body: dict[str, Any]) -> list[Any]:
    return [body.get("tools") or [], *body["messages"]]


def asked(body: dict[str, Any]) -> Asked:
    items: list[Item] = []
    system = ""
    for message in body["messages"]:
        text = _text(message.get("content"))
        match message["role"]:
            case "system" | "developer":
                system += text
            case "assistant":
                items.append(Item("turn"))
            case "tool":
                if not items or items[-1].kind != "results":
                    items.append(Item("results"))
                items[-1].texts.append(text)
            case _:
                items.append(Item("user", [text]))
    first = items[0].texts if items else []
    return Asked(body["model"], system, items, hashlib.sha256("\0".join(first).encode()).hexdigest()[:8])


def frames(turn: Turn, asked: Asked, body: dict[str, Any], counted: Counted, quirks: Set[str]) -> list[bytes]:
    """The chunks of the answer."""
    name = f"{asked.place}"
    head = {"id": f"chatcmpl-{name}", "object": "chat.completion.chunk", "created": 1795440000, "model": body["model"]}
    found: list[bytes] = []

    def add(delta: dict[str, Any], finish: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        found.append(frame({**head, "choices": [choice]}))

    add({"role": "assistant", "content": None if turn.calls and not turn.say else ""})
    thinking = "reasoning_content" if "old_reasoning" in quirks else "reasoning"
    for piece in pieces(turn.think, turn.pieces):
        add({thinking: piece})
    for piece in pieces(turn.say if turn.stop != "refusal" else "", turn.pieces):
        add({"content": piece})
    for ordinal, call in enumerate(turn.calls):
        index = 0 if "index0" in quirks else ordinal
        raw = call.raw or msgspec.json.encode(call.arguments).decode()
        start: dict[str, Any] = {"index": index, "type": "function", "function": {"name": call.tool, "arguments": ""}}
        if "no_ids" not in quirks:
            start["id"] = f"call_{name}{ordinal:02d}"
        if "whole" in quirks:
            start["function"]["arguments"] = raw
            add({"tool_calls": [start]})
            continue
        add({"tool_calls": [start]})
        for piece in pieces(raw, 0):
            add({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    finish = {"length": "length", "refusal": "content_filter"}.get(turn.stop)
    add({}, finish or ("tool_calls" if turn.calls and "stop" not in quirks else "stop"))
    if (body.get("stream_options") or {}).get("include_usage") and "no_usage" not in quirks:
        found.append(frame({**head, "choices": [], "usage": usage(turn, counted)}))
    found.append(b"data: [DONE]\n\n")
    return found


def usage(turn: Turn, counted: Counted) -> dict[str, Any]:
    written = output_tokens(turn)
    return {
        "prompt_tokens": counted.total,
        "completion_tokens": written,
        "total_tokens": counted.total + written,
        "prompt_tokens_details": {"cached_tokens": counted.read},
        "completion_tokens_details": {"reasoning_tokens": len(turn.think) // 4},
    }


def frame(chunk: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(chunk) + b"\n\n"


def error_frame(fault: str) -> bytes:
    code = "rate_limit_exceeded" if fault == "stream_limited" else "server_error"
    return frame({"error": {"message": "It went wrong half-way", "type": code, "code": code}})


PING = b": keep-alive\n\n"
