"""What a model is shown of a conversation that nears the end of its context, and when that changes.

The transcript itself is never cut. Old tool results become one line each; where that is not enough, everything between the
brief and the last turns becomes one message that says what was done. That costs no request and is the same on every wire
format. Calls keep their results, the person's words are kept, thinking that stood after something that changed is left out.
Pure: a resumed run shows the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from backburner.model.transcript import (
    Conversation,
    Entry,
    Message,
    Shortening,
    Text,
    ToolCall,
    ToolResult,
    ToolResults,
    Turn,
    Usage,
)

BYTES_PER_TOKEN = 3.5
TAIL = 0.3
"""Share of the room that the last turns with their results may keep."""
ENOUGH = 0.6
"""A conversation is shortened to this share of the room, so that it is not done again at the next turn."""
SHORT = 400
"""Characters of a result that are shown in any case."""
SAID = 4_000
"""Characters of each thing that the person said, in a summary."""
CALLS = 200
"""Calls that a summary lists."""
ELIDED = "[{} characters are left out to save room; call it again if you need them]"
SUMMARY = "The beginning of your work is left out here to save room. Your changes are in the files as you made them."
NAMING = ("path", "to", "pattern", "command", "message")
"""Arguments that tell in one line what a call was about."""


def shown(conversation: Conversation) -> Conversation:
    """The conversation as the model gets to see it."""
    how = conversation.shortening
    if how is None:
        return conversation
    entries: list[Entry] = []
    start = _brief(conversation.entries)
    for index, entry in enumerate(conversation.entries):
        if index == start and how.folded > start:
            entries.append(Message(how.summary))
        if start <= index < how.folded:
            continue
        if isinstance(entry, ToolResults) and index < how.elided:
            entry = ToolResults(tuple(_elided(result) for result in entry.results))
        elif isinstance(entry, Turn) and index < how.at:
            # Without `raw` it is rebuilt from its parts; what it used says nothing about what is shown now.
            entry = replace(entry, raw="", usage=Usage())
        entries.append(entry)
    return replace(conversation, entries=tuple(entries), shortening=None)


def expected(conversation: Conversation) -> tuple[float, float]:
    """Tokens of the next request that are new, and all of them: what the last turn used, and 3.5 bytes a token since.

    Of what is shown: give it `shown(conversation)`.
    """
    size = 0
    for entry in reversed(conversation.entries):
        if isinstance(entry, Turn) and entry.usage.total_input:
            new = size / BYTES_PER_TOKEN + entry.usage.output_tokens
            return new, entry.usage.total_input + new
        size += _size(entry)
    size += len(conversation.system) + len(msgspec.json.encode(conversation.tools))
    return size / BYTES_PER_TOKEN, size / BYTES_PER_TOKEN


def shortened(conversation: Conversation, room: float) -> Shortening | None:
    """How to show the conversation in `room` tokens, with some to spare; None when nothing more can be left out."""
    entries = conversation.entries
    start, before = _brief(entries), conversation.shortening
    folded = before.folded if before is not None else 0
    tail = _tail(entries, TAIL * room)
    last = max((index for index, entry in enumerate(entries) if isinstance(entry, Turn)), default=len(entries))
    now = _tokens(conversation, before)
    ways = [(tail, folded)]
    if tail > start:
        ways += [(tail, max(folded, tail)), (len(entries), max(folded, last))]
    best: Shortening | None = None
    for elided, upto in ways:
        summary = _summary(entries[start:upto]) if upto > start else ""
        candidate = Shortening(at=len(entries), elided=elided, folded=upto, summary=summary)
        tokens = _tokens(conversation, candidate)
        if tokens < 0.9 * now:
            best = candidate
        if best is candidate and tokens <= ENOUGH * room:
            return best
    return best


def _brief(entries: Sequence[Entry]) -> int:
    """Where the first turn stands."""
    return next((index for index, entry in enumerate(entries) if isinstance(entry, Turn)), len(entries))


def _tail(entries: Sequence[Entry], room: float) -> int:
    """Where the turns begin that fit into `room`; the last turn and what follows it always do."""
    size, begin = 0.0, len(entries)
    for index in range(len(entries) - 1, -1, -1):
        size += _size(entries[index]) / BYTES_PER_TOKEN
        if size > room and begin < len(entries):
            break
        if isinstance(entries[index], Turn):
            begin = index
    return begin


def _tokens(conversation: Conversation, how: Shortening | None) -> float:
    """What is shown, at 3.5 bytes a token."""
    seen = shown(replace(conversation, shortening=how))
    size = sum(_size(entry) for entry in seen.entries)
    return (size + len(seen.system) + len(msgspec.json.encode(seen.tools))) / BYTES_PER_TOKEN


def _size(entry: Entry) -> int:
    """About how many bytes it is in a request."""
    if isinstance(entry, Message):
        return len(entry.text)
    if isinstance(entry, ToolResults):
        return sum(len(result.text) for result in entry.results)
    if entry.raw:
        return len(entry.raw)
    calls = sum(len(call.name) + len(call.raw_arguments or msgspec.json.encode(call.arguments)) for call in entry.calls)
    return calls + len(entry.text)


def _elided(result: ToolResult) -> ToolResult:
    text = result.text
    if len(text) <= 2 * SHORT:
        return result
    head = text[:SHORT].rsplit("\n", 1)[0]
    return replace(result, text=f"{head}\n{ELIDED.format(len(text) - len(head))}")


def _summary(entries: Sequence[Entry]) -> str:
    """What happened there: the plan, each call in a line, the last words of the model, everything the person said."""
    plan, done, told, words = "", list[str](), list[str](), ""
    calls: dict[str, ToolCall] = {}
    for entry in entries:
        if isinstance(entry, Message):
            told.append(_cut(entry.text, SAID))
        elif isinstance(entry, Turn):
            calls = {call.id: call for call in entry.calls}
            words = " ".join(part.text for part in entry.parts if isinstance(part, Text)).strip() or words
        else:
            for result in entry.results:
                call = calls.get(result.call_id)
                if call is None:
                    continue
                if call.name == "plan" and not result.is_error:
                    plan = _plan(call)
                else:
                    done.append(_line(call, result))
    parts = [SUMMARY]
    if plan:
        parts.append(f"Your plan:\n{plan}")
    if done:
        earlier = [f"- {len(done) - CALLS} calls before these"] if len(done) > CALLS else []
        parts.append("What you did, in order:\n" + "\n".join([*earlier, *done[-CALLS:]]))
    if words:
        parts.append(f"Your last words there:\n{_cut(words, SAID)}")
    if told:
        parts.append("What you were told there:\n" + "\n\n".join(told))
    return "\n\n".join(parts)


def _plan(call: ToolCall) -> str:
    arguments = call.arguments or {}
    lines = [str(arguments.get("direction", "")), *(f"- {step}" for step in arguments.get("steps") or ())]
    return _cut("\n".join(line for line in lines if line), SAID)


def _line(call: ToolCall, result: ToolResult) -> str:
    """`- run pytest -q: [exit code 1]`"""
    arguments = call.arguments or {}
    about = " ".join(_cut(str(arguments[name]), 200) for name in NAMING if arguments.get(name))
    lines = result.text.strip().splitlines()
    ending = f": {_cut(lines[-1], 200)}" if lines and (call.name == "run" or result.is_error) else ""
    return " ".join(f"- {call.name} {about}".split()) + ending


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
