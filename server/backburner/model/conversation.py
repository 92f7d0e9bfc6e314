"""The transcript as the fold of a task's facts: the one rule by which a conversation grows.

The daemon folds the journal with it, a run folds what it reports: both must see the same conversation. Append-only, but
for a new brief with a system prompt, which starts over.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from backburner.model.events import (
    Briefed,
    Event,
    RunStarted,
    ToolsDone,
    TranscriptShortened,
    TurnAwaited,
    TurnTaken,
)
from backburner.model.transcript import Conversation, Entry, Message, ToolCall, ToolResult, ToolResults, Turn


def grow(conversation: Conversation | None, event: Event) -> Conversation | None:
    """The conversation after one more event of its task; events that say nothing to the model change nothing."""
    match event:
        case RunStarted(fresh=True):
            return None
        case Briefed() if conversation is None or event.system:
            entries = tuple(Message(text) for text in event.messages)
            return Conversation(system=event.system, tools=event.tools, entries=entries, key=str(event.task))
        case Briefed():
            # Something else is asked from here on: an answer to what was asked before would not fit.
            conversation = _add(conversation, *_answers(event.results), *(Message(text) for text in event.messages))
            return replace(conversation, awaited="") if conversation.awaited else conversation
        case TurnAwaited() if conversation is not None:
            return replace(conversation, awaited=event.awaited)
        case TranscriptShortened() if conversation is not None:
            return replace(conversation, shortening=event.shortening)
        case TurnTaken():
            conversation = _add(conversation, event.turn)
            return replace(conversation, awaited="") if conversation.awaited else conversation
        case ToolsDone():
            return _add(conversation, *_answers(event.results), *(Message(text) for text in event.messages))
        case _:
            return conversation


def fold(events: Iterable[Event]) -> Conversation | None:
    """The conversation of a task, from all its events in order; None before its first brief."""
    conversation: Conversation | None = None
    for event in events:
        conversation = grow(conversation, event)
    return conversation


def unanswered(conversation: Conversation | None) -> tuple[ToolCall, ...]:
    """The calls of a last turn that no results follow: what a resumed run must answer first."""
    if conversation is None:
        return ()
    for entry in reversed(conversation.entries):
        if isinstance(entry, Turn):
            return entry.calls
        if isinstance(entry, ToolResults):
            return ()
    return ()


def _answers(results: tuple[ToolResult, ...]) -> tuple[Entry, ...]:
    return (ToolResults(results),) if results else ()


def _add(conversation: Conversation | None, *entries: Entry) -> Conversation:
    if conversation is None:
        conversation = Conversation(system="", tools=(), entries=())
    return replace(conversation, entries=conversation.entries + entries)
