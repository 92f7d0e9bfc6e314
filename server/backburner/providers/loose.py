"""Reading JSON that others wrote, without trusting its shape; and whether a tool schema may be held to strictly. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec

MOST = 1_000_000_000
"""Tokens that an answer can have."""
NESTED = 100
"""Levels of arrays and objects; no tool of ours takes more than three."""


def table(value: Any) -> dict[str, Any]:
    """The JSON object that `value` is; an empty one for anything else."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}  # JSON: keys are strings


def count(value: Any) -> int:
    """A number of tokens; 0 for anything that is none."""
    return int(min(value, MOST)) if isinstance(value, int | float) and value > 0 else 0


def parse_arguments(text: str) -> dict[str, Any] | None:
    """The JSON object that `text` is, an empty one for an empty text; None for anything else."""
    if not text.strip():
        return {}
    try:
        found = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        return None
    return table(found) if isinstance(found, dict) and is_flat(found) else None


def is_flat(value: Any) -> bool:
    """Whether JSON is nested so little that everybody whom it is passed on to can read it."""
    level = [value]
    for _ in range(NESTED):
        inner: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                inner += cast("dict[str, Any]", each).values()
            elif isinstance(each, list):
                inner += cast("list[Any]", each)
        if not inner:
            return True
        level = inner
    return False


def is_strict(schema: Mapping[str, Any]) -> bool:
    """Whether every object in the schema is closed and requires all its properties, as strict tool calling wants it."""
    properties: Mapping[str, Any] | None = schema.get("properties")
    if properties is not None:
        required: list[str] = schema.get("required", [])
        if schema.get("additionalProperties") is not False or set(required) != set(properties):
            return False
    inner: list[Mapping[str, Any]] = [*(properties or {}).values(), *schema.get("anyOf", ())]
    if "items" in schema:
        inner.append(schema["items"])
    return all(is_strict(item) for item in inner)
