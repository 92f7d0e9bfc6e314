"""All projects of one daemon: each has an engine, loaded on first use, that rests when nothing in it lives.

One daemon at a time holds a project, by a lock file that dies with its process. Shared by all: the worker, places, today's
money, environments and settings.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Hashable, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from backburner.engine.agents import rows
from backburner.engine.alarms import Alarms
from backburner.engine.days import Days, LocalDays
from backburner.engine.engine import Engine
from backburner.engine.line import StartWorker
from backburner.engine.local import keys_in_keyring, reachable_agents
from backburner.engine.settings_book import SettingsBook
from backburner.engine.shared import LiveTexts, Screen, Shared
from backburner.engine.workers import Workers
from backburner.lib.clock import Clock
from backburner.lib.files import LockFile
from backburner.model.catalog import key_variables
from backburner.model.evolve import fold
from backburner.model.settings import Settings
from backburner.model.task import LIVE, State
from backburner.model.wire import Paused
from backburner.store import journal, paths
from backburner.store.journal import JournalError
from backburner.workspace.git import NoGit
from backburner.workspace.repository import Refused

REST_S = 600.0
"""How often a project is asked whether it rests."""

log = logging.getLogger(__name__)


class CannotOpen(Exception):
    """A project cannot be loaded. `reason` is a name for programs, `sentence` is for the person."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence


class Projects:
    """Use as an asynchronous context manager: leaving it ends every engine and every worker."""

    def __init__(
        self,
        start_worker: StartWorker,
        clock: Clock,
        *,
        env: Mapping[str, str] | None = None,
        days: Days | None = None,
        strict: bool = False,
    ) -> None:
        """`env` says where things of the person live; `strict` is for tests: what cannot happen raises."""
        self.book = SettingsBook(env)
        self._start_worker = start_worker
        self._clock = clock
        self._env = env
        self._days = days or LocalDays()
        self._strict = strict
        self._engines: dict[Path, Engine] = {}
        self._opening: dict[Path, asyncio.Task[Engine | CannotOpen]] = {}
        self._lives: dict[Path, asyncio.Task[None]] = {}
        self._seen: dict[Path, int] = {}
        """Revision of each engine when it was last asked whether it rests."""
        self._group = asyncio.TaskGroup()

    async def __aenter__(self) -> Projects:
        await self._group.__aenter__()
        workers = Workers(self._start_worker, self._clock, self._group, self._paused)
        self.shared = Shared(clock=self._clock, workers=workers, days=self._days, strict=self._strict)
        self._alarms = Alarms(self._clock, self._group)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._alarms.clear_all()
        while self._opening:
            # Else an engine that is just being opened would begin a life that nobody ends.
            await asyncio.wait(self._opening.values())
        for life in self._lives.values():
            life.cancel()
        self.shared.workers.close()
        await self._group.__aexit__(kind, error, trace)

    @property
    def loaded(self) -> Mapping[Path, Engine]:
        """The engines that are loaded now, by root."""
        return dict(self._engines)

    @property
    def workers(self) -> Workers:
        return self.shared.workers

    async def open_living(self) -> None:
        """Load every project in which a task lives, and count what the others spent today. For the daemon's start."""
        today = self._days.day(self._clock.now())
        midnight = self._days.bounds(today)[0]
        for root, folder in list(paths.known_projects(self._env)):
            try:
                lives = await asyncio.to_thread(_lives, folder / "journal.db")
                if lives and root.is_dir():
                    await self.engine(root)
                    continue
                counted = await asyncio.to_thread(
                    self.shared.ledger.look_into, str(root), folder / "journal.db", today, midnight
                )
                if counted is not None:
                    raise counted
            except (JournalError, CannotOpen) as error:
                # One broken project must not keep the others from working; whoever opens it is told.
                log.error("%s: %s", root, error)

    async def engine(self, root: Path) -> Engine:
        """The engine of a project, loaded on first use. Raises `CannotOpen`."""
        root = Path(os.path.realpath(root))
        standing = self._engines.get(root)
        if standing is not None:
            return standing
        opening = self._opening.get(root)
        if opening is None:
            opening = self._opening[root] = self._group.create_task(self._try_open(root))
            opening.add_done_callback(lambda _: self._opening.pop(root, None))
        # Whoever asked first may go away; the others still want it.
        opened = await asyncio.shield(opening)
        if isinstance(opened, CannotOpen):
            raise CannotOpen(opened.reason, opened.sentence) from opened
        return opened

    def owner(self, path: Path) -> Path | None:
        """The root of the innermost loaded project that holds a path."""
        return max(
            (root for root in self._engines if path.is_relative_to(root)),
            key=lambda root: len(root.parts),
            default=None,
        )

    def hand_over(self, variables: Mapping[str, str]) -> str:
        """Take over an editor's environment, keys included; the name under which tasks refer to it."""
        name = self.shared.environments.put(variables, self._keys())
        self.workers.poke_all()
        self._group.create_task(self.look_around(name))
        return name

    def _keys(self) -> tuple[str, ...]:
        return key_variables(rows(self.book.settings(None)))

    async def look_around(self, name: str) -> None:
        """Look anew which keys lie in the keyring and which model servers answer, as an environment names them."""
        environments, keys = self.shared.environments, self._keys()
        variables = environments.variables(name)
        keyring = await keys_in_keyring([key for key in keys if not variables.get(key)])
        if environments.learn(keyring, await reachable_agents(variables)):
            self.workers.poke_all()

    def set_editor_settings(self, editor: Hashable, program: str, settings: Mapping[str, Any]) -> None:
        """What an editor sent as its settings; the trust rules decide what counts."""
        self.book.set_editor(editor, program, settings)
        self.workers.poke_all()

    def _settings(self, root: Path) -> Settings:
        """What holds for the tasks of all. What editors said that are gone counts while some task may depend on it."""
        if self.book.left and self.is_idle():
            self.book.forget()
        return self.book.settings(root)

    def set_live_texts(self, live_texts: LiveTexts) -> None:
        """Where runs that are about to finish get the texts that the person has now."""
        self.shared.live_texts = live_texts

    def set_screen(self, screen: Screen) -> None:
        """Where tasks that waited for another one get the unsaved texts."""
        self.shared.screen = screen

    def is_idle(self) -> bool:
        """No project has a task that lives."""
        return all(not _has_life(engine.state) for engine in self._engines.values())

    async def _try_open(self, root: Path) -> Engine | CannotOpen:
        """A child of the group that fails takes everything down, so failure is a value here."""
        try:
            return await self._open(root)
        except CannotOpen as problem:
            return problem

    async def _open(self, root: Path) -> Engine:
        while life := self._lives.get(root):
            # It is just being put to rest, and holds its lock until then.
            await asyncio.wait([life])
        try:
            folder = paths.make_project_dir(root, self._env)
        except paths.UnsafeFolder as error:
            raise CannotOpen("unsafe_folder", str(error)) from error
        lock = LockFile(folder / "lock")
        if not lock.acquire():
            raise CannotOpen(
                "locked", f"Another Backburner ({_holder(lock.path)}) has {root.name} open. Stop it, or use that one."
            )
        try:
            engine = await Engine.open(
                root,
                folder,
                paths.shadow_dir(root, self._env),
                self.shared,
                partial(self._settings, root),
                self.book.recipes(root),
            )
        except BaseException as error:
            lock.release()
            match error:
                case JournalError():
                    raise CannotOpen("journal", str(error)) from error
                case Refused():
                    raise CannotOpen("no_project", error.sentence) from error
                case NoGit():
                    raise CannotOpen("no_git", error.sentence) from error
                case OSError():
                    sentence = f"{root} cannot be opened: {error.strerror or error}."
                    raise CannotOpen("no_project", sentence) from error
                case Exception() if not self._strict:
                    log.exception("%s cannot be opened", root)
                    sentence = f"{root.name} cannot be opened; the log of Backburner has the details."
                    raise CannotOpen("failed", sentence) from error
                case _:
                    raise
        life = self._lives[root] = self._group.create_task(self._live(root, engine, lock))
        ready = self._group.create_task(engine.ready())
        await asyncio.wait([life, ready], return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            ready.cancel()
            raise CannotOpen("failed", f"{root.name} cannot be opened; the log of Backburner has the details.")
        self._engines[root] = engine
        self._ask_rest(root)
        return engine

    async def _live(self, root: Path, engine: Engine, lock: LockFile) -> None:
        """An engine's life. One that fails takes no other with it; its project is loaded anew when it is wanted again."""
        try:
            await engine.serve()
        except Exception:
            if self._strict:
                raise
            log.exception("the engine of %s failed", root)
        finally:
            self._engines.pop(root, None)
            self._lives.pop(root, None)
            self._alarms.clear(root)
            lock.release()

    def _ask_rest(self, root: Path) -> None:
        """Let a project go when nothing in it lives; asks again as long as it is loaded."""
        engine = self._engines.get(root)
        if engine is None:
            return
        if engine.is_resting and engine.revision == self._seen.get(root):
            del self._engines[root]
            self._lives[root].cancel()
            return
        self._seen[root] = engine.revision
        self._alarms.set(root, self._clock.now() + REST_S, partial(self._ask_rest, root))

    def _paused(self, paused: Paused) -> None:
        self.shared.ledger.pause(paused.who, paused.until)
        self.workers.poke_all()


def _lives(path: Path) -> bool:
    """Whether a task lives in a project that is not loaded. Raises `JournalError`."""
    return _has_life(fold(State(), list(journal.read(path))))


def _has_life(state: State) -> bool:
    return any(task.state in LIVE for task in state.tasks.values())


def _holder(path: Path) -> str:
    try:
        return f"process {int(path.read_text())}"
    except (OSError, ValueError):
        return "another process"
