"""One connection, in one process, over a real socket pair: dispatch, order, cancelling, limits, and what is left after."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from lsprotocol import types
from msgspec import Struct

from backburner.lsp.framing import FramingLimits
from backburner.lsp.transport import Connection, Refusal, Server, make_server
from rpc_client import RpcClient, frame

URI = "file:///p/a.py"
QUICK = FramingLimits(message_bytes=1 << 20, skipped_bytes=1 << 22, patience_s=0.02, silence_s=0.1)


class Amount(Struct):
    amount: int = 1


@asynccontextmanager
async def connected(
    register: Callable[[Server], None] = lambda server: None, *, limits: FramingLimits | None = None
) -> AsyncIterator[tuple[RpcClient, Connection]]:
    """A client whose server was not initialized yet."""
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_unix_connection(sock=theirs)
    connection = Connection(reader, writer, limits=limits)

    def build(connection: Connection) -> Server:
        server = make_server(connection)
        register(server)
        return server

    client = await RpcClient.over(ours)
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(connection.serve(build))
        try:
            yield client, connection
        finally:
            await client.close()
            async with asyncio.timeout(5):
                await serving


async def test_plain_handlers_see_the_text_as_it_was_when_the_client_asked() -> None:
    def register(server: Server) -> None:
        @server.feature("textDocument/hover")
        def hover(params: types.HoverParams) -> types.Hover:
            document = server.connection.documents.get(params.text_document.uri)
            return types.Hover(contents=document.text if document else "nothing")

    async with connected(register) as (client, _):
        await client.initialize()
        place = {"textDocument": {"uri": URI}, "position": {"line": 0, "character": 0}}
        client.notify(
            "textDocument/didOpen", {"textDocument": {"uri": URI, "languageId": "python", "version": 1, "text": "one"}}
        )
        first = client.ask("textDocument/hover", place)
        change = {"textDocument": {"uri": URI, "version": 2}, "contentChanges": [{"text": "two"}]}
        client.notify("textDocument/didChange", change)
        second = client.ask("textDocument/hover", place)
        assert (await client.answer(first))["result"] == {"contents": "one"}
        assert (await client.answer(second))["result"] == {"contents": "two"}


async def test_capabilities_follow_from_what_was_registered() -> None:
    def register(server: Server) -> None:
        server.feature("textDocument/hover")(lambda params: None)
        server.add_command("backburner.show", Amount, lambda argument: None)

    async with connected(register) as (client, connection):
        result = await client.initialize(general={"positionEncodings": ["utf-8", "utf-16"]})
        capabilities = result["capabilities"]
        assert capabilities["hoverProvider"] is True
        assert capabilities["executeCommandProvider"]["commands"] == ["backburner.show"]
        assert capabilities["textDocumentSync"] | {"openClose": True, "change": 2} == capabilities["textDocumentSync"]
        assert capabilities["positionEncoding"] == "utf-8"
        assert "notebookDocumentSync" not in capabilities
        assert connection.documents.encoding == "utf-8"


async def test_a_command_gets_its_argument_in_its_type_and_a_wrong_one_is_a_sentence() -> None:
    async def double(argument: Amount) -> dict[str, Any]:
        return {"doubled": 2 * argument.amount}

    async with connected(lambda server: server.add_command("double", Amount, double)) as (client, _):
        await client.initialize()
        run = "workspace/executeCommand"
        assert await client.request(run, {"command": "double", "arguments": [{"amount": 4}]}) == {"doubled": 8}
        assert await client.request(run, {"command": "double"}) == {"doubled": 2}
        wrong = await client.error(run, {"command": "double", "arguments": [{"amount": "4"}]})
        assert wrong == {"code": -32602, "message": "double: `amount` must be a whole number, not a text."}
        assert (await client.error(run, {"command": "double", "arguments": [0]}))["code"] == -32602
        assert (await client.error(run, {"command": "double", "arguments": [{}, {}]}))["code"] == -32602


async def test_a_method_of_our_own_is_typed_too() -> None:
    async with connected(lambda s: s.add_method("backburner/x", Amount, lambda a: Amount(a.amount + 1))) as (client, _):
        await client.initialize()
        assert await client.request("backburner/x", {"amount": 1}) == {"amount": 2}
        assert (await client.error("backburner/x", {"amount": None}))["code"] == -32602


async def test_a_refusal_carries_its_sentence_and_its_reason() -> None:
    def refuse(argument: Amount) -> None:
        raise Refusal("Task #9 is gone.", "unknown_task")

    async with connected(lambda server: server.add_command("refuse", Amount, refuse)) as (client, _):
        await client.initialize()
        error = await client.error("workspace/executeCommand", {"command": "refuse"})
        assert error == {"code": -32803, "message": "Task #9 is gone.", "data": {"reason": "unknown_task"}}


async def test_a_running_request_can_be_cancelled_and_others_go_on() -> None:
    ended: list[str] = []

    async def forever(argument: Amount) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    async with connected(lambda server: server.add_method("x/forever", Amount, forever)) as (client, _):
        await client.initialize()
        id = client.ask("x/forever", {})
        again = client.ask("x/forever", {})
        client.notify("$/cancelRequest", {"id": id})
        client.notify("$/cancelRequest", {"id": "no such request"})
        client.notify("$/cancelRequest", [])
        assert (await client.answer(id))["error"]["code"] == -32800
        assert ended == ["cancelled"]
        client.notify("$/cancelRequest", {"id": again})
        assert (await client.answer(again))["error"]["code"] == -32800


async def test_the_client_can_be_asked_and_its_answers_come_in_their_types() -> None:
    answers: list[Any] = []

    def register(server: Server) -> None:
        @server.feature("initialized")
        async def initialized(params: Any) -> None:
            asked = types.ConfigurationParams(items=[types.ConfigurationItem(section="backburner")])
            answers.append(await server.workspace_configuration_async(asked))
            edit = types.ApplyWorkspaceEditParams(edit=types.WorkspaceEdit())
            answers.append(await server.workspace_apply_edit_async(edit))
            try:
                await server.window_show_document_async(types.ShowDocumentParams(uri="file:///x"))
            except Exception as error:
                answers.append(str(error))
            server.window_log_message(types.LogMessageParams(types.MessageType.Info, "done"))

    async with connected(register) as (client, _):
        await client.initialize()
        for answer in (
            {"result": [{"agent": "opus"}]},
            {"result": {"applied": True}},
            {"error": {"code": 1, "message": "not now"}},
        ):
            question = await client.receive()
            assert question is not None
            client.send({"jsonrpc": "2.0", "id": question["id"], **answer})
        told = await client.receive()
        assert told is not None
        assert told["params"]["message"] == "done"
    assert list(answers[0]) == [{"agent": "opus"}]
    assert answers[1].applied is True
    assert answers[2] == "not now"


async def test_a_question_fails_when_the_client_leaves_and_children_are_cancelled() -> None:
    ended: list[str] = []

    def register(server: Server) -> None:
        @server.feature("initialized")
        async def initialized(params: Any) -> None:
            future = server.protocol.send_request("window/showDocument", {"uri": "file:///x"})
            future.add_done_callback(lambda done: ended.append(type(done.exception()).__name__))
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("child cancelled")

    async with connected(register) as (client, connection):
        connection.on_close.append(lambda: ended.append("closing"))
        await client.initialize()
        assert (await client.receive() or {})["method"] == "window/showDocument"
    assert ended == ["closing", "child cancelled", "ConnectionResetError"]


async def test_a_closed_connection_leaves_nothing_behind() -> None:
    left: list[weakref.ref[Any]] = []

    def register(server: Server) -> None:
        @server.feature("textDocument/didSave")
        def saved(params: Any) -> Server:
            return server

        left.append(weakref.ref(server))
        left.append(weakref.ref(server.protocol))

    for _ in range(5):
        async with connected(register) as (client, connection):
            await client.initialize()
            item = {"uri": URI, "languageId": "", "version": 1, "text": "x" * 100_000}
            client.notify("textDocument/didOpen", {"textDocument": item})
            await client.request("shutdown")
            left.append(weakref.ref(connection))
        del client, connection
    gc.collect()
    assert [ref for ref in left if ref() is not None] == []


async def test_a_client_that_does_not_read_is_not_read_from() -> None:
    """Its answers stop piling up, and it gets every one of them once it reads."""
    answered = 0

    def big(argument: Amount) -> str:
        nonlocal answered
        answered += 1
        return "x" * 100_000

    async with connected(lambda server: server.add_method("x/big", Amount, big)) as (client, connection):
        await client.initialize()
        reading = cast(asyncio.ReadTransport, client.writer.transport)
        reading.pause_reading()
        ids = [client.ask("x/big", {}) for _ in range(300)]
        for _ in range(3000):
            # Turns of the loop, more than enough for 300 messages.
            await asyncio.sleep(0)
        assert answered < 200
        assert connection.waiting_bytes < 1 << 20
        reading.resume_reading()
        for id in ids:
            assert len((await client.answer(id))["result"]) == 100_000


async def test_a_client_that_never_reads_is_cut_off() -> None:
    limits = FramingLimits(waiting_bytes=1 << 20)
    async with connected(limits=limits) as (client, connection):
        await client.initialize()
        for _ in range(100):
            connection.send(b" " * 100_000)
        assert connection.is_closed


async def test_an_answer_that_is_too_large_becomes_an_error() -> None:
    async with connected(lambda s: s.add_method("x/big", Amount, lambda a: "x" * (2 << 20)), limits=QUICK) as (
        client,
        _,
    ):
        await client.initialize()
        assert "too large" in (await client.error("x/big", {}))["message"]


async def test_a_message_that_is_too_large_is_read_past_and_open_texts_are_in_doubt() -> None:
    async with connected(limits=QUICK) as (client, connection):
        await client.initialize()
        document = connection.documents.open(URI, "a")
        client.write(b"Content-Length: %d\r\n\r\n" % (3 << 20) + b" " * (3 << 20))
        error = await client.receive()
        assert error is not None
        assert (error["id"], error["error"]["code"]) == (None, -32600)
        assert await client.request("shutdown") is None
        assert document.doubtful


@pytest.mark.parametrize(
    "data",
    [
        b"Content-Length: 4000000000\r\n\r\n",
        b"Content-Length: -1\r\n\r\n{}",
        b"Content-Length: x\r\n\r\n{}",
        b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"Content-Type: x\r\n\r\n{}",
        b"GET / HTTP/1.1\r\n\r\n",
        b"X: " + b"x" * 100_000,
        b"Content-Length: 90\r\n\r\n{}",
        b"Content-Length: 90\r\n\r\n{",
        b"Content-Le",
    ],
)
async def test_a_stream_out_of_step_ends_with_an_error_and_a_close(data: bytes) -> None:
    async with connected(limits=QUICK) as (client, _):
        client.write(data)
        error = await client.receive()
        assert error is not None
        assert (error["id"], error["error"]["code"]) == (None, -32700)
        assert await client.receive() is None


async def test_lone_surrogates_of_a_javascript_editor_pass() -> None:
    async with connected(lambda s: s.add_method("x/echo", Amount, lambda a: "\ud83d")) as (client, connection):
        await client.initialize()
        client.send(
            b'{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":'
            b'{"uri":"file:///s","languageId":"","version":1,"text":"a\\ud83db"}}}'
        )
        assert await client.request("x/echo", {}) == "\ud83d"
        document = connection.documents.get("file:///s")
        assert document is not None
        assert document.text == "a\ufffdb"


async def test_a_failing_handler_is_logged_and_answered_without_its_inside(caplog: pytest.LogCaptureFixture) -> None:
    def fail(argument: Amount) -> None:
        raise ValueError("secret path /p/q")

    async with connected(lambda server: server.add_method("x/fail", Amount, fail)) as (client, _):
        await client.initialize()
        error = await client.error("x/fail", {})
        client.notify("x/fail", {})
        await client.request("shutdown")
    assert error == {"code": -32603, "message": "x/fail failed. The log of the daemon has the details."}
    assert caplog.text.count("ValueError: secret path") == 2
    assert client.told == []


async def test_no_text_of_the_person_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("pygls").setLevel(logging.WARNING)
    with caplog.at_level(logging.DEBUG, logger="backburner"):
        async with connected() as (client, _):
            await client.initialize()
            item = {"uri": URI, "languageId": "", "version": 1, "text": "PRIVATE"}
            client.notify("textDocument/didOpen", {"textDocument": item})
            client.notify("textDocument/didOpen", {"textDocument": {"uri": 3, "text": "PRIVATE"}})
            client.send(b'{"jsonrpc":"2.0","method":"PRIVATE')
            await client.receive()
    assert "PRIVATE" not in caplog.text


async def test_one_byte_at_a_time_is_a_message_too() -> None:
    async with connected() as (client, _):
        for byte in frame({"jsonrpc": "2.0", "id": 5, "method": "x"}):
            client.write(bytes([byte]))
            await client.writer.drain()
            await asyncio.sleep(0)
        assert (await client.answer(5))["error"]["code"] == -32002
