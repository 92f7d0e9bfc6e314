"""The line that stands at a task's place: one for each state, in the words of the product page.

Only texts; which line it stands on is decided in `marks.py`, what can be done there in `offers.py`.
"""

from __future__ import annotations

from backburner.model.held import Held
from backburner.model.result import HunkRef, Result
from backburner.model.task import Task
from backburner.review.scene import CODE_GONE, Scene, Standing
from backburner.review.words import clock_time, coarse, evidence, model_name, plural, short, size, stopped

TITLE = 48
"""Characters of a title in a lens."""
NO_CHANGE = ("explain",)
"""Recipes of which a report is the whole answer."""
LOOKING = ("review", "check")
"""Recipes that look for findings."""


def lens(scene: Scene, task: Task) -> str:
    """`✓ #12 Iterative lexer  +24 −3, tests pass`; empty for tasks that no longer have a line."""
    match task.state:
        case "queued":
            return f"○ #{task.number} {queued(scene, task)}"
        case "running":
            return f"◌ #{task.number} {running(scene, task)}"
        case "asking":
            return f"? #{task.number} {asking(task)}"
        case "ready":
            return f"✓ #{task.number} {ready(task, scene.standing(task))}"
        case "failed":
            return f"× #{task.number} {failed(task)}"
        case _:
            return ""


def aside(scene: Scene, task: Task) -> str:
    """`#13 overlaps #12`, `#13 ready`: where the lens of another task has the line."""
    overlap = scene.overlaps(task) if task.state in ("queued", "running") else 0
    if overlap:
        return f"#{task.number} overlaps #{overlap}"
    return f"#{task.number} {queued(scene, task) if task.state == 'queued' else task.state}"


def queued(scene: Scene, task: Task) -> str:
    """Why it waits: `queued, 2 ahead`, `waits: 8 results to read`."""
    held = scene.view.held.get(task.number)
    text = held_short(held) if held is not None else "queued"
    overlap = scene.overlaps(task)
    return f"{text}, overlaps #{overlap}" if overlap else text


def held_short(held: Held) -> str:
    return held.said(clock_time)[1]


def running(scene: Scene, task: Task) -> str:
    """`opus 3m: split lexer, keep API`. What needs the person stands in place of the direction."""
    run = task.run
    since = run.started_at if run is not None else task.since
    time = coarse(scene.view.now - since)
    head = f"{model_name(task)} {time}" if time else model_name(task)
    changed, overlap = scene.changed(task), scene.overlaps(task)
    if changed:
        return f"{head}: you changed {changed} of its lines"
    if overlap:
        return f"{head}: overlaps #{overlap}"
    direction = run.direction if run is not None else ""
    return f"{head}: {short(direction, 60)}" if direction else head


def asking(task: Task) -> str:
    return short(task.question.sentence, 72) if task.question is not None else "asks"


def failed(task: Task) -> str:
    return f"stopped: {stopped(task.failure)}" if task.failure is not None else "stopped"


def ready(task: Task, standing: Standing) -> str:
    """What there is to judge, the most pressing first: gone, overlaps, left, else title, size and evidence."""
    result = task.result
    if result is None:
        return short(task.title, TITLE)
    change = size(result.proposal.added, result.proposal.removed)
    if standing.lost:
        return standing.lost
    if trouble := overlapping(standing):
        return f"{change}, {trouble}"
    if standing.judged:
        return f"{standing.open} of {standing.total} left"
    if not result.proposal.files:
        said = without_change(task, result)
        return f"step: {said}" if result.step else said
    title = short(result.title or task.title, TITLE)
    clauses = [f"{title}  {change}", evidence(result.checks)]
    if result.findings:
        clauses.append(plural(len(result.findings), "finding"))
    if result.failure is not None:
        clauses.append(f"stopped: {stopped(result.failure)}")
    text = ", ".join(clause for clause in clauses if clause)
    return f"step: {text}" if result.step else text


def overlapping(standing: Standing) -> str:
    """`1 of 4 overlaps your edit`; empty when every open hunk has its place."""
    if standing.first and (standing.conflicts or standing.stale):
        return f"accept #{standing.first} first"
    if standing.conflicts:
        verb = "overlaps" if standing.conflicts == 1 else "overlap"
        return f"{standing.conflicts} of {standing.hunks} {verb} your edit"
    if standing.stale:
        return f"{standing.stale} of {standing.hunks} lost {'its' if standing.stale == 1 else 'their'} place"
    return ""


def without_change(task: Task, result: Result) -> str:
    if result.failure is not None:
        return f"stopped: {stopped(result.failure)}"
    title = short(result.title or task.title, TITLE)
    if result.findings:
        return f"{title}  {plural(len(result.findings), 'finding')}"
    if result.step:
        return title
    if task.recipe in LOOKING:
        return "nothing found"
    return title if task.recipe in NO_CHANGE else "no change needed"


def hunk(hunk: HunkRef, ordinal: int, total: int, placement: str, lost: str = CODE_GONE) -> str:
    """`Hunk 2 of 5: replaces 3 lines with 7`, for lens and problem alike, without a full stop. `lost`: what is gone when it
    is stale."""
    head = f"hunk {ordinal} of {total}"
    if placement == "conflicts":
        return f"{head} overlaps your edit"
    if placement == "stale":
        return f"{head}: {lost}"
    return f"{head}: {does(hunk)}" + (", in your text already" if placement == "applied" else "")


def does(hunk: HunkRef) -> str:
    """What a hunk does: `replaces 3 lines with 7`, `adds 4 lines`, `renames the file`."""
    before, after = len(hunk.base), len(hunk.proposed)
    match hunk.kind:
        case "create":
            return f"new file, {plural(after, 'line')}" if after else "new file"
        case "delete":
            return f"deletes the file, {plural(before, 'line')}" if before else "deletes the file"
        case "rename":
            return "renames the file"
        case "mode":
            return "changes the file's mode"
        case "binary":
            return "replaces a binary file"
        case _:
            if not before:
                return f"adds {plural(after, 'line')}"
            return f"replaces {plural(before, 'line')} with {after}" if after else f"deletes {plural(before, 'line')}"
