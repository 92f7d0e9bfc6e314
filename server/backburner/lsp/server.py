"""Builds the server of one connection and registers every feature, here and nowhere else.

Handlers that read a text are plain functions: they run when the message comes, before any later change of the text. Those
that must wait return what is to be awaited. Pull diagnostics are never registered: we push.
"""

from __future__ import annotations

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
    feature(types.INITIALIZE)(lambda params: sync.initialize(session, params))
    feature(types.INITIALIZED)(lambda _: session.spawn(sync.start(session), "start the session"))
    feature(types.TEXT_DOCUMENT_DID_SAVE, types.SaveOptions(include_text=False))(
        lambda params: sync.did_save(session, params)
    )
    feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)(lambda params: sync.did_change_configuration(session, params))
    feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)(
        lambda params: sync.did_change_workspace_folders(session, params)
    )
    feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)(lambda params: sync.did_change_watched_files(session, params))
    files = types.FileOperationFilter(pattern=types.FileOperationPattern(glob="**/*"), scheme="file")
    feature(types.WORKSPACE_DID_RENAME_FILES, types.FileOperationRegistrationOptions(filters=[files]))(
        lambda params: sync.did_rename_files(session, params)
    )
    kinds = types.CodeActionOptions(
        code_action_kinds=[types.CodeActionKind(QUICKFIX), types.CodeActionKind(REWRITE)], resolve_provider=True
    )
    feature(types.TEXT_DOCUMENT_CODE_ACTION, kinds)(lambda params: code_action(session, params))
    feature(types.CODE_ACTION_RESOLVE)(resolve_code_action)
    feature(types.TEXT_DOCUMENT_CODE_LENS, types.CodeLensOptions(resolve_provider=False))(
        lambda params: code_lens(session, params)
    )
    feature(types.TEXT_DOCUMENT_HOVER)(lambda params: hover(session, params))
    commands.register(server, session)
