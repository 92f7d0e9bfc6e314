"""The scripted model: what it says depends on the conversation alone."""

from __future__ import annotations

import asyncio

import pytest

from backburner.lib.clock import HandClock
from backburner.model.catalog import resolve
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


def model(script: str = SCRIPT) -> ScriptedModel:
    return ScriptedModel(parse(script), HandClock())


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


def test_the_shipped_practice_script_can_be_played() -> None:
    spec = resolve("practice", {}, {})
    assert not hasattr(spec, "sentence")
    assert len(parse(spec.script).scene) == 4  # type: ignore[union-attr]
