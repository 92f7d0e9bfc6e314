"""Text archives: prose, then sections `-- name --`; and the markers and steps inside them, read as Python calls."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECTION = re.compile(r"^-- (.+) --$")
MARKER = re.compile(r"[ \t]*#@ ?(.*)$")
PATHLIKE = re.compile(r"(?<=[(,=])\s*([\w./-]*[./][\w./-]*)\s*(?=[,)])")


@dataclass
class Section:
    name: str
    """Without what stands in brackets behind it."""
    flag: str
    body: str
    line: int


@dataclass(frozen=True)
class Call:
    """`accept(1, hunk=2) ! "sentence"`; bare words are strings."""

    name: str
    positional: tuple[Any, ...]
    named: dict[str, Any]
    refusal: str | None = None


@dataclass
class Archive:
    path: Path
    prose: str
    sections: list[Section]

    def write(self) -> None:
        out = [self.prose]
        for section in self.sections:
            flag = f" ({section.flag})" if section.flag else ""
            out.append(f"-- {section.name}{flag} --\n{section.body}")
        self.path.write_text("".join(out))


def read(path: Path) -> Archive:
    prose: list[str] = []
    sections: list[Section] = []
    for number, line in enumerate(path.read_text().splitlines(keepends=True), 1):
        match = SECTION.match(line.rstrip("\n"))
        if match:
            name, _, flag = match[1].partition(" (")
            sections.append(Section(name.strip(), flag.rstrip(") "), "", number))
        elif sections:
            sections[-1].body += line
        else:
            prose.append(line)
    return Archive(path, "".join(prose), sections)


def calls(text: str) -> list[Call]:
    """The calls on the lines of a `do` section."""
    return [call(line.strip()) for line in text.split("\n") if line.strip() and not line.strip().startswith("#")]


def call(text: str) -> Call:
    text, _, refusal = text.partition(" ! ")
    # A path is written without quotes.
    text = PATHLIKE.sub(
        lambda match: match[0] if _is_number(match[1]) else match[0].replace(match[1], repr(match[1])), text
    )
    # One command has the name of a Python keyword.
    node = ast.parse(text.replace("continue(", "continue_("), mode="eval").body
    assert isinstance(node, ast.Call), text
    assert isinstance(node.func, ast.Name), text
    positional = tuple(_value(argument) for argument in node.args)
    named = {keyword.arg or "": _value(keyword.value) for keyword in node.keywords}
    return Call(node.func.id.rstrip("_"), positional, named, ast.literal_eval(refusal) if refusal else None)


def unmarked(text: str) -> tuple[str, list[tuple[int, str]]]:
    """The text without its markers, and each marker with its zero-based line."""
    lines: list[str] = []
    markers: list[tuple[int, str]] = []
    for number, line in enumerate(text.split("\n")):
        match = MARKER.search(line)
        if match:
            markers.append((number, match[1].strip()))
            line = line[: match.start()]
        lines.append(line)
    return "\n".join(lines), markers


def _value(node: ast.expr) -> Any:
    return node.id if isinstance(node, ast.Name) else ast.literal_eval(node)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?", text) is not None
