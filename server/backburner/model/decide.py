"""`decide`: what a person's wish means in a state: events, or a refusal with a name and a sentence.

Pure. The engine hands in the time; nothing here knows settings, agents or editors. Verdicts are in `decide_verdicts.py`.
No events and no refusal means: that is so already.
"""

from __future__ import annotations

from typing import assert_never

from backburner.model import decide_verdicts as verdicts
from backburner.model import events as e
from backburner.model import wishes as w
from backburner.model.budget import known_cost
from backburner.model.decide_verdicts import busy, known, refuse
from backburner.model.events import Event
from backburner.model.held import RULES
from backburner.model.runs import finding_key, paths_of, renamed_path
from backburner.model.task import LIVE, Delegation, Opening, State, Task
from backburner.model.wishes import Command, Refusal

Decision = tuple[Event, ...] | Refusal


def decide(state: State, command: Command, now: float) -> Decision:
    """The events that the command comes to at `now` (seconds since the epoch), or why it is not done."""
    match command:
        case w.Delegate():
            return _delegate(state, command, now)
        case w.RenamePath():
            return _rename(state, command, now)
        case w.RaiseBudget(task=0):
            return _raise_day(command, now)
        case _:
            pass
    task = state.tasks.get(command.task)
    if task is None:
        return known(state, command.task)
    match command:
        case w.Steer():
            return _steer(task, command, now)
        case w.GiveAnswer():
            return _answer(task, command, now)
        case w.Cancel():
            return _cancel(task, command, now)
        case w.Look():
            return () if task.seen else (e.Seen(task=task.number, at=now),)
        case w.BeginAccept():
            return verdicts.begin(state, task, command, now)
        case w.DropAccept():
            return verdicts.drop(task, command, now)
        case w.Judge():
            return verdicts.judge(task, command, now)
        case w.TakeBack():
            return verdicts.take_back(task, command, now)
        case w.Dismiss():
            return verdicts.dismiss(task, command, now)
        case w.EditProposal():
            return verdicts.edit(task, command, now)
        case w.Requeue():
            return _requeue(task, command, now)
        case w.Waive():
            return _waive(task, command, now)
        case w.SetOrder():
            return _set_order(state, task, command, now)
        case w.RaiseBudget():
            return _raise(task, command, now)
        case _:
            assert_never(command)


def _delegate(state: State, command: w.Delegate, now: float) -> Decision:
    if not command.new:
        return refuse("no_target", "Nothing was delegated: there is no target.")
    if command.budget_usd is not None and not command.budget_usd > 0:
        return refuse("bad_arguments", "A budget must be more than $0.")
    if command.after is not None and command.after not in state.tasks:
        return known(state, command.after)
    first = state.next_number
    numbers = tuple(range(first, first + len(command.new)))
    delegation = Delegation(
        number=first,
        recipe=command.recipe,
        instruction=command.instruction,
        kind="attempts" if command.attempts else "fan",
        tasks=numbers,
        at=now,
    )
    queued = tuple(
        e.TaskQueued(
            task=number,
            group=first,
            target=new.target,
            recipe=command.recipe,
            instruction=command.instruction,
            agent=new.agent,
            effort=new.effort,
            when=command.when,
            pace=command.pace,
            budget_usd=command.budget_usd,
            after=command.after,
            environment=command.environment,
            dismissed=_dismissed_in(state, new.target.path),
            at=now,
        )
        for number, new in zip(numbers, command.new, strict=True)
    )
    return (e.DelegationMade(delegation=delegation, at=now), *queued)


def _dismissed_in(state: State, path: str) -> tuple[str, ...]:
    """What was dismissed in a file once is not brought up again by another review of it."""
    keys = (key for task in state.tasks.values() for key in task.dismissed_findings)
    return tuple(dict.fromkeys(key for key in keys if key.startswith(finding_key(path, ""))))


def _steer(task: Task, command: w.Steer, now: float) -> Decision:
    if not command.note.strip():
        return refuse("bad_arguments", "There is no text to tell.")
    if task.state not in LIVE:
        return refuse("not_running", f"#{task.number} is not running any more. Use Reply to go on with it.")
    return (e.Steered(task=task.number, note=command.note, at=now),)


def _answer(task: Task, command: w.GiveAnswer, now: float) -> Decision:
    number = task.number
    question = task.question
    if task.state == "asking" and question is not None:
        if command.by_default and now < question.deadline:
            return refuse("too_early", f"#{number} still waits for an answer.")
        answer = command.answer.strip() or (question.default if command.by_default else "")
        if not answer and not command.by_default:
            return refuse("bad_arguments", "There is no answer.")
        return (e.Answered(task=number, question=question.id, answer=answer, by_default=command.by_default, at=now),)
    if command.by_default or not task.answers:
        return refuse("no_question", f"#{number} asks nothing.")
    if not command.answer.strip():
        return refuse("bad_arguments", "There is no answer.")
    last = task.answers[-1]
    if last.answer == command.answer.strip():
        return ()
    changed = e.AnswerChanged(task=number, question=last.question.id, answer=command.answer.strip(), at=now)
    if task.state in LIVE:
        return (changed,)
    if task.accepting:
        return busy(task, task.accepting[0].path)
    text = f"I changed my answer to your question {last.question.sentence!r}. It is now: {changed.answer}"
    return (changed, e.Requeued(task=number, opening=Opening(kind="reply", text=text), at=now))


def _cancel(task: Task, command: w.Cancel, now: float) -> Decision:
    if task.state not in LIVE:
        return refuse("not_running", f"#{task.number} is not running.")
    if not command.keep:
        return (e.Cancelled(task=task.number, at=now),)
    if task.state != "running":
        return refuse("not_running", f"#{task.number} is not running: there is no draft to keep. Stop it instead.")
    if task.run is None or not task.run.touched:
        return refuse("no_result", f"#{task.number} has no draft yet that could be kept. Stop it instead.")
    # The run itself ends with what it has; the engine passes the wish on.
    return ()


def _requeue(task: Task, command: w.Requeue, now: float) -> Decision:
    number, kind = task.number, command.opening.kind
    if kind in ("resume", "answer"):
        return refuse("bad_arguments", "A task resumes by itself.")
    if kind == "reply" and not command.opening.text.strip():
        return refuse("bad_arguments", "There is no text to reply with.")
    if task.state == "asking":
        return refuse("asking", f"#{number} asks something. Answer it, or stop it first.")
    if task.state == "running":
        return refuse("running", f"#{number} is running. Use Tell it to add a note, or stop it first.")
    if task.state == "queued":
        return refuse("queued", f"#{number} has not started yet. Use Tell it to add a note, or stop it first.")
    if task.accepting:
        return busy(task, task.accepting[0].path)
    if kind in ("refit", "continue") and task.result is None and not task.changes:
        return refuse("no_result", f"#{number} has nothing to go on from. Use Run again.")
    if kind == "refit" and task.state in ("accepted", "rejected"):
        return refuse("already_decided", f"Everything of #{number} is decided already.")
    if kind == "refit" and task.result is not None and not task.result.proposal.files:
        return refuse("no_result", f"#{number} has no change to refit.")
    if kind == "continue" and task.failure is None and task.result is not None and not task.result.step:
        return refuse("at_its_end", f"#{number} is at its end. Use Reply to say what more there is to do.")
    return (
        e.Requeued(
            task=number,
            opening=command.opening,
            agent=command.agent,
            effort=command.effort,
            environment=command.environment,
            at=now,
        ),
    )


def _rename(state: State, command: w.RenamePath, now: float) -> Decision:
    if not command.old or not command.new or command.old == command.new:
        return ()
    return tuple(
        e.PathRenamed(task=task.number, old=command.old, new=command.new, at=now)
        for task in state.tasks.values()
        if (not command.tasks or task.number in command.tasks)
        and any(renamed_path(path, command.old, command.new) != path for path in paths_of(task))
    )


def _waive(task: Task, command: w.Waive, now: float) -> Decision:
    if command.rule not in RULES.values():
        return refuse("bad_arguments", f"#{task.number} cannot start before that ends.")
    if task.state != "queued":
        return refuse("not_queued", f"#{task.number} does not wait.")
    if command.rule in task.exempt:
        return ()
    return (e.LetThrough(task=task.number, rule=command.rule, at=now),)


def _set_order(state: State, task: Task, command: w.SetOrder, now: float) -> Decision:
    if task.number == command.after:
        return refuse("cycle", f"#{task.number} cannot wait for itself.")
    stops = task.state == "running" and command.after is not None
    if task.state != "queued" and not stops:
        return refuse("not_queued", f"#{task.number} does not wait any more, so it cannot run after another task.")
    if task.after == command.after and not stops:
        return ()
    if command.after is not None:
        if command.after not in state.tasks:
            return known(state, command.after)
        if waits_for(state, command.after, task.number):
            return refuse("cycle", f"#{command.after} already waits for #{task.number}: neither would ever start.")
    order = e.OrderSet(task=task.number, after=command.after, at=now)
    if not stops:
        return (order,)
    # It starts over from what the other one leaves.
    opening = Opening(kind="retry")
    return (e.Cancelled(task=task.number, at=now), e.Requeued(task=task.number, opening=opening, at=now), order)


def waits_for(state: State, waiter: int, awaited: int) -> bool:
    """Whether `waiter` is `awaited`, or waits for it directly or through others."""
    seen: set[int] = set()
    current: int | None = waiter
    while current is not None and current not in seen:
        if current == awaited:
            return True
        seen.add(current)
        task = state.tasks.get(current)
        current = task.after if task is not None and task.state in LIVE else None
    return False


def _raise_day(command: w.RaiseBudget, now: float) -> Decision:
    if not command.day:
        return refuse("bad_arguments", "Say for which day the limit is raised.")
    if not command.budget_usd > 0:
        return refuse("bad_arguments", "A limit must be more than $0.")
    return (e.BudgetRaised(task=0, budget_usd=command.budget_usd, day=command.day, at=now),)


def _raise(task: Task, command: w.RaiseBudget, now: float) -> Decision:
    if not command.budget_usd > 0:
        return refuse("bad_arguments", "A limit must be more than $0.")
    if task.budget_usd == command.budget_usd:
        return ()
    raised = e.BudgetRaised(task=task.number, budget_usd=command.budget_usd, at=now)
    stopped_by_it = task.failure is not None and task.failure.kind == "budget" and task.state in ("failed", "ready")
    if not stopped_by_it or task.accepting or command.budget_usd <= known_cost(task):
        return (raised,)
    # That was all it wanted for: it goes on where it was.
    return (raised, e.Requeued(task=task.number, opening=Opening(kind="resume"), at=now))
