"""The fault matrix: whatever a client sends over the real socket, it gets the right answer, and the daemon lives on.

Each case has a fresh connection to one shared daemon process; after each the same process must serve the next client.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from backburner import __version__
from backburner.lib import handshake, reach
from daemon_home import Home, new_home
from rpc_client import RpcClient, frame

URI = "file:///p/a.py"
PLACE = {"textDocument": {"uri": URI}, "position": {"line": 0, "character": 0}}
RUN = "workspace/executeCommand"

PARSE, INVALID, NOT_FOUND, PARAMS, INTERNAL, UNINITIALIZED = -32700, -32600, -32601, -32602, -32603, -32002


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    with new_home() as home:
        variables = {name.encode(): value.encode() for name, value in home.environment.items()}
        reach.reach(variables, __version__, handshake.STATUS, reach.daemon_program(home.door)).socket.close()
        yield home


@pytest.fixture
async def raw(home: Home) -> AsyncIterator[RpcClient]:
    """A greeted client that is not initialized; afterwards the daemon must be the same and well."""
    pid = home.pid()
    client = await RpcClient.to_daemon(home.socket)
    yield client
    await client.close()
    after = await home.client()
    assert await after.request("x/pid", {}) == pid
    await after.close()


@pytest.fixture
async def client(raw: RpcClient) -> RpcClient:
    await raw.initialize()
    return raw


async def open_text(client: RpcClient, text: str, version: int = 1) -> None:
    item = {"uri": URI, "languageId": "python", "version": version, "text": text}
    client.notify("textDocument/didOpen", {"textDocument": item})


async def text_of(client: RpcClient) -> str | None:
    hover = await client.request("textDocument/hover", PLACE)
    return None if hover is None else hover["contents"]


async def refused(client: RpcClient, id: Any = None) -> dict[str, Any]:
    """The error that comes next; the connection is usable after it."""
    message = await client.receive()
    assert message is not None
    assert message["id"] == id, message
    assert await client.request("x/pid", {})
    return message["error"]


async def cut_off(client: RpcClient) -> None:
    """An error and the end, never a wedged connection."""
    message = await client.receive()
    assert message is not None
    assert (message["id"], message["error"]["code"]) == (None, PARSE)
    assert await client.receive() is None


# What is no message.


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"jsonrpc":"2.0","method":', PARSE),
        (b'{"jsonrpc":"2.0","id":1,"method":"x/pid","params":{"a":}}', PARSE),
        (b"\xff\xfe", PARSE),
        (b"nonsense", PARSE),
        (b"[" * 100_000 + b"]" * 100_000, INVALID),
        (b'{"jsonrpc":"2.0","id":1,"method":"x/pid","params":' + b"[" * 100_000 + b"]" * 100_000 + b"}", PARSE),
        (b"[]", INVALID),
        (b'[{"jsonrpc":"2.0","id":1,"method":"x/pid"},{"jsonrpc":"2.0","id":2,"method":"x/pid"}]', INVALID),
        (b"3", INVALID),
        (b"null", INVALID),
        (b'{"jsonrpc":"2.0"}', INVALID),
        (b'{"jsonrpc":"2.0","id":null,"method":"x/pid"}', INVALID),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"x/pid"}', INVALID),
        (b'{"jsonrpc":"2.0","id":true,"method":"x/pid"}', INVALID),
        (b'{"jsonrpc":"2.0","id":{"a":1},"method":"x/pid"}', INVALID),
    ],
    ids=lambda value: value[:40].decode("latin-1") if isinstance(value, bytes) else str(value),
)
async def test_what_is_no_message_is_answered_and_the_connection_goes_on(
    client: RpcClient, body: bytes, code: int
) -> None:
    client.send(body)
    assert (await refused(client))["code"] == code


@pytest.mark.parametrize(
    "message",
    [
        {"jsonrpc": "1.0", "id": 70, "method": "x/pid"},
        {"id": 70, "method": "x/pid"},
        {"jsonrpc": "2.0", "id": 70, "method": 3},
        {"jsonrpc": "2.0", "id": 70},
    ],
    ids=str,
)
async def test_a_malformed_request_is_answered_under_its_id(client: RpcClient, message: Any) -> None:
    client.send(message)
    assert (await refused(client, 70))["code"] == INVALID


# Framing.


@pytest.mark.parametrize("off_by", [-3, 3])
async def test_a_wrong_length_followed_by_a_message_ends_the_connection(client: RpcClient, off_by: int) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": 70, "method": "x/pid"}).encode()
    client.write(b"Content-Length: %d\r\n\r\n" % (len(body) + off_by) + body)
    client.send({"jsonrpc": "2.0", "id": 71, "method": "x/pid"})
    first = await client.receive()
    assert first is not None
    assert first["error"]["code"] == PARSE
    await cut_off(client)


async def test_a_length_too_large_with_nothing_behind_it_ends_the_connection(client: RpcClient) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": 70, "method": "x/pid"}).encode()
    client.write(b"Content-Length: %d\r\n\r\n" % (len(body) + 3) + body)
    await cut_off(client)


@pytest.mark.parametrize(
    "header",
    [
        b"content-length: %d\r\n\r\n",
        b"CONTENT-LENGTH: %d\r\n\r\n",
        b"Content-Length:%d\r\n\r\n",
        b"Content-Length :   %d  \r\n\r\n",
        b"Content-Length: %d\n\n",
        b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: %d\r\n\r\n",
        b"Content-Length: %d\r\nContent-Type: application/vscode-jsonrpc; charset=utf8\r\n\r\n",
        b"X-Unknown: 1\r\nContent-Length: %d\r\n\r\n",
        b"Content-Length: 0\r\n\r\nContent-Length: %d\r\n\r\n",
        b"\r\nContent-Length: %d\r\n\r\n",
    ],
    ids=str,
)
async def test_unusual_headers_are_understood(client: RpcClient, header: bytes) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": 70, "method": "x/pid"}).encode()
    client.write(header % len(body) + body)
    assert "result" in await client.answer(70)
    assert await client.request("x/pid", {})


@pytest.mark.parametrize(
    "data",
    [
        b"X: " + b"x" * 70_000 + b"\r\n",
        b"x" * 70_000,
        b"Content-Length: 4000000000\r\n\r\n" + b"x" * 1000,
        b"Content-Length: 99999999999999999999999999\r\n\r\n",
        b"Content-Length: -5\r\n\r\n",
        b"Content-Length: five\r\n\r\n",
        b"Content-Type: x\r\n\r\n",
        b'{"jsonrpc":"2.0","id":1,"method":"x/pid"}\n',
    ],
    ids=lambda data: data[:40].decode(),
)
async def test_a_stream_that_is_no_base_protocol_is_cut_off(client: RpcClient, data: bytes) -> None:
    client.write(data)
    await cut_off(client)


async def test_a_message_beyond_the_limit_costs_no_memory_and_is_answered(home: Home, client: RpcClient) -> None:
    size = 100 * 1024 * 1024
    client.write(b"Content-Length: %d\r\n\r\n" % size)
    before = resident_kib(home.pid())
    for _ in range(100):
        client.write(b" " * (size // 100))
        await client.writer.drain()
    assert (await refused(client))["code"] == INVALID
    assert resident_kib(home.pid()) - before < 8_000


async def test_a_large_text_is_taken(client: RpcClient) -> None:
    await open_text(client, "a line of text\n" * 2_000_000)
    assert len(await text_of(client) or "") == 30_000_000


# Requests.


async def test_params_of_a_wrong_shape_are_answered_with_what_is_wrong(client: RpcClient) -> None:
    error = await client.error("textDocument/hover", {"textDocument": {"uri": URI}})
    assert error == {"code": PARAMS, "message": "required field missing @ params.position."}
    for params in (
        [],
        "x",
        3,
        None,
        {"textDocument": 3, "position": {}},
        {**PLACE, "position": {"line": -1, "character": 0}},
    ):
        assert (await client.error("textDocument/hover", params))["code"] == PARAMS


async def test_a_key_called_jsonrpc_deep_inside_an_argument_is_an_argument(client: RpcClient) -> None:
    argument = {"amount": 4, "jsonrpc": "2.0", "id": 3, "method": "exit", "deep": [{"jsonrpc": "2.0", "result": 1}]}
    assert await client.request(RUN, {"command": "double", "arguments": [argument]}) == 8


async def test_an_unknown_method_is_named_and_an_unknown_notification_ignored(client: RpcClient) -> None:
    client.notify("nobody/knows", {"a": 1})
    client.notify("$/nobodyKnows")
    assert await client.error("nobody/knows") == {"code": NOT_FOUND, "message": "Unknown method nobody/knows."}
    assert (await client.error("$/nobodyKnows"))["code"] == NOT_FOUND
    assert client.told == []


@pytest.mark.parametrize("method", ["x/fail", "x/failLater"])
async def test_a_handler_that_raises_gives_away_no_inside(client: RpcClient, method: str) -> None:
    error = await client.error(method, {})
    assert error == {"code": INTERNAL, "message": f"{method} failed. The log of the daemon has the details."}
    assert client.told == []
    client.notify(method, {})
    assert await client.request("x/pid", {})
    assert client.told == []


async def test_an_unknown_command_is_a_sentence(client: RpcClient) -> None:
    error = await client.error(RUN, {"command": "backburner.dance"})
    assert error == {"code": PARAMS, "message": "There is no command backburner.dance."}


@pytest.mark.parametrize("arguments", [[{"amount": "4"}], [{"amount": None}], [3], ["x"], [[]], [{}, {}]], ids=str)
async def test_wrong_arguments_of_a_command_are_a_sentence(client: RpcClient, arguments: list[Any]) -> None:
    error = await client.error(RUN, {"command": "double", "arguments": arguments})
    assert error["code"] == PARAMS
    assert error["message"].startswith("double")


async def test_a_refusal_has_its_reason(client: RpcClient) -> None:
    error = await client.error(RUN, {"command": "refuse"})
    assert error == {"code": -32803, "message": "There is no task #9.", "data": {"reason": "unknown_task"}}


async def test_cancelling_an_unknown_id_is_ignored(client: RpcClient) -> None:
    for params in ({"id": 99}, {"id": "x"}, {"id": None}, {"id": [1]}, {}, [], None):
        client.notify("$/cancelRequest", params)
    assert await client.request("x/pid", {})


async def test_an_id_in_use_is_refused_and_the_first_request_goes_on(client: RpcClient) -> None:
    for _ in range(2):
        client.send({"jsonrpc": "2.0", "id": 70, "method": "x/wait", "params": {}})
    assert (await client.answer(70))["error"]["code"] == INVALID
    client.notify("$/cancelRequest", {"id": 70})
    assert (await client.answer(70))["error"]["code"] == -32800
    client.send({"jsonrpc": "2.0", "id": 70, "method": "x/pid", "params": {}})
    assert "result" in await client.answer(70)


async def test_an_answer_nobody_asked_for_is_ignored(client: RpcClient) -> None:
    client.send({"jsonrpc": "2.0", "id": 12, "result": {"applied": True}})
    client.send({"jsonrpc": "2.0", "id": "x", "error": {"code": 1, "message": "no"}})
    client.send({"jsonrpc": "2.0", "id": [1], "result": None})
    assert await client.request("x/pid", {})


# Texts.


async def test_a_change_of_a_text_that_is_not_open_is_ignored(client: RpcClient) -> None:
    change = {"textDocument": {"uri": URI, "version": 2}, "contentChanges": [{"text": "x"}]}
    client.notify("textDocument/didChange", change)
    client.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
    assert await text_of(client) is None


async def test_a_change_with_an_older_version_is_ignored(client: RpcClient) -> None:
    await open_text(client, "new", version=5)
    change = {"textDocument": {"uri": URI, "version": 4}, "contentChanges": [{"text": "old"}]}
    client.notify("textDocument/didChange", change)
    assert await text_of(client) == "new"


async def test_a_range_past_the_end_is_clamped(client: RpcClient) -> None:
    await open_text(client, "a\nb\n")
    where = {"start": {"line": 1, "character": 1}, "end": {"line": 99, "character": 99}}
    change = {"textDocument": {"uri": URI, "version": 2}, "contentChanges": [{"range": where, "text": "!"}]}
    client.notify("textDocument/didChange", change)
    assert await text_of(client) == "a\nb!"


async def test_positions_are_utf_16_unless_something_else_is_agreed(client: RpcClient) -> None:
    await open_text(client, "😀x\n")
    where = {"start": {"line": 0, "character": 2}, "end": {"line": 0, "character": 3}}
    change = {"textDocument": {"uri": URI, "version": 2}, "contentChanges": [{"range": where, "text": "y"}]}
    client.notify("textDocument/didChange", change)
    assert await text_of(client) == "😀y\n"


@pytest.mark.parametrize(
    "params", [None, [], {}, {"textDocument": {}}, {"textDocument": {"uri": URI}}, {"textDocument": 1}]
)
async def test_synchronisation_of_a_wrong_shape_is_ignored(client: RpcClient, params: Any) -> None:
    for method in ("textDocument/didOpen", "textDocument/didChange", "textDocument/didClose"):
        client.notify(method, params)
    assert await text_of(client) is None


# The life of a connection.


async def test_a_request_before_initialize_is_refused_and_initialize_still_works(raw: RpcClient) -> None:
    assert (await raw.error("textDocument/hover", PLACE))["code"] == UNINITIALIZED
    assert (await raw.error("shutdown"))["code"] == UNINITIALIZED
    await open_text(raw, "early")
    await raw.initialize()
    assert await text_of(raw) is None


async def test_initialize_of_a_wrong_shape_may_be_tried_again(raw: RpcClient) -> None:
    assert (await raw.error("initialize", {"processId": "x"}))["code"] == PARAMS
    assert (await raw.error("initialize"))["code"] == PARAMS
    await raw.initialize()
    assert await raw.request("x/pid", {})


async def test_initialize_twice_is_refused(client: RpcClient) -> None:
    assert (await client.error("initialize", {"capabilities": {}}))["code"] == INVALID
    assert await client.request("x/pid", {})


async def test_a_request_after_shutdown_is_refused(client: RpcClient) -> None:
    waiting = client.ask("x/wait", {})
    assert await client.request("shutdown") is None
    assert (await client.answer(waiting))["error"]["code"] == -32800
    assert (await client.error("x/pid", {}))["code"] == INVALID
    assert (await client.error("shutdown"))["code"] == INVALID
    client.notify("exit")
    assert await client.receive() is None


async def test_exit_without_shutdown_ends_only_this_connection(client: RpcClient) -> None:
    client.notify("exit")
    assert await client.receive() is None


@pytest.mark.parametrize("last", [b"", b"Content-Le", b"Content-Length: 100\r\n\r\n{", frame({"jsonrpc": "2.0"})[:-3]])
async def test_a_client_may_die_at_any_byte_with_a_call_in_flight(home: Home, client: RpcClient, last: bytes) -> None:
    client.ask("x/wait", {})
    told = await client.receive()
    assert told is not None
    assert told["method"] == "x/waiting"
    client.write(last)
    client.writer.transport.abort()


def resident_kib(pid: int) -> int:
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
