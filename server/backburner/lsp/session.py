"""One editor: what it can do, what it has open, which projects it looks at. And all editors of one daemon.

A session reads states (values) and hands commands to engines; it never decides. It owns no task group: what must wait
goes through `spawn` and ends with the connection.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cattrs
from lsprotocol import types

from backburner.engine.batch import Outcome
from backburner.engine.engine import Engine
from backburner.engine.projects import CannotOpen, Projects
from backburner.lib.clock import Clock
from backburner.lsp.capabilities import Client
from backburner.lsp.closed import ClosedFiles
from backburner.lsp.disk import Disk
from backburner.lsp.documents import Document, What
from backburner.lsp.from_lsp import path_of
from backburner.lsp.presence import Presence
from backburner.lsp.protocol import shared_converter
from backburner.lsp.reverts import Reverts
from backburner.lsp.roots import Owned, Roots
from backburner.lsp.transport import Connection, Refusal, Server
from backburner.model import wishes as w
from backburner.model.commands import Place
from backburner.model.settings import Settings
from backburner.model.wishes import Command
from backburner.review.scene import Scene, needed_texts

if TYPE_CHECKING:
    from backburner.lsp.letters import Letters
    from backburner.lsp.publish import Publisher
    from backburner.lsp.status import StatusLine

logger = logging.getLogger(__name__)


class Editors:
    """All editors of one daemon (the only one, with `lsp --alone`), and what they share."""

    def __init__(self, projects: Projects, clock: Clock) -> None:
        self.projects = projects
        self.clock = clock
        self.closed = ClosedFiles()
        self.disk = Disk(self)
        self._presences: dict[Path, Presence] = {}
        self.sessions: list[Session] = []
        self.accepting: set[tuple[Path, str]] = set()
        """Files in which an accept is under way, in whatever editor: one at a time for each."""

    def enter(self, session: Session) -> None:
        """A session begins; it leaves by itself when its connection ends."""
        self.sessions.append(session)
        session.connection.on_close.append(lambda: self._leave(session))

    def _leave(self, session: Session) -> None:
        session.publisher.close()
        self.sessions.remove(session)
        self.projects.book.leave(session, session.client.name)
        for root in session.engines:
            self.presence(root).write()

    def presence(self, root: Path) -> Presence:
        """The person at a project."""
        if root not in self._presences:
            self._presences[root] = Presence(root, self.clock.now())
        return self._presences[root]

    def holding(self, owned: Owned) -> list[tuple[Session, Document]]:
        """Every editor that has the file open."""
        return [(session, document) for session in self.sessions if (document := session.document(owned)) is not None]

    def live(self, owned: Owned, first: Session | None = None) -> str | None:
        """The text of a file as people see it: in `first`, else in any editor, else on disk. None: no such text file."""
        document = first.document(owned) if first is not None else None
        if document is None:
            document = next((document for _, document in self.holding(owned)), None)
        if document is not None:
            return document.text
        return self.closed.text(owned.root / owned.path)


class Session:
    """One connection."""

    def __init__(self, editors: Editors, connection: Connection, server: Server) -> None:
        self.editors = editors
        self.connection = connection
        self.server = server
        self.documents = connection.documents
        self.client = Client()
        self.roots = Roots()
        self.engines: dict[Path, Engine] = {}
        """Those that are loaded."""
        self.reading: dict[Path, int] = {}
        """By project: the task whose result is open here."""
        self.has_lens = False
        """The client asked for lenses once, so it draws them."""
        self.environment = ""
        """Under which name the daemon holds this editor's variables."""
        self.last_edit = float("-inf")
        """Monotonic time of the last typed change."""
        self.asked = asyncio.Event()
        """An edit was sent since this was cleared."""
        self.reverts = Reverts()
        self.publisher: Publisher
        self.letters: Letters
        self.status: StatusLine
        self._open: dict[Owned, str] = {}
        self._dirty: set[str] = set()
        """URIs of open texts that changed since they were opened or saved."""
        self.documents.subscribe(self._document)

    @property
    def clock(self) -> Clock:
        return self.editors.clock

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        """Run something that has to wait, for as long as the connection lives."""
        self.connection.spawn(work, name)

    async def apply_edit(self, params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
        """Ask the editor for an edit."""
        self.asked.set()
        return await self.server.workspace_apply_edit_async(params)

    async def begin(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        """Start work that changes texts; back as soon as the first edit was sent, or the work is done.

        For clients that freeze until a command is answered. The answer must not come before the edit: what arrives together
        with an answer and behind it, Emacs 28 leaves lying until more comes (`jsonrpc`), and lsp-mode loses it.
        """
        self.asked.clear()
        working, asking = (
            self.connection.spawn(work, name),
            self.connection.spawn(self.asked.wait(), "wait for an edit"),
        )
        if working is not None and asking is not None:
            await asyncio.wait((working, asking), return_when=asyncio.FIRST_COMPLETED)
            asking.cancel()

    @property
    def waits(self) -> bool:
        """Whether the client may be kept waiting for a command's outcome. Others freeze until the answer is there."""
        return self.client.command_line or self.client.status

    @property
    def has_several(self) -> bool:
        """More than one project is loaded here, so that a task's number alone does not name it."""
        return len(self.engines) > 1

    # Texts.

    def document(self, owned: Owned) -> Document | None:
        """The open text of a project's file."""
        uri = self._open.get(owned)
        return None if uri is None else self.documents.get(uri)

    def is_dirty(self, document: Document) -> bool:
        return document.uri in self._dirty

    def saved(self, uri: str) -> None:
        self._dirty.discard(uri)

    def opened(self) -> Iterator[tuple[Owned, Document]]:
        """Every open text that belongs to a project."""
        for owned, uri in tuple(self._open.items()):
            document = self.documents.get(uri)
            if document is not None:
                yield owned, document

    def frozen(self, root: Path) -> dict[str, str]:
        """What the person sees at this moment: the texts open here, and those that other editors have unsaved."""
        texts: dict[str, str] = {}
        for session in self.editors.sessions:
            if session is not self:
                for owned, document in session.opened():
                    if owned.root == root and session.is_dirty(document) and not document.doubtful:
                        texts[owned.path] = document.text
        for owned, document in self.opened():
            if owned.root == root and not document.doubtful:
                texts[owned.path] = document.text
        return texts

    def owned_of(self, document: Document) -> Owned | None:
        """The project's file that an open text is; None for documents of our own."""
        owned = self.roots.owner(document.uri)
        return owned if owned is not None and self._open.get(owned) == document.uri else None

    def live(self, root: Path, paths: Iterable[str]) -> dict[str, str | None]:
        """The texts of some files as they are now, for a projection. A file that is no text counts as an empty one: it is
        there, and nothing in it can be placed."""
        texts = {path: self.editors.live(Owned(root, path), self) for path in paths}
        return {path: "" if text is None and (root / path).is_file() else text for path, text in texts.items()}

    def _document(self, what: What, document: Document) -> None:
        from backburner.lsp import sync

        match what:
            case "opened":
                self._dirty.discard(document.uri)
                owned = self.roots.owner(document.uri)
                if owned is not None and not self.letters.opened(document, owned):
                    self._open[owned] = document.uri
                    self.roots.opened.add(owned.root)
                    if not self.client.command_line:
                        self.spawn(sync.document_opened(self, owned), "open a text")
            case "closed":
                self._dirty.discard(document.uri)
                self.letters.closed(document.uri)
                for owned in [owned for owned, uri in self._open.items() if uri == document.uri]:
                    self.editors.disk.closed(owned)
                self._open = {owned: uri for owned, uri in self._open.items() if uri != document.uri}
            case "changed" if self.letters.is_drawn(document.uri):
                # The editor read our document again; nobody typed.
                self.publisher.look()
            case "changed":
                self._dirty.add(document.uri)
                self.last_edit = self.clock.monotonic()
                sync.document_changed(self, document)
            case "edited":
                return
        self.publisher.document(what, document.uri)

    # Projects.

    def owned(self, uri: str) -> Owned:
        """The project file behind a URI. Raises `Refusal` for what is no file."""
        owned = self.roots.owner(uri)
        if owned is None:
            raise Refusal("This text has no file yet: save it first.", "unknown_file")
        return owned

    async def engine(self, root: Path) -> Engine:
        """The engine of a project, loaded on first use. Raises `Refusal` with a sentence when it cannot be."""
        engine = self.engines.get(root)
        if engine is not None and self.editors.projects.loaded.get(root) is engine:
            return engine
        try:
            engine = await self.editors.projects.engine(root)
        except CannotOpen as error:
            raise Refusal(error.sentence, error.reason) from error
        if self.engines.get(root) is not engine:
            self.engines[root] = engine
            self.publisher.loaded(root, engine)
        return engine

    async def load(self, root: Path) -> None:
        """Load a project in the background; what is wrong with it is said when it is used."""
        try:
            await self.engine(root)
        except Refusal as refusal:
            logger.info("%s was not loaded: %s", root, refusal.message)

    def is_loaded(self, uri: str) -> bool:
        """The project that a text shows something of is there, or it has none."""
        root = self._root_of(uri)
        return root is None or self.publisher.shows(root)

    def is_behind(self, uri: str) -> bool:
        """What shows in a text may not be what is true now."""
        return self.publisher.is_behind or not self.is_loaded(uri)

    async def catch_up(self, uri: str) -> None:
        """Show in a text what is true now."""
        root = self._root_of(uri)
        if root is not None:
            await self.load(root)
        await self.publisher.catch_up()

    def _root_of(self, uri: str) -> Path | None:
        """The project that a text shows something of: its own, or that of a document of ours."""
        if self.letters.has(uri):
            return self.letters.root(uri)
        owned = self.roots.owner(uri)
        return None if owned is None else owned.root

    def active(self) -> None:
        """The person did something here."""
        if not self.client.command_line:
            now = self.clock.now()
            for root in self.engines:
                self.editors.presence(root).active(now)

    def set_settings(self, settings: Mapping[str, Any]) -> None:
        """What the editor says about settings; the trust rules decide what of it counts."""
        self.editors.projects.set_editor_settings(self, self.client.name, settings)
        self.publisher.look()

    def settings(self, root: Path) -> Settings:
        """The settings of a project as this editor has them."""
        return self.editors.projects.book.settings(root, self)

    def root(self, uri: str = "") -> Path:
        """The project that a command is about: of the file or folder it names, else of the first folder."""
        path = path_of(uri)
        if path is not None and path.is_dir():
            return self.roots.root_of(path)
        if path is not None:
            return self.owned(uri).root
        root = self.roots.first()
        if root is None:
            root = next(iter(self.engines), None)
        if root is None:
            raise Refusal("Open a file or a folder first.", "unknown_file")
        return root

    async def engine_of_task(self, number: int, uri: str = "") -> Engine:
        """The engine that has a task: in the named project, else in the first of this editor's projects that has it."""
        if uri:
            return await self.engine(self.root(uri))
        for root in self.roots.all():
            # A folder that is no project (an editor started at home) keeps nobody from the others.
            await self.load(root)
        engines = [self.engines[root] for root in self.roots.all() if root in self.engines]
        holding = [engine for engine in engines or [await self.engine(self.root())] if number in engine.state.tasks]
        if not holding:
            raise Refusal(f"There is no task #{number} here.", "unknown_task")
        return holding[0]

    async def submit(self, engine: Engine, command: Command, frozen: Mapping[str, str] | None = None) -> Outcome:
        """Hand a wish to the engine; durable on return. Raises `Refusal` when it is not done."""
        outcome = await engine.submit(command, frozen=frozen)
        if isinstance(outcome, w.Refusal):
            raise Refusal(outcome.sentence, outcome.reason)
        return outcome

    async def drop(self, engine: Engine, task: int, path: str, reason: str) -> None:
        """An accept that was begun did not come to pass."""
        await self.submit(engine, w.DropAccept(task=task, path=path, reason=reason))

    async def scene(self, engine: Engine) -> Scene:
        """Everything about a project as it is now, to look at."""
        await engine.texts.load(needed_texts(engine.state))
        return self.publisher.scene_of(engine, engine.state, engine.held)

    # Places.

    def problems_of(self, place: Place) -> list[types.Diagnostic]:
        """The problems that a place carries; what has the wrong shape is left out."""
        found: list[types.Diagnostic] = []
        for raw in place.diagnostics:
            try:
                found.append(shared_converter().structure(raw, types.Diagnostic))
            except (cattrs.BaseValidationError, TypeError, KeyError, ValueError):
                logger.debug("a problem of the wrong shape was left out")
        return found

    @staticmethod
    def range_of(place: Place) -> types.Range:
        start = types.Position(max(0, place.start_line), max(0, place.start_character))
        if place.end_line < 0:
            return types.Range(start, start)
        return types.Range(start, types.Position(max(place.start_line, place.end_line), max(0, place.end_character)))

    # Saying something.

    async def reveal(self, uri: str, line: int, sentence: str) -> None:
        """Show a place, because the person asked for it; say where it is to clients that cannot."""
        if self.client.review or self.client.command_line:
            return
        if not self.client.show_document:
            path = path_of(uri)
            self.say(f"{sentence} {path or uri}:{line + 1}", types.MessageType.Info)
        else:
            position = types.Position(max(0, line), 0)
            where = types.Range(position, position)
            params = types.ShowDocumentParams(uri=uri, take_focus=True, selection=where)
            await self.server.window_show_document_async(params)

    def say(self, sentence: str, kind: types.MessageType = types.MessageType.Warning) -> None:
        """One sentence that needs the person. Never for "finished"."""
        if not self.client.command_line:
            self.server.window_show_message(types.ShowMessageParams(type=kind, message=sentence))
