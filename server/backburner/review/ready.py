"""In which order results are best read, and why; and what the whole comes to: status, since, today.

Questions first, then what is near the cursor, then what is cheapest to judge, then what is most at risk of going stale.
Failures come last: they lose nothing by waiting. Results of another branch are not in the list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from backburner.model.held import Held
from backburner.model.task import DONE, State, Task
from backburner.model.view import Status
from backburner.review.scene import Scene, is_parked
from backburner.review.words import clock_time, money, plural, sentence, spoken

NEAR_LINES = 200
"""Lines from the cursor, in its file, that count as near; farther ones are still before other files."""
REPORT_LINES = 10
"""What a report or a finding costs to read, in lines."""


class Where(Struct, frozen=True):
    """Where the person is: path and zero-based line."""

    path: str
    line: int = 0


class Ready(NamedTuple):
    """One row of the ready list."""

    task: int
    why: str
    """Why it stands where it stands: `3 lines from your cursor`."""
    path: str
    line: int
    """Zero-based, in the live text; its target's line in the base when that is not known."""


class Today(Struct, frozen=True, kw_only=True):
    """What a day came to."""

    delegated: int
    accepted: int
    lines: int
    """Lines of accepted changes, added and removed."""
    rejected: int
    dismissed: int
    """Failures, findings and reports that were put away."""
    open: int
    spent_usd: float
    sentence: str
    """`11 delegated · 8 accepted, 412 lines · 1 rejected · 2 open · $6.12`"""


class _Rank(NamedTuple):
    kind: int
    near: int
    cost: int
    risk: int
    on: int
    """The task that is to be accepted first; 0: none."""
    number: int


def ready_list(scene: Scene, where: Where | None = None) -> list[Ready]:
    """Everything that waits for the person, best first. Tasks of one group stay together."""
    ranked = [
        (_rank(scene, task, where), task)
        for task in scene.state.tasks.values()
        if task.state in ("asking", "ready", "failed") and not is_parked(task, scene.view.branch)
    ]
    ranked.sort(key=lambda item: item[0])
    first: dict[tuple[int, int], int] = {}
    for at, (rank, task) in enumerate(ranked):
        first.setdefault((task.group, rank.kind), at)
    ranked.sort(key=lambda item: (first[(item[1].group, item[0].kind)], item[0]))
    found: list[Ready] = []
    for at, (rank, task) in enumerate(ranked):
        before = ranked[at - 1][1] if at else None
        why = _why(scene, task, rank, where)
        if before is not None and before.group == task.group and rank.kind == 1 and rank.near > NEAR_LINES:
            why = f"with #{before.number}, the same instruction"
        found.append(Ready(task.number, why, task.target.path, line_of(scene, task)))
    return found


def line_of(scene: Scene, task: Task) -> int:
    """Where to go for a task, zero-based."""
    placed = scene.anchor(task)
    return placed.line if placed is not None else max(task.target.anchor.span.start_line, task.target.anchor.name_line)


def reading_cost(task: Task) -> int:
    """Lines to read before a verdict: what is still open of the change, and something for each finding or report."""
    if task.result is None:
        return 0
    hunks = {hunk.id for hunk in task.result.proposal.hunks}
    return changed_lines(task) + REPORT_LINES * len(set(task.open_items) - hunks)


def changed_lines(task: Task) -> int:
    """Lines of the change that are still open."""
    if task.result is None:
        return 0
    open_items, proposal = set(task.open_items), task.result.proposal
    hunks = [hunk for hunk in proposal.hunks if hunk.id in open_items]
    if len(hunks) == len(proposal.hunks):
        return proposal.added + proposal.removed
    return sum(len(hunk.base) + len(hunk.proposed) for hunk in hunks)


def status(
    state: State, held: Mapping[int, Held], now: float, spent_usd: float, day_budget_usd: float | None, branch: str = ""
) -> Status:
    """The counts of one project, with their words. `spent_usd` and the budget are the person's, for today."""
    tasks = state.tasks.values()
    running = [task for task in tasks if task.state == "running"]
    ready = [task for task in tasks if task.state == "ready" and not is_parked(task, branch)]
    failed = [task for task in tasks if task.state == "failed"]
    longest = max((now - (task.run.started_at if task.run else task.since) for task in running), default=0.0)
    causes = {task.failure.key: task.failure for task in failed if task.failure is not None and not task.seen}
    stops = [
        (key, sum(t.failure is not None and t.failure.key == key and not t.seen for t in failed)) for key in causes
    ]
    return worded(
        Status(
            running=len(running),
            ready=len(ready),
            asking=sum(task.state == "asking" for task in tasks),
            waiting=sum(task.state == "queued" for task in tasks),
            failed=len(failed),
            unread=sum(not task.seen for task in ready),
            spent_usd=round(spent_usd, 4),
            day_budget_usd=day_budget_usd,
            longest_s=int(longest // 60) * 60,
            causes=[f"{plural(number, 'task')} stopped: {sentence(causes[key].sentence)}" for key, number in stops],
        )
    )


def worded(status: Status) -> Status:
    """The status with `text` and `tooltip` for its counts; for counts that were added up, too."""
    parts = [
        f"{status.running} running, longest {spoken(status.longest_s)}" if status.running else "",
        f"{status.ready} to read" if status.ready else "",
        plural(status.asking, "question") if status.asking else "",
        f"{status.waiting} waiting" if status.waiting else "",
        f"{status.failed} stopped" if status.failed else "",
    ]
    of = f" of {money(status.day_budget_usd)}" if status.day_budget_usd is not None else ""
    spent = f"{money(status.spent_usd)}{of} today" if status.spent_usd or any(parts) else ""
    counts = [
        f"{status.running}" if status.running else "",
        f"+{status.ready}" if status.ready else "",
        f"?{status.asking}" if status.asking else "",
    ]
    text = " ".join(count for count in counts if count)
    return replace(
        status,
        text=f"bb {text}" if text else "",
        tooltip=" · ".join(part for part in (*parts, spent) if part),
    )


def since(state: State, at: float, branch: str = "") -> str:
    """`Since 18:40: 4 ready, 1 took its default answer, $1.84`; empty when nothing happened."""
    tasks = state.tasks.values()
    ready = sum(task.state == "ready" and task.since >= at and not is_parked(task, branch) for task in tasks)
    asking = sum(task.state == "asking" and task.since >= at for task in tasks)
    defaults = sum(answer.by == "default" and answer.at >= at for task in tasks for answer in task.answers)
    failed = sum(task.state == "failed" and task.since >= at for task in tasks)
    spent = _spent_since(tasks, at)
    parts = [
        f"{ready} ready" if ready else "",
        plural(asking, "question") if asking else "",
        f"{defaults} took {'its' if defaults == 1 else 'their'} default answer" if defaults else "",
        f"{failed} stopped" if failed else "",
        money(spent) if spent else "",
    ]
    happened = ", ".join(part for part in parts if part)
    return f"Since {clock_time(at)}: {happened}" if happened else ""


def today(state: State, start: float, end: float, spent_usd: float | None = None) -> Today:
    """What the day from `start` to `end` came to. Without `spent_usd` the runs that ended in it are added up."""
    tasks = list(state.tasks.values())
    ended = [task for task in tasks if task.state in DONE and start <= task.since < end]
    accepted = [task for task in ended if task.state == "accepted"]
    lines = sum(accepted_lines(task) for task in accepted)
    delegated = sum(start <= task.queued_at < end for task in tasks)
    left = sum(task.state not in (*DONE, "cancelled") and task.queued_at < end for task in tasks)
    dismissed = sum(task.is_dismissed for task in ended)
    rejected = len(ended) - len(accepted) - dismissed
    spent = spent_usd if spent_usd is not None else _spent_since(tasks, start, end)
    parts = [
        f"{delegated} delegated",
        f"{len(accepted)} accepted, {plural(lines, 'line')}" if accepted else "",
        f"{rejected} rejected" if rejected else "",
        f"{dismissed} dismissed" if dismissed else "",
        f"{left} open" if left else "",
        money(spent),
    ]
    return Today(
        delegated=delegated,
        accepted=len(accepted),
        lines=lines,
        rejected=rejected,
        dismissed=dismissed,
        open=left,
        spent_usd=spent,
        sentence=" · ".join(part for part in parts if part),
    )


def accepted_lines(task: Task) -> int:
    """Lines of what was accepted of a task's result, added and removed."""
    result = task.result
    if result is None:
        return 0
    taken = [hunk for hunk in result.proposal.hunks if task.verdicts.get(hunk.id) == "accepted"]
    if len(taken) == len(result.proposal.hunks):
        return result.proposal.added + result.proposal.removed
    return sum(len(hunk.base) + len(hunk.proposed) for hunk in taken)


def _spent_since(tasks: Iterable[Task], start: float, end: float = float("inf")) -> float:
    """What runs that ended in that time, or are still going on, have cost as far as it is known."""
    runs = [run for task in tasks for run in task.runs]
    return sum(run.cost_usd or 0.0 for run in runs if start <= (run.ended_at or max(start, run.started_at)) < end)


def _rank(scene: Scene, task: Task, where: Where | None) -> _Rank:
    if task.state == "asking":
        deadline = task.question.deadline if task.question is not None else 0.0
        return _Rank(0, int(deadline), 0, 0, 0, task.number)
    near = abs(line_of(scene, task) - where.line) if where and where.path == task.target.path else 1_000_000
    if task.state == "failed":
        return _Rank(2, near, 0, 0, 0, task.number)
    standing = scene.standing(task)
    if standing.hunks and (first := standing.first):
        # It fits once that one is accepted, so it is read after it.
        return _rank(scene, scene.state.tasks[first], where)._replace(number=task.number, on=first)
    # Twice the lines is another class of effort; within one class the risk decides.
    return _Rank(1, near, reading_cost(task).bit_length(), -_risk(scene, task), 0, task.number)


def _risk(scene: Scene, task: Task) -> int:
    """How many of its files the person has changed since."""
    changed = 0
    if task.result is not None:
        for change in task.result.proposal.files:
            live = scene.live.get(change.path)
            base = scene.places.texts.get(change.base_id) if change.base_id is not None else None
            differs = live is not None and base is not None and live != base
            changed += differs and not scene.as_accepted(task, change.path)
    return changed


def _why(scene: Scene, task: Task, rank: _Rank, where: Where | None) -> str:
    if task.state == "asking":
        question = task.question
        if question is None or not question.default:
            return "it asks you"
        left = max(0.0, question.deadline - scene.view.now)
        return f"it asks you; its default is taken in {spoken(left)}"
    if task.state == "failed":
        return "it stopped"
    if rank.on:
        return f"builds on #{rank.on}"
    if where is not None and where.path == task.target.path:
        if rank.near == 0:
            return "at your cursor"
        return f"{plural(rank.near, 'line')} from your cursor" if rank.near <= NEAR_LINES else "in this file"
    what = f"{_open(task)} to read"
    return f"you changed its file since; {what}" if rank.risk else what


def _open(task: Task) -> str:
    """`24 lines`, `3 findings`, `a report`: what of the result has no verdict yet."""
    result = task.result
    if result is None:
        return "nothing"
    open_items = set(task.open_items)
    findings = sum(finding.id in open_items for finding in result.findings)
    parts = [plural(lines, "line")] if (lines := changed_lines(task)) else []
    parts += [plural(findings, "finding")] if findings else []
    if parts:
        return " and ".join(parts)
    if result.proposal.hunks:
        # A mode, a name, bytes.
        return plural(len(open_items), "change")
    return "a report" if result.report.strip() else "one sentence"
