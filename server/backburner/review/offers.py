"""What can be done at a place, for each state: lenses and code actions at once.

An action with an empty `lens` is a code action only. `look` is what a click on the title does. `Read` comes before `Accept`
(`View.read_first`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from backburner.model.anchor import Span
from backburner.model.held import Held
from backburner.model.mark import Action, Mark
from backburner.model.result import Finding, HunkRef
from backburner.model.task import Task
from backburner.model.text import split, unified
from backburner.review.scene import Scene
from backburner.review.words import short, size

MENU = (
    "Continue",
    "Read",
    "Draft",
    "Accept this hunk",
    "Take theirs",
    "Keep mine",
    "Accept all",
    "Accept the rest like these",
    "Reject this hunk",
    "Reject all",
    "Delegate: fix",
    "Dismiss",
    "Refit",
    "Tell it",
    "Reply",
    "Run again",
)
"""The order of a menu, by how titles begin; what is not in it keeps its own order behind."""
QUOTED = 60 - len('Delegate: fix ""')
"""Characters of a finding in a title."""
NOTE_LINES = 40
"""Lines of the person's own change that `Tell it` hands to the agent."""


def offers(scene: Scene, task: Task) -> tuple[Action, ...]:
    """The actions of a task's own mark."""
    match task.state:
        case "queued":
            return _queued(scene, task)
        case "running":
            return _running(scene, task)
        case "asking":
            return _asking(task)
        case "failed":
            return _failed(task)
        case "ready":
            return _ready(scene, task)
        case _:
            return ()


def look(task: Task) -> Action:
    """What a click on a task's title does: it opens what there is to see and never changes anything."""
    run = task.run
    match task.state:
        case "asking":
            return _act(task, "answer", "", "Answer…")
        case "running" if run is not None and run.touched:
            return _act(task, "draft", "", "Draft")
        case "queued" | "running":
            return _act(task, "show", "", "Show")
        case _:
            return _act(task, "read", "", "Read")


def done_offers(task: Task) -> tuple[Action, ...]:
    """The actions of a task that is decided or was stopped; it has no mark, only its row in the queue."""
    again = (_act(task, "reply", "", "Reply…"), _act(task, "retry", "", "Run again"))
    if task.result is not None and task.result.step:
        again = (_act(task, "continue", "Continue", "Continue"), *again)
    if task.state == "cancelled":
        return (_act(task, "dismiss", "", "Dismiss"), *again)
    return (_act(task, "undo", "", "Undo"), *again) if task.verdicts else again


def hunk_offers(scene: Scene, task: Task, hunk: HunkRef, placement: str) -> tuple[Action, ...]:
    """The actions of one open hunk. Nothing but reading until the result was opened once."""
    if not may_judge(scene, task):
        return (_act(task, "read", "", "Read"),)
    one = {"hunks": [hunk.id]}
    reject = _act(task, "reject", "Reject", "Reject this hunk", **one)
    following = _act(task, "next", "Next", "Next hunk", **_at(scene, task))
    match placement:
        case "fits" | "moved":
            return (_act(task, "accept", "Accept", "Accept this hunk", **one), reject, following)
        case "conflicts":
            theirs = _act(task, "accept", "Take theirs", "Take theirs", theirs=True, **one)
            mine = _act(task, "reject", "Keep mine", "Keep mine", **one)
            return (theirs, mine, _act(task, "refit", "Refit", "Refit"), following)
        case "applied":
            return (_act(task, "accept", "Accept", "Accept this hunk", **one), reject, following)
        case _:
            return (reject, _act(task, "refit", "Refit", "Refit"), following)


def finding_offers(scene: Scene, task: Task, finding: Finding, line: int) -> tuple[Action, ...]:
    """The actions of one open finding."""
    dismiss = _act(task, "dismiss", "Dismiss", f"Dismiss {short(finding.message, 30)}", hunks=[finding.id])
    reply = _act(task, "reply", "", "Reply…")
    if not scene.view.root_uri:
        return (dismiss, reply)
    uri = f"{scene.view.root_uri}/{quote(finding.anchor.path)}"
    place = {"uri": uri, "start_line": line, "symbol": finding.anchor.symbol}
    fix = Action(
        command="backburner.delegate",
        lens="Delegate",
        title=f'Delegate: fix "{short(finding.message, QUOTED)}"',
        arguments={"instruction": finding.message, "quoted": True, "recipe": "fix", "targets": [place]},
    )
    return (fix, dismiss, reply)


def actions_at(marks: Iterable[Mark], lines: Span) -> list[tuple[Mark, Action]]:
    """What can be done where the lines touch marks: the nearest task first, each task in the order of `MENU`, each title
    once."""
    end = max(lines.end_line, lines.start_line + 1)
    touching = [mark for mark in marks if mark.line < end and max(mark.span_end, mark.line + 1) > lines.start_line]
    touching.sort(key=lambda mark: (mark.line != lines.start_line, mark.item == "", mark.span_end - mark.line))
    nearest = list(dict.fromkeys(mark.task for mark in touching))
    found: dict[str, tuple[Mark, Action]] = {}
    for mark in touching:
        for action in mark.actions:
            found.setdefault(action.title, (mark, action))
    return sorted(found.values(), key=lambda item: (nearest.index(item[0].task), _in_menu(item[1].title)))


def _in_menu(title: str) -> int:
    words = title.split(" ", 1)[-1] if title.startswith("#") else title
    return next((at for at, beginning in enumerate(MENU) if words.startswith(beginning)), len(MENU))


def may_judge(scene: Scene, task: Task) -> bool:
    return task.seen or not scene.view.read_first


def _queued(scene: Scene, task: Task) -> tuple[Action, ...]:
    held = scene.view.held.get(task.number)
    found = _run_after(scene, task)
    if task.result is not None:
        found.insert(0, _act(task, "read", "", "Read"))
    if held is not None:
        found.extend(_waiting(task, held))
    plain = held is None or held.reason in ("capacity", "snapshot", "worker")
    if held is None or held.reason != "after_failed":
        found.append(_act(task, "stop", "Stop" if plain else "", "Stop"))
    return tuple(found)


def _run_after(scene: Scene, task: Task) -> list[Action]:
    overlap = scene.overlaps(task)
    return [_act(task, "after", f"Run after #{overlap}", f"Run after #{overlap}", after=overlap)] if overlap else []


def _waiting(task: Task, held: Held) -> list[Action]:
    match held.reason:
        case "reading":
            return [_act(task, "startAnyway", "Start anyway", "Start anyway")]
        case "day_budget":
            raise_day = Action(
                command="backburner.raise", lens="Raise", title="Raise today's limit", arguments={"task": 0}
            )
            return [raise_day, _act(task, "startAnyway", "", "Start anyway")]
        case "budget":
            return [_act(task, "raise", "Raise", "Raise its limit")]
        case "after_failed":
            return [
                _act(task, "startAnyway", "Start from the screen", "Start from the screen"),
                _act(task, "stop", "Drop", "Drop"),
            ]
        case "no_key":
            return [_act(task, "setKey", "Set key", "Set key")]
        case "no_agent":
            return _no_agent(task)
        case "unknown_agent":
            return [_global("doctor", "Set up", f"#{task.number} Set up an agent")]
        case "unconfirmed":
            return [_act(task, "allow", "Let it run", f"Let {held.agent} run", agent=held.agent)]
        case _:
            return [_act(task, "startAnyway", "", "Start anyway")] if held.rule else []


def _no_agent(task: Task) -> list[Action]:
    return [
        _act(task, "setKey", "Paste a key", "Paste a key"),
        _global("useOllama", "Use Ollama", "Use Ollama"),
        _global("practise", "Practise without a key", "Practise without a key"),
    ]


def _running(scene: Scene, task: Task) -> tuple[Action, ...]:
    run = task.run
    found = _run_after(scene, task)
    tell = _act(task, "steer", "", "Tell it…")
    if scene.changed(task):
        tell = _act(task, "steer", "Tell it", "Tell it", text=_own_change(scene, task))
    if run is not None and (run.added or run.removed or run.touched):
        found.append(_act(task, "draft", f"Draft {size(run.added, run.removed)}", "Draft"))
        found.extend((tell, _act(task, "stop", "Stop", "Stop"), _act(task, "stop", "", "Stop and keep", keep=True)))
    else:
        found.extend((tell, _act(task, "stop", "Stop", "Stop")))
    if task.result is not None:
        found.append(_act(task, "read", "", "Read"))
    return (*found, *_answers(task))


def _answers(task: Task) -> tuple[Action, ...]:
    """An answer that was taken, by the person or by default, can be changed later."""
    return (_act(task, "answer", "", "Change answer…"),) if task.answers else ()


def _own_change(scene: Scene, task: Task) -> str:
    """What the person changed where the agent works, as the note that it gets."""
    anchor = task.target.anchor
    base, live = scene.places.texts.get(anchor.text_id), scene.live.get(anchor.path)
    placed = scene.anchor(task)
    if base is None or live is None or placed is None or placed.span is None:
        return ""
    old = "".join(split(base)[anchor.span.start_line : anchor.span.end_line])
    new = "".join(split(live)[placed.span.start_line : placed.span.end_line])
    lines = unified(old, new, anchor.path, anchor.path).split("\n")[2:]
    shown = "\n".join(lines[:NOTE_LINES]) + ("\n[…]" if len(lines) > NOTE_LINES else "")
    return f"I changed {anchor.path} at your target since you started. Build on it:\n{shown}"


def _asking(task: Task) -> tuple[Action, ...]:
    question = task.question
    choices = question.choices if question is not None else ()
    found = [
        _act(task, "answer", choice.title, f"Answer: {short(choice.answer, 40)}", text=choice.answer)
        for choice in choices
    ]
    found.append(_act(task, "answer", "Other…" if choices else "Answer…", "Answer…"))
    found.append(_act(task, "stop", "", "Stop"))
    return tuple(found)


def _failed(task: Task) -> tuple[Action, ...]:
    retry, dismiss = _act(task, "retry", "Retry", "Run again"), _act(task, "dismiss", "Dismiss", "Dismiss")
    match task.failure.kind if task.failure is not None else "internal":
        case "bad_key" | "no_key":
            return (_act(task, "setKey", "Set key", "Set key"), retry, _act(task, "dismiss", "", "Dismiss"))
        case "no_agent":
            return (*_no_agent(task), retry, dismiss)
        case "budget":
            return (_act(task, "raise", "Raise", "Raise its limit"), retry, dismiss)
        case _:
            return (retry, dismiss)


def _ready(scene: Scene, task: Task) -> tuple[Action, ...]:
    result, standing = task.result, scene.standing(task)
    if result is None:
        return (_act(task, "retry", "Run again", "Run again"),)
    again = _act(task, "retry", "", "Run again")
    late = _answers(task)
    judge = may_judge(scene, task)
    read = _act(task, "read", "" if task.seen else "Read", "Read")
    first = [_act(task, "continue", "Continue", "Continue")] if result.step else []
    if standing.gone:
        rest = [_act(task, "reject", "", "Reject all"), _act(task, "reply", "", "Reply…")] if judge else []
        refit = _act(task, "refit", "", "Refit")
        return (*first, _lens(read, "Read"), _lens(again, "Run again"), refit, *rest, *late)
    following = _act(task, "next", "Next", "Next hunk" if standing.hunks else "Next finding", **_at(scene, task))
    if not standing.hunks and standing.judged:
        dismiss, reply = _act(task, "dismiss", "", "Dismiss"), _act(task, "reply", "", "Reply…")
        return (*first, following, read, dismiss, reply, again, *late)
    if not standing.hunks:
        dismiss = _act(task, "dismiss", "Dismiss", "Dismiss")
        reply = _act(task, "reply", "Reply" if task.seen else "", "Reply…")
        return (*first, _lens(read, "Read"), dismiss, reply, again, *late)
    troubled = bool(standing.conflicts or standing.stale)
    found = [*first, _lens(read, "Read") if troubled else read]
    if troubled:
        found.append(_act(task, "refit", "Refit", "Refit"))
    if not judge:
        return (*found, again, *late)
    plain = not troubled and not standing.judged
    if standing.judged and not troubled:
        found.append(following)
    found.append(_act(task, "accept", "Accept" if plain else "", "Accept all"))
    if scene.rest_is_offered(task):
        found.append(_act(task, "acceptRest", "Accept the rest like these", "Accept the rest like these"))
    found.append(_act(task, "reject", "Reject" if plain else "", "Reject all"))
    found.append(_act(task, "reply", "Reply" if plain else "", "Reply…"))
    return (*found, again, *late)


def _lens(action: Action, lens: str) -> Action:
    return Action(command=action.command, lens=lens, title=action.title, arguments=action.arguments)


def _at(scene: Scene, task: Task) -> dict[str, Any]:
    if not scene.view.root_uri:
        return {}
    return {"uri": f"{scene.view.root_uri}/{quote(task.target.path)}"}


def _act(task: Task, verb: str, lens: str, title: str, **arguments: object) -> Action:
    return Action(
        command=f"backburner.{verb}",
        lens=lens,
        title=f"#{task.number} {title}",
        arguments={"task": task.number, **arguments},
    )


def _global(verb: str, lens: str, title: str) -> Action:
    return Action(command=f"backburner.{verb}", lens=lens, title=title, arguments={})
