"""A result for those who read documents: as Markdown and as JSON (`TaskView`). The unified diff is in `diffs.py`.

Head lines are those of `hover.py`, so that hover, `show` and every document say the same.
"""

from __future__ import annotations

from typing import Any

from backburner.model.fit import Fitted
from backburner.model.task import Question, Task
from backburner.model.transcript import Usage
from backburner.model.view import FileView, FindingView, HunkView, TaskView
from backburner.review.hover import head, state
from backburner.review.inert import fenced, inert_document
from backburner.review.lenses import held_short
from backburner.review.offers import finding_offers
from backburner.review.placement import live_path
from backburner.review.scene import Scene
from backburner.review.words import clock_time, plural, sentence

TAIL_LINES = 40
"""Lines of a failed check's output in a report."""


def report(scene: Scene, task: Task) -> str:
    """Everything there is to read about a task, as Markdown: head, the agent's report, files, findings, checks."""
    result = task.result
    out = [f"# #{task.number} {task.title}", "", sentence(state(scene, task)[:1].upper() + state(scene, task)[1:]), ""]
    if result is None:
        if task.failure is not None:
            out += [sentence(task.failure.sentence), ""]
        out += [f"Asked: {task.instruction.strip()}", ""]
        return inert_document("\n".join(out))
    out += [f"- {line}" for line in head(task, scene.standing(task))]
    out.append("")
    if result.assumptions:
        out += ["Assumed:", "", *(f"- {assumption}" for assumption in result.assumptions), ""]
    if result.report.strip():
        out += [result.report.strip(), ""]
    if result.proposal.files:
        out += ["## Files", ""]
        for file in result.proposal.files:
            name = f"{file.renamed_from} → {file.path}" if file.renamed_from else file.path
            out.append(f"- `{name}` +{file.added} −{file.removed}, {plural(len(file.hunks), 'hunk')}")
        out.append("")
    if result.findings:
        out += ["## Findings", ""]
        for finding in result.findings:
            dismissed = ", dismissed" if finding.id in task.verdicts else ""
            place = f"{finding.anchor.path}:{finding.anchor.span.start_line + 1}"
            out.append(f"- `{place}` {finding.severity}{dismissed}: {finding.message.strip()}")
        out.append("")
    for check in result.checks:
        if not check.passed and check.tail.strip():
            tail = "\n".join(check.tail.rstrip().split("\n")[-TAIL_LINES:])
            out += [f"## `{check.command}`", "", *fenced(tail, "text"), ""]
    if task.answers:
        out += ["## Answers", ""]
        for answer in task.answers:
            who = "you" if answer.by == "person" else f"default at {clock_time(answer.at)}"
            out.append(f"- {answer.question.sentence} {answer.answer} ({who})")
        out.append("")
    return inert_document("\n".join(out))


def task_view(scene: Scene, task: Task) -> TaskView:
    """The task as JSON for programs."""
    result, standing, run, held = task.result, scene.standing(task), task.run, scene.view.held.get(task.number)
    anchor, snapshot = task.target.anchor, task.snapshot
    failure = task.failure or (result.failure if result is not None else None)
    first, last = anchor.span.start_line + 1, max(anchor.span.start_line + 1, anchor.span.end_line)
    return TaskView(
        task=task.number,
        group=task.group,
        state=task.state,
        agent=run.agent if run is not None and run.agent else task.agent,
        model=run.model if run is not None else "",
        recipe=task.recipe,
        target=f"{anchor.path}:{first}-{last}",
        instruction=task.instruction,
        title=task.title,
        summary=result.summary if result is not None else "",
        files=[
            FileView(path=change.path, added=change.added, removed=change.removed, kind=_kind(change.hunks))
            for change, _ in standing.files
        ],
        hunks=[
            _hunk(scene, task, live_path(change, scene.live), hunk.id, hunk.kind, (placed or {}).get(hunk.id))
            for change, placed in standing.files
            for hunk in change.hunks
        ],
        findings=_findings(scene, task),
        evidence=[
            {
                "command": check.command,
                "exit_code": check.exit_code,
                "passed": check.passed,
                "seconds": check.seconds,
                "summary": check.summary,
                "note": check.note,
            }
            for check in (result.checks if result is not None else ())
        ],
        usage=_usage(task.usage),
        cost_usd=task.cost_usd,
        error=failure.sentence if failure is not None else "",
        report=result.report if result is not None else "",
        direction=run.direction if run is not None else "",
        waits=held_short(held) if held is not None and task.state == "queued" else "",
        held=(
            {"reason": held.reason, "sentence": held.said(clock_time)[0], "agent": held.agent}
            if held is not None and task.state == "queued"
            else None
        ),
        question=_question(task.question) if task.question is not None and task.state == "asking" else None,
        answered=_question(task.answers[-1].question) | {"answer": task.answers[-1].answer} if task.answers else None,
        draft=(
            {"added": run.added, "removed": run.removed, "files": len(run.touched)}
            if run is not None and task.state in ("running", "asking") and run.touched
            else None
        ),
        risks=list(result.risks) if result is not None else [],
        assumptions=list(result.assumptions) if result is not None else [],
        seen=task.seen,
        after=task.after,
        when=task.when,
        pace=task.pace,
        run=run.id if run is not None else "",
        runs=len(task.runs),
        queued_at=task.queued_at,
        since=task.since,
        budget_usd=task.budget_usd,
        snapshot=(
            {
                "commit": snapshot.commit,
                "branch": snapshot.branch,
                "taken_at": snapshot.taken_at,
                "left_out": [{"path": left.path, "reason": left.reason} for left in snapshot.left_out],
                "changed_since": list(snapshot.changed_since),
            }
            if snapshot is not None
            else None
        ),
    )


def _hunk(scene: Scene, task: Task, path: str, id: str, kind: str, fitted: Fitted | None) -> HunkView:
    """A hunk whose file is not known is said to fit: nothing speaks against it, and accepting looks anyway."""
    verdict = task.verdicts.get(id, "open")
    placement = fitted.placement if fitted is not None else "fits"
    line = fitted.span.start_line + 1 if fitted is not None and fitted.span is not None else 0
    return HunkView(id=id, path=path, placement=placement, verdict=verdict, line=line, kind=kind)


def _findings(scene: Scene, task: Task) -> list[FindingView]:
    found: list[FindingView] = []
    for finding in task.result.findings if task.result is not None else ():
        placed = scene.places.anchor(finding.anchor, scene.live)
        line = placed.line if placed is not None and placed.span is not None else finding.anchor.span.start_line
        found.append(
            FindingView(
                id=finding.id,
                path=finding.anchor.path,
                line=line + 1,
                severity=finding.severity,
                message=finding.message,
                verdict=task.verdicts.get(finding.id, "open"),
                actions=[
                    {"command": action.command, "title": action.title, "arguments": dict(action.arguments)}
                    for action in finding_offers(scene, task, finding, line)
                    if task.state == "ready" and finding.id not in task.verdicts
                ],
            )
        )
    return found


def _kind(hunks: tuple[Any, ...]) -> str:
    return next((hunk.kind for hunk in hunks if hunk.kind != "edit"), "edit")


def _usage(usage: Usage) -> dict[str, int]:
    return {name: value for name in usage.__struct_fields__ if isinstance(value := getattr(usage, name), int)}


def _question(question: Question) -> dict[str, Any]:
    return {
        "id": question.id,
        "sentence": question.sentence,
        "choices": [{"answer": choice.answer, "title": choice.title} for choice in question.choices],
        "default": question.default,
        "deadline": question.deadline,
    }
