"""OpenAI Responses: what the real API refuses, its stream, and its background mode."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import msgspec

from emulator.anthropic import SECRET, output_tokens
from emulator.buckets import Counted
from emulator.faults import Refused
from emulator.script import Asked, Item, Turn, pieces

FIELDS = frozenset((
    "model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "max_tool_calls",
    "max_output_tokens", "reasoning", "text", "store", "include", "previous_response_id", "conversation",
    "prompt_cache_key", "prompt_cache_options", "context_management", "truncation", "service_tier", "background",
    "background_options", "stream", "stream_options", "safety_identifier", "metadata",
))  # fmt: skip
NO_NONE = ("gpt-6-astra", "gpt-6.1", "gpt-6.2")


def check(body: dict[str, Any]) -> None:
    """Raise `Refused` for what the real API refuses."""
    for name in body:
        if name not in FIELDS:
            raise Refused(f"Unknown parameter: '{name}'.")
    if not isinstance(body.get("model"), str):
        raise Refused("Missing required parameter: 'model'.")
    if "input" not in body:
        raise Refused("Missing required parameter: 'input'.")
    effort = (body.get("reasoning") or {}).get("effort")
    if effort == "none" and body["model"].startswith(NO_NONE):
        raise Refused("Unsupported value: 'reasoning.effort' does not support 'none' with this model.")
    window = (body.get("background_options") or {}).get("completion_window", "soonest")
    if window != "soonest" and (not body.get("background") or body.get("stream")):
        raise Refused("background_options.completion_window requires background: true and no streaming.")
    for index, tool in enumerate(body.get("tools") or ()):
        if tool.get("type") == "function":
            if "name" not in tool or "parameters" not in tool:
                raise Refused(f"Missing required parameter: 'tools[{index}].name'.")
            if tool.get("strict"):
                _check_strict(tool["name"], tool["parameters"])
    _check_items(body)


def _check_strict(name: str, schema: dict[str, Any]) -> None:
    kind = schema.get("type")
    if kind == "object" or (isinstance(kind, list) and "object" in kind):
        properties = schema.get("properties", {})
        if schema.get("additionalProperties") is not False:
            raise Refused(f"Invalid schema for function '{name}': 'additionalProperties' is required to be false.")
        if sorted(schema.get("required", [])) != sorted(properties):
            raise Refused(f"Invalid schema for function '{name}': 'required' must include every key in properties.")
        for inner in properties.values():
            _check_strict(name, inner)
    if "items" in schema:
        _check_strict(name, schema["items"])


def _check_items(body: dict[str, Any]) -> None:
    items = _items(body)
    calls: dict[str, bool] = {}
    prefix = hashlib.sha256()
    before_turn = prefix.copy()
    in_turn = False
    for index, item in enumerate(items):
        kind = item.get("type", "message")
        belongs = kind in ("reasoning", "function_call") or item.get("role") == "assistant"
        if belongs and not in_turn:
            before_turn = prefix.copy()
        in_turn = belongs
        match kind:
            case "reasoning":
                following = items[index + 1].get("type", "message") if index + 1 < len(items) else ""
                if following not in ("reasoning", "function_call", "message") or items[index + 1].get("role") == "user":
                    raise Refused(
                        f"Item '{item.get('id')}' of type 'reasoning' was provided without its required following item."
                    )
                expected = seal(body["model"], before_turn.hexdigest(), _summary(item))
                if item.get("encrypted_content") != expected:
                    raise Refused(f"The encrypted content for item {item.get('id')} could not be verified.")
            case "function_call":
                if item["call_id"] in calls:
                    raise Refused(f"Duplicate call_id {item['call_id']}.")
                calls[item["call_id"]] = False
            case "function_call_output":
                if calls.get(item["call_id"]) is not False:
                    raise Refused(f"No tool call found for function call output with call_id {item['call_id']}.")
                calls[item["call_id"]] = True
            case "message":
                if item.get("role") not in ("user", "assistant", "system", "developer"):
                    raise Refused(f"Invalid value: input[{index}].role.")
            case _:
                raise Refused(f"Invalid value: input[{index}].type {kind!r}.")
        prefix.update(msgspec.json.encode(item, order="sorted"))
    for call_id, answered in calls.items():
        if not answered:
            raise Refused(f"No tool output found for function call {call_id}.")


def seal(model: str, prefix: str, summary: str) -> str:
    mac = hmac.new(SECRET, f"{model}\0{prefix}\0{summary}".encode(), hashlib.sha256)
    return "gAAAA" + base64.urlsafe_b64encode(mac.digest()).decode()


def _summary(item: dict[str, Any]) -> str:
    return "\n".join(piece.get("text", "") for piece in item.get("summary") or ())


def _items(body: dict[str, Any]) -> list[dict[str, Any]]:
    given = body["input"]
    return [{"role": "user", "content": given}] if isinstance(given, str) else given


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "\n".join(piece.get("text", "") for piece in content or ())


def cache_blocks(body: dict[str, Any]) -> list[Any]:
    return [body.get("tools") or [], body.get("instructions") or "", *_items(body)]


def asked(body: dict[str, Any]) -> Asked:
    items: list[Item] = []
    for item in _items(body):
        kind = item.get("type", "message")
        if kind == "function_call_output":
            if not items or items[-1].kind != "results":
                items.append(Item("results"))
            items[-1].texts.append(_text(item.get("output")))
        elif kind == "message" and item.get("role") == "user":
            items.append(Item("user", [_text(item.get("content"))]))
        elif (kind != "message" or item.get("role") == "assistant") and (not items or items[-1].kind != "turn"):
            items.append(Item("turn"))
    first = items[0].texts if items else []
    name = hashlib.sha256("\0".join(first).encode()).hexdigest()[:8]
    return Asked(body["model"], body.get("instructions") or "", items, name)


def output(turn: Turn, asked: Asked, body: dict[str, Any]) -> list[dict[str, Any]]:
    """The items of the answer."""
    name = f"{asked.place}"
    found: list[dict[str, Any]] = []
    if turn.think and (turn.say or turn.calls):
        prefix = hashlib.sha256()
        for item in _items(body):
            prefix.update(msgspec.json.encode(item, order="sorted"))
        summary = [{"type": "summary_text", "text": turn.think}]
        reasoning: dict[str, Any] = {"type": "reasoning", "id": f"rs_{name}", "summary": summary}
        if "reasoning.encrypted_content" in (body.get("include") or ()):
            reasoning["encrypted_content"] = seal(body["model"], prefix.hexdigest(), turn.think)
        found.append(reasoning)
    if turn.say and turn.stop != "refusal":
        content = [{"type": "output_text", "text": turn.say, "annotations": [], "logprobs": []}]
        found.append({"type": "message", "id": f"msg_{name}", "role": "assistant", "status": "completed", "content": content,
                      "phase": "commentary" if turn.calls else "final_answer"})  # fmt: skip
    if turn.stop == "refusal":
        content = [{"type": "refusal", "refusal": turn.say or "I can't help with that."}]
        found.append(
            {"type": "message", "id": f"msg_{name}", "role": "assistant", "status": "completed", "content": content}
        )
    for ordinal, call in enumerate(turn.calls):
        found.append(
            {
                "type": "function_call",
                "id": f"fc_{name}{ordinal:02d}",
                "call_id": f"call_{name}{ordinal:02d}",
                "name": call.tool,
                "arguments": call.raw or msgspec.json.encode(call.arguments).decode(),
                "status": "completed",
            }
        )
    return found


def response(turn: Turn, asked: Asked, body: dict[str, Any], counted: Counted, status: str) -> dict[str, Any]:
    """The response object in one of its states."""
    ended = status in ("completed", "incomplete")
    cut = {"reason": "max_output_tokens"} if status == "incomplete" else None
    return {
        "id": f"resp_{asked.place}", "object": "response", "created_at": 1795440000, "status": status,
        "background": bool(body.get("background")), "error": None, "incomplete_details": cut,
        "instructions": None, "max_output_tokens": None, "model": body["model"],
        "output": output(turn, asked, body) if ended else [], "parallel_tool_calls": True,
        "previous_response_id": None, "reasoning": {"effort": "medium", "summary": None}, "service_tier": "default",
        "store": bool(body.get("store")), "temperature": 1.0, "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": "auto", "tools": [], "top_p": 1.0, "truncation": "disabled", "metadata": {},
        "usage": usage(turn, counted) if ended else None,
    }  # fmt: skip


def usage(turn: Turn, counted: Counted) -> dict[str, Any]:
    written = output_tokens(turn)
    return {
        "input_tokens": counted.total,
        "input_tokens_details": {"cached_tokens": counted.read, "cache_write_tokens": counted.wrote},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": len(turn.think) // 4},
        "total_tokens": counted.total + written,
    }


def frames(turn: Turn, asked: Asked, body: dict[str, Any], counted: Counted) -> list[bytes]:
    """The events of the answer."""
    events: list[dict[str, Any]] = []
    started = response(turn, asked, body, counted, "in_progress")
    events.append({"type": "response.created", "response": started})
    events.append({"type": "response.in_progress", "response": started})
    events.append({"type": "response.a_new_event", "delta": {"not": "text"}})
    for index, item in enumerate(output(turn, asked, body)):
        events += _item_events(index, item, turn)
    status = "incomplete" if turn.stop == "length" else "completed"
    events.append({"type": f"response.{status}", "response": response(turn, asked, body, counted, status)})
    found: list[bytes] = []
    for number, event in enumerate(events):
        event["sequence_number"] = number
        found.append(frame(event))
    return found


def _item_events(index: int, item: dict[str, Any], turn: Turn) -> list[dict[str, Any]]:
    at = {"item_id": item["id"], "output_index": index}
    found: list[dict[str, Any]] = []

    def add(kind: str, **fields: Any) -> None:
        found.append({"type": f"response.{kind}", **fields})

    if item["type"] == "reasoning":
        add("output_item.added", output_index=index, item={**item, "summary": [], "encrypted_content": None})
        for piece in pieces(turn.think, turn.pieces):
            add("reasoning_summary_text.delta", **at, summary_index=0, delta=piece)
        add("output_item.done", output_index=index, item=item)
    elif item["type"] == "message":
        add("output_item.added", output_index=index, item={**item, "content": [], "status": "in_progress"})
        part = item["content"][0]
        if part["type"] == "output_text":
            add("content_part.added", **at, content_index=0, part={**part, "text": ""})
            for piece in pieces(part["text"], turn.pieces):
                add("output_text.delta", **at, content_index=0, delta=piece, logprobs=[], obfuscation="x1")
            add("output_text.done", **at, content_index=0, text=part["text"], logprobs=[])
        else:
            add("content_part.added", **at, content_index=0, part={**part, "refusal": ""})
            for piece in pieces(part["refusal"], turn.pieces):
                add("refusal.delta", **at, content_index=0, delta=piece)
            add("refusal.done", **at, content_index=0, refusal=part["refusal"])
        add("content_part.done", **at, content_index=0, part=part)
        add("output_item.done", output_index=index, item=item)
    else:
        add("output_item.added", output_index=index, item={**item, "arguments": "", "status": "in_progress"})
        for piece in pieces(item["arguments"], 0):
            add("function_call_arguments.delta", **at, delta=piece, obfuscation="aX9")
        add("function_call_arguments.done", **at, arguments=item["arguments"])
        add("output_item.done", output_index=index, item=item)
    return found


def frame(event: dict[str, Any]) -> bytes:
    return b"event: " + event["type"].encode() + b"\ndata: " + msgspec.json.encode(event) + b"\n\n"


def error_frame(fault: str) -> bytes:
    if fault == "stream_limited":
        failed = {"status": "failed", "error": {"code": "rate_limit_exceeded", "message": "Slow down"}}
        return frame({"type": "response.failed", "sequence_number": 9, "response": failed})
    return frame(
        {
            "type": "error",
            "sequence_number": 9,
            "code": "server_error",
            "message": "The server had an error",
            "param": None,
        }
    )


PING = b": ping\n\n"
