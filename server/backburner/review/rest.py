"""`Accept the rest like these`: which results of a group may be taken without reading each, and why the others stay.

Taken is only what fits, whose check has passed, and which touches nothing but its own target.
"""

from __future__ import annotations

from typing import NamedTuple

from backburner.model.anchor import Span
from backburner.model.result import FileChange
from backburner.model.task import Task
from backburner.review.lenses import overlapping
from backburner.review.placement import place_anchor
from backburner.review.scene import READ_BEFORE_THE_REST, Scene, is_parked
from backburner.review.words import evidence, passed, stopped

UNFINISHED = {"running": "still running", "queued": "has not started", "asking": "asks you"}


class Rest(NamedTuple):
    take: tuple[int, ...]
    left: tuple[tuple[int, str], ...]
    """Each other open task of the group and its reason, as a clause: `2 tests fail`."""
    refused: str = ""
    """Why nothing is taken at all; a sentence."""


def rest(scene: Scene, task: Task) -> Rest:
    """The open results of the task's group, sorted into those to take and those that stay."""
    delegation = scene.state.delegations.get(task.group)
    if delegation is not None and delegation.kind == "attempts":
        return Rest((), (), "These are attempts at one target: take one of them.")
    group = sorted(
        (other for other in scene.state.tasks.values() if other.group == task.group), key=lambda other: other.number
    )
    read = sum(other.result is not None and (other.seen or other.state in ("accepted", "rejected")) for other in group)
    if read < READ_BEFORE_THE_REST and scene.view.read_first:
        return Rest((), (), f"Read {READ_BEFORE_THE_REST} of them first; you have read {read}.")
    take: list[int] = []
    left: list[tuple[int, str]] = []
    for other in group:
        if other.state in ("accepted", "rejected", "cancelled"):
            continue
        reason = why_not(scene, other)
        if reason:
            left.append((other.number, reason))
        else:
            take.append(other.number)
    return Rest(tuple(take), tuple(left))


def why_not(scene: Scene, task: Task) -> str:
    """Why a result is not taken like the others; empty when it may be."""
    result = task.result
    if task.state != "ready" or result is None:
        other = f"stopped: {stopped(task.failure)}" if task.failure is not None else "stopped"
        return UNFINISHED.get(task.state, other)
    if is_parked(task, scene.view.branch):
        return "belongs to another branch"
    if result.failure is not None:
        return f"stopped early: {stopped(result.failure)}"
    if result.step:
        return "is only a step"
    standing = scene.standing(task)
    if not standing.hunks:
        return "has no change to accept"
    if standing.lost:
        return standing.lost
    if trouble := overlapping(standing):
        return trouble
    if any(placed is None for _, placed in standing.files):
        return "its files could not be looked at"
    if passed(result.checks) is not True:
        return evidence(result.checks) or "no check was run"
    if result.findings:
        return "has findings to read"
    outside_at = (outside(scene, task, change) for change in result.proposal.files)
    return next((f"also touches {where}" for where in outside_at if where), "")


def outside(scene: Scene, task: Task, change: FileChange) -> str:
    """Where a file's change leaves the task's target: `lexer.py:3`, or the path; empty when it does not."""
    target = task.target
    if change.path != target.path or change.renamed_from is not None or change.mode != change.base_mode:
        return change.path
    if target.whole_file:
        return ""
    span = target_span(scene, task, change)
    if span is None:
        return change.path
    for hunk in change.hunks:
        inside = span.start_line <= hunk.base.start_line and hunk.base.end_line <= span.end_line
        if hunk.kind != "edit" or not inside:
            return f"{change.path}:{hunk.base.start_line + 1}"
    return ""


def target_span(scene: Scene, task: Task, change: FileChange) -> Span | None:
    """The target's lines in the base text of the change, which is a newer one after a reply."""
    anchor = task.target.anchor
    if change.base_id == anchor.text_id:
        return anchor.span
    texts = scene.places.texts
    old = texts.get(anchor.text_id)
    new = texts.get(change.base_id) if change.base_id is not None else None
    return place_anchor(anchor, old, new).span if old is not None and new is not None else None
