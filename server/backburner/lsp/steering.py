"""Commands about a task that is under way or done: say something to it, stop it, let it run again, waive a wait."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Protocol

from backburner.lsp.delegate import agent_of, own_agent, require_effort
from backburner.lsp.session import Session
from backburner.lsp.transport import Refusal
from backburner.lsp.verdicts import task_of
from backburner.model import events as e
from backburner.model import wishes as w
from backburner.model.budget import doubled, known_cost
from backburner.model.commands import (
    AfterArguments,
    RaiseArguments,
    RetryArguments,
    StopArguments,
    TaskArguments,
    TextArguments,
)
from backburner.model.wishes import Command
from backburner.review.words import money

Answer = Awaitable[dict[str, Any]]


class AboutTask(Protocol):
    """An argument that names a task."""

    @property
    def task(self) -> int: ...

    @property
    def uri(self) -> str: ...


def steer(session: Session, argument: TextArguments) -> Answer:
    return _said(session, argument, "steer", w.Steer(task=argument.task, note=argument.text.strip()))


def answer(session: Session, argument: TextArguments) -> Answer:
    return _said(session, argument, "answer", w.GiveAnswer(task=argument.task, answer=argument.text.strip()))


def reply(session: Session, argument: TextArguments) -> Answer:
    opening = e.Opening(kind="reply", text=argument.text)
    if not argument.text.strip():
        return session.letters.ask(argument.task, argument.uri, "reply")
    return _requeue(session, argument, opening)


def retry(session: Session, argument: RetryArguments) -> Answer:
    return _requeue(session, argument, e.Opening(kind="retry"), argument.agent, argument.effort)


def refit(session: Session, argument: TaskArguments) -> Answer:
    return _requeue(session, argument, e.Opening(kind="refit"))


def go_on(session: Session, argument: TaskArguments) -> Answer:
    return _requeue(session, argument, e.Opening(kind="continue"))


def stop(session: Session, argument: StopArguments) -> Answer:
    return _submit(session, argument, w.Cancel(task=argument.task, keep=argument.keep))


def start_anyway(session: Session, argument: TaskArguments) -> Answer:
    """Waive the one rule that the task waits for."""

    async def later() -> dict[str, Any]:
        engine = await session.engine_of_task(argument.task, argument.uri)
        held = engine.held.get(argument.task)
        if held is None:
            raise Refusal(f"#{argument.task} does not wait.", "not_queued")
        if not held.rule:
            raise Refusal(f"#{argument.task} cannot start yet: {held.sentence}", "not_waivable")
        return await _submit(session, argument, w.Waive(task=argument.task, rule=held.rule))

    return later()


def after(session: Session, argument: AfterArguments) -> Answer:
    return _submit(session, argument, w.SetOrder(task=argument.task, after=argument.after))


def raise_limit(session: Session, argument: RaiseArguments) -> Answer:
    """Raise the budget of a task, or of today in all projects. 0 doubles it, once and until it is above what is spent."""

    async def later() -> dict[str, Any]:
        if argument.task:
            engine = await session.engine_of_task(argument.task, argument.uri)
            task = task_of(engine, argument.task)
            now = task.budget_usd if task.budget_usd is not None else engine.settings.limits.task_usd
            usd = argument.usd or doubled(now, known_cost(task))
            await session.submit(engine, w.RaiseBudget(task=argument.task, budget_usd=usd))
            sentence = f"#{argument.task} may cost up to {money(usd)}."
        else:
            engine = await session.engine(session.root())
            spent, budget = engine.spending()
            usd = argument.usd or doubled(budget or engine.settings.limits.day_usd, spent)
            if budget is not None and usd <= budget:
                raise Refusal(f"Today may cost {money(budget)} already. Name more than that.", "bad_arguments")
            await session.submit(engine, w.RaiseBudget(task=0, budget_usd=usd, day=engine.today()))
            sentence = f"Today may cost up to {money(usd)}."
        session.publisher.look()
        return {"task": argument.task, "usd": usd, "sentence": sentence}

    return later()


def _said(session: Session, argument: TextArguments, verb: str, command: Command) -> Answer:
    """Pass on what the person says; without words, ask for them in a file."""
    if not argument.text.strip():
        return session.letters.ask(argument.task, argument.uri, verb)
    return _submit(session, argument, command)


async def _submit(session: Session, argument: AboutTask, command: Command) -> dict[str, Any]:
    number = argument.task
    engine = await session.engine_of_task(number, argument.uri)
    task_of(engine, number)
    await session.submit(engine, command)
    session.publisher.look()
    return {"task": number, "state": engine.state.tasks[number].state}


def _requeue(session: Session, argument: AboutTask, opening: e.Opening, agent: str = "", effort: str = "") -> Answer:
    """A new run from what is on the screen at this moment: frozen now, in every project this editor has texts of."""
    frozen = {root: session.frozen(root) for root in session.roots.all()}
    number = argument.task

    async def later() -> dict[str, Any]:
        engine = await session.engine_of_task(number, argument.uri)
        task = task_of(engine, number)
        anew = opening.kind == "retry" and not task.agent
        name = agent_of(session, engine, agent or (own_agent(session, engine) if anew else ""))
        require_effort(session, engine, name or task.agent, effort or task.effort)
        command = w.Requeue(task=number, opening=opening, agent=name, effort=effort, environment=session.environment)
        await session.submit(engine, command, frozen=frozen.get(engine.root, {}))
        session.publisher.look()
        return {"task": number, "state": engine.state.tasks[number].state}

    return later()
