"""What an editor shows, kept equal to what is true: the difference, debounced, at moments that do not disturb.

A moment is right when the person looks or acts, saves, opens or closes a file, or has not typed for a few seconds. Until
then the editor goes on showing the state as it was (a value), placed in the text as it is. Titles of waiting and running
tasks change at most every `TITLE_S`. Level-triggered: the latest state is sent, never a backlog.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lsprotocol import types
from msgspec import Struct
from msgspec.structs import replace

from backburner.engine.engine import Engine
from backburner.lib.clock import Clock
from backburner.lsp import to_lsp
from backburner.lsp.documents import What
from backburner.lsp.roots import Owned
from backburner.lsp.settings_marks import settings_marks
from backburner.model.held import Held
from backburner.model.mark import Mark, only_ticks
from backburner.model.task import State
from backburner.review.marks import Projector
from backburner.review.scene import Scene, View, needed_paths, needed_texts
from backburner.store.settings import PROJECT_FILE

if TYPE_CHECKING:
    from backburner.lsp.session import Session

logger = logging.getLogger(__name__)

IDLE_S = 3.0
"""Without typing for so long, the person is taken to look up."""
TITLE_S = 15.0
STATUS_S = 1.0
GATHER_S = 0.03
"""What happens within this time is shown together when the person acted ..."""
QUIET_S = 0.25
"""... and when they did not: hundreds of agents must not keep an editor busy."""
LENS_S = 2.0
LENS_TRIES = 3
"""How long after it was asked to fetch lenses again a client is asked once more, and how often in all: VS Code was seen to
go on showing what it had."""
REST = 10.0
"""Nor us: between two rounds that nobody asked for lies at least so many times what the last one took."""


class Shown(Struct):
    """What one project's marks are computed from, as of the last right moment."""

    state: State
    held: Mapping[int, Held]


class Title(Struct, frozen=True):
    """The lens row of a mark as it was last shown."""

    mark: Mark
    at: float


class Publisher:
    """The marks of one session."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._shown: dict[Path, Shown] = {}
        self._projectors: dict[Path, Projector] = {}
        self._titles: dict[tuple[Path, int, str], Title] = {}
        self._as_they_are: dict[Owned, tuple[Mark, ...]] = {}
        """Marks whose own titles are those that were shown last."""
        self._encoded: dict[str, tuple[tuple[Mark, ...], object, list[types.Diagnostic]]] = {}
        """By URI: marks, the version of the text, and the problems that they came to."""
        self._sent: dict[str, list[types.Diagnostic]] = {}
        self._lenses: dict[str, object] = {}
        """By URI: what the client last got as lenses."""
        self._asked: tuple[object, int] = ((), 0)
        """The lenses that the client was last asked to fetch, and how often."""
        self._dirty: set[Path] = set()
        """Projects whose state is newer than what is shown."""
        self._catching_up = asyncio.Lock()
        self._wake = asyncio.Event()
        self._counted = float("-inf")
        self._looks = asyncio.Event()
        """The person acts or looks up: the next round need not wait for an idle moment."""
        self._took_s = 0.0
        """What the last round took."""
        self._unsubscribe: list[Callable[[], None]] = []

    # What happens.

    def loaded(self, root: Path, engine: Engine) -> None:
        """A project's engine is there."""
        self._projectors[root] = Projector(engine.texts)
        self._unsubscribe.append(engine.subscribe(lambda _events, _state: self.changed(root)))
        self.changed(root)

    def changed(self, root: Path) -> None:
        """The project's state is another one."""
        if root not in self._dirty:
            self._dirty.add(root)
            self._wake.set()

    def document(self, what: What, uri: str) -> None:
        """A text was opened, changed or closed. Opening and closing are moments to look."""
        if what != "changed":
            self._lenses.pop(uri, None)
            self.look()
        self._wake.set()

    def wake(self) -> None:
        """Something may have changed: compute anew at the next right moment."""
        self._wake.set()

    def look(self) -> None:
        """The person looks, acts or pauses: show the truth now."""
        self.session.active()
        self._looks.set()
        self._wake.set()

    def close(self) -> None:
        for stop in self._unsubscribe:
            stop()
        self._unsubscribe.clear()

    # What is shown.

    def marks_of(self, uri: str) -> tuple[Mark, ...]:
        """The marks of a text as this editor shows them, placed in it as it is now."""
        if self.session.letters.has(uri):
            root = self.session.letters.root(uri)
            return self._named(root, {"": self.session.letters.marks(uri)})[""]
        owned = self.session.roots.owner(uri)
        if owned is None:
            return ()
        marks = self._marks_at(owned)
        return marks if owned.path != PROJECT_FILE else (*marks, *settings_marks(self.session, owned.root))

    def _marks_at(self, owned: Owned) -> tuple[Mark, ...]:
        """The marks of one file; looks at no text but those that its tasks are about."""
        root, path = owned.root, owned.path
        engine, shown = self.session.engines.get(root), self._shown.get(root)
        if engine is None or shown is None:
            return ()
        projector = self._projectors[root]
        live = self.session.live(root, needed_paths(projector.tasks_at(shown.state, path)))
        marks = projector.file(shown.state, live, self.view(root, engine, shown.held), path)
        return self._named(root, {path: self._titled(owned, marks)})[path]

    def scene(self, root: Path) -> Scene | None:
        """A project as it is shown; None: not loaded."""
        engine, shown = self.session.engines.get(root), self._shown.get(root)
        return None if engine is None or shown is None else self.scene_of(engine, shown.state, shown.held)

    def scene_of(self, engine: Engine, state: State, held: Mapping[int, Held]) -> Scene:
        live = self.session.live(engine.root, needed_paths(state.tasks.values()))
        places = self._projectors[engine.root].places
        return Scene(state, live, self.view(engine.root, engine, held), places)

    def project(self, root: Path) -> dict[str, tuple[Mark, ...]]:
        """All marks of a project by path."""
        engine, shown = self.session.engines.get(root), self._shown.get(root)
        if engine is None or shown is None:
            return {}
        live = self.session.live(root, needed_paths(shown.state.tasks.values()))
        marks = self._projectors[root].project(shown.state, live, self.view(root, engine, shown.held))
        return self._named(root, {path: self._titled(Owned(root, path), found) for path, found in marks.items()})

    def _named(self, root: Path, marks: dict[str, tuple[Mark, ...]]) -> dict[str, tuple[Mark, ...]]:
        """Numbers count in each project: with several of them, what can be done names its own."""
        if not self.session.has_several:
            return marks
        uri = self.session.roots.uri(root, "").rstrip("/")
        return {path: tuple(_with_project(mark, uri) for mark in found) for path, found in marks.items()}

    def view(self, root: Path, engine: Engine, held: Mapping[int, Held]) -> View:
        settings = self.session.settings(root)
        return View(
            now=self.session.clock.now(),
            reading=self.session.reading.get(root),
            ascii=settings.ascii,
            diagnostics=settings.diagnostics,
            has_lens=self.session.has_lens,
            branch=engine.branch,
            held=held,
            read_first=settings.review.read_first,
            root_uri=self.session.roots.uri(root, "").rstrip("/"),
        )

    def lenses(self, uri: str) -> list[types.CodeLens]:
        """The lenses of a file; remembered, so that a change can be told from none."""
        found = to_lsp.lenses(self.marks_of(uri))
        self._lenses[uri] = _key(found)
        return found

    def _titled(self, owned: Owned, marks: tuple[Mark, ...]) -> tuple[Mark, ...]:
        """The marks with the titles that are shown; the same tuple when those are their own."""
        if self._as_they_are.get(owned) is marks:
            return marks
        shown = tuple(self._held_title(owned.root, mark) for mark in marks)
        if any(mark is not before for mark, before in zip(shown, marks, strict=True)):
            self._as_they_are.pop(owned, None)
            return shown
        self._as_they_are[owned] = marks
        return marks

    def _held_title(self, root: Path, mark: Mark) -> Mark:
        """The mark with the title it had, when that is younger than `TITLE_S` and only time or waiting changed it: a task
        that comes to its row or leaves it was made or ended by the person, or needs them."""
        key = (root, mark.task, mark.item)
        now = self.session.clock.monotonic()
        before = self._titles.get(key)
        if before is not None and (before.mark.lens, before.mark.actions) == (mark.lens, mark.actions):
            return mark
        if before is not None and now - before.at < TITLE_S and only_ticks(before.mark, mark):
            # Only what the lens row says waits: a person who asks what can be done is told what can be done now.
            row = {action.title: action.lens for action in before.mark.actions}
            actions = tuple(replace(action, lens=row.get(action.title, "")) for action in mark.actions)
            return replace(mark, lens=before.mark.lens, actions=actions)
        self._titles[key] = Title(mark, now)
        return mark

    # The one place that sends marks.

    async def run(self) -> None:
        """Send what changed, for as long as the connection lives."""
        clock = self.session.clock
        while True:
            await self._wait()
            self._wake.clear()
            while not self._looks.is_set() and (idle := self.session.last_edit + IDLE_S - clock.monotonic()) > 0:
                await _sleep(self.session.clock, min(idle, STATUS_S), self._wake)
                self._wake.clear()
                self._count()
            if not self._looks.is_set():
                await _sleep(clock, max(QUIET_S, REST * self._took_s), self._looks)
            if self._looks.is_set():
                await clock.sleep(GATHER_S)
            elif self.session.last_edit + IDLE_S > clock.monotonic():
                # The person began to type while we gathered.
                self._wake.set()
                continue
            self._looks.clear()
            began = clock.monotonic()
            try:
                await self._round()
            except Exception:
                logger.exception("publishing failed")
            self._took_s = clock.monotonic() - began
            await self.session.connection.drained()

    def _count(self) -> None:
        """Counts may change at any time; they move nothing in the text."""
        now = self.session.clock.monotonic()
        if self._dirty and now - self._counted >= STATUS_S:
            self._counted = now
            self.session.status.update()

    async def _wait(self) -> None:
        """Until something happens; with running tasks at most `TITLE_S`, because their titles tell the time."""
        if self._asked[1] and not self.gave_up:
            await _sleep(self.session.clock, LENS_S, self._wake)
            return
        if not any(
            task.state in ("running", "asking") for shown in self._shown.values() for task in shown.state.tasks.values()
        ):
            await self._wake.wait()
            return
        await _sleep(self.session.clock, TITLE_S, self._wake)

    @property
    def is_behind(self) -> bool:
        """Something happened since what is shown was true."""
        return bool(self._dirty) or self._catching_up.locked()

    @property
    def gave_up(self) -> bool:
        """The client was asked often enough to fetch lenses that it does not fetch."""
        return self._asked[1] >= LENS_TRIES

    def shows(self, root: Path) -> bool:
        """Something of a project was shown: it is loaded, and so are its texts."""
        return root in self._shown

    async def catch_up(self) -> None:
        """Show what is true now: the person looks."""
        async with self._catching_up:
            if not self._dirty:
                return
            for root in tuple(self._dirty):
                engine = self.session.engines[root]
                self._dirty.discard(root)
                state, held = engine.state, engine.held
                await engine.texts.load(needed_texts(state))
                self._shown[root] = Shown(state, held)
            self.session.editors.disk.want()

    async def _round(self) -> None:
        await self.catch_up()
        wanted: dict[str, list[types.Diagnostic]] = {}
        # Not a project that only a letter made us load: some editors open letters over a second connection.
        for root in self.session.engines.keys() & set(self.session.roots.all()):
            for path, marks in self.project(root).items():
                uri = self.session.roots.uri(root, path)
                wanted[uri] = self._problems_of(uri, Owned(root, path), marks)
            settings = settings_marks(self.session, root)
            if settings:
                uri = self.session.roots.uri(root, PROJECT_FILE)
                line_of = self._line_of(Owned(root, PROJECT_FILE))
                wanted.setdefault(uri, []).extend(self._problems(settings, line_of))
        await self.session.letters.refresh()
        for uri in self.session.letters.uris():
            document = self.session.documents.get(uri)
            if document is not None:
                wanted[uri] = self._problems(self.marks_of(uri), document.line)
        self._encoded = {uri: known for uri, known in self._encoded.items() if uri in wanted}
        for uri in {**self._sent, **wanted}:
            self._send(uri, wanted.get(uri, []))
        await self._refresh_lenses()
        self.session.status.update()

    def _line_of(self, owned: Owned) -> Callable[[int], str]:
        document = self.session.document(owned)
        if document is not None:
            return document.line
        lines = (self.session.editors.live(owned, self.session) or "").split("\n")
        return lambda line: lines[line] if 0 <= line < len(lines) else ""

    def _problems_of(self, uri: str, owned: Owned, marks: tuple[Mark, ...]) -> list[types.Diagnostic]:
        """The problems of a project's file; the same list while neither marks nor text changed."""
        document = self.session.document(owned)
        version = self.session.editors.live(owned, self.session) if document is None else (document, document.version)
        known = self._encoded.get(uri)
        if known is None or known[0] is not marks or known[1] != version:
            known = self._encoded[uri] = (marks, version, self._problems(marks, self._line_of(owned)))
        return known[2]

    def _problems(self, marks: tuple[Mark, ...], line_of: Callable[[int], str]) -> list[types.Diagnostic]:
        found = (to_lsp.problem(mark, line_of, self.session.client) for mark in marks)
        return [problem for problem in found if problem is not None]

    def _send(self, uri: str, problems: list[types.Diagnostic]) -> None:
        sent = self._sent.get(uri, [])
        if problems is sent or problems == sent:
            return
        if problems:
            self._sent[uri] = problems
        else:
            self._sent.pop(uri, None)
        params = types.PublishDiagnosticsParams(uri=uri, diagnostics=problems)
        document = self.session.documents.get(uri)
        if document is not None and self.session.client.diagnostic_version:
            params.version = document.version
        self.session.server.text_document_publish_diagnostics(params)

    async def _refresh_lenses(self) -> None:
        """Ask a client that said it can to fetch lenses again, when those it has are no longer right.

        Also one that never asked for any: VS Code drops what it was about to fetch when the person leaves the text.
        """
        session = self.session
        if not session.client.lens_refresh:
            return
        now = {document.uri: _key(to_lsp.lenses(self.marks_of(document.uri))) for document in session.documents}
        wanted = {uri: key for uri, key in now.items() if key != self._lenses.get(uri, [])}
        asked, times = self._asked
        times = times if wanted == asked else 0
        self._asked = (wanted, times + 1 if wanted else 0)
        if wanted and times < LENS_TRIES:
            session.spawn(self._ask_for_lenses(), "refresh lenses")

    async def _ask_for_lenses(self) -> None:
        await self.session.server.workspace_code_lens_refresh_async(None)


def _with_project(mark: Mark, uri: str) -> Mark:
    actions = (replace(action, arguments={"uri": uri, **action.arguments}) for action in mark.actions)
    return replace(mark, actions=tuple(actions))


def _key(lenses: list[types.CodeLens]) -> object:
    """What a person sees of lenses: lines and titles. Their columns follow the text by themselves."""
    return [(lens.range.start.line, lens.command.title if lens.command else "") for lens in lenses]


async def _sleep(clock: Clock, seconds: float, bell: asyncio.Event) -> None:
    """Sleep, but wake when the bell rings."""
    async with asyncio.TaskGroup() as group:
        timer = group.create_task(clock.sleep(seconds))
        waker = group.create_task(bell.wait())
        await asyncio.wait((timer, waker), return_when=asyncio.FIRST_COMPLETED)
        timer.cancel()
        waker.cancel()
