"""A model that plays a script: for Practise, the demo and the tests. Part of the product; needs no key and no network.

A script is TOML (or the same as JSON). Scenes are chosen by a phrase; a scene is a list of turns:

    [[scene]]
    match = "add a docstring"          # found in a message (or the system text); no match: the default scene
    [[scene.turn]]
    say = "I read the file first."
    think = "It is short."             # shown as thinking
    wait_s = 1.5                       # through the clock, spread over the pieces of the answer
    calls = [{ tool = "read", arguments = { path = "{{path}}" } }]
    find = { path = 'File: (\\S+)' }    # {{path}} becomes the first group, from the last results or the messages
    [[scene.turn]]
    error = "overloaded"               # raised in place of an answer; with `times` that often, then the turn is played

What is said depends on the conversation alone (and on how often an error was raised): the latest message that holds some
scene's phrase decides the scene (in it the phrase that stands first), the number of turns after it the turn. So a run that
is resumed goes on where it was, and a reply with a phrase of its own begins a scene of its own. After the last turn the
model ends with nothing to say.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import AsyncGenerator, Mapping
from typing import Any, cast

import msgspec
from msgspec import Struct

from backburner.lib.clock import Clock
from backburner.model.shorten import shown
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
from backburner.providers import base
from backburner.providers.base import Delta, ProviderError, Streamed, TurnSettings

PIECES = 8
"""Into how many deltas an answer is cut."""

ERRORS: Mapping[str, type[ProviderError]] = {
    "bad_key": base.BadKey,
    "no_key": base.NoKey,
    "no_model": base.NoModel,
    "too_long": base.TooLong,
    "refused": base.Refused,
    "spend_limit": base.SpendLimit,
    "rejected": base.Rejected,
    "limited": base.Limited,
    "overloaded": base.Overloaded,
    "broken": base.Broken,
    "stalled": base.Stalled,
    "bad_answer": base.BadAnswer,
}


class ScriptedCall(Struct, frozen=True, forbid_unknown_fields=True):
    tool: str
    arguments: dict[str, Any] = {}
    raw: str = ""
    """Arguments as a model would write them, for arguments that are no JSON object."""


class ScriptedTurn(Struct, frozen=True, forbid_unknown_fields=True):
    say: str = ""
    think: str = ""
    calls: tuple[ScriptedCall, ...] = ()
    wait_s: float = 0.0
    stop: StopReason | None = None
    """None: `tools` with calls, else `end`."""
    error: str = ""
    """A name in `ERRORS`."""
    times: int = 0
    """How often the error is raised before the turn is played; 0: always."""
    find: dict[str, str] = {}
    cost_usd: float = 0.0
    output_tokens: int = 0
    """0: estimated from the text."""


class Scene(Struct, frozen=True, forbid_unknown_fields=True):
    turn: tuple[ScriptedTurn, ...]
    match: str | tuple[str, ...] = ()

    @property
    def phrases(self) -> tuple[str, ...]:
        return (self.match,) if isinstance(self.match, str) else self.match


class Script(Struct, frozen=True):
    scene: tuple[Scene, ...] = ()


class BadScript(ValueError):
    """The script cannot be read; the message says where."""


def parse(text: str) -> Script:
    """A script from TOML, or from JSON when it begins with a brace. Raises `BadScript`."""
    try:
        if text.lstrip().startswith("{"):
            script = msgspec.json.decode(text, type=Script)
        else:
            script = msgspec.convert(tomllib.loads(text), Script)
    except (msgspec.MsgspecError, tomllib.TOMLDecodeError) as error:
        raise BadScript(f"The script cannot be read: {error}") from error
    for scene in script.scene:
        for turn in scene.turn:
            if turn.error and turn.error not in ERRORS:
                raise BadScript(f"The script names an unknown error {turn.error!r}.")
    return script


class ScriptedModel:
    """Plays a script. Cheap to make; keeps only how often it raised which error."""

    def __init__(self, script: Script, clock: Clock, *, name: str = "practice", who: str = "Practice") -> None:
        self._script = script
        self._clock = clock
        self._name = name
        self._who = who
        self._raised: dict[tuple[str, int], int] = {}

    async def turn(self, conversation: Conversation, settings: TurnSettings) -> AsyncGenerator[Streamed, None]:
        scene, index = _place(self._script, conversation)
        taken = sum(isinstance(entry, Turn) for entry in conversation.entries)
        scripted = scene.turn[index] if scene is not None and index < len(scene.turn) else ScriptedTurn()
        if scripted.error:
            raised = self._raised.get((conversation.key, taken), 0)
            if not scripted.times or raised < scripted.times:
                self._raised[conversation.key, taken] = raised + 1
                if scripted.wait_s:
                    await self._clock.sleep(scripted.wait_s)
                raise ERRORS[scripted.error](self._who, scripted.say)
        found = _find(scripted.find, conversation)
        turn = _turn(scripted, found, conversation, taken, self._name)
        pieces = _pieces(turn)
        if not pieces and scripted.wait_s:
            await self._clock.sleep(scripted.wait_s)
        for piece in pieces:
            if scripted.wait_s:
                await self._clock.sleep(scripted.wait_s / len(pieces))
            yield piece
        yield turn

    async def give_up(self, awaited: str) -> None:
        """Nothing is ever awaited here."""

    async def aclose(self) -> None:
        pass


def _place(script: Script, conversation: Conversation) -> tuple[Scene | None, int]:
    """The scene that is on, and how many of its turns were played."""
    turns = 0
    for entry in reversed(conversation.entries):
        if isinstance(entry, Turn):
            turns += 1
        elif isinstance(entry, Message):
            scene = _matching(script, entry.text)
            if scene is not None:
                return scene, turns
    scene = _matching(script, conversation.system)
    if scene is None:
        scene = next((scene for scene in script.scene if not scene.phrases), None)
    return scene, turns


def _matching(script: Script, text: str) -> Scene | None:
    """The scene whose phrase stands first in the text: an instruction comes before the code that is quoted after it."""
    places = [
        (text.index(phrase), order)
        for order, scene in enumerate(script.scene)
        for phrase in scene.phrases
        if phrase in text
    ]
    return script.scene[min(places)[1]] if places else None


def _find(patterns: Mapping[str, str], conversation: Conversation) -> dict[str, str]:
    if not patterns:
        return {}
    entries = conversation.entries
    last = entries[-1] if entries else None
    texts = [result.text for result in last.results] if isinstance(last, ToolResults) else []
    texts += [entry.text for entry in reversed(entries) if isinstance(entry, Message)]
    texts.append(conversation.system)
    found: dict[str, str] = {}
    for name, pattern in patterns.items():
        for text in texts:
            match = re.search(pattern, text, re.MULTILINE)
            if match:
                found[name] = match.group(1 if match.lastindex else 0)
                break
    return found


def _fill(value: Any, found: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for name, text in found.items():
            value = value.replace("{{" + name + "}}", text)
        return value
    if isinstance(value, dict):
        table = cast("dict[str, Any]", value)  # JSON: keys are strings
        return {key: _fill(item, found) for key, item in table.items()}
    if isinstance(value, list):
        return [_fill(item, found) for item in cast("list[Any]", value)]
    return value


def _turn(scripted: ScriptedTurn, found: Mapping[str, str], conversation: Conversation, taken: int, name: str) -> Turn:
    parts: list[Part] = []
    if scripted.think:
        parts.append(Thinking(_fill(scripted.think, found)))
    if scripted.say:
        parts.append(Text(_fill(scripted.say, found)))
    for ordinal, call in enumerate(scripted.calls):
        arguments = None if call.raw else _fill(call.arguments, found)
        raw = call.raw or msgspec.json.encode(arguments).decode()
        parts.append(ToolCall(f"call_{taken}_{ordinal}", call.tool, arguments, raw))
    stop = scripted.stop or ("tools" if scripted.calls else "end")
    before, new = _sizes(shown(conversation))
    written = sum(len(part.raw_arguments if isinstance(part, ToolCall) else part.text) for part in parts)
    usage = Usage(
        input_tokens=new // 4 + 1,
        cache_read_tokens=before // 4,
        output_tokens=scripted.output_tokens or written // 4 + 1,
    )
    return Turn(
        parts=tuple(parts),
        stop=stop,
        usage=usage,
        cost_usd=scripted.cost_usd,
        model=name,
        wire="scripted",
        refusal=scripted.say if stop == "refusal" else "",
    )


def _sizes(conversation: Conversation) -> tuple[int, int]:
    """Characters up to the last turn (what a cache would hold), and after it."""
    before, new = 0, len(conversation.system)
    for entry in conversation.entries:
        if isinstance(entry, Message):
            new += len(entry.text)
        elif isinstance(entry, ToolResults):
            new += sum(len(result.text) for result in entry.results)
        else:
            before, new = before + new, 0
    return before, new


def _pieces(turn: Turn) -> list[Delta]:
    pieces: list[Delta] = []
    for part in turn.parts:
        if isinstance(part, ToolCall):
            pieces.append(Delta(part.raw_arguments, "call"))
            continue
        size = max(1, -(-len(part.text) // PIECES))
        kind = "thinking" if isinstance(part, Thinking) else "text"
        pieces += [Delta(part.text[at : at + size], kind) for at in range(0, len(part.text), size)]
    return pieces
