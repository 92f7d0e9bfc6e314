"""What a task's problem (diagnostic) says and how loud: calm rules of the product page. At most 80 characters.

Information while something waits for the person, Hint after they saw it, nothing while a lens says it; never Error, and
Warning only for findings about the person's own code.
"""

from __future__ import annotations

from typing import NamedTuple

from backburner.model.result import Finding, HunkRef, Severity
from backburner.model.task import Task
from backburner.review import lenses
from backburner.review.scene import FILE_GONE, Scene, Standing
from backburner.review.words import (
    default_answer,
    evidence,
    fitted,
    passed,
    plural,
    sentence,
    short,
    size,
    size_of,
    stopped,
)

STEPS_MIN = (1, 2, 5, 10, 15, 20, 30, 45, 60, 120, 240, 480)
"""Minutes that a deadline is rounded down to, so that the text does not tick."""


class Problem(NamedTuple):
    severity: Severity
    message: str


def problem(scene: Scene, task: Task) -> Problem | None:
    """The task's own problem; None where a lens says enough, or the person wants none."""
    view = scene.view
    if view.diagnostics == "off":
        return None
    match task.state:
        case "queued":
            text = lenses.queued(scene, task)
            return _quiet(scene, sentence(text[:1].upper() + text[1:]))
        case "running":
            return _quiet(scene, sentence(f"Running: {lenses.running(scene, task)}"))
        case "asking":
            return Problem("information", question(task, view.now))
        case "failed":
            cause = task.failure.sentence if task.failure is not None else "it did not finish"
            return Problem("hint" if task.seen else "information", short(f"Stopped: {sentence(cause)}"))
        case "ready":
            if _shows_findings(scene, task) and task.result is not None and not task.result.proposal.files:
                return None
            return Problem("hint" if task.seen else "information", ready(task, scene.standing(task)))
        case _:
            return None


def question(task: Task, now: float) -> str:
    """`Question: keep parse_v1()? In 10 min: keep.`"""
    asked = task.question
    if asked is None:
        return "Question."
    if not asked.default:
        return short(f"Question: {asked.sentence}")
    minutes = max(1, -int(-(asked.deadline - now) // 60))
    # Down: who trusts it is never late.
    minutes = max(step for step in STEPS_MIN if step <= minutes)
    after = f" In {minutes} min: {sentence(short(default_answer(asked), 24))}"
    return fitted("Question: ", asked.sentence, after)


def ready(task: Task, standing: Standing) -> str:
    """`Ready: Iterative lexer. +24 −3 in 2 files, tests pass.`"""
    result = task.result
    if result is None:
        return "Ready."
    title = (result.title or task.title).rstrip(".")
    if standing.lost:
        what = "file" if standing.lost == FILE_GONE else "code"
        return f"The {what} this changed is gone. Run again or read it."
    if trouble := lenses.overlapping(standing):
        return f"Ready, {trouble}."
    if standing.judged:
        return fitted(f"Ready, {standing.open} of {standing.total} left: ", title, ".")
    if result.failure is not None:
        after = f". {size_of(result)}." if result.proposal.files else "."
        return fitted(f"Ready, stopped early ({stopped(result.failure)}): ", title, after)
    head = "Ready, one step: " if result.step else "Ready: "
    if not result.proposal.files:
        if result.findings:
            return fitted(head, title, f". {plural(len(result.findings), 'finding')}.")
        return fitted(head, lenses.without_change(task, result), ".")
    change = size_of(result)
    checked = evidence(result.checks)
    if passed(result.checks) is False:
        return fitted(f"Ready, {checked}: ", title, f". {size(result.proposal.added, result.proposal.removed)}.")
    return fitted(head, title, f". {change}, {checked}." if checked else f". {change}.")


def hunk(scene: Scene, task: Task, hunk: HunkRef, ordinal: int, total: int, placement: str) -> Problem | None:
    """A hunk's problem: a hint, only for the result being read (or all, where the person wants all)."""
    mode = scene.view.diagnostics
    if mode == "off" or (mode == "calm" and not scene.reads(task)):
        return None
    text = lenses.hunk(hunk, ordinal, total, placement)
    return Problem("hint", short(sentence(text[:1].upper() + text[1:])))


def finding(scene: Scene, task: Task, finding: Finding) -> Problem | None:
    """A finding's problem, once the result was opened: until then the task has its one problem."""
    if not _shows_findings(scene, task):
        return None
    return Problem("warning" if finding.severity == "error" else finding.severity, short(finding.message))


def _shows_findings(scene: Scene, task: Task) -> bool:
    mode = scene.view.diagnostics
    has_any = task.result is not None and bool(task.result.findings)
    return has_any and mode != "off" and (mode == "all" or task.seen)


def _quiet(scene: Scene, message: str) -> Problem | None:
    if scene.view.has_lens and scene.view.diagnostics != "all":
        return None
    return Problem("hint", short(message))
