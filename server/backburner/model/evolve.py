"""`evolve`: what an event makes of a task. It never leaves the table of `table.py`.

Pure: no clock, no I/O; every number and time is in the event, so that folding the same events twice gives the same state.
Rules about what a *person* may do are in `decide.py`; rules about what starts are in `engine/schedule.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from msgspec.structs import replace

from backburner.model import events as e
from backburner.model.events import Event, RunFact
from backburner.model.runs import continued, finding_key, grown, judged, renamed, result_renamed, settled, workspace
from backburner.model.table import SETTLED, TABLE
from backburner.model.task import LIVE, Answer, Delegation, Judgement, Opening, Run, State, Task, TaskState

REBASING = ("retry", "reply", "refit", "continue")
"""Openings after which a run begins from what is on the screen now."""


class NotInTable(Exception):
    """The event cannot happen in this state: a broken rule, not a person's mistake."""

    def __init__(self, task: Task | None, event: Event, to: TaskState | None = None) -> None:
        state = task.state if task else None
        super().__init__(f"{type(event).__name__} in {state}" + (f" to {to}" if to else ""))
        self.event = event


def evolve(task: Task | None, event: Event) -> Task:
    """The task after the event. Raises `NotInTable` for what cannot happen in its state."""
    allowed = TABLE.get((task.state if task else None, type(event)))
    if allowed is None:
        raise NotInTable(task, event)
    new = _first(event) if task is None else _next(task, event)
    if new.state not in allowed:
        raise NotInTable(task, event, new.state)
    return new


def admit(state: State, fact: RunFact) -> bool:
    """Whether the fact is of its task's current run; the last words of a cancelled or lost run are not."""
    return is_current(state, fact.task, fact.run)


def is_current(state: State, number: int, run: str) -> bool:
    """Whether the task is at work in this run."""
    task = state.tasks.get(number)
    return task is not None and task.state == "running" and task.run is not None and task.run.id == run


def fold(state: State, events: Sequence[Event]) -> State:
    """The state after the events; copies the mappings once."""
    folding = Folding(state)
    for event in events:
        folding.add((event,))
    return folding.state


class Folding:
    """A fold in progress: `state` is current after every `add`, its mappings are copied once for all of them."""

    def __init__(self, state: State) -> None:
        self._load(state)

    def _load(self, state: State) -> None:
        self._tasks = dict(state.tasks)
        self._delegations = dict(state.delegations)
        self._spent = dict(state.spent)
        self._raised = dict(state.day_budget_raised)
        self._next = state.next_number
        self.state = self._view()

    def add(self, events: Sequence[Event]) -> None:
        """All of the events or, when one is not in the table (`NotInTable`), none of them."""
        changed: dict[int, Task] = {}
        rest: list[Event] = []
        for event in events:
            match event:
                case e.DelegationMade() | e.Ignored() | e.Checkpoint():
                    rest.append(event)
                case e.BudgetRaised(task=0):
                    rest.append(event)
                case _:
                    number = event.task
                    changed[number] = evolve(changed.get(number) or self._tasks.get(number), event)
                    if isinstance(event, e.TurnTaken):
                        rest.append(event)
        self._tasks.update(changed)
        for event in rest:
            self._add_rest(event)
        self._next = max(self._next, max(changed, default=0) + 1)
        self.state = self._view()

    def _add_rest(self, event: Event) -> None:
        match event:
            case e.Checkpoint():
                self._load(event.state)
            case e.DelegationMade():
                self._delegations[event.delegation.number] = event.delegation
            case e.BudgetRaised():
                self._raised[event.day] = event.budget_usd
            case e.TurnTaken() if event.day and event.turn.cost_usd:
                self._spent[event.day] = self._spent.get(event.day, 0.0) + event.turn.cost_usd
            case _:
                pass

    def _view(self) -> State:
        return State(
            tasks=self._tasks,
            delegations=self._delegations,
            next_number=self._next,
            spent=self._spent,
            day_budget_raised=self._raised,
        )


def _first(event: Event) -> Task:
    assert isinstance(event, e.TaskQueued)
    return Task(
        number=event.task,
        group=event.group,
        target=event.target,
        recipe=event.recipe,
        instruction=event.instruction,
        agent=event.agent,
        effort=event.effort,
        when=event.when,
        pace=event.pace,
        budget_usd=event.budget_usd,
        after=event.after,
        environment=event.environment,
        dismissed_findings=event.dismissed,
        queued_at=event.at,
        since=event.at,
    )


def _next(task: Task, event: Event) -> Task:
    match event:
        case e.SnapshotTaken():
            target = task.target
            if event.anchor is not None:
                # The path may have been renamed while the snapshot was taken.
                target = replace(target, anchor=replace(event.anchor, path=target.path))
            return replace(task, snapshot=event.snapshot, target=target, wants_snapshot=False)
        case e.SnapshotFailed():
            return _to("ready" if task.open_items else "failed", task, event.at, failure=event.cause, seen=False)
        case e.RunStarted():
            # It waits for another task once.
            exempt = task.exempt if task.after is None or "after" in task.exempt else (*task.exempt, "after")
            runs = (*task.runs, _started(task, event))
            return _to("running", task, event.at, runs=runs, exempt=exempt, **_fresh(event))
        case e.Briefed():
            changes = task.changes if event.changes is None else event.changes
            run = _run(task)
            if event.changes is not None:
                touched = tuple(changed.path for changed in changes)
                run = replace(run, added=event.added, removed=event.removed, touched=touched)
            return replace(task, changes=changes, opening=None, runs=(*task.runs[:-1], run))
        case e.TranscriptShortened():
            # What the model is shown is in the transcript; the task is as before.
            return task
        case e.TurnAwaited():
            return replace(task, runs=(*task.runs[:-1], replace(_run(task), awaits=bool(event.awaited))))
        case e.TurnTaken():
            run = grown(_run(task), event.turn)
            return replace(task, opening=None, idle_interruptions=0, runs=(*task.runs[:-1], run))
        case e.ToolsDone():
            changes = workspace(task.changes, event.changes)
            touched = tuple(changed.path for changed in changes)
            run = replace(_run(task), added=event.added, removed=event.removed, touched=touched)
            notes = task.notes[event.notes_read :]
            return replace(task, opening=None, changes=changes, notes=notes, runs=(*task.runs[:-1], run))
        case e.DirectionStated():
            return replace(task, runs=(*task.runs[:-1], replace(_run(task), direction=event.direction)))
        case e.Steered():
            return replace(task, notes=(*task.notes, event.note))
        case e.Asked():
            return _to("asking", _ended(task, "asked", event.at), event.at, question=event.question, seen=False)
        case e.Answered():
            return _answered(task, event)
        case e.AnswerChanged():
            return _answer_changed(task, event)
        case e.RunFinished():
            ended = _ended(task, "finished", event.at)
            result = result_renamed(event.result, task.renames)
            verdicts = judged(task.dismissed_findings, result)
            return _to("ready", ended, event.at, result=result, verdicts=verdicts, seen=False, failure=None)
        case e.RunFailed():
            return _failed(task, event)
        case e.RunInterrupted():
            ended = _ended(task, "interrupted", event.at)
            return _to(
                "queued",
                ended,
                event.at,
                # What it was to begin with still stands when it came to nothing; else it goes on where it was.
                opening=task.opening or (Opening(kind="resume") if _has_begun(task) else None),
                idle_interruptions=task.idle_interruptions + (not event.by_restart),
            )
        case e.RunPaused():
            ended = _ended(task, "paused", event.at)
            return _to("queued", ended, event.at, opening=task.opening or Opening(kind="resume"))
        case e.Cancelled():
            ended = _ended(task, "cancelled", event.at) if task.state == "running" else task
            state = "cancelled" if task.result is None else settled(task.result, task.verdicts)
            return _to(state, ended, event.at, question=None, opening=None, notes=())
        case e.Seen():
            return replace(task, seen=True)
        case e.AcceptBegun():
            return replace(task, accepting=(*task.accepting, event.accept))
        case e.AcceptDropped():
            return replace(task, accepting=tuple(item for item in task.accepting if item.path != event.path))
        case e.Judged():
            return _judge(task, event)
        case e.TakenBack():
            return _take_back(task, event)
        case e.Dismissed():
            state = "accepted" if "accepted" in task.verdicts.values() else "rejected"
            return _to(state, task, event.at, seen=True)
        case e.Requeued():
            return _requeue(task, event)
        case e.PathRenamed():
            return renamed(task, event.old, event.new)
        case e.LetThrough():
            return replace(task, exempt=(*task.exempt, event.rule))
        case e.OrderSet():
            exempt = tuple(rule for rule in task.exempt if rule != "after")
            # What it waits for is part of what it begins from.
            wants = task.wants_snapshot or event.after is not None
            return replace(task, after=event.after, exempt=exempt, wants_snapshot=wants)
        case e.BudgetRaised():
            return replace(task, budget_usd=event.budget_usd)
        case e.ProposalEdited():
            return _edited(task, event)
        case e.TaskQueued() | e.DelegationMade() | e.Ignored() | e.Checkpoint():
            raise NotInTable(task, event)
        case _:
            assert_never(event)


def _to(state: TaskState, task: Task, at: float, **fields: object) -> Task:
    """The task in a state, with the time at which that state began."""
    since = task.since if state == task.state else at
    return replace(task, state=state, since=since, **fields)


def _run(task: Task) -> Run:
    assert task.run is not None
    return task.run


def _has_begun(task: Task) -> bool:
    run = _run(task)
    return not run.fresh or run.turns > 0 or run.awaits or bool(task.changes)


def _ended(task: Task, end: str, at: float) -> Task:
    run = replace(_run(task), ended_at=at, end=end)
    return replace(task, runs=(*task.runs[:-1], run))


def _started(task: Task, event: e.RunStarted) -> Run:
    run = Run(
        id=event.run,
        agent=event.agent,
        model=event.model,
        effort=event.effort,
        started_at=event.at,
        fresh=event.fresh,
    )
    if event.fresh or task.run is None:
        return run
    run = continued(run, task.run)
    if task.opening is not None and task.opening.kind in REBASING:
        # What it begins with is known when it was put on top of the person's text as it is now.
        direction = run.direction if task.opening.kind == "continue" else ""
        run = replace(run, added=0, removed=0, touched=(), direction=direction)
    return run


def _fresh(event: e.RunStarted) -> dict[str, object]:
    return {"changes": ()} if event.fresh else {}


def _failed(task: Task, event: e.RunFailed) -> Task:
    ended = _ended(task, "failed", event.at)
    if event.result is not None:
        result = result_renamed(event.result, task.renames)
        return _to("ready", ended, event.at, result=result, verdicts={}, seen=False, failure=event.cause, opening=None)
    return _to("ready" if task.open_items else "failed", ended, event.at, failure=event.cause, seen=False, opening=None)


def _answered(task: Task, event: e.Answered) -> Task:
    assert task.question is not None
    by = "default" if event.by_default else "person"
    answer = Answer(question=task.question, answer=event.answer, by=by, at=event.at)
    opening = Opening(kind="answer", text=event.answer)
    return _to("queued", task, event.at, question=None, answers=(*task.answers, answer), opening=opening)


def _answer_changed(task: Task, event: e.AnswerChanged) -> Task:
    answers = tuple(
        replace(old, answer=event.answer, by="person", at=event.at) if old.question.id == event.question else old
        for old in task.answers
    )
    if task.state not in LIVE:
        return replace(task, answers=answers)
    question = next((old.question.sentence for old in task.answers if old.question.id == event.question), "")
    note = f"I changed my answer to your question {question!r}. It is now: {event.answer}"
    return replace(task, answers=answers, notes=(*task.notes, note))


def _judge(task: Task, event: e.Judged) -> Task:
    accepting, accepts = task.accepting, task.accepts
    if event.accepted is not None:
        path = event.accepted.path
        accepting = tuple(item for item in accepting if item.path != path)
        accepts = (*accepts, event.accepted)
    task = replace(task, accepting=accepting, accepts=accepts)
    if task.result is None or event.run != task.result.run:
        # The proof of an accept from a result that a later run has replaced: kept for undo, decides nothing.
        return task
    result = task.result
    verdicts: dict[str, Judgement] = {**task.verdicts, **dict.fromkeys(event.items, event.verdict)}
    task = replace(task, verdicts=verdicts, seen=True)
    if event.verdict == "dismissed":
        gone = [f for f in result.findings if f.id in event.items]
        keys = [finding_key(finding.anchor.path, finding.message) for finding in gone]
        task = replace(task, dismissed_findings=(*task.dismissed_findings, *keys))
    return _to(settled(result, verdicts), task, event.at) if task.state in SETTLED else task


def _take_back(task: Task, event: e.TakenBack) -> Task:
    items = frozenset(event.items)
    accepts = tuple(accept for accept in task.accepts if not items.intersection(accept.items))
    task = replace(task, accepts=accepts)
    if task.result is None or event.run != task.result.run:
        return task
    result = task.result
    keys = {finding_key(f.anchor.path, f.message) for f in result.findings if f.id in items}
    verdicts: dict[str, Judgement] = {item: verdict for item, verdict in task.verdicts.items() if item not in items}
    remembered = tuple(key for key in task.dismissed_findings if key not in keys)
    task = replace(task, verdicts=verdicts, dismissed_findings=remembered)
    return _to(settled(result, verdicts), task, event.at) if task.state in SETTLED else task


def _edited(task: Task, event: e.ProposalEdited) -> Task:
    verdicts: dict[str, Judgement] = {item: task.verdicts[item] for item in event.result.items if item in task.verdicts}
    return _to(settled(event.result, verdicts), task, event.at, result=event.result, verdicts=verdicts)


def _requeue(task: Task, event: e.Requeued) -> Task:
    rebases = event.opening.kind in REBASING
    return _to(
        "queued",
        task,
        event.at,
        opening=event.opening,
        agent=event.agent or task.agent,
        effort=event.effort or task.effort,
        environment=event.environment or task.environment,
        failure=None,
        exempt=tuple(rule for rule in task.exempt if rule == "after"),
        idle_interruptions=0,
        wants_snapshot=task.wants_snapshot or rebases,
        renames=() if rebases else task.renames,
    )


def delegation_of(state: State, task: Task) -> Delegation | None:
    """The wish that the task belongs to."""
    return state.delegations.get(task.group)


def folded(state: State, task: Task) -> int | None:
    """Another attempt at the same target that was (partly) accepted: this one need not be read. It is not rejected."""
    delegation = delegation_of(state, task)
    if delegation is None or delegation.kind != "attempts" or _taken(task):
        return None
    for number in delegation.tasks:
        other = state.tasks.get(number)
        if other is not None and number != task.number and _taken(other):
            return number
    return None


def _taken(task: Task) -> bool:
    return "accepted" in task.verdicts.values() or bool(task.accepts)
