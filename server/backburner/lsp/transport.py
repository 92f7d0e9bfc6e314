"""One client of the daemon: its streams, its pygls server, its open texts, its child tasks.

How features are registered (`lsp/server.py` does it, in one function):

    def build(connection: Connection) -> Server:
        server = make_server(connection)
        server.feature("textDocument/hover")(hover)              # plain functions; params of lsprotocol
        server.add_command("backburner.show", TaskArguments, show)   # argument decoded and checked by msgspec
        server.add_method("backburner/status", StatusParams, status)  # a method of our own, likewise
        return server

A handler is a plain function (runs at once, sees the text that the client had when it asked) or a coroutine function (runs
as a child of the connection, cancelled with it and by `$/cancelRequest`). It returns lsprotocol objects, msgspec structs
or plain JSON. To refuse it raises `Refusal(sentence, reason)`; any other exception is logged and answered with one
sentence. Open texts are in `connection.documents`, in step before any handler is called.

Messages of one client are read in order; after each the loop turns once, so that no client makes another one wait.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import Task as Handle
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar, cast

import msgspec
from lsprotocol import types
from msgspec import Struct
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from backburner import __version__
from backburner.lib import handshake
from backburner.lsp import messages
from backburner.lsp.documents import Documents
from backburner.lsp.framing import Broken, FramingLimits, Incoming, Outgoing, TooLarge
from backburner.lsp.protocol import FencedProtocol, shared_converter

logger = logging.getLogger(__name__)

A = TypeVar("A", bound=Struct)
Build = Callable[["Connection"], "Server"]


class Refusal(JsonRpcException):
    """A request cannot be done; the sentence is for the person, the reason a name for programs."""

    def __init__(self, sentence: str, reason: str = "", code: int = messages.REQUEST_FAILED, **data: Any) -> None:
        super().__init__(sentence, code, {"reason": reason, **data} if reason or data else None)


class Connection:
    """One client, from its first byte to its last.

    `serve` reads until the client leaves; everything that was started through `spawn` ends with it.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        kind: str = handshake.EDITOR,
        environment: Mapping[str, str] | None = None,
        limits: FramingLimits | None = None,
    ) -> None:
        self.kind = kind
        """`editor` or `cli` (`lib/handshake.py`)."""
        self.environment: Mapping[str, str] = environment or {}
        """The client's whole environment, keys included: held in memory, never logged, never sent anywhere."""
        self.cwd = ""
        """Where the client was started."""
        self.documents = Documents()
        self.orderly = False
        """The client said `shutdown`, then `exit`."""
        self.on_close: list[Callable[[], None]] = []
        """Called once when the client is gone, before its tasks are cancelled. Must not raise or wait."""
        limits = limits or FramingLimits()
        self._incoming = Incoming(reader, limits)
        self._outgoing = Outgoing(writer, limits)
        self._leaving = False
        self._group: asyncio.TaskGroup | None = None
        self._handles: set[Handle[Any]] = set()

    @property
    def is_closed(self) -> bool:
        return self._leaving or self._outgoing.is_closed

    @property
    def waiting_bytes(self) -> int:
        """Output that the client has not taken yet. Send the latest state when it is small, not a backlog."""
        return self._outgoing.waiting_bytes

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> Handle[Any] | None:
        """Run `work` as a child of this connection. Its exceptions are logged. None when the client is gone."""
        if self._group is None or self._leaving:
            work.close()
            return None
        handle = self._group.create_task(self._guard(work, name), name=name)
        self._handles.add(handle)
        handle.add_done_callback(self._handles.discard)
        return handle

    def send(self, body: bytes) -> None:
        """Hand over one message; lost when the client is gone."""
        if not self._outgoing.send(body):
            logger.debug("a message was lost: the client is gone")

    def fits(self, body: bytes) -> bool:
        return self._outgoing.fits(body)

    async def drained(self) -> None:
        """Wait until the client has read most of what was sent; at once when it is gone."""
        await self._outgoing.drained()

    def leave(self, orderly: bool = True) -> None:
        """End the connection after the message that is being handled."""
        self.orderly = orderly
        self._leaving = True

    async def serve(self, build: Build) -> None:
        """Serve the client until it leaves. Returns when nothing of it is left; only cancellation is raised."""
        server = build(self)
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                try:
                    await self._read(server.protocol)
                finally:
                    self._let_go()
        finally:
            server.protocol.closed()
            self.documents.clear()
            await self._outgoing.close()

    async def _read(self, protocol: FencedProtocol) -> None:
        while not self.is_closed:
            try:
                body = await self._incoming.next()
            except Broken as error:
                logger.warning("a client was cut off: %s", error)
                sentence = f"{error} The connection is closed."
                self.send(messages.encode_error(None, messages.PARSE_ERROR, sentence))
                return
            except (ConnectionError, OSError) as error:
                logger.info("a client is gone: %s", error)
                return
            match body:
                case None:
                    return
                case TooLarge(size=size):
                    # It may have been an edit: what we hold may not be what the client has.
                    self.documents.doubt_all()
                    sentence = f"A message of {size:,} bytes is too large and was not read."
                    self.send(messages.encode_error(None, messages.INVALID_REQUEST, sentence))
                case bytes():
                    protocol.receive(body)
            # A client that does not read its answers is not read from either; and nobody reads on while others wait.
            await self._outgoing.drained()
            await asyncio.sleep(0)

    def _let_go(self) -> None:
        self._leaving = True
        for tell in self.on_close:
            try:
                tell()
            except Exception:
                logger.exception("closing a connection")
        self.on_close.clear()
        for handle in tuple(self._handles):
            handle.cancel()

    async def _guard(self, work: Coroutine[Any, Any, Any], name: str) -> Any:
        try:
            return await work
        except Exception:
            logger.exception("%s failed", name)


class Server(LanguageServer):
    """A pygls server for one connection; made by `make_server`."""

    protocol: FencedProtocol  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.own_types: dict[str, type[Struct]] = {}
        """Params of our own methods."""
        self.command_types: dict[str, type[Struct]] = {}
        super().__init__(  # pyright: ignore[reportUnknownMemberType]
            "backburner",
            __version__,
            types.TextDocumentSyncKind.Incremental,
            protocol_cls=FencedProtocol,
            converter_factory=shared_converter,
        )

    def add_command(self, name: str, argument: type[A], handler: Callable[[A], Any]) -> None:
        """Register a command that takes one JSON object, checked against `argument` before `handler` is called."""
        self.command_types[name] = argument
        self.protocol.commands[name] = handler

    def add_method(self, name: str, params: type[A], handler: Callable[[A], Any]) -> None:
        """Register a method that LSP does not know; request or notification, as the client sends it."""
        self.own_types[name] = params
        self.protocol.features[name] = handler

    def adjust_capabilities(self, capabilities: types.ServerCapabilities) -> None:
        """Called with what `initialize` will announce. Assign a function to change it in place."""

    def thread(self) -> Any:
        raise NotImplementedError("asyncio streams are not thread-safe: use a coroutine and asyncio.to_thread")

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Stock pygls would show a message window."""
        logger.error("%s: %s", getattr(source, "__name__", source), error)


def make_server(connection: Connection) -> Server:
    """A server without features for `connection`; see the module's docstring for how to register them."""
    return Server(connection)


def prewarm() -> None:
    """Compile the converter for the messages every editor sends first, so that the first editor does not wait for it."""
    converter = shared_converter()
    samples: dict[str, Any] = {
        types.INITIALIZE: {"capabilities": {}},
        types.TEXT_DOCUMENT_CODE_ACTION: {
            "textDocument": {"uri": "file:///a"},
            "range": {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}},
            "context": {"diagnostics": []},
        },
        types.TEXT_DOCUMENT_CODE_LENS: {"textDocument": {"uri": "file:///a"}},
        types.TEXT_DOCUMENT_HOVER: {"textDocument": {"uri": "file:///a"}, "position": {"line": 0, "character": 0}},
        types.WORKSPACE_EXECUTE_COMMAND: {"command": "a", "arguments": [{}]},
        types.TEXT_DOCUMENT_DID_SAVE: {"textDocument": {"uri": "file:///a"}},
    }
    for method, sample in samples.items():
        converter.structure(sample, cast(type[Any], types.METHOD_TO_TYPES[method][2]))
    converter.unstructure(types.InitializeResult(capabilities=types.ServerCapabilities()))
    msgspec.json.encode({})
