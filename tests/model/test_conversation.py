from __future__ import annotations

from backburner.model.conversation import fold, unanswered
from backburner.model.events import Briefed, Event, RunStarted, ToolsDone, TurnTaken
from backburner.model.transcript import Message, Text, ToolCall, ToolResult, ToolResults, Turn

CALLS = Turn(parts=(ToolCall("c1", "read", {"path": "a.py"}),), stop="tools")
END = Turn(parts=(Text("done"),), stop="end")


def brief(*messages: str, system: str = "") -> Briefed:
    return Briefed(task=12, run="12.1", system=system, messages=messages, at=0.0)


def took(turn: Turn) -> TurnTaken:
    return TurnTaken(task=12, run="12.1", turn=turn, at=0.0)


def done(*results: ToolResult, messages: tuple[str, ...] = ()) -> ToolsDone:
    return ToolsDone(task=12, run="12.1", results=results, messages=messages, at=0.0)


RESULT = ToolResult(call_id="c1", name="read", text="x = 1")


def test_a_conversation_grows_at_its_end_only() -> None:
    events: list[Event] = [
        brief("do it", system="rules"),
        took(CALLS),
        done(RESULT, messages=("and faster",)),
        took(END),
        done(messages=("nothing changed",)),
        brief("now with tests"),
    ]
    whole = fold(events)
    assert whole is not None
    assert whole.entries == (
        Message("do it"),
        CALLS,
        ToolResults((RESULT,)),
        Message("and faster"),
        END,
        Message("nothing changed"),
        Message("now with tests"),
    )
    for length in range(1, len(events)):
        part = fold(events[:length])
        assert part is not None
        assert (part.system, part.tools) == (whole.system, whole.tools)
        assert whole.entries[: len(part.entries)] == part.entries


def test_a_fresh_run_starts_over() -> None:
    started = RunStarted(task=12, run="12.2", agent="opus", fresh=True, at=0.0)
    again = fold([brief("do it", system="rules"), took(END), started, brief("do it", system="new rules")])
    assert again is not None
    assert (again.system, again.entries) == ("new rules", (Message("do it"),))


def test_only_calls_without_results_are_unanswered() -> None:
    opened: list[Event] = [brief("do it", system="rules"), took(CALLS)]
    assert [call.id for call in unanswered(fold(opened))] == ["c1"]
    assert unanswered(fold([*opened, done(RESULT)])) == ()
    assert unanswered(fold([brief("do it", system="rules")])) == ()
    assert unanswered(None) == ()


def test_a_reply_answers_what_was_left_open_first() -> None:
    reply = Briefed(task=12, run="12.2", system="", results=(RESULT,), messages=("and now?",), at=0.0)
    whole = fold([brief("do it", system="rules"), took(CALLS), reply])
    assert whole is not None
    assert whole.entries[2:] == (ToolResults((RESULT,)), Message("and now?"))
    assert unanswered(whole) == ()
