"""Anthropic Messages: what the real API refuses, and its stream."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import msgspec

from emulator.buckets import Counted
from emulator.faults import Refused
from emulator.script import Asked, Item, Turn, pieces

VERSIONS = ("2023-06-01", "2026-10-21")
FIELDS = frozenset((
    "model", "max_tokens", "messages", "system", "tools", "tool_choice", "thinking", "output_config",
    "cache_control", "stop_sequences", "stream", "metadata", "service_tier", "speed", "inference_geo", "container",
    "diagnostics", "user_profile_id", "context_management",
))  # fmt: skip
SAMPLING = frozenset(("temperature", "top_p", "top_k"))
ALWAYS_THINKS = ("claude-opus-5-5", "claude-sonnet-5-5", "claude-fable-5")
SECRET = b"emulated"


def check(body: dict[str, Any], version: str) -> None:
    """Raise `Refused` for what the real API refuses."""
    if version not in VERSIONS:
        raise Refused("anthropic-version: header is required")
    new = version == VERSIONS[1]
    for name in body:
        if name not in FIELDS and not (name in SAMPLING and not new):
            raise Refused(f"{name}: Extra inputs are not permitted")
    model = body.get("model")
    if not isinstance(model, str):
        raise Refused("model: Field required")
    if not isinstance(body.get("max_tokens"), int) or body["max_tokens"] < 0:
        raise Refused("max_tokens: Field required")
    thinking = body.get("thinking") or {}
    if model.startswith(ALWAYS_THINKS):
        if model.startswith("claude-opus-5-5") and thinking.get("type") in ("disabled", "enabled"):
            raise Refused(f"thinking.type: {thinking['type']} is not supported by this model")
        if (body.get("tool_choice") or {}).get("type") in ("any", "tool"):
            raise Refused("tool_choice: forced tool use is not supported by this model")
    if thinking.get("type") == "enabled" and not 1024 <= thinking.get("budget_tokens", 0) < body["max_tokens"]:
        raise Refused("thinking.budget_tokens: must be at least 1024 and less than max_tokens")
    for index, tool in enumerate(body.get("tools") or ()):
        _check_tool(index, tool)
    _check_messages(body, new)
    if sum(1 for block, _ in blocks(body) if "cache_control" in block) + ("cache_control" in body) > 4:
        raise Refused("A maximum of 4 blocks with cache_control may be provided.")


def _check_tool(index: int, tool: dict[str, Any]) -> None:
    if "input_schema" not in tool:
        if "type" not in tool:
            raise Refused(f"tools.{index}.input_schema: Field required")
        return
    if tool["input_schema"].get("type") != "object":
        raise Refused(f"tools.{index}.input_schema.type: must be 'object'")
    if tool.get("strict"):
        _check_strict(f"tools.{index}.input_schema", tool["input_schema"])


def _check_strict(where: str, schema: dict[str, Any]) -> None:
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        raise Refused(f"{where}: For 'object' type, 'additionalProperties' must be explicitly set to false")
    for name, inner in schema.get("properties", {}).items():
        _check_strict(f"{where}.{name}", inner)
    if "items" in schema:
        _check_strict(f"{where}.items", schema["items"])


def _check_messages(body: dict[str, Any], strict_end: bool) -> None:
    messages = body.get("messages")
    if not messages:
        raise Refused("messages: at least one message is required")
    if messages[0].get("role") != "user":
        raise Refused("messages: first message must use the 'user' role")
    if strict_end and messages[-1]["role"] == "assistant":
        raise Refused("This model does not support assistant message prefill.")
    open_ids: list[str] = []
    prefix = hashlib.sha256()
    for index, message in enumerate(messages):
        content = _content(message)
        if not content:
            raise Refused(f"messages.{index}: all messages must have non-empty content")
        results = [block["tool_use_id"] for block in content if block.get("type") == "tool_result"]
        if open_ids and sorted(results) != sorted(open_ids):
            missing = sorted(set(open_ids) - set(results))
            raise Refused(f"messages.{index}: `tool_use` ids were found without `tool_result` blocks: {missing}")
        if not open_ids and results:
            raise Refused(f"messages.{index}: unexpected `tool_use_id` found in `tool_result` blocks: {results}")
        kinds = [block.get("type") == "tool_result" for block in content]
        if kinds != sorted(kinds, reverse=True):
            raise Refused(f"messages.{index}: `tool_result` blocks must come first")
        _check_blocks(index, message, content, body["model"], prefix.hexdigest())
        open_ids = [block["id"] for block in content if block.get("type") == "tool_use"]
        if len(set(open_ids)) != len(open_ids):
            raise Refused(f"messages.{index}: `tool_use` ids must be unique")
        prefix.update(_plain(message))
    if open_ids:
        raise Refused(f"messages: `tool_use` ids were found without `tool_result` blocks: {open_ids}")


def _check_blocks(index: int, message: dict[str, Any], content: list[dict[str, Any]], model: str, prefix: str) -> None:
    for at, block in enumerate(content):
        where = f"messages.{index}.content.{at}"
        match block.get("type"):
            case "text" if not block.get("text", "").strip():
                raise Refused(f"{where}: text content blocks must contain non-whitespace text")
            case "tool_use" if not isinstance(block.get("input"), dict):
                raise Refused(f"{where}.input: Input should be a valid dictionary")
            case "thinking":
                if message["role"] != "assistant":
                    raise Refused(f"{where}: thinking blocks are only allowed in assistant messages")
                if block.get("signature") != sign(model, prefix, block.get("thinking", "")):
                    raise Refused(f"{where}: Invalid `signature` in `thinking` block")
            case "text" | "tool_use" | "tool_result" | "image" | "document" | "redacted_thinking":
                pass
            case other:
                raise Refused(f"{where}: unknown block type {other!r}")


def sign(model: str, prefix: str, thinking: str) -> str:
    """Bound to the model, to everything said before, and to every byte of the thinking."""
    mac = hmac.new(SECRET, f"{model}\0{prefix}\0{thinking}".encode(), hashlib.sha256)
    return base64.b64encode(mac.digest()).decode()


def prefix_of(body: dict[str, Any]) -> str:
    digest = hashlib.sha256()
    for message in body["messages"]:
        digest.update(_plain(message))
    return digest.hexdigest()


def _plain(message: dict[str, Any]) -> bytes:
    """A message without what may change between requests."""
    content = [{k: v for k, v in block.items() if k != "cache_control"} for block in _content(message)]
    return msgspec.json.encode({"role": message["role"], "content": content}, order="sorted")


def _content(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message.get("content") or []
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def blocks(body: dict[str, Any]) -> list[tuple[dict[str, Any], bool]]:
    """Every block in prefix order (tools, system, messages), and whether it stands in the messages."""
    system = body.get("system") or []
    if isinstance(system, str):
        system = [{"type": "text", "text": system}]
    found = [(tool, False) for tool in body.get("tools") or ()]
    found += [(block, False) for block in system]
    return found + [(block, True) for message in body["messages"] for block in _content(message)]


def cache_blocks(body: dict[str, Any]) -> tuple[list[Any], set[int]]:
    """Blocks without their markers, and the indexes of those with one."""
    found = blocks(body)
    marks = {index for index, (block, _) in enumerate(found) if "cache_control" in block}
    if "cache_control" in body:
        marks.add(len(found) - 1)
    return [{k: v for k, v in block.items() if k != "cache_control"} for block, _ in found], marks


def asked(body: dict[str, Any]) -> Asked:
    items: list[Item] = []
    for message in body["messages"]:
        content = _content(message)
        if message["role"] == "assistant":
            items.append(Item("turn"))
            continue
        results = [_text(block) for block in content if block.get("type") == "tool_result"]
        said = [block["text"] for block in content if block.get("type") == "text"]
        if results:
            items.append(Item("results", results))
        if said:
            items.append(Item("user", said))
    system = "\n".join(
        block.get("text", "") for block, inside in blocks(body) if not inside and "input_schema" not in block
    )
    first = items[0].texts if items else []
    return Asked(body["model"], system, items, hashlib.sha256("\0".join(first).encode()).hexdigest()[:8])


def _text(block: dict[str, Any]) -> str:
    content = block.get("content") or ""
    return content if isinstance(content, str) else "\n".join(piece.get("text", "") for piece in content)


STOPS = {
    "length": "max_tokens",
    "refusal": "refusal",
    "paused": "pause_turn",
    "context_full": "model_context_window_exceeded",
}


def frames(turn: Turn, asked: Asked, body: dict[str, Any], counted: Counted) -> list[bytes]:
    """The events of the answer."""
    usage = {
        "input_tokens": counted.rest,
        "cache_creation_input_tokens": counted.wrote,
        "cache_read_input_tokens": counted.read,
        "cache_creation": {"ephemeral_5m_input_tokens": counted.wrote, "ephemeral_1h_input_tokens": 0},
    }
    name = f"{asked.place}"
    message = {
        "id": f"msg_{name}", "type": "message", "role": "assistant", "model": body["model"], "content": [],
        "container": None, "stop_reason": None, "stop_sequence": None, "stop_details": None,
        "usage": {**usage, "output_tokens": 1, "service_tier": "standard", "inference_geo": "global",
                  "server_tool_use": None},
    }  # fmt: skip
    found = [frame("message_start", {"message": message}), frame("ping", {}), frame("a_new_event", {"index": 0})]
    index = 0
    written = 0
    thinks = (body.get("thinking") or {}).get("type") in ("adaptive", "enabled")
    if turn.think and thinks:
        shown = turn.think if (body.get("thinking") or {}).get("display") == "summarized" else ""
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces(shown, turn.pieces)]
        deltas.append({"type": "signature_delta", "signature": sign(body["model"], prefix_of(body), shown)})
        found += _block(index, {"type": "thinking", "thinking": "", "signature": ""}, deltas)
        index += 1
        written += len(turn.think) // 4 + 1
    if turn.say:
        deltas = [{"type": "text_delta", "text": piece} for piece in pieces(turn.say, turn.pieces)]
        found += _block(index, {"type": "text", "text": "", "citations": None}, deltas)
        index += 1
    for ordinal, call in enumerate(turn.calls):
        start = {
            "type": "tool_use",
            "id": f"toolu_{name}{ordinal:02d}",
            "name": call.tool,
            "input": {},
            "caller": {"type": "direct"},
        }
        raw = call.raw or msgspec.json.encode(call.arguments).decode()
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ["", *pieces(raw, 0)]]
        found += _block(index, start, deltas)
        index += 1
    reason = STOPS.get(turn.stop) or ("tool_use" if turn.calls else "end_turn")
    details = (
        {"type": "refusal", "category": "cyber", "explanation": turn.say or "This looks like an attack."}
        if reason == "refusal"
        else None
    )
    ended = {"stop_reason": reason, "stop_sequence": None, "stop_details": details, "container": None}
    thought = {"thinking_tokens": written}
    final = {**usage, "output_tokens": output_tokens(turn), "output_tokens_details": thought, "server_tool_use": None}
    del final["cache_creation"]
    found.append(frame("message_delta", {"delta": ended, "usage": final}))
    found.append(frame("message_stop", {}))
    return found


def output_tokens(turn: Turn) -> int:
    size = len(turn.say) + len(turn.think)
    size += sum(len(call.raw) or len(msgspec.json.encode(call.arguments)) for call in turn.calls)
    return size // 4 + 1


def _block(index: int, start: dict[str, Any], deltas: list[dict[str, Any]]) -> list[bytes]:
    found = [frame("content_block_start", {"index": index, "content_block": start})]
    found += [frame("content_block_delta", {"index": index, "delta": delta}) for delta in deltas]
    found.append(frame("content_block_stop", {"index": index}))
    return found


def frame(kind: str, fields: dict[str, Any]) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + msgspec.json.encode({"type": kind, **fields}) + b"\n\n"


def error_frame(fault: str) -> bytes:
    kind, message = (
        ("rate_limit_error", "Slow down") if fault == "stream_limited" else ("overloaded_error", "Overloaded")
    )
    return frame("error", {"error": {"type": kind, "message": message}})


PING = frame("ping", {})
