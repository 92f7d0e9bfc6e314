"""The single writer of one project: `submit` a wish, `report` a fact, `subscribe` to what is true.

Everything that waits is taken as one batch, decided, saved in one durable write, and only then shown, answered and acted
on: what was shown was saved, always. While the disk works, the next batch gathers. Has no rules of its own (see
`model/decide.py`, `model/evolve.py`, `engine/schedule.py`) and has never heard of an editor.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from backburner.engine import effects
from backburner.engine.agents import Agents
from backburner.engine.alarms import Alarms
from backburner.engine.batch import Batch, Deed, Outcome, Wish, settle
from backburner.engine.housekeeping import schedule_housekeeping
from backburner.engine.recover import interrupted, remove_leftovers
from backburner.engine.schedule import Plan, schedule
from backburner.engine.shared import Shared
from backburner.engine.snapshots import Snapshots
from backburner.engine.start import Places
from backburner.engine.texts import TextCache
from backburner.model.catalog import AgentSpec
from backburner.model.events import Checkpoint, Event, RunFact
from backburner.model.evolve import admit, fold
from backburner.model.held import Held
from backburner.model.result import Proposal
from backburner.model.settings import Settings
from backburner.model.task import LIVE, State
from backburner.model.wire import Progress
from backburner.model.wishes import Cancel, Command, Refusal
from backburner.store.journal import Frozen, Journal, JournalError
from backburner.store.recipes import Recipes
from backburner.workspace.repository import branch, head
from backburner.workspace.shadow import Shadow

RETRY_S = 2.0
"""Between two tries to write what could not be written."""
CHECKPOINT_EVENTS = 5000
PERSONS_TEXTS = 0
"""Number under which texts are kept that belong to no task."""

Subscriber = Callable[[Sequence[Event], State], None]
log = logging.getLogger(__name__)


class Engine:
    """One project. Make one with `Engine.open`, run it with `serve` (its life), which `ready` waits for."""

    def __init__(
        self, root: Path, folder: Path, shadow: Shadow, journal: Journal, state: State, shared: Shared,
        settings: Callable[[], Settings], recipes: Recipes,
    ) -> None:  # fmt: skip
        self.root = root
        self.state = state
        """True and saved. A value: whoever has it may keep it."""
        self.held: Mapping[int, Held] = {}
        """Why queued tasks wait."""
        self.revision = 0
        """Grows with every change of what is shown."""
        self.trouble = ""
        """Why nothing can be saved now: a sentence; else empty."""
        self.texts = TextCache(shadow)
        self.shadow = shadow
        self.journal = journal
        self.shared = shared
        self.agents = Agents(root, settings, shared.environments)
        self.recipes = recipes
        self.places = Places(root=str(root), shadow=str(shadow.folder), trees=str(folder / "trees"))
        self.starting: dict[int, AgentSpec] = {}
        """Tasks that `schedule` let go and whose start is not durable yet, or not handed over yet."""
        self.to_be_stopped: set[str] = set()
        """Runs that shall finish with what they have, as soon as a worker has them."""
        self._settings = settings
        self._waiting: list[Wish | Deed] = []
        self._arrived = asyncio.Event()
        self._ready = asyncio.Event()
        self._is_gone = False
        self._subscribers: list[Subscriber] = []
        self.watchers: dict[int, list[Callable[[Progress], None]]] = {}
        self.stored_environments: set[str] = set()
        self._frozen_before: Mapping[int, Frozen] = {}
        """What was frozen before a restart, for snapshots that were not taken any more."""

    @staticmethod
    async def open(
        root: Path, folder: Path, shadow_folder: Path, shared: Shared,
        settings: Callable[[], Settings], recipes: Recipes,
    ) -> Engine:  # fmt: skip
        """Load a project; its lock is the caller's. Raises `JournalError`, `Refused` and `NoGit`, each with a sentence."""
        shadow = await Shadow.open(shadow_folder, root, gate=shared.snapshots)
        (folder / "trees").mkdir(parents=True, exist_ok=True, mode=0o700)

        def load() -> tuple[Journal, State, dict[int, Frozen], dict[str, dict[str, str]]]:
            journal = Journal.open(folder / "journal.db")
            try:
                return journal, fold(State(), list(journal.read())), journal.frozen(), journal.environments()
            except BaseException:
                journal.close()
                raise

        try:
            journal, state, frozen, environments = await asyncio.to_thread(load)
        except BaseException:
            await shadow.close()
            raise
        engine = Engine(root, folder, shadow, journal, state, shared, settings, recipes)
        engine._frozen_before = frozen
        shared.environments.remember(environments)
        engine.stored_environments.update(environments)
        return engine

    async def serve(self) -> None:
        """Live until cancelled; then nothing of this project is left in memory or open."""
        try:
            async with asyncio.TaskGroup() as group:
                self.group = group
                self.alarms = Alarms(self.shared.clock, group)
                self.snapshots = Snapshots(
                    self.shadow, Path(self.places.trees), self.shared.clock, self.deed,
                    lambda: self.shared.screen(str(self.root)),
                )  # fmt: skip
                self.shared.workers.attach(str(self.root), self)
                group.create_task(asyncio.to_thread(remove_leftovers, Path(self.places.trees)))
                group.create_task(self.snapshots.serve())
                schedule_housekeeping(self)
                self._recover()
                self._ready.set()
                await self._consume()
        finally:
            self._is_gone = True
            self.shared.workers.detach(str(self.root))
            self.shared.ledger.rest(str(self.root))
            self._drop_waiting()
            await asyncio.shield(asyncio.to_thread(self.journal.close))
            await asyncio.shield(self.shadow.close())

    async def ready(self) -> None:
        """Returns when it takes wishes."""
        await self._ready.wait()

    @property
    def settings(self) -> Settings:
        return self._settings()

    @property
    def branch(self) -> str:
        """The branch that is checked out now; empty when detached or without Git."""
        return branch(self.root)

    @property
    def is_resting(self) -> bool:
        """Nothing lives here and nobody looks."""
        live = any(task.state in LIVE or task.accepting for task in self.state.tasks.values())
        return not (live or self._subscribers or self._waiting or self.watchers)

    async def submit(self, command: Command, frozen: Mapping[str, str | None] | None = None) -> Outcome | Refusal:
        """Have a wish done; durable on return. `frozen`: the unsaved texts that the person sees, by path."""
        if self.trouble:
            return Refusal(reason="disk", sentence=self.trouble)
        now = self.shared.clock.now()
        at_press = head(self.root)
        seen = Frozen(
            texts=frozen or {}, head=at_press.commit, branch=at_press.branch, index=at_press.index_digest, at=now
        )
        future: asyncio.Future[Outcome | Refusal] = asyncio.get_running_loop().create_future()
        self._put(Wish(command, seen, future))
        outcome = await future
        if isinstance(command, Cancel) and command.keep and not isinstance(outcome, Refusal):
            effects.stop_and_keep(self, command.task)
        return outcome

    def report(self, event: Event) -> asyncio.Future[bool]:
        """Take a fact of a run. Once durable, the future tells whether it was of a task's current run."""
        return self.deed(lambda state: (event,) if isinstance(event, RunFact) and admit(state, event) else ())

    def interrupted(self, task: int, run: str, reason: str) -> None:
        """The run's worker is gone, or the run ended without a word."""
        self.deed(lambda state: effects.interruption(state, task, run, reason, self.shared.clock.now()))

    def deed(self, decide: Callable[[State], Sequence[Event]]) -> asyncio.Future[bool]:
        """Something that the engine itself does or learns, decided on the state when its turn comes."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._put(Deed(decide, future))
        return future

    def poke(self) -> None:
        """Something outside changed: look again what may start."""
        self._arrived.set()

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Be called after every change with the events (none when only reasons to wait changed) and the new state.

        Returns the function that ends it. A subscriber does not wait and changes nothing.
        """
        self._subscribers.append(subscriber)

        def unsubscribe() -> None:
            if subscriber in self._subscribers:
                self._subscribers.remove(subscriber)

        return unsubscribe

    def watch(self, task: int, watcher: Callable[[Progress], None]) -> Callable[[], None]:
        """See what a task's model is writing, from now on and over all its runs. Returns the function that ends it."""
        return effects.watch(self, task, watcher)

    def progressed(self, progress: Progress) -> None:
        for watcher in tuple(self.watchers.get(effects.task_of(progress.run), ())):
            watcher(progress)

    async def live_texts(self, paths: tuple[str, ...], run: str) -> Mapping[str, str | None]:
        """The texts that a run's result is to fit: as the person has them now, in an editor or on the disk; None: there is
        no such text."""
        return await effects.live_texts(self, paths, run)

    async def draft(self, task: int) -> Proposal:
        """What the task's run has changed so far."""
        return await effects.draft(self, task)

    async def keep_texts(self, texts: Sequence[str]) -> list[str]:
        """Keep texts that belong to the person; their ids."""
        return [await self.keep_bytes(text.encode("utf-8", "surrogatepass")) for text in texts]

    async def keep_bytes(self, data: bytes) -> str:
        blob = await self.shadow.put_bytes(data)
        await self.shadow.keep(PERSONS_TEXTS, [blob])
        return blob

    async def bytes_of(self, blob: str) -> bytes | None:
        return await self.shadow.get(blob)

    async def text_of(self, text_id: str) -> str | None:
        return await self.shadow.get_text(text_id)

    def agent_names(self) -> tuple[str, ...]:
        return self.agents.names()

    def first_agent(self, environment: str = "") -> str | None:
        """The agent that works when none is named."""
        return self.agents.first(environment)

    def today(self) -> str:
        """The person's local day."""
        return self.shared.days.day(self.shared.clock.now())

    def day_bounds(self, day: str = "") -> tuple[float, float]:
        """Where a day (empty: today) begins and ends, as moments. Raises `ValueError` for what is no day."""
        return self.shared.days.bounds(day or self.today())

    def spending(self) -> tuple[float, float | None]:
        """What was spent today over all projects, and the limit of the day."""
        budget = self.shared.ledger.budget(self.today(), self.settings.limits.day_usd)
        return budget.spent_usd, budget.limit_usd

    def _put(self, item: Wish | Deed) -> None:
        self._waiting.append(item)
        self._arrived.set()
        if self._is_gone:
            self._drop_waiting()

    async def _consume(self) -> None:
        """The one place in which the state changes."""
        self._show(Batch(state=self.state))
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            items, self._waiting = self._waiting, []
            batch = await self._save(items)
            if batch is not None:
                self._show(batch)

    async def _save(self, items: list[Wish | Deed]) -> Batch | None:
        """Decide and write. While the disk refuses, wishes are refused, and facts are kept and tried again."""
        while True:
            now = self.shared.clock.now()
            batch = settle(self.state, items, now, self.shared.days.day(now), strict=self.shared.strict)
            new = {name: self.shared.environments.plain(name) for name in batch.environments if name}
            new = {name: plain for name, plain in new.items() if name not in self.stored_environments}
            try:
                if batch.rows:
                    await self.journal.append(batch.rows, batch.frozen, new)
            except JournalError as error:
                items = self._refuse(items, str(error))
                if not items:
                    self._set_trouble("")
                    return None
                await self.shared.clock.sleep(RETRY_S)
                items += self._waiting
                self._waiting = []
                continue
            self.stored_environments.update(new)
            self._set_trouble("")
            return batch

    def _refuse(self, items: Sequence[Wish | Deed], sentence: str) -> list[Wish | Deed]:
        """Refuse every wish; what is left is kept."""
        self._set_trouble(sentence)
        for item in items:
            if isinstance(item, Wish) and not item.future.done():
                item.future.set_result(Refusal(reason="disk", sentence=sentence))
        return [item for item in items if isinstance(item, Deed)]

    def _set_trouble(self, sentence: str) -> None:
        if sentence != self.trouble:
            log.log(logging.ERROR if sentence else logging.INFO, "%s", sentence or "It can be saved again.")
            self.trouble = sentence
            self.revision += 1
            self._tell_subscribers(())

    def _show(self, batch: Batch) -> None:
        """What is saved becomes what is true: for callers, for subscribers, for what starts.

        Nobody who waits goes on before this returns; the callers, who are told first, are the first to go on then: a
        snapshot that begins would keep the person waiting for its processes to start.
        """
        self.state = batch.state
        batch.answer()
        effects.react(self, batch)
        plan = self._plan()
        others_may_start = self._tell_ledger()
        if batch.events or plan.held != self.held:
            self.revision += 1
            self.held = plan.held
            self._tell_subscribers(batch.events)
        effects.pause_if_spent(self, batch)
        effects.start(self, plan)
        self._tell_ledger()
        if others_may_start:
            self.shared.workers.poke_all()
        if self.journal.since_checkpoint >= CHECKPOINT_EVENTS and not self.starting:
            # Counted again from here, so that one is enough.
            self.journal.since_checkpoint = 0
            self.deed(lambda state: (Checkpoint(state=state, at=self.shared.clock.now()),))

    def _plan(self) -> Plan:
        if all(task.state != "queued" for task in self.state.tasks.values()):
            return Plan()
        plan = schedule(self.state, effects.capacity(self))
        # What was let go already has its place, and waits for nothing but the disk.
        return replace(plan, held={n: held for n, held in plan.held.items() if n not in self.starting})

    def _tell_subscribers(self, events: Sequence[Event]) -> None:
        for subscriber in tuple(self._subscribers):
            try:
                subscriber(events, self.state)
            except Exception:
                # Whoever looks must not be able to stop what works.
                if self.shared.strict:
                    raise
                log.exception("a subscriber failed")

    def _tell_ledger(self) -> bool:
        tasks = self.state.tasks
        running = sum(task.state == "running" for task in tasks.values())
        running += sum(tasks[number].state == "queued" for number in self.starting)
        return self.shared.ledger.put(str(self.root), self.state, running)

    def _recover(self) -> None:
        """Put right what a restart left behind."""
        now = self.shared.clock.now()
        for event in interrupted(self.state, now):
            self.report(event)
        for number, seen in self._frozen_before.items():
            task = self.state.tasks.get(number)
            if task is not None and task.state == "queued" and task.wants_snapshot:
                self.snapshots.want_again(task, seen)
        for task in self.state.tasks.values():
            effects.set_deadline(self, task)

    def _drop_waiting(self) -> None:
        """Nobody waits for ever for an engine that is gone."""
        gone = Refusal(reason="gone", sentence="Backburner is ending. Try again in a moment.")
        for item in self._waiting:
            if isinstance(item, Wish):
                if not item.future.done():
                    item.future.set_result(gone)
            else:
                item.future.cancel()
        self._waiting = []
