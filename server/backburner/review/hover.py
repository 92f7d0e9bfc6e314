"""What stands over a mark, and at the head of everything else that shows a result, so that they agree.

At most 12 lines: title and state, one sentence, what was run and how it ended, size, agent, time, cost, risks, where the
change comes from and where it went, what can be done.
"""

from __future__ import annotations

from collections.abc import Sequence

from backburner.model.anchor import Span
from backburner.model.fit import Fitted
from backburner.model.mark import Action
from backburner.model.result import Check, Finding, HunkRef
from backburner.model.task import Task
from backburner.review import lenses
from backburner.review.inert import inert
from backburner.review.scene import Scene, Standing
from backburner.review.words import (
    clock_time,
    default_answer,
    money,
    plural,
    sentence,
    short,
    size,
    size_of,
    spoken,
    stopped,
    took,
)

LINES = 12
WIDTH = 120
CHECKS = 2
RISKS = 2
SHOWN = 8
"""Lines of a hunk in its hover."""


def hover(scene: Scene, task: Task, actions: Sequence[Action]) -> str:
    """Markdown over a task's mark."""
    lines = [f"**#{task.number} {short(task.title, WIDTH)}**: {state(scene, task)}"]
    match task.state:
        case "ready":
            lines.extend(head(task, scene.standing(task)))
        case "failed":
            cause = task.failure
            lines.append(sentence(cause.sentence) if cause is not None else "It did not finish.")
            lines.append(spent(task, scene.view.now))
        case "asking":
            question = task.question
            if question is not None:
                lines.append(sentence(question.sentence))
                if question.default:
                    when = clock_time(question.deadline)
                    lines.append(
                        f"At {when} it takes: {sentence(default_answer(question))} You can change the answer later."
                    )
        case "running":
            run = task.run
            if run is not None and run.direction:
                lines.append(sentence(run.direction))
            if run is not None and (run.added or run.removed):
                lines.append(f"Draft {size(run.added, run.removed)} in {plural(len(run.touched), 'file')}.")
            lines.append(spent(task, scene.view.now))
            lines.extend(origin(task, None))
        case _:
            held = scene.view.held.get(task.number)
            lines.append(sentence(held.said(clock_time)[0]) if held is not None else "It starts next.")
    offered = " · ".join(dict.fromkeys(action.lens for action in actions if action.lens))
    lines = [line for line in lines if line][: LINES - 1]
    return inert("  \n".join([*lines, offered] if offered else lines))


def head(task: Task, standing: Standing | None) -> list[str]:
    """What leads a result wherever it is shown: at most nine lines, plain but for the command's backticks."""
    result = task.result
    if result is None:
        return []
    lines = [sentence(short(result.summary or result.title, 2 * WIDTH))]
    failure = result.failure or task.failure
    if failure is not None:
        lines.append(f"Stopped early: {sentence(failure.sentence)}")
    lines.extend(check_line(check) for check in result.checks[:CHECKS])
    if len(result.checks) > CHECKS:
        lines.append(f"And {plural(len(result.checks) - CHECKS, 'more check')}.")
    lines.append(" · ".join(part for part in (size_of(result), spent(task, None)) if part))
    lines.extend(f"! {risk}" for risk in result.risks[:RISKS])
    if len(result.risks) > RISKS:
        lines[-1] += f" (and {len(result.risks) - RISKS} more)"
    taken = [answer for answer in task.answers if answer.by == "default"]
    if taken:
        lines.append(f"Took its default answer: {sentence(short(default_answer(taken[-1].question), 60))}")
    lines.extend(origin(task, standing))
    return [line for line in lines if line]


def state(scene: Scene, task: Task) -> str:
    """The state in words, so that it never hangs on a symbol."""
    match task.state:
        case "ready":
            standing = scene.standing(task)
            if standing.lost:
                return f"ready, but {standing.lost}"
            if trouble := lenses.overlapping(standing):
                return f"ready, {trouble}"
            return f"ready, {standing.open} of {standing.total} left" if standing.judged else "ready"
        case "asking":
            return "asks you"
        case "failed":
            return f"stopped, {stopped(task.failure)}" if task.failure is not None else "stopped"
        case "queued":
            return lenses.queued(scene, task)
        case _:
            return task.state


def check_line(check: Check) -> str:
    """``passed: `pytest -q` (12 passed, 3 s)``"""
    if check.exit_code is None:
        return f"not run: `{short(check.command, 60)}`" + (f" ({short(check.note, 60)})" if check.note else "")
    took_s = f"{check.seconds:.0f} s" if check.seconds >= 1 else ""
    details = ", ".join(part for part in (check.summary, took_s, check.note) if part)
    outcome = "passed" if check.passed else "failed"
    return f"{outcome}: `{short(check.command, 60)}`" + (f" ({short(details, 70)})" if details else "")


def spent(task: Task, now: float | None) -> str:
    """`opus · 4 min · $0.42`; with `now`, the run that is going on counts too."""
    run = task.run
    name = run.agent if run is not None and run.agent else task.agent
    if run is None:
        return name
    seconds = took(task) + (now - run.started_at if now is not None and run.ended_at is None else 0.0)
    return " · ".join(part for part in (name, spoken(seconds), money(task.cost_usd)) if part)


def origin(task: Task, standing: Standing | None) -> list[str]:
    """`From what you saw at 10:32. 1 of 4 moved down 12 lines.`"""
    parts: list[str] = []
    if task.snapshot is not None and task.snapshot.taken_at:
        parts.append(f"From what you saw at {clock_time(task.snapshot.taken_at)}.")
    if standing is not None and standing.hunks:
        moved, by = standing.moved
        if moved:
            where = f" {'down' if by > 0 else 'up'} {plural(abs(by), 'line')}" if by else ""
            parts.append(f"{moved} of {standing.hunks} moved{where}.")
        if trouble := standing.lost or lenses.overlapping(standing):
            parts.append(sentence(trouble[:1].upper() + trouble[1:]))
    return [" ".join(parts)] if parts else []


def hunk_hover(
    task: Task, hunk: HunkRef, fitted: Fitted, text: str, live: Sequence[str], proposed: Sequence[str]
) -> str:
    """Markdown over a hunk: what it does (`text`) and its lines, from the lines of the live and the proposed text."""
    lines = [f"**#{task.number}** {inert(sentence(text))}"]
    if hunk.kind == "edit":
        span = fitted.span if fitted.span is not None and fitted.placement != "applied" else Span(0, 0)
        shown = [f"-{line.rstrip()}" for line in live[span.start_line : span.end_line]]
        shown += [f"+{line.rstrip()}" for line in proposed[hunk.proposed.start_line : hunk.proposed.end_line]]
        cut = [short_line(line) for line in shown[:SHOWN]] + (["…"] if len(shown) > SHOWN else [])
        lines += ["```diff", *cut, "```"]
    return "\n".join(lines)


def short_line(line: str) -> str:
    return line if len(line) <= WIDTH else line[: WIDTH - 1] + "…"


def finding_hover(task: Task, finding: Finding) -> str:
    """Markdown over a finding: the whole remark and who says so."""
    who = "a check" if finding.check else "a model"
    text = "\n".join(finding.message.strip().split("\n")[: LINES - 2])
    return f"**#{task.number}** {who} says:\n\n{inert(text)}"
