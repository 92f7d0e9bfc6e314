"""What the emulated model says: scenes of turns, chosen by a phrase in the conversation, the same on every wire format.

    [[scene]]
    match = "add a docstring"       # in the latest user message that has any; none: the default
    [[scene.turn]]
    think = "Short."                # thinking, where the wire format has it
    say = "I read it first."
    calls = [{ tool = "read", arguments = { path = "{{path}}" } }]   # or raw = "…" for arguments as bad as you like
    find = { path = 'File: (\\S+)' } # {{path}}: the first group, from the last results or the messages
    wait_s = 2.0                    # from the request to the end of the answer; pings meanwhile
    pieces = 40                     # deltas that the text is cut into; 0: one for each 24 characters
    fault = "limited"               # see faults.py; `times` times (0: always), then the turn is played
    [[scene.turn]]
    say = "Done."

The format is that of `backburner.providers.scripted` plus `pieces` and `fault`. After the last turn the model says
"Nothing more to do." A turn is chosen from the conversation alone, so any number of agents can share one script.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct


class Call(Struct, frozen=True, forbid_unknown_fields=True):
    tool: str
    arguments: dict[str, Any] = {}
    raw: str = ""


class Turn(Struct, frozen=True, forbid_unknown_fields=True):
    say: str = ""
    think: str = ""
    calls: tuple[Call, ...] = ()
    wait_s: float = 0.0
    pieces: int = 0
    find: dict[str, str] = {}
    fault: str = ""
    times: int = 1
    retry_after_s: float | None = None
    stop: str = ""
    """`length`, `refusal`, `paused`, `context_full`; else by what is said."""


class Scene(Struct, frozen=True, forbid_unknown_fields=True):
    turn: tuple[Turn, ...]
    match: str | tuple[str, ...] = ()

    @property
    def phrases(self) -> tuple[str, ...]:
        return (self.match,) if isinstance(self.match, str) else self.match


class Script(Struct, frozen=True):
    scene: tuple[Scene, ...] = ()


LAST = Turn(say="Nothing more to do.")


def parse(text: str) -> Script:
    if text.lstrip().startswith("{"):
        return msgspec.json.decode(text, type=Script)
    return msgspec.convert(tomllib.loads(text), Script)


def load(script: Script | str | Path | None) -> Script:
    """A script from itself, from text, from a file, or the empty one."""
    if isinstance(script, Script):
        return script
    if isinstance(script, Path):
        return parse(script.read_text("utf-8"))
    return parse(script) if script else Script()


def scene(*turns: Turn, match: str = "") -> Script:
    """A script of one scene."""
    return Script((Scene(tuple(turns), (match,) if match else ()),))


@dataclass
class Item:
    """One step of a conversation, whatever the wire format: `user`, `turn` or `results`."""

    kind: str
    texts: list[str] = field(default_factory=list)


@dataclass
class Asked:
    """A request, in neutral form."""

    model: str
    system: str
    items: list[Item]
    name: str
    """Stable name of the conversation (a hash of its first user message)."""

    @property
    def place(self) -> str:
        """Stable name of this point in the conversation, for ids: never that of another one."""
        said = "\0".join(text for item in self.items for text in (item.kind, *item.texts))
        return f"{self.name}{self.taken:02d}{hashlib.sha256(said.encode()).hexdigest()[:4]}"

    @property
    def taken(self) -> int:
        return sum(item.kind == "turn" for item in self.items)


def choose(script: Script, asked: Asked) -> Turn:
    """The turn to play, with its placeholders filled."""
    turns = 0
    chosen: Scene | None = None
    for item in reversed(asked.items):
        if item.kind == "turn":
            turns += 1
        elif item.kind == "user":
            chosen = _matching(script, "\n".join(item.texts))
            if chosen is not None:
                break
    if chosen is None:
        turns = asked.taken
        chosen = _matching(script, asked.system) or next((scene for scene in script.scene if not scene.match), None)
    turn = chosen.turn[turns] if chosen is not None and turns < len(chosen.turn) else LAST
    return _filled(turn, asked)


def _matching(script: Script, text: str) -> Scene | None:
    """The scene whose phrase stands first in the text."""
    places = [
        (text.index(phrase), order)
        for order, scene in enumerate(script.scene)
        for phrase in scene.phrases
        if phrase in text
    ]
    return script.scene[min(places)[1]] if places else None


def _filled(turn: Turn, asked: Asked) -> Turn:
    if not turn.find:
        return turn
    texts = list(asked.items[-1].texts) if asked.items else []
    texts += [text for item in reversed(asked.items) if item.kind == "user" for text in item.texts]
    texts.append(asked.system)
    found: dict[str, str] = {}
    for name, pattern in turn.find.items():
        match = next(filter(None, (re.search(pattern, text, re.MULTILINE) for text in texts)), None)
        found["{{" + name + "}}"] = match.group(1 if match.lastindex else 0) if match else ""
    return msgspec.convert(_fill(msgspec.to_builtins(turn), found), Turn)


def _fill(value: Any, found: dict[str, str]) -> Any:
    if isinstance(value, str):
        for name, text in found.items():
            value = value.replace(name, text)
        return value
    if isinstance(value, dict):
        return {key: item if key == "find" else _fill(item, found) for key, item in value.items()}
    return [_fill(item, found) for item in value] if isinstance(value, list | tuple) else value


def pieces(text: str, number: int) -> list[str]:
    """The text cut into deltas."""
    size = max(1, -(-len(text) // number) if number else 24)
    return [text[at : at + size] for at in range(0, len(text), size)]
