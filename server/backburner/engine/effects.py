"""What an engine does because of what became true: hand a run to a worker, pass on a note, set a question's deadline.

Functions on an engine, called by nobody else. None of them changes the state: they report deeds, like everybody.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from backburner.engine.after import with_open_change
from backburner.engine.agents import discount
from backburner.engine.batch import Batch
from backburner.engine.schedule import LAST_MOMENT_S, Capacity, Plan, Trouble, deadline
from backburner.engine.snapshots import anchor_in_text, text_in
from backburner.engine.start import is_fresh, next_run, run_spec
from backburner.engine.workers import DraftFailed
from backburner.lib.files import OutsideRoot, read_beneath
from backburner.model import events as e
from backburner.model import wishes as w
from backburner.model.catalog import AgentSpec
from backburner.model.decide import decide
from backburner.model.events import Event
from backburner.model.evolve import admit, is_current
from backburner.model.result import Cause, Proposal
from backburner.model.task import LIVE, State, Target, Task
from backburner.model.text import decode
from backburner.model.wire import Progress
from backburner.store.journal import JournalError
from backburner.store.recipes import Unapproved
from backburner.workspace.git import GitFailed
from backburner.workspace.tree import Workspace

if TYPE_CHECKING:
    from backburner.engine.engine import Engine

MOST_INTERRUPTIONS = 2
"""In a row and without a new turn: then the run gets a worker to itself, and the next one is the last."""

log = logging.getLogger(__name__)


def react(engine: Engine, batch: Batch) -> None:
    """Everything that follows from events that are durable now."""
    for numbers, frozen in batch.frozen:
        for number in numbers:
            engine.snapshots.want(engine.state.tasks[number], frozen)
    for event in batch.events:
        match event:
            case e.RunStarted():
                engine.group.create_task(hand_over(engine, event))
            case e.Cancelled():
                run = engine.state.tasks[event.task].run
                if run is not None:
                    engine.shared.workers.cancel(str(engine.root), run.id, event.task)
            case e.Steered() | e.AnswerChanged():
                task = engine.state.tasks[event.task]
                if task.state == "running" and task.run is not None and task.notes:
                    engine.shared.workers.steer(str(engine.root), task.run.id, task.notes[-1])
            case e.Asked():
                set_deadline(engine, engine.state.tasks[event.task])
            case e.Answered():
                engine.alarms.clear(("question", event.task))
            case _:
                pass


def pause_if_spent(engine: Engine, batch: Batch) -> None:
    """Stop what has just ended a turn when the day's money is spent: before its next request, which its ack would begin."""
    for event in batch.events:
        if not isinstance(event, e.Briefed | e.ToolsDone):
            continue
        task = engine.state.tasks[event.task]
        # What called `finish` asks for nothing more.
        ends = isinstance(event, e.ToolsDone) and any(
            result.name == "finish" and not result.is_error for result in event.results
        )
        if task.state != "running" or ends or "budget" in task.exempt:
            continue
        budget = engine.shared.ledger.budget(engine.today(), engine.settings.limits.day_usd)
        if not budget.is_spent:
            return
        paused = e.RunPaused(task=event.task, run=event.run, at=engine.shared.clock.now())
        engine.deed(lambda state, paused=paused: (paused,) if is_current(state, paused.task, paused.run) else ())
        engine.shared.workers.cancel(str(engine.root), event.run, event.task)


def capacity(engine: Engine) -> Capacity:
    """What the world outside allows this project now; sets an alarm for when that changes by itself."""
    shared, settings = engine.shared, engine.settings
    limits = settings.limits
    now = shared.clock.now()
    troubles: dict[int, Trouble] = {}
    discounts: dict[int, str] = {}
    wake = [engine.day_bounds()[1]]
    queued = [task for task in engine.state.tasks.values() if task.state == "queued"]
    for task in queued:
        agent = engine.agents.resolve(task, settings)
        if isinstance(agent, Trouble):
            troubles[task.number] = agent
            continue
        if task.when != "now":
            discounts[task.number] = discount(task, agent)
            wake.append(max(now, deadline(task) - LAST_MOMENT_S))
        until = shared.ledger.paused(agent.provider, now)
        if until is not None:
            wake.append(until)
            troubles[task.number] = paused(agent.provider, until)
    if queued:
        engine.alarms.set("look", min(moment for moment in wake if moment > now), engine.poke)
    return Capacity(
        now=now,
        free=limits.running - shared.ledger.running,
        places=limits.running,
        day=shared.ledger.budget(engine.today(), limits.day_usd),
        task_usd=limits.task_usd,
        unread_results=limits.unread_results,
        unread_lines=limits.unread_lines,
        troubles=troubles,
        worker=worker_trouble(engine),
        discounts=discounts,
    )


def paused(who: str, until: float) -> Trouble:
    return Trouble(
        reason="paused",
        sentence=f"{who} has reached its limit and goes on at {{until}}.",
        short=f"waits: {who} limit until {{until}}",
        until=until,
    )


def worker_trouble(engine: Engine) -> Trouble | None:
    workers = engine.shared.workers
    if workers.is_up:
        return None
    if workers.trouble:
        return Trouble(reason="worker", sentence=workers.trouble, short="waits: no worker")
    return Trouble(reason="worker", sentence="The worker is starting.", short="queued")


def start(engine: Engine, plan: Plan) -> None:
    """Start what may start; the rest of the world is told once that is durable."""
    if any(held.reason == "worker" for held in plan.held.values()) or plan.prepare:
        engine.shared.workers.warm()
    for number in plan.prepare:
        task = engine.state.tasks[number]
        if not engine.snapshots.has(number):
            waived = task.after is None or "after" in task.exempt
            engine.snapshots.want_after(task, None if waived else engine.state.tasks.get(task.after or 0))
    for number in plan.start:
        if number in engine.starting:
            continue
        agent = engine.agents.resolve(engine.state.tasks[number])
        if isinstance(agent, AgentSpec):
            engine.starting[number] = agent
            begin(engine, number, agent)


def begin(engine: Engine, number: int, agent: AgentSpec) -> None:
    def started(state: State) -> Sequence[Event]:
        task = state.tasks[number]
        if task.state != "queued" or task.wants_snapshot:
            return ()
        return (
            e.RunStarted(
                task=number,
                run=next_run(task),
                agent=agent.name,
                model=agent.model,
                effort=agent.effort,
                fresh=is_fresh(task),
                at=engine.shared.clock.now(),
            ),
        )

    def done(future: asyncio.Future[bool]) -> None:
        if future.cancelled() or not future.result():
            engine.starting.pop(number, None)
            engine.poke()

    engine.deed(started).add_done_callback(done)


async def hand_over(engine: Engine, event: e.RunStarted) -> None:
    """Give a run that has started, as everybody knows, to a worker."""
    agent = engine.starting.pop(event.task)
    try:
        conversation = None if event.fresh else await asyncio.to_thread(engine.journal.transcript, event.task)
        recipe_body = await asyncio.to_thread(engine.recipes.text, engine.state.tasks[event.task].recipe)
        target = await target_in_copy(engine, engine.state.tasks[event.task])
    except Exception as error:
        # One run that cannot start must not end the others.
        log.exception("run %s cannot start", event.run)
        known = isinstance(error, JournalError | GitFailed | OSError | Unapproved)
        sentence = str(error) if known else "Something went wrong inside Backburner; its log has the details."
        cause = Cause(kind="internal", sentence=sentence)
        engine.report(e.RunFailed(task=event.task, run=event.run, cause=cause, at=engine.shared.clock.now()))
        return
    task = engine.state.tasks[event.task]
    if task.state != "running" or task.run is None or task.run.id != event.run:
        return
    root, variables = str(engine.root), engine.shared.environments.variables(task.environment)
    spec = run_spec(
        replace(task, target=target),
        event.run,
        engine.places,
        agent,
        engine.settings,
        recipe_body=recipe_body,
        conversation=conversation,
        own_network=engine.agents.confirmed(agent.name),
    )
    engine.shared.workers.start(spec, variables, alone=task.idle_interruptions >= MOST_INTERRUPTIONS)
    if engine.watchers.get(event.task):
        engine.shared.workers.watch(root, event.run, on=True)
    if event.run in engine.to_be_stopped:
        engine.to_be_stopped.discard(event.run)
        engine.shared.workers.cancel(root, event.run, event.task, keep=True)


async def target_in_copy(engine: Engine, task: Task) -> Target:
    """The target where it is in the task's own copy: with the change of a task it waited for, it may be elsewhere."""
    assert task.snapshot is not None
    text = await text_in(engine.shadow, task.snapshot, task.target.path)
    return replace(task.target, anchor=await anchor_in_text(engine.shadow, task.target.anchor, text))


def interruption(state: State, number: int, run: str, reason: str, now: float) -> Sequence[Event]:
    """What the loss of a run's worker comes to: it goes on in another one, but not for ever."""
    event = e.RunInterrupted(task=number, run=run, reason=reason, at=now)
    if not admit(state, event):
        return ()
    if state.tasks[number].idle_interruptions < MOST_INTERRUPTIONS:
        return (event,)
    sentence = f"Its worker was lost three times before it came any further. {reason} Run it again, or read the log."
    cause = Cause(kind="interrupted", sentence=sentence)
    return (e.RunFailed(task=number, run=run, cause=cause, at=now),)


def set_deadline(engine: Engine, task: Task) -> None:
    """Have the default answer taken when nobody answers in time."""
    question = task.question
    if task.state != "asking" or question is None:
        return

    def answer() -> None:
        standing = engine.state.tasks[task.number].question
        if standing is not None and standing.id == question.id:
            command = w.GiveAnswer(task=task.number, answer=question.default, by_default=True)
            engine.deed(lambda state: default_answer(state, command, engine.shared.clock.now()))

    engine.alarms.set(("question", task.number), question.deadline, answer)


def default_answer(state: State, command: w.GiveAnswer, now: float) -> Sequence[Event]:
    """A deed and no wish, so that a full disk only delays it."""
    outcome = decide(state, command, now)
    return () if isinstance(outcome, w.Refusal) else outcome


def stop_and_keep(engine: Engine, number: int) -> None:
    task = engine.state.tasks[number]
    if task.state != "running" or task.run is None:
        return
    if not engine.shared.workers.cancel(str(engine.root), task.run.id, number, keep=True):
        engine.to_be_stopped.add(task.run.id)


def watch(engine: Engine, number: int, watcher: Callable[[Progress], None]) -> Callable[[], None]:
    watchers = engine.watchers.setdefault(number, [])
    watchers.append(watcher)

    def tell(on: bool) -> None:
        task = engine.state.tasks.get(number)
        if task is not None and task.state == "running" and task.run is not None:
            engine.shared.workers.watch(str(engine.root), task.run.id, on=on)

    def unwatch() -> None:
        if watcher in watchers:
            watchers.remove(watcher)
        if not watchers and engine.watchers.pop(number, None) is not None:
            tell(False)

    if len(watchers) == 1:
        tell(True)
    return unwatch


async def draft(engine: Engine, number: int) -> Proposal:
    """From the worker where the run is; else from what was journalled last."""
    task = engine.state.tasks[number]
    if task.state == "running" and task.run is not None:
        try:
            return await engine.shared.workers.draft(str(engine.root), task.run.id)
        except DraftFailed as error:
            log.info("draft of %s: %s", task.run.id, error)
    if task.state not in LIVE or task.snapshot is None or task.run is None or not task.changes:
        return Proposal(())
    workspace = await Workspace.open(engine.shadow, task.snapshot, engine.root, Path(engine.places.trees))
    await workspace.restore(task.changes)
    proposal, _ = await workspace.proposal(task.run.id)
    return proposal


async def live_texts(engine: Engine, paths: tuple[str, ...], run: str) -> Mapping[str, str | None]:
    texts = dict(engine.shared.live_texts(str(engine.root), paths))
    missing = tuple(path for path in paths if path not in texts)

    def read() -> dict[str, str | None]:
        found: dict[str, str | None] = {}
        for path in missing:
            try:
                decoded = decode(read_beneath(engine.root, path))
            except (OSError, OutsideRoot):
                decoded = None
            found[path] = decoded.text if decoded is not None else None
        return found

    texts |= await asyncio.to_thread(read) if missing else {}
    snapshot = engine.state.tasks[task_of(run)].snapshot
    if snapshot is None or not snapshot.on:
        return texts
    # It builds on a change that the person has not taken yet: that is no edit of theirs.
    return await with_open_change(engine.shadow, engine.state.tasks[snapshot.on], texts)


def task_of(run: str) -> int:
    """The task's number in a run's id."""
    return int(run.split(".", 1)[0])
