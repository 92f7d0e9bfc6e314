from __future__ import annotations

import pytest

from backburner.agent import speaking
from backburner.agent.base import FormatProblem
from backburner.agent.reading import ReadArguments
from backburner.agent.schema import decode, schema
from backburner.agent.tools import STEP_FINISH, TOOLS
from backburner.model.transcript import ToolCall


def objects(node: object) -> list[dict[str, object]]:
    """Every schema of type object inside a schema."""
    if isinstance(node, list):
        return [found for item in node for found in objects(item)]
    if not isinstance(node, dict):
        return []
    found = [inner for value in node.values() for inner in objects(value)]
    return [*found, node] if node.get("type") == "object" else found


@pytest.mark.parametrize("tool", [*TOOLS.values(), STEP_FINISH], ids=lambda tool: tool.arguments.__name__)
def test_every_schema_is_closed_and_without_references(tool: object) -> None:
    shown = schema(tool.arguments)
    assert "$ref" not in str(shown)
    assert objects(shown)
    for node in objects(shown):
        assert node["additionalProperties"] is False
        assert node["required"] == list(node["properties"])
        assert all("description" in field for field in node["properties"].values())


def test_what_is_optional_may_be_null_or_missing() -> None:
    for arguments in ({"path": "a.py"}, {"path": "a.py", "start_line": None, "end_line": None}):
        assert decode(ToolCall("c", "read", arguments), ReadArguments) == ReadArguments(path="a.py")


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (ToolCall("c", "read", None, '{"path": "a.py'), '{"path": "a.py'),
        (ToolCall("c", "read", {"file": "a.py"}), '"file": "a.py"'),
        (ToolCall("c", "read", {"path": 3}), "Expected `str`"),
        (ToolCall("c", "read", {}), "missing required field `path`"),
    ],
)
def test_malformed_arguments_are_quoted_back(call: ToolCall, expected: str) -> None:
    with pytest.raises(FormatProblem) as problem:
        decode(call, ReadArguments)
    assert expected in str(problem.value)


def test_long_malformed_arguments_are_cut() -> None:
    with pytest.raises(FormatProblem) as problem:
        decode(ToolCall("c", "finish", None, "x" * 100_000), speaking.FinishArguments)
    assert len(str(problem.value)) < 1_000


def test_numbers_that_were_written_as_strings_are_read() -> None:
    read = decode(ToolCall("c", "read", {"path": "a.py", "start_line": "5"}), ReadArguments)
    assert read.start_line == 5
