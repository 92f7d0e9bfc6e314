"""The emulator is right itself: what it says passes the SDKs' own models strictly, and it refuses what the APIs refuse."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from backburner.lib import process
from emulator import script as scripts
from emulator.buckets import Limits
from emulator.faults import MIDDLE, STATUSES
from emulator.script import Call, Turn, scene
from emulator.server import Emulator

TOOL = {
    "type": "object",
    "properties": {"path": {"type": "string"}},
    "required": ["path"],
    "additionalProperties": False,
}
TURNS = (
    Turn(think="Let me see.", say="Grüße 世界.", calls=(Call("read", {"path": "a"}), Call("read", {"path": "b"}))),
    Turn(say="Only text."),
    Turn(calls=(Call("read", raw='{"path": "cut'),), stop="length"),
    Turn(say="I will not.", stop="refusal"),
)


def anthropic_body(**more: Any) -> dict[str, Any]:
    return {
        "model": "claude-opus-5-5",
        "max_tokens": 100,
        "stream": True,
        "thinking": {"type": "adaptive", "display": "summarized"},
        "messages": [{"role": "user", "content": "Go."}],
        "tools": [{"name": "read", "description": "d", "strict": True, "input_schema": TOOL}],
        **more,
    }


def responses_body(**more: Any) -> dict[str, Any]:
    return {
        "model": "gpt-6.2-sol",
        "stream": True,
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "input": [{"role": "user", "content": "Go."}],
        "tools": [{"type": "function", "name": "read", "description": "d", "strict": True, "parameters": TOOL}],
        **more,
    }


def chat_body(**more: Any) -> dict[str, Any]:
    return {
        "model": "some-model",
        "stream": True,
        "stream_options": {"include_usage": True},
        "messages": [{"role": "user", "content": "Go."}],
        **more,
    }


ROUTES = {"anthropic": "/v1/messages", "responses": "/v1/responses", "chat": "/v1/chat/completions"}
HEADERS = {"Authorization": "Bearer some-key", "anthropic-version": "2026-10-21"}


async def post(emulator: Emulator, path: str, body: Any, headers: dict[str, str] = HEADERS) -> tuple[int, bytes, Any]:
    async with aiohttp.ClientSession() as session:
        async with session.post(emulator.base_url + path, json=body, headers=headers) as response:
            return response.status, await response.read(), response.headers


def events(data: bytes) -> list[bytes]:
    frames = [frame for frame in data.split(b"\n\n") if frame and not frame.startswith(b":")]
    found = [frame.split(b"data: ", 1)[1] for frame in frames]
    return [data for data in found if b"a_new_event" not in data and data != b"[DONE]"]


@pytest.mark.parametrize("turn", TURNS, ids=lambda turn: turn.stop or "plain")
async def test_the_output_passes_the_models_of_the_sdks_strictly(turn: Turn) -> None:
    from anthropic.types import RawMessageStreamEvent
    from openai.types.chat import ChatCompletionChunk
    from openai.types.responses import ResponseStreamEvent
    from pydantic import TypeAdapter

    async with Emulator(scene(turn)) as emulator:
        for wire, body, model in (
            ("anthropic", anthropic_body(), RawMessageStreamEvent),
            ("responses", responses_body(), ResponseStreamEvent),
            ("chat", chat_body(), ChatCompletionChunk),
        ):
            status, data, _ = await post(emulator, ROUTES[wire], body)
            assert status == 200
            adapter: TypeAdapter[Any] = TypeAdapter(model)
            checked = 0
            for event in events(data):
                if b'"type":"ping"' in event:
                    continue
                adapter.validate_json(event, strict=True)
                checked += 1
            assert checked >= 3


async def test_the_output_is_understood_by_the_sdks() -> None:
    import anthropic
    import openai

    async with Emulator(scene(TURNS[0]), chunking="hostile") as emulator:
        async with anthropic.AsyncAnthropic(api_key="k", base_url=emulator.base_url, max_retries=0) as client:
            body = anthropic_body()
            del body["stream"]
            async with client.messages.stream(**body) as stream:
                message = await stream.get_final_message()
            assert [block.type for block in message.content] == ["thinking", "text", "tool_use", "tool_use"]
            assert message.stop_reason == "tool_use"
        async with openai.AsyncOpenAI(api_key="k", base_url=f"{emulator.base_url}/v1", max_retries=0) as other:
            kinds = [event.type async for event in await other.responses.create(**responses_body())]
            assert kinds[-1] == "response.completed"
            chunks = [chunk async for chunk in await other.chat.completions.create(**chat_body())]
            assert chunks[-1].usage is not None


@pytest.mark.parametrize("fault", STATUSES)
async def test_errors_raise_what_the_sdks_raise_for_the_real_ones(fault: str) -> None:
    import anthropic
    import openai

    async with Emulator(scene(Turn(fault=fault, times=0))) as emulator:
        async with anthropic.AsyncAnthropic(api_key="k", base_url=emulator.base_url, max_retries=0) as client:
            with pytest.raises(anthropic.APIStatusError) as caught:
                await client.messages.create(**anthropic_body())
            assert caught.value.status_code == STATUSES[fault].status
            assert caught.value.type == STATUSES[fault].anthropic
        async with openai.AsyncOpenAI(api_key="k", base_url=f"{emulator.base_url}/v1", max_retries=0) as other:
            with pytest.raises(openai.APIStatusError) as told:
                await other.responses.create(**responses_body())
            assert told.value.code == STATUSES[fault].openai


USE = {"type": "tool_use", "id": "t1", "name": "read", "input": {"path": "a"}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "ok"}
USER = {"role": "user", "content": "Go."}
THOUGHT = {"type": "thinking", "thinking": "made up", "signature": "made up"}
ANTHROPIC_REFUSES: dict[str, dict[str, Any]] = {
    "temperature: Extra inputs are not permitted": {"temperature": 1},
    "thinking.type: disabled is not supported": {"thinking": {"type": "disabled"}},
    "tool_choice: forced tool use": {"tool_choice": {"type": "any"}},
    "max_tokens: Field required": {"max_tokens": None},
    "first message must use the 'user' role": {"messages": [{"role": "assistant", "content": "x"}]},
    "does not support assistant message prefill": {"messages": [USER, {"role": "assistant", "content": "x"}]},
    "`tool_use` ids were found without": {"messages": [USER, {"role": "assistant", "content": [USE]}, USER]},
    "unexpected `tool_use_id`": {"messages": [{"role": "user", "content": [RESULT]}]},
    "`tool_result` blocks must come first": {
        "messages": [
            USER,
            {"role": "assistant", "content": [USE]},
            {"role": "user", "content": [{"type": "text", "text": "x"}, RESULT]},
        ]
    },
    "must contain non-whitespace text": {"messages": [{"role": "user", "content": [{"type": "text", "text": " "}]}]},
    "Invalid `signature`": {"messages": [USER, {"role": "assistant", "content": [THOUGHT]}, USER]},
    "non-empty content": {"messages": [{"role": "user", "content": []}]},
    "'additionalProperties' must be explicitly set": {
        "tools": [{"name": "a", "strict": True, "input_schema": {"type": "object", "properties": {}}}]
    },
    "maximum of 4 blocks": {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}] * 5}
        ]
    },
}


@pytest.mark.parametrize("message", ANTHROPIC_REFUSES)
async def test_anthropic_refuses(message: str) -> None:
    async with Emulator(scene(Turn(say="x"))) as emulator:
        status, data, _ = await post(emulator, ROUTES["anthropic"], anthropic_body(**ANTHROPIC_REFUSES[message]))
        assert status == 400
        assert message in data.decode()
        assert len(emulator.counters.refusals) == 1


CALL = {"type": "function_call", "call_id": "c1", "name": "read", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "ok"}
REASONING = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "made up"}
RESPONSES_REFUSE: dict[str, dict[str, Any]] = {
    "Unknown parameter: 'messages'": {"messages": []},
    "No tool output found for function call c1": {"input": [USER, CALL]},
    "No tool call found": {"input": [USER, OUTPUT]},
    "Duplicate call_id": {"input": [USER, CALL, CALL]},
    "without its required following item": {"input": [USER, REASONING]},
    "could not be verified": {"input": [USER, REASONING, CALL, OUTPUT]},
    "does not support 'none'": {"reasoning": {"effort": "none"}},
    "requires background": {"background_options": {"completion_window": "8h"}},
    "'required' must include every key": {
        "tools": [{"type": "function", "name": "a", "strict": True, "parameters": {**TOOL, "required": []}}]
    },
}


@pytest.mark.parametrize("message", RESPONSES_REFUSE)
async def test_responses_refuses(message: str) -> None:
    async with Emulator(scene(Turn(say="x"))) as emulator:
        status, data, _ = await post(emulator, ROUTES["responses"], responses_body(**RESPONSES_REFUSE[message]))
        assert status == 400
        assert message in msgspec.json.decode(data)["error"]["message"]


CHAT_CALL = {"id": "c1", "type": "function", "function": {"name": "read", "arguments": "{}"}}
SAID = {"role": "assistant", "content": None, "tool_calls": [CHAT_CALL]}
CHAT_REFUSES: dict[str, dict[str, Any]] = {
    "these tool calls have no answer": {"messages": [USER, SAID, USER]},
    "must follow the 'tool_calls'": {"messages": [USER, {"role": "tool", "tool_call_id": "c1", "content": "x"}]},
    "needs content or tool_calls": {"messages": [USER, {"role": "assistant", "content": None}]},
    "are no JSON object": {
        "messages": [
            USER,
            {**SAID, "tool_calls": [{**CHAT_CALL, "function": {"name": "read", "arguments": "{"}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "x"},
        ]
    },
    "use /v1/responses": {"model": "gpt-6.2-sol", "tools": [{"type": "function", "function": {"name": "a"}}]},
}


@pytest.mark.parametrize("message", CHAT_REFUSES)
async def test_chat_refuses(message: str) -> None:
    async with Emulator(scene(Turn(say="x"))) as emulator:
        status, data, _ = await post(emulator, ROUTES["chat"], chat_body(**CHAT_REFUSES[message]))
        assert status == 400
        assert message in msgspec.json.decode(data)["error"]["message"]


async def test_a_key_and_a_version_are_needed_and_the_older_ones_will_do() -> None:
    async with Emulator(scene(Turn(say="x"))) as emulator:
        assert (await post(emulator, ROUTES["anthropic"], anthropic_body(), {"anthropic-version": "2026-10-21"}))[
            0
        ] == 401
        assert (await post(emulator, ROUTES["anthropic"], anthropic_body(), {"x-api-key": "k"}))[0] == 400
        old = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
        assert (await post(emulator, ROUTES["anthropic"] + "?beta=true", anthropic_body(temperature=1), old))[0] == 200


async def test_an_edited_message_before_a_thinking_block_is_refused() -> None:
    """Thinking is bound to what was said before it: editing the past is an error, as it is at the real API."""
    async with Emulator(scene(TURNS[0], TURNS[1])) as emulator:
        _, data, _ = await post(emulator, ROUTES["anthropic"], anthropic_body())
        signature = next(
            event["delta"]["signature"]
            for event in map(msgspec.json.decode, events(data))
            if event.get("delta", {}).get("type") == "signature_delta"
        )
        thought = {"type": "thinking", "thinking": "Let me see.", "signature": signature}
        said = {"role": "assistant", "content": [thought, {"type": "text", "text": "x"}]}
        assert (await post(emulator, ROUTES["anthropic"], anthropic_body(messages=[USER, said, USER])))[0] == 200
        edited = {"role": "user", "content": "Go on."}
        assert (await post(emulator, ROUTES["anthropic"], anthropic_body(messages=[edited, said, USER])))[0] == 400
        other = anthropic_body(messages=[USER, said, USER], model="claude-sonnet-5-5")
        assert (await post(emulator, ROUTES["anthropic"], other))[0] == 400


async def test_limits_are_real_and_are_told() -> None:
    async with Emulator(scene(Turn(say="x")), limits=Limits(requests=2, output=1000)) as emulator:
        _, _, headers = await post(emulator, ROUTES["anthropic"], anthropic_body())
        assert headers["anthropic-ratelimit-requests-limit"] == "2"
        assert headers["anthropic-ratelimit-requests-remaining"] == "1"
        assert headers["anthropic-ratelimit-output-tokens-reset"].endswith("Z")
        await post(emulator, ROUTES["anthropic"], anthropic_body())
        status, _, headers = await post(emulator, ROUTES["anthropic"], anthropic_body())
        assert status == 429
        assert 20 < float(headers["retry-after"]) <= 30
        assert emulator.counters.limited == 1


async def test_a_conversation_beyond_the_window_is_refused() -> None:
    async with Emulator(scene(Turn(say="x")), context_tokens=50) as emulator:
        body = anthropic_body(messages=[{"role": "user", "content": "word " * 100}])
        status, data, _ = await post(emulator, ROUTES["anthropic"], body)
        assert status == 400
        assert b"prompt is too long" in data


@pytest.mark.parametrize("wire", ROUTES)
@pytest.mark.parametrize("fault", sorted(MIDDLE - {"stall", "cut"}))
async def test_faults_in_the_middle_come_after_a_good_status(fault: str, wire: str) -> None:
    body = {"anthropic": anthropic_body, "responses": responses_body, "chat": chat_body}[wire]()
    async with Emulator(scene(Turn(say="A longer text. " * 9, fault=fault))) as emulator:
        status, data, _ = await post(emulator, ROUTES[wire], body)
        assert status == 200
        assert not any(end in data for end in (b"message_stop", b"response.completed", b"[DONE]"))
        status, data, _ = await post(emulator, ROUTES[wire], body)
        assert any(end in data for end in (b"message_stop", b"response.completed", b"[DONE]"))


def test_scenes_are_chosen_by_the_latest_phrase_and_turns_by_what_was_said_since() -> None:
    script = scripts.parse(
        '[[scene]]\nmatch = "lexer"\n[[scene.turn]]\nsay = "one"\n[[scene.turn]]\nsay = "two {{path}}"\n'
        "find = { path = 'File: (\\S+)' }\n[[scene]]\n[[scene.turn]]\nsay = \"default\"\n"
    )
    user, turn = scripts.Item("user", ["split the lexer\nFile: a.py"]), scripts.Item("turn")

    def say(*items: scripts.Item) -> str:
        return scripts.choose(script, scripts.Asked("m", "", list(items), "x")).say

    assert say(user) == "one"
    assert say(user, turn) == "two a.py"
    assert say(user, turn, turn) == "Nothing more to do."
    assert say(user, turn, turn, scripts.Item("user", ["the lexer again"])) == "one"
    assert say(scripts.Item("user", ["else"])) == "default"


async def test_as_a_program_it_prints_its_address_and_ends_with_its_input(tmp_path: Path) -> None:
    file = tmp_path / "script.toml"
    file.write_text('[[scene]]\n[[scene.turn]]\nsay = "From a file."\n')
    tests = str(Path(__file__).parent.parent)
    env = {**os.environ, "PYTHONPATH": tests}
    child = await process.start([sys.executable, "-m", "emulator", "--script", str(file), "--until-eof"], env=env)
    try:
        assert child.stdout is not None
        assert child.stdin is not None
        url = (await child.stdout.readline()).decode().strip()
        async with aiohttp.ClientSession() as session:
            async with session.post(url + ROUTES["chat"], json=chat_body(), headers=HEADERS) as response:
                assert "From a file." in await response.text()
            async with session.get(url + "/_emulator") as response:
                assert (await response.json())["turns"] == 1
        child.stdin.close()
        async with asyncio.timeout(20):
            assert await child.wait() == 0
    finally:
        process.kill_group(child.pid)
