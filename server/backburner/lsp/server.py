"""Builds the server of one connection and registers every feature, here and nowhere else.

Handlers that read a text are plain functions: they run when the message comes, before any later change of the text. Those
that must wait return what is to be awaited. Pull diagnostics are never registered: we push.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from lsprotocol import types

from backburner.lsp import commands, sync
from backburner.lsp.actions import QUICKFIX, REWRITE
from backburner.lsp.code_action import code_action, resolve_code_action
from backburner.lsp.hover import hover
from backburner.lsp.lenses import code_lens
from backburner.lsp.letters import Letters
from backburner.lsp.publish import Publisher
from backburner.lsp.session import Editors, Session
from backburner.lsp.status import StatusLine
from backburner.lsp.transport import Connection, Server, make_server


def build(editors: Editors, connection: Connection) -> Server:
    """The server of one connection, ready to be served."""
    server = make_server(connection)
    session = Session(editors, connection, server)
    session.publisher = Publisher(session)
    session.letters = Letters(session)
    session.status = StatusLine(session)
    session.environment = editors.projects.hand_over(connection.environment)
    register(server, session)
    editors.enter(session)
    return server


def register(server: Server, session: Session) -> None:
    """Every feature of the protocol that we have."""
    feature: Any = server.feature
    files = types.FileOperationFilter(pattern=types.FileOperationPattern(glob="**/*"), scheme="file")
    kinds = [types.CodeActionKind(QUICKFIX), types.CodeActionKind(REWRITE)]

    def on(method: str, handler: Callable[[Session, Any], Any], options: Any = None) -> None:
        feature(method, options)(partial(handler, session))

    on(types.INITIALIZE, sync.initialize)
    on(types.INITIALIZED, sync.initialized)
    on(types.TEXT_DOCUMENT_DID_SAVE, sync.did_save, types.SaveOptions(include_text=False))
    on(types.WORKSPACE_DID_CHANGE_CONFIGURATION, sync.did_change_configuration)
    on(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS, sync.did_change_workspace_folders)
    on(types.WORKSPACE_DID_CHANGE_WATCHED_FILES, sync.did_change_watched_files)
    on(types.WORKSPACE_DID_RENAME_FILES, sync.did_rename_files, types.FileOperationRegistrationOptions(filters=[files]))
    options = types.CodeActionOptions(code_action_kinds=kinds, resolve_provider=True)
    on(types.TEXT_DOCUMENT_CODE_ACTION, code_action, options)
    on(types.CODE_ACTION_RESOLVE, resolve_code_action)
    on(types.TEXT_DOCUMENT_CODE_LENS, code_lens, types.CodeLensOptions(resolve_provider=False))
    on(types.TEXT_DOCUMENT_HOVER, hover)
    commands.register(server, session)
