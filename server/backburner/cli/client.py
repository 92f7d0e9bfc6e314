"""A small JSON-RPC client of the daemon's socket: the base protocol, `initialize`, `workspace/executeCommand`.

Synchronous on purpose: the command line does one thing at a time. Starts the daemon when there is none.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import backburner
from backburner import __version__
from backburner.cli.exits import FAILED, USAGE, CliError, code_of
from backburner.lib import handshake, reach

Notification = Callable[[str, Any], None]


class Client:
    """One connection. Use as a context manager."""

    def __init__(self, root: Path, *, on_notification: Notification | None = None) -> None:
        self.root = root
        """The project that task numbers are of, where nothing else is said."""
        self._on_notification = on_notification
        self._socket: reach.Connected | None = None
        self._buffer = b""
        self._last_id = 0

    def __enter__(self) -> Client:
        self.connect()
        return self

    def connect(self) -> None:
        """Reach the daemon, for the first time or again after it went away."""
        self._close()
        door = str(Path(backburner.__file__).parent / "__main__.py")
        try:
            reached = reach.reach(
                dict(os.environb), __version__, handshake.CLI, reach.daemon_program(door), os.fsencode(Path.cwd())
            )
        except reach.Unreachable as error:
            raise CliError(str(error), FAILED, "no_daemon") from error
        self._socket = reached.socket
        capabilities: dict[str, Any] = {
            "workspace": {"applyEdit": False, "workspaceFolders": True, "executeCommand": {}},
            "window": {"showDocument": {"support": False}},
            "experimental": {"backburner": {"status": True, "commandLine": True}},
        }
        folder = {"uri": self.root.as_uri(), "name": self.root.name or "/"}
        self.request(
            "initialize",
            {
                "processId": os.getpid(),
                "clientInfo": {"name": "backburner", "version": __version__},
                "rootUri": folder["uri"],
                "workspaceFolders": [folder],
                "capabilities": capabilities,
            },
        )
        self._send({"jsonrpc": "2.0", "method": "initialized", "params": {}})

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        self._buffer = b""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def command(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Run `backburner.NAME`; raises `CliError` with the daemon's sentence when it is refused."""
        if "task" in arguments or "tasks" in arguments:
            # Numbers count in each project, and this client may have delegated in several.
            arguments = {"uri": self.root.as_uri(), **arguments}
        answer: dict[str, Any] | None = self.request(
            "workspace/executeCommand", {"command": f"backburner.{name}", "arguments": [arguments]}
        )
        return {} if answer is None else answer

    def request(self, method: str, params: dict[str, Any]) -> Any:
        self._last_id += 1
        number = self._last_id
        self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        while True:
            message = self._receive()
            if "method" in message:
                self._react(message)
            elif message.get("id", number) in (number, None):
                # An error without a number is about the only request there is: it could not be read.
                if "error" in message:
                    raise _failure(message["error"])
                return message.get("result")

    def listen(self) -> None:
        """Wait for one message of the daemon and hand it to the notification callback."""
        message = self._receive()
        if "method" in message:
            self._react(message)

    def _react(self, message: dict[str, Any]) -> None:
        if "id" in message:
            # We announce no capability that lets the server ask us something; an answer keeps it from waiting.
            self._send({"jsonrpc": "2.0", "id": message["id"], "result": None})
        elif self._on_notification is not None:
            self._on_notification(message["method"], message.get("params"))

    def _send(self, message: dict[str, Any]) -> None:
        try:
            body = json.dumps(message, allow_nan=False).encode()
        except ValueError:
            raise CliError("An amount must be a number.", USAGE, "usage") from None
        assert self._socket is not None
        try:
            self._socket.sendall(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        except OSError as error:
            raise _gone() from error

    def _receive(self) -> dict[str, Any]:
        head = self._until(b"\r\n\r\n")
        length = next(
            int(line.split(b":", 1)[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
        )
        return json.loads(self._exactly(length))

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._buffer:
            self._fill()
        head, self._buffer = self._buffer.split(mark, 1)
        return head

    def _exactly(self, length: int) -> bytes:
        while len(self._buffer) < length:
            self._fill()
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return body

    def _fill(self) -> None:
        assert self._socket is not None
        try:
            data = self._socket.recv(1 << 20)
        except OSError:
            data = b""
        if not data:
            raise _gone()
        self._buffer += data


def _gone() -> CliError:
    return CliError(
        "The daemon went away. `backburner list` starts it again and shows what is queued.", FAILED, "daemon_gone"
    )


def _failure(error: dict[str, Any]) -> CliError:
    data: dict[str, Any] = error.get("data") or {}
    reason = str(data.get("reason", ""))
    return CliError(str(error.get("message", "")), code_of(reason, error.get("code", 0)), reason)
