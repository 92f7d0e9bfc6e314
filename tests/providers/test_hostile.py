"""A provider that means harm, or is broken as if it did: neither the key nor the worker is lost by it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp import web

from backburner.lib.log import SECRETS
from backburner.model.transcript import Conversation, Message, ToolCall, Turn
from backburner.providers.base import BadAnswer, Model, Rejected, TurnSettings, collect
from backburner.providers.buckets import readings
from backburner.providers.loose import count, parse_arguments
from backburner.providers.trouble import from_status, retry_after
from emulator.server import Emulator

Opener = Callable[..., Awaitable[Model]]
TALK = Conversation(system="You work.", tools=(), entries=(Message("Please."),), key="t")
SETTINGS = TurnSettings(stall_s=0.5, run="1.1")


@asynccontextmanager
async def served(handler: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[str]:
    """The address of a server that answers everything with `handler`."""
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("wire", ["opus", "codex", "groq"])
async def test_a_redirect_is_not_followed(wire: str, status: int, opener: Opener) -> None:
    seen: list[dict[str, str]] = []

    async def elsewhere(request: web.Request) -> web.Response:
        seen.append(dict(request.headers) | {"body": (await request.read()).decode()})
        return web.Response(text="thank you")

    async def sends_on(request: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": f"{there}/stolen"})

    async with served(elsewhere) as there, served(sends_on) as address, Emulator() as emulator:
        model = await opener(emulator, wire, base_url=address)
        with pytest.raises(Rejected) as caught:
            await collect(model.turn(TALK, SETTINGS))
    assert seen == []
    assert "sends its callers to another address" in str(caught.value)


def events(wire: str, call: dict[str, Any], usage: Any) -> list[Any]:
    """A whole answer with one call of a tool, of which anything may be of any type."""
    name, identity, arguments = call["name"], call["id"], call["arguments"]
    match wire:
        case "opus":
            block = {"type": "tool_use", "id": identity, "name": name, "input": {}}
            return [
                {"type": "message_start", "message": {"id": "m", "model": "x", "usage": usage}},
                {"type": "content_block_start", "index": 0, "content_block": block},
                {
                    "type": "content_block_delta",
                    "index": 0,
                    "delta": {"type": "input_json_delta", "partial_json": arguments},
                },
                {"type": "content_block_stop", "index": 0},
                {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": usage},
                {"type": "message_stop"},
            ]
        case "codex":
            item = {"type": "function_call", "call_id": identity, "name": name, "arguments": arguments}
            done = {"id": "r", "status": "completed", "model": "x", "output": [item], "usage": usage}
            return [
                {"type": "response.output_item.done", "output_index": 0, "item": item},
                {"type": "response.completed", "response": done},
            ]
        case _:
            calls = [{"index": 0, "id": identity, "function": {"name": name, "arguments": arguments}}]
            return [
                {"model": "x", "choices": [{"index": 0, "delta": {"tool_calls": calls}}]},
                {"model": "x", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}], "usage": usage},
            ]


GOOD = {"name": "read", "id": "c1", "arguments": '{"path": "a.py"}'}
USAGE = {"input_tokens": 3, "output_tokens": 4, "prompt_tokens": 3, "completion_tokens": 4}
DEEP = 100_000


def deep(levels: int) -> str:
    return '{"path": ' + "[" * levels + "]" * levels + "}"


async def answered(wire: str, body: str, opener: Opener) -> Turn:
    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(text=body, content_type="text/event-stream")

    async with served(answer) as address, Emulator() as emulator:
        model = await opener(emulator, wire, base_url=address)
        return await collect(model.turn(TALK, SETTINGS))


def stream(told: list[Any]) -> str:
    named = (f"event: {each['type']}\n" if "type" in each else "" for each in told)
    return "".join(f"{name}data: {json.dumps(each)}\n\n" for name, each in zip(named, told, strict=True))


WIRES = pytest.mark.parametrize("wire", ["opus", "codex", "groq"])


@WIRES
@pytest.mark.parametrize(
    ("call", "usage"),
    [
        ({"name": 7}, USAGE),
        ({"name": ["read"]}, USAGE),
        ({"id": {"a": 1}}, USAGE),
        ({"id": None}, USAGE),
        ({"arguments": 5}, USAGE),
        ({"arguments": [1]}, USAGE),
        ({"arguments": "[1"}, USAGE),
        ({}, []),
        ({}, "many"),
        ({}, {"input_tokens": "x", "output_tokens": -1, "prompt_tokens": [], "completion_tokens": {}}),
        ({}, {"input_tokens": 10**40, "output_tokens": 1e300, "prompt_tokens": 10**40, "completion_tokens": 1e300}),
    ],
)
async def test_an_answer_of_any_shape_is_a_turn_or_said_to_be_none(
    wire: str, call: dict[str, Any], usage: Any, opener: Opener
) -> None:
    """What is journalled of it can be read again."""
    try:
        turn = await answered(wire, stream(events(wire, GOOD | call, usage)), opener)
    except BadAnswer:
        return
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(turn), type=Turn) == turn
    assert turn.usage.total_input <= 3_000_000_000


@WIRES
async def test_a_key_that_is_said_back_is_not_in_the_turn(wire: str, opener: Opener) -> None:
    key = "zq7+Xy/no=shape-of-a-key"
    SECRETS.add(key)
    call = {"name": "write", "id": "c1", "arguments": json.dumps({"path": "a.py", "content": f"k = '{key}'"})}
    turn = await answered(wire, stream(events(wire, call, USAGE)), opener)
    assert key not in msgspec.json.encode(turn).decode()
    [made] = turn.calls
    assert made.arguments == {"path": "a.py", "content": "k = '[secret]'"}


@WIRES
@pytest.mark.parametrize("levels", [200, 960, DEEP])
async def test_arguments_that_are_nested_too_deep_are_none(wire: str, levels: int, opener: Opener) -> None:
    turn = await answered(wire, stream(events(wire, GOOD | {"arguments": deep(levels)}, USAGE)), opener)
    [call] = [part for part in turn.parts if isinstance(part, ToolCall)]
    assert call.arguments is None


@WIRES
async def test_an_event_that_is_nested_too_deep_is_no_answer(wire: str, opener: Opener) -> None:
    whole = stream(events(wire, GOOD, USAGE))
    place = '"model": "x"'
    assert place in whole
    with pytest.raises(BadAnswer):
        await answered(wire, whole.replace(place, f'{place}, "more": {deep(DEEP)}', 1), opener)


def test_numbers_beyond_reason_are_not_believed() -> None:
    assert parse_arguments(deep(50)) is not None
    assert parse_arguments(deep(200)) is None
    assert parse_arguments(deep(DEEP)) is None
    assert [count(value) for value in (10**40, 1e300, float("inf"), float("nan"), -1, "3")] == [10**9] * 3 + [0] * 3
    day = 86_400.0
    for text, seconds in (
        ("1e308", day),
        ("inf", day),
        ("nan", 0.0),
        ("-5", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", day),
    ):
        assert retry_after({"retry-after": text}, 0.0) == seconds
    assert retry_after({"retry-after-ms": "9e300"}, 0.0) == day
    body = ("[" * DEEP).encode()
    assert isinstance(from_status("A", "m", 400, {}, body, now=0.0), Rejected)


@pytest.mark.parametrize(
    ("limit", "remaining"),
    [("nan", "1"), ("inf", "1"), ("-5", "1"), ("0", "0"), ("9", "nan"), ("9", "-1e308"), ("x", "1")],
)
def test_a_limit_that_is_none_holds_nobody_back(limit: str, remaining: str) -> None:
    name = "anthropic-ratelimit-requests-"
    assert readings({f"{name}limit": limit, f"{name}remaining": remaining}, 0.0) == {}
    far = {f"{name}limit": "9", f"{name}remaining": "1", f"{name}reset": "9999-12-31T23:59:59Z"}
    assert readings(far, 0.0)["requests"].reset_s == 86_400.0
