"""Commands that look: read, draft, diff, proposal, next, list, show, wait, today. None of them changes a text.

Reading a result counts it as read; nothing else here changes a task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import msgspec
from msgspec.structs import replace

from backburner.engine.engine import Engine
from backburner.lsp.letters import draft_text
from backburner.lsp.roots import Owned
from backburner.lsp.session import Session
from backburner.lsp.transport import Refusal
from backburner.lsp.verdicts import task_of
from backburner.model import wishes as w
from backburner.model.commands import (
    DiffArguments,
    ListArguments,
    NextArguments,
    SinceArguments,
    TaskArguments,
    WaitArguments,
)
from backburner.model.task import Task
from backburner.model.view import Queue, TaskView
from backburner.review.diffs import diff, group_diff
from backburner.review.queue import merged, queue
from backburner.review.ready import Where, line_of, ready_list, since
from backburner.review.ready import today as day_of
from backburner.review.render import report, task_view
from backburner.review.scene import Scene

Answer = Awaitable[dict[str, Any]]
LIVE = ("queued", "running")


def read(session: Session, argument: TaskArguments) -> Answer:
    """Open a result and count it as read: `{task, uri, title, language, target}`."""

    async def later() -> dict[str, Any]:
        engine = await session.engine_of_task(argument.task, argument.uri)
        task = task_of(engine, argument.task)
        if task.state == "running" and task.result is None:
            return await _draft(session, engine, task)
        path = await session.letters.result(engine, task)
        await session.submit(engine, w.Look(task=task.number))
        session.reading[engine.root] = task.number
        session.publisher.look()
        session.letters.show(path, f"#{task.number} is here:")
        return await _reading(session, engine, task, path.as_uri(), "diff" if path.suffix == ".diff" else "markdown")

    return later()


def draft(session: Session, argument: TaskArguments) -> Answer:
    async def later() -> dict[str, Any]:
        engine = await session.engine_of_task(argument.task, argument.uri)
        return await _draft(session, engine, task_of(engine, argument.task))

    return later()


async def _draft(session: Session, engine: Engine, task: Task) -> dict[str, Any]:
    path = await session.letters.draft(engine, task)
    session.letters.show(path, f"The draft of #{task.number} is here:")
    return await _reading(session, engine, task, path.as_uri(), "diff")


async def _reading(session: Session, engine: Engine, task: Task, uri: str, language: str) -> dict[str, Any]:
    scene = await session.scene(engine)
    target = {"uri": session.roots.uri(engine.root, task.target.path), "line": line_of(scene, task)}
    return {"task": task.number, "uri": uri, "title": task.title, "language": language, "target": target}


def diff_text(session: Session, argument: DiffArguments) -> Answer:
    """The unified diff as text, where it is as a document, and which results in it do not count as read yet."""

    async def later() -> dict[str, Any]:
        engine = await session.engine_of_task(argument.task, argument.uri)
        task = task_of(engine, argument.task)
        tasks = [] if argument.draft else [task]
        if argument.draft and task.state in ("running", "asking"):
            path = await session.letters.draft(engine, task)
            text = await draft_text(engine, task)
        elif argument.group:
            tasks = [other for other in engine.state.tasks.values() if other.group == task.group and other.result]
            path = await session.letters.group(engine, task)
            text = group_diff(await session.scene(engine), tasks)
        else:
            path = await session.letters.result(engine, task)
            scene = await session.scene(engine)
            text = diff(scene, task, argument.path) if path.suffix == ".diff" else report(scene, task)
        unread = [other.number for other in tasks if other.state == "ready" and not other.seen]
        return {"task": task.number, "text": text, "uri": path.as_uri(), "unread": unread}

    return later()


def show(session: Session, argument: TaskArguments) -> Awaitable[Any]:
    async def later() -> Any:
        engine = await session.engine_of_task(argument.task, argument.uri)
        return _view(engine, await session.scene(engine), task_of(engine, argument.task))

    return later()


def _view(engine: Engine, scene: Scene, task: Task) -> TaskView:
    return replace(task_view(scene, task), project=str(engine.root))


def list_tasks(session: Session, argument: ListArguments) -> Awaitable[Any]:
    """The queue in its order, or whole tasks."""

    async def later() -> Any:
        engine = await session.engine(session.root(argument.uri))
        scene = await session.scene(engine)
        if argument.views:
            done = ("accepted", "rejected", "cancelled")
            chosen = [
                task
                for task in engine.state.tasks.values()
                if (not argument.states or task.state in argument.states)
                and (argument.all or argument.states or task.state not in done)
            ]
            return [_view(engine, scene, task) for task in sorted(chosen, key=lambda task: task.number)]
        found = await _queue(session, engine, argument.uri)
        if argument.projects:
            opened = [session.engines[root] for root in session.roots.all() if root in session.engines]
            others = [other for other in opened if other is not engine]
            found = merged([found, *[await _queue(session, other, "") for other in others]])
        if argument.states:
            found = replace(found, rows=[row for row in found.rows if row.state in argument.states])
        return found

    return later()


async def _queue(session: Session, engine: Engine, uri: str) -> Queue:
    left = session.editors.presence(engine.root).since(session.clock.now())
    note = since(engine.state, left, engine.branch) if left else ""
    found = queue(await session.scene(engine), _where(session, uri, 0), note)
    if session.has_several:
        found = with_project(found, session.roots.uri(engine.root, "").rstrip("/"))
    return found


def with_project(found: Queue, uri: str) -> Queue:
    """Numbers count in each project: with several of them, what a row does names its own."""
    rows = [
        replace(row, actions=[{**action, "arguments": {"uri": uri, **action["arguments"]}} for action in row.actions])
        for row in found.rows
    ]
    return replace(found, rows=rows)


def next_result(session: Session, argument: NextArguments) -> Answer:
    """What is best read next, and why; or the next open item of one task."""

    async def later() -> dict[str, Any]:
        if argument.task:
            engine = await session.engine_of_task(argument.task, argument.uri)
            found: dict[str, Any] = await _next_item(session, engine, task_of(engine, argument.task), argument)
        else:
            engine = await session.engine(session.root(argument.uri))
            scene = await session.scene(engine)
            rows = ready_list(scene, _where(session, argument.uri, argument.line))
            if not rows:
                return {"task": 0, "why": "Nothing is waiting to be read."}
            first = rows[0]
            found = {
                "task": first.task,
                "title": f"#{first.task} {engine.state.tasks[first.task].title}",
                "why": first.why,
                "uri": session.roots.uri(engine.root, first.path),
                "line": first.line,
            }
            if scene.live.get(first.path, "") is None:
                # Its file is gone: opening it would make a new one. What there is to read is the result's own document.
                document = await session.letters.result(engine, engine.state.tasks[first.task])
                found |= {"uri": document.as_uri(), "line": 0}
        if argument.show and found.get("uri"):
            await session.reveal(found["uri"], found["line"], f"{found['title']}:")
        return found

    return later()


async def _next_item(session: Session, engine: Engine, task: Task, argument: NextArguments) -> dict[str, Any]:
    """The next open hunk or finding after a place, going round: in this file first, then in the others."""
    scene = await session.scene(engine)
    marks = [
        mark
        for path, found in session.publisher.project(engine.root).items()
        for mark in found
        if mark.task == task.number and mark.item and path == mark.path
    ]
    if not marks:
        return {"task": task.number, "why": f"#{task.number} has nothing open."}
    owned = session.roots.owner(argument.uri) if argument.uri else None
    here = owned.path if owned is not None else task.target.path
    order = sorted(marks, key=lambda mark: (mark.path != here, mark.path, mark.line))
    later = [mark for mark in order if mark.path == here and mark.line > argument.line]
    chosen = (later or [mark for mark in order if mark.path != here] or order)[0]
    session.reading[engine.root] = task.number
    session.publisher.look()
    why = f"{len(marks)} of {scene.standing(task).total} left"
    return {
        "task": task.number,
        "title": f"#{task.number} {task.title}",
        "item": chosen.item,
        "why": why,
        "uri": session.roots.uri(engine.root, chosen.path),
        "line": chosen.line,
    }


def wait(session: Session, argument: WaitArguments) -> Answer:
    """Answers when none of the tasks is queued or running any more, or when the time is up."""

    async def later() -> dict[str, Any]:
        engines = {number: await session.engine_of_task(number, argument.uri) for number in argument.tasks}
        changed = asyncio.Event()
        stops = [engine.subscribe(lambda _events, _state: changed.set()) for engine in dict.fromkeys(engines.values())]
        try:
            async with asyncio.timeout(argument.timeout_s or None):
                while any(task_of(engine, number).state in LIVE for number, engine in engines.items()):
                    changed.clear()
                    await changed.wait()
        except TimeoutError:
            pass
        finally:
            for stop in stops:
                stop()
        return {"states": {str(number): task_of(engine, number).state for number, engine in engines.items()}}

    return later()


def today(session: Session, argument: SinceArguments) -> Answer:
    async def later() -> dict[str, Any]:
        engine = await session.engine(session.root(argument.uri))
        try:
            start, end = engine.day_bounds(argument.day)
        except ValueError:
            raise Refusal(f"{argument.day!r} is no day. Write it as 2026-11-25.", "bad_arguments") from None
        found = day_of(engine.state, start, end)
        await session.letters.text("today.md", f"{found.sentence}\n", "What the day came to:")
        return {**msgspec.to_builtins(found), "text": found.sentence}

    return later()


def _where(session: Session, uri: str, line: int) -> Where | None:
    owned: Owned | None = session.roots.owner(uri) if uri else None
    return Where(owned.path, line) if owned is not None else None
