"""A small editor for tests: real buffers, the real protocol over any pair of streams, and a trick or two.

It applies the server's edits to its own buffers and tells the server so, as an editor does. `on_edit` lets a test play an
editor that drops, refuses, alters or delays an edit. Waiting is always for a fact: `until` looks again after each message.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Json = dict[str, Any]
CAPABILITIES = Path(__file__).parent / "capabilities"
PLAIN: Json = {
    "workspace": {"applyEdit": True, "workspaceEdit": {"documentChanges": True}, "workspaceFolders": True},
    "textDocument": {
        "publishDiagnostics": {},
        "codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["quickfix", "refactor"]}}},
        "hover": {"contentFormat": ["markdown", "plaintext"]},
        "codeLens": {},
    },
}
PATIENCE_S = 30.0


def recorded(name: str) -> Json:
    """`clientInfo` (ALE sends none) and `capabilities` as that client sent them."""
    return {"clientInfo": None, **json.loads((CAPABILITIES / f"{name}.json").read_text())}


def recorded_names() -> list[str]:
    return sorted(path.stem for path in CAPABILITIES.glob("*.json"))


class Refused(Exception):
    """The server answered with an error."""

    def __init__(self, error: Json) -> None:
        super().__init__(error["message"])
        self.code = error["code"]
        self.reason = (error.get("data") or {}).get("reason", "")


@dataclass
class Buffer:
    uri: str
    text: str
    version: int = 1

    def offset(self, position: Json) -> int:
        """Columns in UTF-16 units, as it was negotiated."""
        lines = self.text.split("\n")
        line = min(position["line"], len(lines) - 1)
        before = sum(len(text) + 1 for text in lines[:line])
        units = 0
        for index, character in enumerate(lines[line]):
            if units >= position["character"] and line == position["line"]:
                return before + index
            units += 2 if ord(character) > 0xFFFF else 1
        return before + len(lines[line])


@dataclass
class Client:
    """One connected editor."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    root: Path
    capabilities: Json = field(default_factory=lambda: PLAIN)
    info: Json | None = None
    settings: Json = field(default_factory=dict)
    buffers: dict[str, Buffer] = field(default_factory=dict)
    problems: dict[str, list[Json]] = field(default_factory=dict)
    notifications: list[tuple[str, Any]] = field(default_factory=list)
    asked: list[tuple[str, Any]] = field(default_factory=list)
    """Requests of the server, in order."""
    shown: list[str] = field(default_factory=list)
    on_edit: Callable[[Json], Any] | None = None
    """Plays the editor for one `workspace/applyEdit`: may change buffers; returns the reply, or None for the usual."""
    server: Json = field(default_factory=dict)
    kill: Callable[[], None] | None = None
    """Ends the server that was started for this editor, at once."""

    def __post_init__(self) -> None:
        self._last_id = 0
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._news = asyncio.Event()
        self.closed = False

    # The life of it.

    async def initialize(self, **more: Any) -> Json:
        params: Json = {
            "processId": os.getpid(),
            "rootUri": self.root.as_uri(),
            "workspaceFolders": [{"uri": self.root.as_uri(), "name": self.root.name}],
            "capabilities": self.capabilities,
            **more,
        }
        if self.info is not None:
            params["clientInfo"] = self.info
        self.server = await self.request("initialize", params)
        self.notify("initialized", {})
        return self.server

    async def leave(self) -> None:
        if not self.closed:
            await self.request("shutdown", None)
            self.notify("exit", None)
        self.writer.close()

    async def read(self) -> None:
        """Take messages until the server is gone."""
        try:
            while True:
                head = await self.reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                self._take(json.loads(await self.reader.readexactly(length)))
                self._news.set()
        except (asyncio.IncompleteReadError, ConnectionError):
            self.closed = True
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(ConnectionError("the server is gone"))
            self._news.set()

    async def until(self, check: Callable[[], Any], what: str = "") -> Any:
        """Wait until `check` gives something true, looking after each message; its value."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                while not (found := check()):
                    if self.closed:
                        raise ConnectionError("the server is gone")
                    # Mostly a message of the server makes it true; what a test looks at inside of it tells nobody.
                    await self.news(0.05)
                return found
            except asyncio.CancelledError:
                raise AssertionError(f"waited in vain for {what or 'something'}: {self.problems}") from None

    async def news(self, seconds: float) -> None:
        """Wait for the next message of the server, at most so long."""
        self._news.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return

    # Talking.

    async def request(self, method: str, params: Any) -> Any:
        self._last_id += 1
        future = self._waiting[self._last_id] = asyncio.get_running_loop().create_future()
        message: Json = {"jsonrpc": "2.0", "id": self._last_id, "method": method}
        if params is not None:
            message["params"] = params
        self._send(message)
        return await future

    def notify(self, method: str, params: Any) -> None:
        message: Json = {"jsonrpc": "2.0", "method": method}
        if params is not None:
            message["params"] = params
        self._send(message)

    async def command(self, name: str, argument: Mapping[str, Any] | None = None) -> Any:
        params = {"command": f"backburner.{name}", "arguments": [dict(argument or {})]}
        return await self.request("workspace/executeCommand", params)

    # Texts.

    def uri(self, path: str) -> str:
        return (self.root / path).as_uri()

    def open(self, path: str, text: str | None = None) -> Buffer:
        uri = path if path.startswith("file:") else self.uri(path)
        if text is None:
            text = Path(uri.removeprefix("file://")).read_text()
        buffer = self.buffers[uri] = Buffer(uri, text)
        item = {"uri": uri, "languageId": "python", "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})
        return buffer

    def set_text(self, path: str, text: str) -> None:
        """Replace what is different in the middle, as typing does."""
        buffer = self.buffers[self._uri(path)]
        old = buffer.text
        head = 0
        while head < min(len(old), len(text)) and old[head] == text[head]:
            head += 1
        tail = 0
        while tail < min(len(old), len(text)) - head and old[-1 - tail] == text[-1 - tail]:
            tail += 1
        change = {
            "range": {"start": position(old, head), "end": position(old, len(old) - tail)},
            "text": text[head : len(text) - tail],
        }
        self._change(buffer, [change])
        assert buffer.text == text

    def save(self, path: str) -> None:
        buffer = self.buffers[self.uri(path)]
        (self.root / path).write_text(buffer.text)
        self.notify("textDocument/didSave", {"textDocument": {"uri": buffer.uri}})

    def close(self, path: str) -> None:
        uri = self._uri(path)
        del self.buffers[uri]
        self.notify("textDocument/didClose", {"textDocument": {"uri": uri}})

    def _change(self, buffer: Buffer, changes: Sequence[Json]) -> None:
        for change in changes:
            start, end = buffer.offset(change["range"]["start"]), buffer.offset(change["range"]["end"])
            buffer.text = buffer.text[:start] + change["text"] + buffer.text[end:]
        buffer.version += 1
        identifier = {"uri": buffer.uri, "version": buffer.version}
        self.notify("textDocument/didChange", {"textDocument": identifier, "contentChanges": list(changes)})

    def apply(self, edit: Json) -> bool:
        """Do what a workspace edit says; False when it is for another version or a text that is not open."""
        for change in edit.get("documentChanges") or [
            {"textDocument": {"uri": uri, "version": None}, "edits": edits} for uri, edits in edit["changes"].items()
        ]:
            if change.get("kind") == "rename":
                old, new = (Path(change[key].removeprefix("file://")) for key in ("oldUri", "newUri"))
                old.rename(new)
                continue
            if change.get("kind") == "delete":
                Path(change["uri"].removeprefix("file://")).unlink()
                continue
            buffer = self.buffers.get(change["textDocument"]["uri"])
            version = change["textDocument"]["version"]
            if buffer is None or version not in (None, buffer.version):
                return False
            edits = sorted(change["edits"], key=lambda edit: tuple(edit["range"]["start"].values()), reverse=True)
            self._change(buffer, [{"range": edit["range"], "text": edit["newText"]} for edit in edits])
        return True

    # Looking.

    def ours(self, path: str) -> list[Json]:
        return self.problems.get(self.uri(path), [])

    async def lenses(self, path: str) -> list[str]:
        found = await self.request("textDocument/codeLens", {"textDocument": {"uri": self._uri(path)}})
        return [lens["command"]["title"] for lens in found]

    async def actions(self, path: str, line: int, *, end: int | None = None, **context: Any) -> list[Json]:
        where = {"start": {"line": line, "character": 0}, "end": {"line": line if end is None else end, "character": 0}}
        params = {
            "textDocument": {"uri": self._uri(path)},
            "range": where,
            "context": {"diagnostics": [], **context},
        }
        return await self.request("textDocument/codeAction", params)

    async def act(self, path: str, line: int, title: str, **context: Any) -> Any:
        """Choose a code action by its title (or its beginning) and do it."""
        found = await self.actions(path, line, **context)
        chosen = next((action for action in found if action["title"].startswith(title)), None)
        assert chosen is not None, f"no {title!r} among {[action['title'] for action in found]}"
        command = chosen if isinstance(chosen["command"], str) else chosen["command"]
        params = {"command": command["command"], "arguments": command["arguments"]}
        return await self.request("workspace/executeCommand", params)

    async def hover(self, path: str, line: int, character: int) -> str | None:
        params = {"textDocument": {"uri": self._uri(path)}, "position": {"line": line, "character": character}}
        found = await self.request("textDocument/hover", params)
        return None if found is None else found["contents"]["value"]

    def said(self) -> list[str]:
        return [params["message"] for method, params in self.notifications if method == "window/showMessage"]

    def _uri(self, path: str) -> str:
        return path if path.startswith("file:") else self.uri(path)

    # Taking messages.

    def _take(self, message: Json) -> None:
        if "method" not in message:
            future = self._waiting.pop(message["id"])
            if not future.done():
                if "error" in message:
                    future.set_exception(Refused(message["error"]))
                else:
                    future.set_result(message.get("result"))
        elif "id" in message:
            self.asked.append((message["method"], message.get("params")))
            result = self._answer(message["method"], message.get("params"))
            if result is not NotImplemented:
                self._send({"jsonrpc": "2.0", "id": message["id"], "result": result})
        else:
            params = message.get("params")
            self.notifications.append((message["method"], params))
            if message["method"] == "textDocument/publishDiagnostics":
                self.problems[params["uri"]] = params["diagnostics"]

    def _answer(self, method: str, params: Any) -> Any:
        match method:
            case "workspace/applyEdit":
                played = self.on_edit(params) if self.on_edit is not None else None
                return {"applied": self.apply(params["edit"])} if played is None else played
            case "workspace/configuration":
                return [self.settings for _ in params["items"]]
            case "window/showDocument":
                self.shown.append(params["uri"])
                return {"success": True}
            case _:
                return None

    def _send(self, message: Json) -> None:
        body = json.dumps(message).encode()
        self.writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)


def position(text: str, offset: int) -> Json:
    line = text.count("\n", 0, offset)
    column = text[text.rfind("\n", 0, offset) + 1 : offset]
    return {"line": line, "character": sum(2 if ord(character) > 0xFFFF else 1 for character in column)}


@asynccontextmanager
async def started(argv: Sequence[str], env: Mapping[str, str], root: Path, **more: Any) -> AsyncIterator[Client]:
    """An editor that has started a server of its own over standard streams."""
    child = await asyncio.create_subprocess_exec(
        *argv, cwd=root, env=dict(env), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 24
    )
    assert child.stdin is not None
    assert child.stdout is not None
    client = Client(child.stdout, child.stdin, root, kill=child.kill, **more)
    async with asyncio.TaskGroup() as group:
        reading = group.create_task(client.read())
        try:
            yield client
            await client.leave()
            async with asyncio.timeout(PATIENCE_S):
                await child.wait()
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
            reading.cancel()
