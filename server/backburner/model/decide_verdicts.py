"""The part of `decide` that is about results: accept, reject, dismiss, take back, edit.

Pure. An accept has two steps (architecture section 7.3): `begin` before the text is touched, `judge` with the proof. The
text itself is never looked at here.
"""

from __future__ import annotations

from collections.abc import Sequence

from backburner.model import events as e
from backburner.model import wishes as w
from backburner.model.events import Event
from backburner.model.result import Result
from backburner.model.task import LIVE, OpenAccept, State, Task
from backburner.model.wishes import Refusal

Decision = tuple[Event, ...] | Refusal


def begin(state: State, task: Task, command: w.BeginAccept, now: float) -> Decision:
    """Open an accept: at most one for each path, over all tasks."""
    items = _open_items(task, command.items)
    if isinstance(items, Refusal):
        return items
    if not command.items:
        return refuse("bad_arguments", "An accept names the hunks that it takes.")
    for other in state.tasks.values():
        if any(accept.path == command.path for accept in other.accepting):
            return busy(other, command.path)
    accept = OpenAccept(path=command.path, items=items, before_id=command.before_id, after_id=command.after_id, at=now)
    return (e.AcceptBegun(task=task.number, accept=accept, at=now),)


def drop(task: Task, command: w.DropAccept, now: float) -> Decision:
    if not any(accept.path == command.path for accept in task.accepting):
        return refuse("no_open_accept", f"No accept of {command.path} is under way.")
    return (e.AcceptDropped(task=task.number, path=command.path, reason=command.reason, at=now),)


def judge(task: Task, command: w.Judge, now: float) -> Decision:
    """A verdict on open items; with `accepted` the proof of an accept, which counts even when the result was replaced."""
    if command.accepted is not None:
        path = command.accepted.path
        opened = next((accept for accept in task.accepting if accept.path == path), None)
        if opened is not None and opened.items == command.items:
            return _judged(task, _run_of(task, command.items), command, command.items, now)
    items = _open_items(task, command.items)
    if isinstance(items, Refusal):
        return items
    assert task.result is not None
    under_way = {item: accept.path for accept in task.accepting for item in accept.items}
    for item in items:
        if item in under_way:
            return busy(task, under_way[item])
    if command.verdict == "dismissed":
        return dismiss(task, w.Dismiss(task=task.number, items=items), now)
    return _judged(task, task.result.run, command, items, now)


def take_back(task: Task, command: w.TakeBack, now: float) -> Decision:
    """Withdraw verdicts: of these items, or of everything decided."""
    items = command.items or tuple(task.verdicts)
    undoable = {item for accept in task.accepts for item in accept.items}
    if not items:
        return refuse("not_decided", f"#{task.number} has no verdict to take back.")
    for item in items:
        if item not in task.verdicts and item not in undoable:
            return refuse("not_decided", f"{item} has no verdict to take back.")
    runs = dict.fromkeys(_run_of(task, (item,)) for item in items)
    return tuple(
        e.TakenBack(task=task.number, run=run, items=tuple(i for i in items if _run_of(task, (i,)) == run), at=now)
        for run in runs
    )


def dismiss(task: Task, command: w.Dismiss, now: float) -> Decision:
    """Put away a failed or cancelled task, or findings and a report of a result."""
    number = task.number
    if task.state in ("failed", "cancelled"):
        return (e.Dismissed(task=number, at=now),)
    if task.result is None:
        return refuse("still_live", f"#{number} has no result yet. Stop it instead.")
    if not command.items and not task.open_items:
        if task.state in LIVE:
            return refuse("still_live", f"#{number} has no new result yet. Stop it instead.")
        return refuse("already_decided", f"#{number} is decided already.")
    hunks = {hunk.id for hunk in task.result.proposal.hunks}
    wanted = command.items or tuple(item for item in task.open_items if item not in hunks)
    if not wanted or hunks.intersection(wanted):
        return refuse("has_changes", f"#{number} offers a change. Accept or reject it.")
    items = _open_items(task, wanted)
    if isinstance(items, Refusal):
        return items
    return (e.Judged(task=number, run=task.result.run, items=items, verdict="dismissed", at=now),)


def edit(task: Task, command: w.EditProposal, now: float) -> Decision:
    """Keep a proposal that the person changed. It must be of the run that is shown."""
    if task.result is None:
        return refuse("no_result", f"#{task.number} has no result to edit.")
    if task.state != "ready":
        return refuse("already_decided", f"#{task.number} is not waiting for a verdict.")
    if command.result.run != task.result.run:
        return _old(task, command.result.run)
    if task.accepting:
        return busy(task, task.accepting[0].path)
    return (e.ProposalEdited(task=task.number, result=command.result, at=now),)


def refuse(reason: str, sentence: str) -> Refusal:
    return Refusal(reason=reason, sentence=sentence)


def known(state: State, number: int) -> Refusal:
    """There is no such task; names the numbers that there are."""
    if not state.tasks:
        return refuse("unknown_task", f"There is no task #{number}: nothing was delegated here yet.")
    return refuse("unknown_task", f"There is no task #{number}; the last one is #{max(state.tasks)}.")


def busy(task: Task, path: str) -> Refusal:
    name = path.rsplit("/", 1)[-1]
    return refuse("busy", f"#{task.number} is being accepted into {name} just now. Try again in a moment.")


def _judged(task: Task, run: str, command: w.Judge, items: tuple[str, ...], now: float) -> Decision:
    return (
        e.Judged(task=task.number, run=run, items=items, verdict=command.verdict, accepted=command.accepted, at=now),
    )


def without_result(task: Task) -> str:
    """Why there is nothing to judge, and what to do."""
    if task.state in ("failed", "cancelled"):
        return f"#{task.number} stopped without a result. Run it again."
    return f"#{task.number} has no result yet."


def _open_items(task: Task, wanted: Sequence[str]) -> tuple[str, ...] | Refusal:
    """The wanted items of the present result (all open ones when none is named), if every one still wants a verdict."""
    result = task.result
    if result is None:
        return refuse("no_result", without_result(task))
    if not wanted:
        return task.open_items or refuse("already_decided", f"#{task.number} is decided already.")
    for item in wanted:
        if item in task.verdicts:
            return refuse("already_decided", f"{item} is {task.verdicts[item]} already.")
        if item not in result.items:
            return _unknown_item(task, result, item)
    return tuple(dict.fromkeys(wanted))


def _unknown_item(task: Task, result: Result, item: str) -> Refusal:
    run = item.split("/", 1)[0]
    if run != result.run and any(run == earlier.id for earlier in task.runs):
        return _old(task, run)
    return refuse("unknown_item", f"#{task.number} has nothing called {item}.")


def _old(task: Task, run: str) -> Refusal:
    now = task.result.run if task.result is not None else ""
    return refuse("old_result", f"{run} is an earlier result of #{task.number}; the present one is {now}.")


def _run_of(task: Task, items: Sequence[str]) -> str:
    """The run that an item was offered by: it is the first part of its id."""
    if items:
        return items[0].split("/", 1)[0]
    return task.result.run if task.result is not None else ""
