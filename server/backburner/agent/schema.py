"""From a struct of arguments to the JSON schema that a model is shown, and from what it sent back to the struct.

One declaration for both. The schema is closed and every property is required (what is optional may be null): the common
ground of strict tool calling at all providers. Reading is lenient where that is safe: null or nothing for what is optional.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar, cast

import msgspec
from msgspec import Struct

from backburner.agent.base import FormatProblem
from backburner.model.transcript import ToolCall

Arguments = TypeVar("Arguments", bound=Struct)

QUOTED = 600
"""Characters of malformed arguments that are quoted back."""


@cache
def schema(struct: type[Struct]) -> Mapping[str, Any]:
    """The closed JSON schema of a struct, without references. Made once: it costs as much as two requests."""
    (top,), components = msgspec.json.schema_components((struct,), ref_template="#/{name}")
    return cast("Mapping[str, Any]", _plain(top, components))


def decode(call: ToolCall, struct: type[Arguments]) -> Arguments:
    """The arguments of a call. Raises `FormatProblem` with what is wrong and what was sent."""
    if call.arguments is None:
        raise FormatProblem(
            f"The arguments of {call.name} are not a JSON object, so nothing was done. You sent:\n"
            f"{_quote(call.raw_arguments)}\nCall it again with one JSON object."
        )
    given = {name: value for name, value in call.arguments.items() if value is not None}
    try:
        # Small models write numbers as strings.
        return msgspec.convert(given, struct, strict=False)
    except msgspec.ValidationError as error:
        raise FormatProblem(
            f"The arguments of {call.name} do not fit, so nothing was done: {error}. It takes: "
            f"{', '.join(struct.__struct_fields__)}. You sent:\n{_quote(json.dumps(given, ensure_ascii=False))}"
        ) from error


def _plain(node: Any, components: Mapping[str, Any]) -> Any:
    if isinstance(node, list):
        return [_plain(item, components) for item in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    fields = cast("dict[str, Any]", node)
    if "$ref" in fields:
        inner = _plain(components[fields["$ref"].removeprefix("#/")], components)
        return {**inner, **{name: value for name, value in fields.items() if name != "$ref"}}
    plain = {name: _plain(value, components) for name, value in fields.items() if name not in ("title", "default")}
    if plain.get("type") == "object" and "properties" in plain:
        properties = {name: _plain(value, components) for name, value in fields["properties"].items()}
        plain |= {"properties": properties, "required": list(properties), "additionalProperties": False}
    return plain


def _quote(text: str) -> str:
    return text if len(text) <= QUOTED else f"{text[:QUOTED]} [… {len(text) - QUOTED} more characters]"
