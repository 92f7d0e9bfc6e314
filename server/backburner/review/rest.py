"""`Accept the rest like these`: which results of a group are safe to take unread, and why each other one is not."""

from __future__ import annotations

from typing import NamedTuple

from backburner.model.task import Task
from backburner.review.scene import Scene
from backburner.review.words import evidence, passed


class Rest(NamedTuple):
    take: tuple[int, ...]
    left: tuple[tuple[int, str], ...]
    """Each other open task of the group, with its reason as a clause."""


def rest(scene: Scene, task: Task) -> Rest:
    """The open results of the task's group: those whose hunks fit, whose check passes and which touch only their target."""
    take: list[int] = []
    left: list[tuple[int, str]] = []
    for other in sorted(scene.state.tasks.values(), key=lambda other: other.number):
        if other.group != task.group or other.state not in ("queued", "running", "asking", "ready", "failed"):
            continue
        reason = why_not(scene, other)
        if reason:
            left.append((other.number, reason))
        else:
            take.append(other.number)
    return Rest(tuple(take), tuple(left))


def why_not(scene: Scene, task: Task) -> str:
    """Why a result is not taken unread; empty when it is."""
    result = task.result
    if task.state != "ready" or result is None:
        return f"it is {task.state}"
    standing = scene.standing(task)
    if not standing.hunks:
        return "it offers no change"
    if result.failure is not None:
        return "it stopped early"
    if standing.conflicts or standing.stale:
        return "it does not fit your text any more"
    if any(placed is None for _, placed in standing.files):
        return "where it belongs is not known"
    if passed(result.checks) is not True:
        return evidence(result.checks) or "nothing was checked"
    return _beyond(task)


def _beyond(task: Task) -> str:
    """What it touches beside its own target; empty when nothing."""
    assert task.result is not None
    anchor = task.target.anchor
    for change in task.result.proposal.files:
        if change.path != anchor.path:
            return f"it touches {change.path}"
        for hunk in change.hunks:
            if hunk.kind != "edit":
                return f"it does more than edit {change.path}"
            inside = anchor.span.start_line <= hunk.base.start_line and hunk.base.end_line <= anchor.span.end_line
            if change.base_id != anchor.text_id or not inside:
                return "it touches more than its target"
    return ""
