"""The queue: rows in their groups, each with its reason, what can be done, and what Enter does.

`Asks you`, `Ready`, `Running`, `Waiting`, `Earlier`. Results of other branches are one row for each branch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, unquote

from msgspec.structs import replace

from backburner.model.task import State, Task
from backburner.model.view import Queue, QueueRow
from backburner.review import lenses
from backburner.review.offers import done_offers, look, offers
from backburner.review.ready import Ready, Where, line_of, ready_list
from backburner.review.scene import Scene, is_parked
from backburner.review.words import ASCII, coarse, evidence, plural, short, size, stopped

SECTIONS = ("Asks you", "Ready", "Running", "Waiting", "Earlier")
EARLIER = 20
"""Rows of tasks that are done; the latest."""
TITLE = 60


def queue(scene: Scene, where: Where | None = None, note: str = "", earlier: int = EARLIER) -> Queue:
    """All rows. `note` is the first row's sentence (`ready.since`); `earlier` 0 leaves out what is done."""
    order = {row.task: row for row in ready_list(scene, where)}
    tasks = scene.state.tasks
    rows = [_row(scene, tasks[row.task], row) for row in order.values()]
    rows.sort(key=lambda row: SECTIONS.index(row.section))
    rows.extend(_parked(scene.state, scene.view.branch))
    running = [task for task in tasks.values() if task.state == "running"]
    running.sort(key=lambda task: task.run.started_at if task.run is not None else task.since)
    waiting = [task for task in tasks.values() if task.state == "queued"]
    waiting.sort(key=lambda task: (held.ahead if (held := scene.view.held.get(task.number)) else 0, task.number))
    done = [task for task in tasks.values() if task.state in ("accepted", "rejected", "cancelled")]
    done.sort(key=lambda task: task.since, reverse=True)
    rows.extend(_row(scene, task, None) for task in [*running, *waiting, *done[:earlier]])
    found = Queue(rows=rows, note=note)
    return _ascii(found) if scene.view.ascii else found


def merged(queues: Sequence[Queue]) -> Queue:
    """The queues of several projects as one. Where more than one has rows, each row says in which project its file is."""
    full = [found for found in queues if found.rows]
    if len(full) < 2:
        return full[0] if full else queues[0]
    rows = [
        replace(row, detail=f"{unquote(row.project.rsplit('/', 1)[-1])}/{row.detail}") if row.project else row
        for found in full
        for row in found.rows
    ]
    rows.sort(key=lambda row: SECTIONS.index(row.section))
    return Queue(rows=rows, note=" ".join(found.note for found in full if found.note))


def detail(scene: Scene, task: Task) -> str:
    """`lexer.py · +24 −3 · tests pass`"""
    name = task.target.path.rsplit("/", 1)[-1]
    match task.state:
        case "asking":
            parts = [lenses.asking(task)]
        case "failed":
            parts = [f"stopped: {stopped(task.failure)}" if task.failure is not None else "stopped"]
        case "running":
            run = task.run
            time = coarse(scene.view.now - (run.started_at if run is not None else task.since))
            draft = size(run.added, run.removed) if run is not None and (run.added or run.removed) else ""
            direction = short(run.direction, TITLE) if run is not None else ""
            parts = [f"{task.agent} {time}".strip(), draft, direction]
        case "queued":
            parts = [lenses.queued(scene, task)]
        case "ready":
            parts = _ready(scene, task)
        case _:
            change = task.result.proposal if task.result is not None else None
            state = "dismissed" if task.is_dismissed else task.state
            parts = [state, size(change.added, change.removed) if change is not None and change.files else ""]
    return " · ".join(part for part in (name, *parts) if part)


def section(task: Task) -> str:
    match task.state:
        case "asking" | "failed":
            return "Asks you"
        case "ready":
            return "Ready"
        case "running":
            return "Running"
        case "queued":
            return "Waiting"
        case _:
            return "Earlier"


def _ready(scene: Scene, task: Task) -> list[str]:
    result, standing = task.result, scene.standing(task)
    if result is None:
        return []
    if standing.lost:
        return [standing.lost]
    change = size(result.proposal.added, result.proposal.removed) if result.proposal.files else ""
    left = f"{standing.open} of {standing.total} left" if standing.judged else ""
    findings = plural(len(result.findings), "finding") if result.findings and not left else ""
    trouble = lenses.overlapping(standing)
    if not (change or findings or left):
        return [lenses.without_change(task, result)]
    return [change, trouble or evidence(result.checks), left, findings]


def _row(scene: Scene, task: Task, ready: Ready | None) -> QueueRow:
    first = look(task)
    offered = (first, *(offers(scene, task) or done_offers(task)))
    actions: list[dict[str, Any]] = [
        {
            "command": action.command,
            "title": action.title.removeprefix(f"#{task.number} "),
            "arguments": dict(action.arguments),
        }
        for at, action in enumerate(offered)
        if not at or (action.command, action.arguments) != (first.command, first.arguments)
    ]
    root = scene.view.root_uri
    return QueueRow(
        section=section(task),
        task=task.number,
        group=task.group,
        state=task.state,
        title=f"#{task.number} {short(task.title, TITLE)}",
        detail=detail(scene, task),
        why=ready.why if ready is not None else "",
        uri=f"{root}/{quote(task.target.path)}" if root else task.target.path,
        line=ready.line if ready is not None else line_of(scene, task),
        seen=task.seen,
        hunks=scene.standing(task).hunks,
        project=root,
        group_title=_group_title(scene.state, task),
        actions=actions,
    )


def _group_title(state: State, task: Task) -> str:
    delegation = state.delegations.get(task.group)
    if delegation is None or len(delegation.tasks) < 2:
        return ""
    first = state.tasks.get(delegation.tasks[0], task)
    problems = first.target.diagnostics
    said = f"{delegation.recipe}: {problems[0].message}" if problems else delegation.recipe
    return short(delegation.title or delegation.instruction or said, TITLE)


def _parked(state: State, branch: str) -> list[QueueRow]:
    """`3 ready on feature/lexer`, one row for each other branch."""
    by_branch: dict[str, list[Task]] = {}
    for task in state.tasks.values():
        if is_parked(task, branch) and task.snapshot is not None:
            by_branch.setdefault(task.snapshot.branch, []).append(task)
    return [
        QueueRow(
            section="Ready",
            task=0,
            group=0,
            state="ready",
            title=f"{len(tasks)} ready on {name}",
            detail=", ".join(f"#{task.number}" for task in tasks[:8]),
            why="back when the branch is",
            seen=True,
        )
        for name, tasks in sorted(by_branch.items())
    ]


def _ascii(found: Queue) -> Queue:
    rows = [replace(row, title=row.title.translate(ASCII), detail=row.detail.translate(ASCII)) for row in found.rows]
    return replace(found, rows=rows)
