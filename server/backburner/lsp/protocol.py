"""pygls, fenced for a daemon that serves many clients: what a message does, from its bytes to its answer.

pygls gives the registration of features, the announced capabilities, the types and the calls to the client. Dispatch,
life cycle, documents and errors are ours: stock pygls ends the process on `exit`, leaves malformed messages unanswered,
answers errors with tracebacks, logs texts and keeps closed connections alive.

Plain functions run at once, in the order of the messages; coroutine functions run as children of the connection, on a
later turn of the loop, when the texts may have moved on. There are no threaded handlers.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import logging
from asyncio import CancelledError
from asyncio import Task as Handle
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Literal, cast

import msgspec
from lsprotocol import types
from pygls.capabilities import ServerCapabilitiesBuilder
from pygls.exceptions import JsonRpcException
from pygls.protocol import LanguageServerProtocol, default_converter, lsp_method

from backburner.lsp import messages
from backburner.lsp.messages import Id, Malformed, Message

if TYPE_CHECKING:
    from cattrs import Converter

    from backburner.lsp.transport import Server

logger = logging.getLogger(__name__)

Handler = Callable[..., Any]
Life = Literal["new", "initializing", "running", "shut down", "exited"]
SYNC = (types.TEXT_DOCUMENT_DID_OPEN, types.TEXT_DOCUMENT_DID_CHANGE, types.TEXT_DOCUMENT_DID_CLOSE)
NOT_OURS = (
    types.NOTEBOOK_DOCUMENT_DID_OPEN,
    types.NOTEBOOK_DOCUMENT_DID_CHANGE,
    types.NOTEBOOK_DOCUMENT_DID_CLOSE,
)


@functools.cache
def shared_converter() -> Converter:
    """One converter for all connections: 32 KiB a connection instead of 289, and no compiling of types at each."""
    return default_converter()


class FencedProtocol(LanguageServerProtocol):
    """The protocol of one connection."""

    _server: Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, server: Server, converter: Converter) -> None:
        super().__init__(server, converter)
        manager = cast(Any, self.fm)
        self.builtins: dict[str, Handler] = manager.builtin_features
        self.features: dict[str, Handler] = manager.features
        """What was registered for a method."""
        self.commands: dict[str, Handler] = manager.commands
        for method in NOT_OURS:
            self.builtins.pop(method, None)
        self.life: Life = "new"
        self._numbers = itertools.count(1)
        self._running: dict[Id, Handle[None] | None] = {}
        """Requests of the client that are not answered yet."""
        self._asked: dict[Id, tuple[str, Future[Any]]] = {}
        """Requests to the client that it has not answered yet."""

    # Coming in.

    def receive(self, body: bytes) -> None:
        """Do what one message asks for. Answers itself; never raises for anything that a client can send."""
        try:
            message = messages.read(body)
            if message.method is messages.UNSET:
                self._take_answer(message)
            elif message.is_request:
                self._take_request(message)
            else:
                self._take_notification(message)
        except Malformed as error:
            logger.warning("a message was refused: %s", error.sentence)
            self._fail(error.id, error.code, error.sentence)

    def _take_request(self, message: Message) -> None:
        id, method = cast(Id, message.id), cast(str, message.method)
        if id in self._running:
            self._fail(id, messages.INVALID_REQUEST, f"Request {id} is still being answered.")
            return
        if refusal := self._untimely(method):
            self._fail(id, *refusal)
            return
        handler = self._handler(method)
        if handler is None:
            self._fail(id, messages.METHOD_NOT_FOUND, f"Unknown method {method[:200]}.")
            return
        self._running[id] = None
        try:
            params = self._params(method, message)
            result = handler(params)
            if inspect.isawaitable(result):
                handle = self._server.connection.spawn(self._answer_later(id, method, result), method)
                self._running[id] = handle
                if handle is not None:
                    # One that is cancelled before its first step has had no chance to answer.
                    handle.add_done_callback(lambda _: self._cancelled_early(id))
                return
            self._answer(id, result)
        except Exception as error:
            self._answer_error(id, method, error)
        self._running.pop(id, None)

    def _take_notification(self, message: Message) -> None:
        method = cast(str, message.method)
        if method != types.EXIT and self.life != "running" and not (self.life == "new" and method == "$/setTrace"):
            logger.info("%s was ignored: the connection is %s", method, self.life)
            return
        try:
            if method in SYNC:
                self._server.connection.documents.apply(method, message.params or msgspec.Raw(b"null"))
                self._spawn_user(method, message)
                return
            if method == types.CANCEL_REQUEST:
                self._cancel(messages.plain(message.params))
                return
            handler = self._handler(method)
            if handler is None:
                logger.debug("the notification %s is unknown", method)
                return
            result = handler(self._params(method, message))
            if inspect.isawaitable(result):
                self._server.connection.spawn(self._watch(method, result), method)
        except Malformed as error:
            logger.warning("%s was ignored: %s", method, error.sentence)
        except msgspec.DecodeError as error:
            logger.warning("%s was ignored: %s", method, messages.wrong_shape(error))
        except Exception:
            logger.exception("%s failed", method)

    def _take_answer(self, message: Message) -> None:
        method, future = self._asked.pop(message.id, ("", None))
        if future is None or not future.set_running_or_notify_cancel():
            logger.debug("an answer to an unknown request was ignored")
            return
        if message.error is not messages.UNSET and message.error is not None:
            future.set_exception(messages.client_error(message.error))
            return
        try:
            result = messages.plain(message.result)
            response = types.METHOD_TO_TYPES.get(method, (None, None))[1]
            if response is not None:
                whole = {"jsonrpc": "2.0", "id": message.id, "result": result}
                result = getattr(self._converter.structure(whole, response), "result", None)
        except Exception as error:
            logger.warning("the answer to %s could not be read: %s", method, messages.wrong_shape(error))
            future.set_exception(JsonRpcException(messages.wrong_shape(error), messages.INVALID_PARAMS))
            return
        future.set_result(result)

    def _untimely(self, method: str) -> tuple[int, str] | None:
        if self.life in ("shut down", "exited"):
            return messages.INVALID_REQUEST, "The connection is shut down."
        if method == types.INITIALIZE:
            return None if self.life == "new" else (messages.INVALID_REQUEST, "Already initialized.")
        if self.life != "running":
            return messages.NOT_INITIALIZED, "Not initialized yet."
        return None

    def _handler(self, method: str) -> Handler | None:
        return self.builtins.get(method) or self.features.get(method)

    def _params(self, method: str, message: Message) -> Any:
        """Params in the method's type; plain JSON where the type is not known. Raises `JsonRpcException`, `Malformed`."""
        own = self._server.own_types.get(method)
        known = own or types.METHOD_TO_TYPES.get(method, (None, None, None))[2]
        value = messages.plain(message.params)
        if known is None:
            return value
        try:
            if own is not None:
                return msgspec.convert({} if value is None else value, own)
            return self._converter.structure({} if value is None else value, known)
        except Exception as error:
            raise JsonRpcException(messages.wrong_shape(error), messages.INVALID_PARAMS) from None

    def _spawn_user(self, method: str, message: Message) -> None:
        """A registered feature for a synchronisation message comes after the documents have it."""
        if (user := self.features.get(method)) is not None:
            result = user(self._params(method, message))
            if inspect.isawaitable(result):
                self._server.connection.spawn(self._watch(method, result), method)

    def _cancel(self, params: Any) -> None:
        id = cast(dict[str, Any], params).get("id") if isinstance(params, dict) else None
        handle = self._running.get(id) if isinstance(id, int | str) else None
        if handle is not None:
            handle.cancel()

    # Answers.

    async def _answer_later(self, id: Id, method: str, result: Awaitable[Any]) -> None:
        try:
            self._answer(id, await result)
        except CancelledError:
            self._fail(id, messages.REQUEST_CANCELLED, "Cancelled.")
            raise
        except Exception as error:
            self._answer_error(id, method, error)
        finally:
            self._running.pop(id, None)

    def _cancelled_early(self, id: Id) -> None:
        if self._running.pop(id, None) is not None:
            self._fail(id, messages.REQUEST_CANCELLED, "Cancelled.")

    async def _watch(self, method: str, result: Awaitable[Any]) -> None:
        try:
            await result
        except Exception:
            logger.exception("%s failed", method)

    def _answer(self, id: Id, result: Any) -> None:
        self._send(messages.encode_result(id, self.plain(result)), id)

    def _answer_error(self, id: Id, method: str, error: Exception) -> None:
        if isinstance(error, JsonRpcException):
            self._fail(id, error.code, error.message, error.data)
        elif isinstance(error, Malformed):
            self._fail(id, error.code, error.sentence)
        else:
            logger.error("%s failed", method, exc_info=error)
            self._fail(id, messages.INTERNAL_ERROR, f"{method} failed. The log of the daemon has the details.")

    def _fail(self, id: Id | None, code: int, sentence: str, data: Any = None) -> None:
        self._send(messages.encode_error(id, code, sentence, data), None)

    def plain(self, value: Any) -> Any:
        """Types of lsprotocol as plain JSON; structs and plain values stay as they are."""
        if value is None or isinstance(value, msgspec.Struct | msgspec.Raw | str | int):
            return value
        return self._converter.unstructure(value)

    def _send(self, body: bytes, id: Id | None) -> None:
        if not self._server.connection.fits(body):
            logger.error("a message of %d bytes was not sent: too large", len(body))
            if id is None:
                return
            body = messages.encode_error(id, messages.INTERNAL_ERROR, "The answer is too large to be sent.")
        self._server.connection.send(body)

    # Going out. The names are those of pygls, whose helpers call them.

    def notify(self, method: str, params: Any | None = None) -> None:
        """Send a notification; params of lsprotocol, structs or plain JSON."""
        self._send(messages.encode_call(method, self.plain(params)), None)

    def send_request(
        self,
        method: str,
        params: Any | None = None,
        callback: Callable[[Any], None] | None = None,
        msg_id: Id | None = None,
    ) -> Future[Any]:
        """Ask the client. The future fails with `JsonRpcException`, or `ConnectionError` when the client is gone."""
        id = next(self._numbers) if msg_id is None else msg_id
        future: Future[Any] = Future()
        if self._server.connection.is_closed:
            future.set_exception(ConnectionResetError("the client is gone"))
            return future
        self._asked[id] = (method, future)
        future.add_done_callback(lambda done: self._forget_question(id, done))
        if callback is not None:
            future.add_done_callback(lambda done: callback(done.result()))
        self._send(messages.encode_call(method, self.plain(params), id), None)
        return future

    def _forget_question(self, id: Id, future: Future[Any]) -> None:
        if future.cancelled() and self._asked.pop(id, None) is not None:
            self.notify(types.CANCEL_REQUEST, {"id": id})

    def _send_data(self, data: Any) -> None:
        raise NotImplementedError("messages leave through notify, send_request and answers")

    def closed(self) -> None:
        """The client is gone: nobody waits for its answers any longer, nothing of it is kept."""
        self.life = "exited"
        for _, future in tuple(self._asked.values()):
            if future.set_running_or_notify_cancel():
                future.set_exception(ConnectionResetError("the client is gone"))
        self._asked.clear()
        self._running.clear()
        self._workspace = None
        # Handlers hold the session, the session holds us: without this only the garbage collector would part them.
        self.features.clear()
        self.commands.clear()
        self.builtins.clear()

    # Built-in methods. pygls' own are generators; these are plain, so that nothing runs on a later turn.

    def get_message_type(self, method: str) -> type[Any] | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        return types.METHOD_TO_TYPES.get(method, (None,))[0]

    def get_result_type(self, method: str) -> type[Any] | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        return types.METHOD_TO_TYPES.get(method, (None, None))[1]

    @lsp_method(types.INITIALIZE)
    def lsp_initialize(self, params: types.InitializeParams) -> types.InitializeResult:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The user's handler runs before the capabilities are made, so it may register more. It must be a plain function."""
        self.life = "initializing"
        try:
            server = self._server
            server.process_id = params.process_id
            self.client_capabilities = params.capabilities
            encoding = ServerCapabilitiesBuilder.choose_position_encoding(params.capabilities)
            text = str(getattr(encoding, "value", encoding))
            server.connection.documents.encoding = cast(Literal["utf-8", "utf-16", "utf-32"], text)
            if (user := self.features.get(types.INITIALIZE)) is not None:
                user(params)
            self.server_capabilities = ServerCapabilitiesBuilder(
                params.capabilities,
                {*self.features, *self.builtins},
                cast(Any, self.fm).feature_options,
                list(self.commands),
                types.TextDocumentSyncKind.Incremental,
                None,
                encoding,
            ).build()
            server.adjust_capabilities(self.server_capabilities)
        except BaseException:
            self.life = "new"
            raise
        self.life = "running"
        return types.InitializeResult(capabilities=self.server_capabilities, server_info=self.server_info)

    @lsp_method(types.INITIALIZED)
    def lsp_initialized(self, *args: Any) -> Any:
        return self._user(types.INITIALIZED, *args)

    @lsp_method(types.SHUTDOWN)
    def lsp_shutdown(self, *args: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        self.life = "shut down"
        for handle in tuple(self._running.values()):
            if handle is not None:
                handle.cancel()
        self._user(types.SHUTDOWN, *args)

    @lsp_method(types.EXIT)
    def lsp_exit(self, *args: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Ends this connection, never the process."""
        orderly = self.life == "shut down"
        self.life = "exited"
        self._server.connection.leave(orderly)

    @lsp_method(types.SET_TRACE)
    def lsp_set_trace(self, params: types.SetTraceParams) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        self.trace = params.value

    @lsp_method(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    def lsp_workspace__did_change_workspace_folders(self, params: types.DidChangeWorkspaceFoldersParams) -> Any:
        return self._user(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS, params)

    @lsp_method(types.WORKSPACE_EXECUTE_COMMAND)
    def lsp_workspace__execute_command(self, params: types.ExecuteCommandParams) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Runs a command registered by `Server.add_command` (typed) or by pygls' own `command` (arguments as they came)."""
        name = params.command
        handler = self.commands.get(name)
        if handler is None:
            raise JsonRpcException(f"There is no command {name[:200]}.", messages.INVALID_PARAMS)
        arguments = tuple(params.arguments or ())
        type_ = self._server.command_types.get(name)
        if type_ is None:
            return handler(*arguments)
        if len(arguments) > 1:
            sentence = f"{name} takes one object, not {len(arguments)} arguments."
            raise JsonRpcException(sentence, messages.INVALID_PARAMS)
        try:
            given: Any = arguments[0] if arguments else None
            argument = msgspec.convert({} if given is None else given, type_)
        except msgspec.ValidationError as error:
            raise JsonRpcException(messages.misfit(name, str(error)), messages.INVALID_PARAMS) from None
        return handler(argument)

    @lsp_method(types.WINDOW_WORK_DONE_PROGRESS_CANCEL)
    def lsp_work_done_progress_cancel(self, params: types.WorkDoneProgressCancelParams) -> Any:
        tokens = cast(dict[Id, Future[Any]], cast(Any, self.progress).tokens)
        if (future := tokens.pop(params.token, None)) is not None:
            future.cancel()
        return self._user(types.WINDOW_WORK_DONE_PROGRESS_CANCEL, params)

    def _user(self, method: str, *args: Any) -> Any:
        user = self.features.get(method)
        return None if user is None else user(*args)
