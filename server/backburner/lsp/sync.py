"""What a client tells about itself, its folders and its files: initialize, folders, saves, renames, settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from lsprotocol import types

from backburner.lsp.capabilities import FLAGS, resolve
from backburner.lsp.documents import Document
from backburner.lsp.roots import Owned
from backburner.lsp.session import Session
from backburner.lsp.settle import settle_file, settle_project
from backburner.lsp.undoing import undone_by_editor
from backburner.model import wishes as w

SECTION = "backburner"


def initialize(session: Session, params: types.InitializeParams) -> None:
    """Plain function, before the capabilities are made: nothing is loaded yet, so that the answer is at once there."""
    session.client = resolve(params, session.documents.encoding)
    folders = [folder.uri for folder in params.workspace_folders or ()]
    if not folders and params.root_uri:
        folders = [params.root_uri]
    elif not folders and params.root_path:
        folders = [f"file://{params.root_path}"]
    session.roots.set_folders(folders)
    options: object = params.initialization_options
    if isinstance(options, Mapping):
        said = section_of(cast(Mapping[str, Any], options))
        # `review` is an ability and a table of settings.
        flags = {name for name in (SECTION, *FLAGS) if isinstance(said.get(name), bool)}
        session.set_settings({name: value for name, value in said.items() if name not in flags})


def initialized(session: Session, _: types.InitializedParams) -> None:
    session.spawn(start(session), "start the session")


async def start(session: Session) -> None:
    """After `initialized`: ask for settings and file events where that is announced, load the projects, show them."""
    session.spawn(session.publisher.run(), "publish")
    if session.client.configuration and not session.client.command_line:
        await read_configuration(session)
    if session.client.watched_files:
        await _watch_files(session)
    if session.client.command_line:
        return
    session.editors.projects.workers.warm()
    for root in session.roots.all():
        await session.load(root)
        if root in session.engines:
            await settle_project(session, root)


async def read_configuration(session: Session) -> None:
    params = types.ConfigurationParams(items=[types.ConfigurationItem(section=SECTION)])
    answer = await session.server.workspace_configuration_async(params)
    first: object = answer[0] if answer else None
    if isinstance(first, Mapping):
        session.set_settings(cast(Mapping[str, Any], first))


def did_change_configuration(session: Session, params: types.DidChangeConfigurationParams) -> Any:
    """Some clients send the settings along, others want to be asked."""
    settings: object = params.settings
    if isinstance(settings, Mapping) and settings:
        session.set_settings(section_of(cast(Mapping[str, Any], settings)))
        return None
    return read_configuration(session) if session.client.configuration else None


def did_change_workspace_folders(session: Session, params: types.DidChangeWorkspaceFoldersParams) -> Any:
    session.roots.change_folders(
        [folder.uri for folder in params.event.added], [folder.uri for folder in params.event.removed]
    )
    return start_folders(session)


async def start_folders(session: Session) -> None:
    for root in session.roots.all():
        await session.load(root)
    session.publisher.look()


def did_save(session: Session, params: types.DidSaveTextDocumentParams) -> None:
    """A moment to look; and an instruction that was written is sent. Plain function: freezes what is seen now."""
    uri = params.text_document.uri
    session.saved(uri)
    session.letters.saved(uri)
    document = session.documents.get(uri)
    owned = session.roots.owner(uri)
    if document is not None and owned is not None:
        session.spawn(taken_back_by_id(session, owned, document.text_id), "look for undone accepts")
    session.publisher.look()


def did_rename_files(session: Session, params: types.RenameFilesParams) -> Any:
    moves = [(session.roots.owner(file.old_uri), session.roots.owner(file.new_uri)) for file in params.files]

    async def later() -> None:
        for old, new in moves:
            if old is not None and new is not None and old.root == new.root:
                engine = await session.engine(old.root)
                await session.submit(engine, w.RenamePath(old=old.path, new=new.path))
        session.publisher.look()

    return later()


def did_change_watched_files(session: Session, _: types.DidChangeWatchedFilesParams) -> None:
    """Closed files changed on disk: their marks are computed anew at the next moment."""
    session.publisher.wake()


def document_changed(session: Session, document: Document) -> None:
    """After each change of an open text: the editor's own undo of an accept takes its verdicts back."""
    owned = session.owned_of(document)
    if owned is None:
        return
    watched = session.reverts.reverted(owned, document.lines)
    key = (owned.root, owned.path)
    if watched is not None and key not in session.editors.accepting:
        session.spawn(take_back(session, owned, watched.task, watched.items), "take back")


async def take_back(session: Session, owned: Owned, task: int, items: tuple[str, ...]) -> None:
    engine = await session.engine(owned.root)
    await undone_by_editor(session, engine, task, items)
    session.publisher.look()


async def taken_back_by_id(session: Session, owned: Owned, text_id: str) -> None:
    engine = await session.engine(owned.root)
    for task, items in tuple(session.reverts.by_id(engine.state, owned.path, text_id)):
        await undone_by_editor(session, engine, task, items)


async def document_opened(session: Session, owned: Owned) -> None:
    """An accept that a restart left open is settled by the text that the editor has."""
    engine = await session.engine(owned.root)
    await settle_file(session, engine, owned.path)


def section_of(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Our part of what a client sent: under `backburner`, or the whole."""
    ours = settings.get(SECTION)
    return cast(Mapping[str, Any], ours) if isinstance(ours, Mapping) else settings


async def _watch_files(session: Session) -> None:
    watchers = [types.FileSystemWatcher(glob_pattern="**/*")]
    registration = types.Registration(
        id="backburner-files",
        method=types.WORKSPACE_DID_CHANGE_WATCHED_FILES,
        register_options=types.DidChangeWatchedFilesRegistrationOptions(watchers=watchers),
    )
    await session.server.client_register_capability_async(types.RegistrationParams(registrations=[registration]))
