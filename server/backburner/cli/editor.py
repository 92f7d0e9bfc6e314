"""The smallest editor there is: buffers, and the language server protocol over a child's standard streams.

The demo drives the real bridge and daemon with it. Columns are UTF-16 units, as the protocol has them by default; buffers
are texts with LF ends.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from backburner import __version__
from backburner.lib import process

Json = dict[str, Any]


@dataclass
class Buffer:
    path: Path
    text: str
    version: int = 1
    diagnostics: list[Json] = field(default_factory=list[Json])


class Editor:
    """One editor with one server. Use as an async context manager."""

    def __init__(self, argv: Sequence[str], root: Path, env: Mapping[str, str]) -> None:
        self.root = root
        self.buffers: dict[str, Buffer] = {}
        self.status: Json = {}
        self.shown: list[str] = []
        self.changed = asyncio.Event()
        """Set whenever the server told something."""
        self._argv, self._env = argv, env
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._last_id = 0
        self._child: asyncio.subprocess.Process | None = None
        self._group = asyncio.TaskGroup()

    async def __aenter__(self) -> Editor:
        await self._group.__aenter__()
        self._child = await process.start(self._argv, cwd=self.root, env=self._env)
        self._reader = self._group.create_task(self._read())
        await self.request(
            "initialize",
            {
                "processId": os.getpid(),
                "clientInfo": {"name": "backburner-demo", "version": __version__},
                "rootUri": self.root.as_uri(),
                "workspaceFolders": [{"uri": self.root.as_uri(), "name": self.root.name}],
                "capabilities": {
                    "workspace": {"applyEdit": True, "codeLens": {"refreshSupport": True}, "workspaceFolders": True},
                    "textDocument": {
                        "publishDiagnostics": {"dataSupport": True},
                        "codeLens": {},
                        "codeAction": {
                            "codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["quickfix", "refactor"]}}
                        },
                    },
                    "window": {"showDocument": {"support": True}},
                    "experimental": {"backburner": {"status": True, "input": True}},
                },
            },
        )
        await self.notify("initialized", {})
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child is not None:
            if kind is None:
                await self.request("shutdown", None)
                await self.notify("exit", None)
            process.kill_group(self._child.pid)
            await self._child.wait()
        self._reader.cancel()
        await self._group.__aexit__(kind, error, trace)

    async def open(self, path: Path, text: str | None = None) -> Buffer:
        """Open a file, with `text` as its unsaved content when given."""
        buffer = Buffer(path, path.read_text() if text is None else text)
        self.buffers[path.as_uri()] = buffer
        item = {"uri": path.as_uri(), "languageId": "python", "version": 1, "text": buffer.text}
        await self.notify("textDocument/didOpen", {"textDocument": item})
        return buffer

    async def replace(self, path: Path, old: str, new: str) -> None:
        """Type: `old`, which stands in the buffer once, becomes `new`."""
        buffer = self.buffers[path.as_uri()]
        start = buffer.text.index(old)
        change = {"range": _range(buffer.text, start, start + len(old)), "text": new}
        await self._change(path.as_uri(), buffer.text[:start] + new + buffer.text[start + len(old) :], [change])

    async def command(self, name: str, arguments: Json) -> Any:
        return await self.request(
            "workspace/executeCommand", {"command": f"backburner.{name}", "arguments": [arguments]}
        )

    async def lenses(self, path: Path) -> list[Json]:
        return await self.request("textDocument/codeLens", {"textDocument": {"uri": path.as_uri()}}) or []

    async def request(self, method: str, params: Json | None) -> Any:
        self._last_id += 1
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[self._last_id] = future
        await self._send({"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params})
        return await future

    async def notify(self, method: str, params: Json | None) -> None:
        await self._send({"jsonrpc": "2.0", "method": method, "params": params})

    async def until(self, condition: Callable[[], Awaitable[bool]], timeout_s: float = 60.0) -> None:
        """Wait until `condition` holds; it is looked at whenever the server told something, and twice a second."""
        async with asyncio.timeout(timeout_s):
            while not await condition():
                self.changed.clear()
                try:
                    async with asyncio.timeout(0.5):
                        await self.changed.wait()
                except TimeoutError:
                    continue

    async def _change(self, uri: str, text: str, changes: list[Json]) -> None:
        buffer = self.buffers[uri]
        buffer.text, buffer.version = text, buffer.version + 1
        identifier = {"uri": uri, "version": buffer.version}
        await self.notify("textDocument/didChange", {"textDocument": identifier, "contentChanges": changes})

    async def _apply(self, edit: Json) -> bool:
        plain: dict[str, list[Json]] = edit.get("changes") or {}
        documents: list[Json] = edit.get("documentChanges") or [
            {"textDocument": {"uri": uri, "version": None}, "edits": edits} for uri, edits in plain.items()
        ]
        for document in documents:
            identifier: Json = document.get("textDocument", {})
            buffer = self.buffers.get(identifier.get("uri", ""))
            if buffer is None or identifier.get("version") not in (None, buffer.version):
                return False
            text = buffer.text
            edits: list[Json] = document["edits"]
            edits.sort(key=lambda change: _offset(text, change["range"]["start"]), reverse=True)
            for change in edits:
                start, end = (_offset(buffer.text, change["range"][side]) for side in ("start", "end"))
                text = text[:start] + change["newText"] + text[end:]
            changes = [{"range": change["range"], "text": change["newText"]} for change in edits]
            await self._change(identifier["uri"], text, changes)
        return True

    async def _react(self, message: Json) -> None:
        method: str = message["method"]
        params: Json = message.get("params") or {}
        result: Any = None
        if method == "workspace/applyEdit":
            result = {"applied": await self._apply(params["edit"])}
        elif method == "workspace/configuration":
            result = [None for _ in params["items"]]
        elif method == "window/showDocument":
            self.shown.append(params["uri"])
            result = {"success": True}
        elif method == "textDocument/publishDiagnostics" and params["uri"] in self.buffers:
            self.buffers[params["uri"]].diagnostics = params["diagnostics"]
        elif method == "backburner/status":
            self.status = params
        if "id" in message:
            await self._send({"jsonrpc": "2.0", "id": message["id"], "result": result})

    async def _send(self, message: Json) -> None:
        assert self._child is not None
        assert self._child.stdin is not None
        body = json.dumps(message).encode()
        self._child.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        await self._child.stdin.drain()

    async def _read(self) -> None:
        assert self._child is not None
        stream = self._child.stdout
        assert stream is not None
        try:
            while True:
                length = 0
                while (line := (await stream.readline()).strip()) or not length:
                    if not line:
                        raise ConnectionError
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                message = json.loads(await stream.readexactly(length))
                if "method" in message:
                    await self._react(message)
                elif (future := self._waiting.pop(message.get("id", 0), None)) and not future.done():
                    if "error" in message:
                        future.set_exception(RuntimeError(message["error"]["message"]))
                    else:
                        future.set_result(message.get("result"))
                self.changed.set()
        except (ConnectionError, asyncio.IncompleteReadError):
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(ConnectionError("The server went away."))


def _offset(text: str, position: Json) -> int:
    lines: list[str] = text.split("\n")
    line: int = min(position["line"], len(lines) - 1)
    before = sum(len(lines[index]) + 1 for index in range(line))
    units = lines[line].encode("utf-16-le")[: 2 * position["character"]]
    return before + len(units.decode("utf-16-le", "ignore"))


def _range(text: str, start: int, end: int) -> Json:
    return {"start": _position(text, start), "end": _position(text, end)}


def _position(text: str, offset: int) -> Json:
    before = text[:offset]
    column = before[before.rfind("\n") + 1 :]
    return {"line": before.count("\n"), "character": len(column.encode("utf-16-le")) // 2}
