"""One set of conversations, replayed through every wire format, gives the same turns; and the prefix never moves."""

from __future__ import annotations

import itertools
import re
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from backburner.model.transcript import (
    Conversation,
    Entry,
    Message,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    ToolResults,
    ToolSpec,
    Turn,
)
from backburner.providers.base import Delta, Model, TurnSettings, collect
from emulator.script import Call, Scene, Script
from emulator.script import Turn as Say
from emulator.server import Emulator

Opener = Callable[..., Awaitable[Model]]

WIRES = ("opus", "codex", "groq", "cerebras", "ollama", "openrouter")
PATH = {"path": {"type": "string"}}
TOOLS = tuple(
    ToolSpec(
        name=name,
        description=f"{name} a file",
        parameters={"type": "object", "properties": PATH, "required": ["path"], "additionalProperties": False},
    )
    for name in ("read", "edit")
)
UNICODE = 'Grüße, 世界 🙂 \u2028 "quoted" \\ and\nnew lines'
CONVERSATIONS: dict[str, Scene] = {
    "plain": Scene((Say(say="Hello there."),)),
    "unicode": Scene((Say(say=UNICODE, think=UNICODE, pieces=40), Say(say=UNICODE))),
    "tools": Scene(
        (
            Say(think="Short one.", say="I read it.", calls=(Call("read", {"path": "a.py"}),)),
            Say(
                calls=(Call("read", {"path": "ä/世界.py"}), Call("edit", {"path": "b.py"}), Call("read", {"path": "c"}))
            ),
            Say(think="Ready.", say="Done."),
        )
    ),
    "silent": Scene((Say(calls=(Call("read", {"path": "a.py"}),)), Say())),
    "no_arguments": Scene((Say(calls=(Call("read", {}),)), Say(say="Done."))),
    "many": Scene((Say(calls=tuple(Call("read", {"path": f"{n}.py"}) for n in range(14))), Say(say="All read."))),
    "malformed": Scene((Say(say="Oops.", calls=(Call("edit", raw='{"path": "a'),)), Say(say="Better."))),
    "array": Scene((Say(calls=(Call("edit", raw='["a"]'),)), Say(say="Better."))),
    "long": Scene((Say(say="word " * 4000, calls=(Call("edit", {"path": "x" * 30_000}),)), Say(say="ok"))),
}
SCRIPT = Script(tuple(Scene(scene.turn, (f"<{name}>",)) for name, scene in CONVERSATIONS.items()))


def start(name: str) -> Conversation:
    brief = Message(f"<{name}> Please.")
    return Conversation(system="You work.", tools=TOOLS, entries=(Message("Project notes."), brief), key=f"task-{name}")


def with_entries(conversation: Conversation, *entries: Entry) -> Conversation:
    return msgspec.structs.replace(conversation, entries=(*conversation.entries, *entries))


def answers(turn: Turn) -> ToolResults:
    return ToolResults(
        tuple(
            ToolResult(
                call_id=call.id, name=call.name, text=f"result of {call.name} ä", is_error=call.arguments is None
            )
            for call in turn.calls
        )
    )


async def play(model: Model, conversation: Conversation, settings: TurnSettings | None = None) -> list[Turn]:
    """The whole conversation, tools answered, until a turn without calls."""
    turns: list[Turn] = []
    while True:
        turn = await collect(model.turn(conversation, settings or TurnSettings(run="1.1")))
        turns.append(turn)
        if not turn.calls:
            return turns
        conversation = with_entries(
            conversation, turn, answers(turn), *([Message("Go on.")] if len(turns) == 2 else [])
        )


def essence(turn: Turn) -> tuple[Any, ...]:
    """What must be the same on every wire: all but ids and the provider's own content."""
    parts = [
        (part.name, part.arguments, None if part.arguments is not None else part.raw_arguments)
        if isinstance(part, ToolCall)
        else (type(part).__name__, part.text)
        for part in turn.parts
    ]
    return (parts, turn.stop)


def expected(scene: Scene) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    for say in scene.turn:
        parts: list[Any] = [("Thinking", say.think)] if say.think else []
        parts += [("Text", say.say)] if say.say else []
        parts += [(call.tool, None if call.raw else call.arguments, call.raw or None) for call in say.calls]
        found.append((parts, "tools" if say.calls else "end"))
    return found[: next((at + 1 for at, say in enumerate(scene.turn) if not say.calls), len(found))]


@pytest.mark.parametrize("chunking", ["plain", "hostile"])
@pytest.mark.parametrize("wire", WIRES)
async def test_the_same_conversation_gives_the_same_turns(wire: str, chunking: str, opener: Opener) -> None:
    async with Emulator(SCRIPT, chunking=chunking, seed=7) as emulator:
        model = await opener(emulator, wire)
        for name, scene in CONVERSATIONS.items():
            turns = await play(model, start(name))
            assert [essence(turn) for turn in turns] == expected(scene), name
        assert emulator.counters.refusals == []


@pytest.mark.parametrize("wire", WIRES)
async def test_the_request_prefix_is_byte_stable_from_turn_to_turn(wire: str, opener: Opener) -> None:
    async with Emulator(SCRIPT) as emulator:
        await play(await opener(emulator, wire), start("tools"))
        bodies = [asking.raw for asking in emulator.requests]
        assert len(bodies) == 3
        for before, after in itertools.pairwise(bodies):
            # All but the brackets that close the last item (and, at Anthropic, the fields after the messages).
            head = re.sub(rb'[\]}]+(,"cache_control".*)?$', b"", before)
            assert after.startswith(head)
        assert emulator.cache.misses == 1
        assert emulator.cache.hits == 2


@pytest.mark.parametrize("wire", ["opus", "codex"])
async def test_what_was_cached_is_read_and_only_the_new_part_is_written(wire: str, opener: Opener) -> None:
    async with Emulator(SCRIPT) as emulator:
        first, second, third = await play(await opener(emulator, wire), start("tools"))
        assert first.usage.cache_read_tokens == 0
        assert second.usage.cache_read_tokens == first.usage.total_input
        assert third.usage.cache_read_tokens == second.usage.total_input
        assert third.usage.output_tokens > 0


async def test_a_turn_of_many_calls_still_finds_the_cache(opener: Opener) -> None:
    """Anthropic looks back 20 blocks from a marker; fourteen calls and their answers are more."""
    async with Emulator(SCRIPT) as emulator:
        model = await opener(emulator, "opus")
        conversation = start("many")
        first = await collect(model.turn(conversation, TurnSettings()))
        conversation = with_entries(conversation, first, answers(first))
        second = await collect(model.turn(conversation, TurnSettings()))
        third = await collect(model.turn(with_entries(conversation, second, Message("More?")), TurnSettings()))
        assert third.usage.cache_read_tokens == second.usage.total_input
        assert emulator.counters.refusals == []


@pytest.mark.parametrize("to", WIRES)
@pytest.mark.parametrize("first", WIRES)
async def test_a_conversation_goes_on_with_another_model(first: str, to: str, opener: Opener) -> None:
    """Thinking is dropped, calls and their answers are kept, and nothing is refused."""
    async with Emulator(SCRIPT) as emulator:
        conversation = start("tools")
        turn = await collect((await opener(emulator, first)).turn(conversation, TurnSettings()))
        conversation = with_entries(conversation, turn, answers(turn))
        other = await opener(emulator, to, model="another-model")
        second = await collect(other.turn(conversation, TurnSettings()))
        assert [call.name for call in second.calls] == ["read", "edit", "read"]
        assert emulator.counters.refusals == []
        body = msgspec.json.encode(emulator.requests[-1].body).decode()
        assert "Short one." not in body
        assert "I read it." in body


async def test_thinking_goes_back_as_the_bytes_that_came(opener: Opener) -> None:
    async with Emulator(SCRIPT) as emulator:
        first, *_ = await play(await opener(emulator, "opus"), start("tools"))
        assert msgspec.json.decode(first.raw)[0]["thinking"] == "Short one."
        assert first.raw.encode() in emulator.requests[-1].raw


async def test_a_turn_says_who_answered_and_what_it_cost(opener: Opener) -> None:
    async with Emulator(SCRIPT) as emulator:
        turn = (await play(await opener(emulator, "sonnet"), start("plain")))[0]
        assert turn.model == turn.asked == "claude-sonnet-5-5"
        assert turn.cost_usd is not None
        assert turn.cost_usd > 0
        assert (await play(await opener(emulator, "ollama"), start("plain")))[0].cost_usd == 0.0
        unknown = await opener(emulator, "opus", model="claude-of-tomorrow")
        assert (await play(unknown, start("plain")))[0].cost_usd is None


@pytest.mark.parametrize("wire", ["opus", "codex", "groq"])
async def test_the_deltas_are_the_text_in_order(wire: str, opener: Opener) -> None:
    async with Emulator(SCRIPT, chunking="hostile") as emulator:
        model = await opener(emulator, wire)
        items = [item async for item in model.turn(start("unicode"), TurnSettings())]
        assert isinstance(items[-1], Turn)
        deltas = [item for item in items if isinstance(item, Delta)]
        assert "".join(delta.text for delta in deltas if delta.kind == "text") == UNICODE
        assert "".join(delta.text for delta in deltas if delta.kind == "thinking") == UNICODE
        assert len(deltas) > 20


@pytest.mark.parametrize("quirk", ["index0", "whole", "stop", "no_ids", "old_reasoning", "no_usage"])
async def test_hosts_differ_and_the_turns_do_not(quirk: str, opener: Opener) -> None:
    async with Emulator(SCRIPT, quirks=frozenset({quirk})) as emulator:
        model = await opener(emulator, "vllm/some-model")
        for name in ("plain", "tools", "many"):
            turns = await play(model, start(name))
            assert [essence(turn) for turn in turns] == expected(CONVERSATIONS[name])
        assert emulator.counters.refusals == []


@pytest.mark.parametrize("wire", ["opus", "codex", "groq"])
@pytest.mark.parametrize("stop", ["length", "refusal"])
async def test_how_a_turn_ended_is_said(wire: str, stop: str, opener: Opener) -> None:
    cut = (Call("edit", raw='{"path": "a.py", "new": "ha'),)
    says = Say(say="It begins", calls=cut if stop == "length" else (), stop=stop)
    async with Emulator(Script((Scene((says,)),))) as emulator:
        turn = await collect((await opener(emulator, wire)).turn(start("plain"), TurnSettings()))
        assert turn.stop == stop
        if stop == "length":
            assert turn.calls[0].arguments is None
            assert turn.calls[0].raw_arguments == '{"path": "a.py", "new": "ha'
        else:
            assert turn.refusal
        # It can go on from there: a cut-off call is answered like any other.
        rest = [answers(turn)] if turn.calls else []
        await collect((await opener(emulator, wire)).turn(
            with_entries(start("plain"), turn, *rest, Message("<plain> again")), TurnSettings()))  # fmt: skip
        assert emulator.counters.refusals == []


@pytest.mark.parametrize(("says", "stop"), [("paused", "paused"), ("context_full", "context_full")])
async def test_stops_of_anthropic_alone(says: str, stop: str, opener: Opener) -> None:
    async with Emulator(Script((Scene((Say(say="So far", stop=says),)),))) as emulator:
        turn = await collect((await opener(emulator, "opus")).turn(start("plain"), TurnSettings()))
        assert turn.stop == stop


async def test_the_settings_of_a_turn_reach_the_provider(opener: Opener) -> None:
    async with Emulator(SCRIPT) as emulator:
        settings = TurnSettings(effort="xhigh", max_output_tokens=9000)
        for wire in ("opus", "codex", "groq", "cerebras"):
            await collect((await opener(emulator, wire)).turn(start("plain"), settings))
        anthropic, openai, groq, cerebras = (asking.body for asking in emulator.requests)
        assert anthropic["output_config"] == {"effort": "xhigh"}
        assert anthropic["max_tokens"] == 9000
        assert anthropic["thinking"] == {"type": "adaptive", "display": "summarized"}
        assert anthropic["tools"][0]["strict"] is True
        assert openai["reasoning"] == {"summary": "auto", "effort": "xhigh"}
        assert openai["store"] is False
        assert openai["include"] == ["reasoning.encrypted_content"]
        assert openai["prompt_cache_key"] == "task-plain"
        assert openai["tools"][0]["strict"] is True
        assert groq["reasoning_effort"] == "high"
        assert groq["max_completion_tokens"] == 9000
        assert groq["stream_options"] == {"include_usage": True}
        assert cerebras["max_completion_tokens"] == 9000


async def test_where_output_is_reserved_little_is_asked_for(opener: Opener) -> None:
    async with Emulator(SCRIPT) as emulator:
        model = await opener(emulator, "cerebras", max_output_tokens=60_000)
        await collect(model.turn(start("plain"), TurnSettings()))
        assert emulator.requests[-1].body["max_completion_tokens"] == 16_000


def test_unknown_parts_of_a_turn_are_kept_for_the_provider() -> None:
    """A block that we do not know goes back as it came."""
    from backburner.model.catalog import AgentSpec
    from backburner.providers.anthropic import Reader

    reader = Reader(AgentSpec(name="x", provider="Anthropic", model="m"))
    for event in (
        {"type": "content_block_start", "index": 0, "content_block": {"type": "redacted_thinking", "data": "abc"}},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "citations_delta", "citation": {}}},
        {"type": "message_delta", "delta": {"stop_reason": "a_new_reason"}, "usage": {"output_tokens": 3}},
    ):
        reader.read(msgspec.json.encode(event))
    turn = reader.turn()
    assert turn.parts == (Text("Hi"),)
    assert turn.stop == "end"
    assert msgspec.json.decode(turn.raw)[0] == {"type": "redacted_thinking", "data": "abc"}
    assert not any(isinstance(part, Thinking) for part in turn.parts)
