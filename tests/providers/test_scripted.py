"""The scripted model: what it says depends on the conversation alone."""

from __future__ import annotations

import ast
import asyncio

import pytest

from backburner.lib.clock import HandClock
from backburner.model.catalog import AgentSpec, practice_sample, resolve
from backburner.model.transcript import Conversation, Entry, Message, Text, ToolCall, ToolResult, ToolResults, Turn
from backburner.providers.base import Delta, Overloaded, TurnSettings, collect
from backburner.providers.scripted import BadScript, ScriptedModel, parse

SCRIPT = """
[[scene]]
match = "add a docstring"
[[scene.turn]]
say = "I read it."
think = "Short."
calls = [{ tool = "read", arguments = { path = "{{path}}" } }]
find = { path = 'File: (\\S+)' }
[[scene.turn]]
calls = [{ tool = "edit", arguments = { old = "{{line}}" } }]
find = { line = '^def .*$' }
[[scene.turn]]
say = "Done."

[[scene]]
match = "and shorter"
[[scene.turn]]
say = "Shorter now."

[[scene]]
[[scene.turn]]
say = "Nothing planned."
"""
SETTINGS = TurnSettings()


def conversation(*entries: Entry) -> Conversation:
    return Conversation(system="You work.", tools=(), entries=entries, key="t1")


class NoWait(HandClock):
    async def sleep(self, seconds: float) -> None:
        self.wind(seconds)


def model(script: str = SCRIPT) -> ScriptedModel:
    return ScriptedModel(parse(script), NoWait())


async def take(*entries: Entry, script: str = SCRIPT) -> Turn:
    return await collect(model(script).turn(conversation(*entries), SETTINGS))


BRIEF = Message("Please add a docstring.\nFile: src/lexer.py\n")


async def test_a_phrase_of_the_brief_chooses_the_scene() -> None:
    turn = await take(BRIEF)
    assert turn.stop == "tools"
    assert turn.text == "I read it."
    assert turn.calls == (ToolCall("call_0_0", "read", {"path": "src/lexer.py"}, '{"path":"src/lexer.py"}'),)
    assert (await take(Message("something else"))).text == "Nothing planned."


async def test_turns_follow_from_the_conversation_so_a_resumed_run_goes_on() -> None:
    first = await take(BRIEF)
    results = ToolResults((ToolResult(call_id="call_0_0", name="read", text="# x\ndef lex(text):\n    pass\n"),))
    second = await take(BRIEF, first, results)
    assert second.calls[0].arguments == {"old": "def lex(text):"}
    third = await take(BRIEF, first, results, second, ToolResults(()))
    assert third.parts == (Text("Done."),)
    assert third.stop == "end"
    fourth = await take(BRIEF, first, results, second, ToolResults(()), third)
    assert fourth.parts == ()
    assert fourth.stop == "end"


async def test_a_reply_with_a_phrase_of_its_own_begins_its_own_scene() -> None:
    first = await take(BRIEF)
    assert (await take(BRIEF, first, Message("and shorter please"))).text == "Shorter now."
    assert (await take(BRIEF, first, Message("go on"))).calls[0].name == "edit"


async def test_the_deltas_are_the_text_and_the_wait_goes_through_the_clock() -> None:
    clock = HandClock()
    player = ScriptedModel(parse('[[scene]]\n[[scene.turn]]\nsay = "abcdefgh"\nwait_s = 8.0\n'), clock)
    items: list[Delta | Turn] = []

    async def play() -> None:
        async for item in player.turn(conversation(), SETTINGS):
            items.append(item)

    async with asyncio.TaskGroup() as group:
        handle = group.create_task(play())
        for _ in range(8):
            await asyncio.sleep(0)
            assert not handle.done()
            clock.wind(1.0)
    assert "".join(item.text for item in items if isinstance(item, Delta)) == "abcdefgh"
    assert isinstance(items[-1], Turn)


async def test_an_error_is_raised_by_name_and_then_the_turn_is_played() -> None:
    player = model('[[scene]]\n[[scene.turn]]\nerror = "overloaded"\ntimes = 2\nsay = "at last"\n')
    for _ in range(2):
        with pytest.raises(Overloaded):
            await collect(player.turn(conversation(), SETTINGS))
    assert (await collect(player.turn(conversation(), SETTINGS))).text == "at last"


async def test_malformed_arguments_come_as_a_model_would_write_them() -> None:
    turn = await take(script='[[scene]]\n[[scene.turn]]\ncalls = [{ tool = "edit", raw = \'{"path": \' }]\n')
    assert turn.calls[0].arguments is None
    assert turn.calls[0].raw_arguments == '{"path": '


@pytest.mark.parametrize(
    "text",
    [
        "[[scene]",
        "[[scene]]\nmatch = 3\n",
        '[[scene]]\n[[scene.turn]]\nsays = "x"\n',
        '[[scene]]\n[[scene.turn]]\nerror = "no such"\n',
        '{"scene": [{"turn": 1}]}',
    ],
)
def test_a_wrong_script_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(BadScript, match="script"):
        parse(text)


def test_json_says_the_same_as_toml() -> None:
    assert parse('{"scene": [{"match": "x", "turn": [{"say": "y"}]}]}') == parse(
        '[[scene]]\nmatch = "x"\n[[scene.turn]]\nsay = "y"\n'
    )


async def test_of_several_phrases_in_a_message_the_first_one_counts() -> None:
    brief = Message("Instruction: and shorter\n\nThe file:\n# add a docstring\n")
    assert (await take(brief)).text == "Shorter now."


@pytest.mark.parametrize("place", ["total", "discounted", "receipt"])
async def test_the_practice_agent_does_its_three_places_and_says_so_elsewhere(place: str) -> None:
    spec = resolve("practice", {}, {})
    assert isinstance(spec, AgentSpec)
    path, text = practice_sample()
    excerpt = f"The file at that place:\n{text}"
    brief = Message(f"Instruction: as the kind says.\n\nTarget: {place}() in {path}, line 1\n\n{excerpt}")
    entries: list[Entry] = [brief]
    edits = 0
    for _ in range(3):
        turn = await take(*entries, script=spec.script)
        for call in turn.calls:
            if call.name == "edit" and call.arguments is not None:
                assert text.count(call.arguments["old"]) == 1
                text = text.replace(call.arguments["old"], call.arguments["new"])
                edits += 1
        results = ToolResults(tuple(ToolResult(call_id=call.id, name=call.name, text="ok") for call in turn.calls))
        entries += [turn, results]
    assert edits
    assert turn.calls[0].name == "finish"
    ast.parse(text)
    told = await take(Message("Instruction: explain\n\nTarget: other.py, line 3"), script=spec.script)
    assert told.text.startswith("I am a canned agent")
