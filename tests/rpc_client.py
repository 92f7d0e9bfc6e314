"""A client that speaks the base protocol over a socket, byte by byte if a test wants it so."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from typing import Any

from backburner.lib import handshake

ENOUGH_S = 20.0
"""No answer is awaited longer; a test that gets there has failed."""


def frame(message: Any) -> bytes:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return b"Content-Length: %d\r\n\r\n" % len(body) + body


class RpcClient:
    """One end of a connection. Requests of the server are collected in `asked`, notifications in `told`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.asked: list[dict[str, Any]] = []
        self.told: list[dict[str, Any]] = []
        self._ids = 0

    @classmethod
    async def over(cls, connected: socket.socket) -> RpcClient:
        return cls(*await asyncio.open_unix_connection(sock=connected, limit=1 << 26))

    @classmethod
    async def to_daemon(
        cls, path: str, *, kind: str = "editor", version: str = "0.1.0", **environment: str
    ) -> RpcClient:
        """Connect and greet; raises `ConnectionError` when the answer is not `ok`."""
        client = cls(*await asyncio.open_unix_connection(path, limit=1 << 26))
        variables = {name.encode(): value.encode() for name, value in environment.items()}
        client.write(handshake.greeting(version, kind, variables))
        async with asyncio.timeout(ENOUGH_S):
            answer = handshake.read_answer(await client.reader.readline())
        if answer is None or answer[0] != handshake.OK:
            raise ConnectionError(answer)
        return client

    def write(self, data: bytes) -> None:
        self.writer.write(data)

    def send(self, message: Any) -> None:
        self.write(frame(message))

    def notify(self, method: str, params: Any = None) -> None:
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def ask(self, method: str, params: Any = None) -> int:
        """Send a request; its id."""
        self._ids += 1
        self.send({"jsonrpc": "2.0", "id": self._ids, "method": method, "params": params})
        return self._ids

    async def request(self, method: str, params: Any = None) -> Any:
        """The result; raises `RuntimeError` with the error object."""
        id = self.ask(method, params)
        answer = await self.answer(id)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]

    async def error(self, method: str, params: Any = None) -> dict[str, Any]:
        answer = await self.answer(self.ask(method, params))
        assert "error" in answer, answer
        return answer["error"]

    async def answer(self, id: Any) -> dict[str, Any]:
        """The answer to `id`; what comes before it is collected."""
        while True:
            message = await self.receive()
            assert message is not None, f"the server closed before it answered {id}"
            if "method" not in message and message.get("id") == id:
                return message
            (self.asked if "id" in message and "method" in message else self.told).append(message)

    async def receive(self) -> dict[str, Any] | None:
        """The next message; None when the server closed."""
        async with asyncio.timeout(ENOUGH_S):
            try:
                head = await self.reader.readuntil(b"\r\n\r\n")
                length = int(head.split(b":")[1].split(b"\r\n")[0])
                return json.loads(await self.reader.readexactly(length))
            except (asyncio.IncompleteReadError, ConnectionError):
                return None

    async def initialize(self, **capabilities: Any) -> Any:
        result = await self.request("initialize", {"processId": None, "rootUri": None, "capabilities": capabilities})
        self.notify("initialized", {})
        return result

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()
