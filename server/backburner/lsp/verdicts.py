"""Verdicts: accept, reject, dismiss, for hunks, files, results and groups; taking them back is in `undoing.py`.

Each file is its own step; the first that fails stops and says what is done. What changes texts is in `accept.py`; what a
verdict means is decided by the engine.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any

from backburner.engine.engine import Engine
from backburner.lsp import whole_files
from backburner.lsp.accept import Change, Dropped, Proof, change
from backburner.lsp.placing import Placing
from backburner.lsp.roots import Owned
from backburner.lsp.session import Session
from backburner.lsp.transport import Refusal
from backburner.model import events as e
from backburner.model import wishes as w
from backburner.model.commands import ItemsArguments, TaskArguments
from backburner.model.decide_verdicts import without_result
from backburner.model.result import FileChange, HunkRef
from backburner.model.task import Task
from backburner.review.placement import live_path
from backburner.review.rest import Rest, rest

Left = list[dict[str, Any]]
"""What was not done: `{task, item, reason}`."""


def accept(session: Session, argument: ItemsArguments) -> Awaitable[dict[str, Any]]:
    """Put hunks into the person's files. Clients that would freeze while they wait are answered when the edit was sent."""

    async def later() -> dict[str, Any]:
        engine = await session.engine_of_task(argument.task, argument.uri)
        wishes = [(task, wanted(task, argument)) for task in tasks_of(engine, argument)]
        if session.waits:
            return await accept_all(session, engine, wishes, argument.theirs)
        await session.begin(say_what_is_left(session, accept_all(session, engine, wishes, argument.theirs)), "accept")
        return {"tasks": [task.number for task, _ in wishes], "left": []}

    return later()


async def say_what_is_left(session: Session, work: Awaitable[dict[str, Any]]) -> None:
    try:
        answer = await work
    except Refusal as refusal:
        session.say(refusal.message)
        return
    reasons = dict.fromkeys(item["reason"] for item in answer["left"])
    if reasons:
        session.say(" ".join(reasons))


async def accept_all(
    session: Session, engine: Engine, wishes: Sequence[tuple[Task, tuple[str, ...]]], theirs: bool = False
) -> dict[str, Any]:
    """Accept the items of each task, file by file."""
    left: Left = []
    for task, items in wishes:
        try:
            await accept_task(session, engine, task, items, theirs, left)
        except Dropped as dropped:
            left.append(_left(task, "", str(dropped)))
            break
        except Refusal as refusal:
            if len(wishes) == 1:
                raise
            left.append(_left(task, "", refusal.message))
    session.publisher.look()
    return {"tasks": [task.number for task, _ in wishes], "left": left}


async def accept_task(
    session: Session, engine: Engine, task: Task, items: tuple[str, ...], theirs: bool, left: Left
) -> None:
    result = task.result
    if result is None:
        raise Refusal(without_result(task), "no_result")
    await session.editors.disk.follow(engine, [file.path for file in result.proposal.files if file.base_id is not None])
    task = task_of(engine, task.number)
    result = task.result or result
    chosen = set(items)
    others = tuple(item for item in items if item not in {hunk.id for hunk in result.proposal.hunks})
    refused: list[Refusal] = []
    for file in result.proposal.files:
        hunks = tuple(hunk for hunk in file.hunks if hunk.id in chosen)
        if not hunks:
            continue
        try:
            await accept_file(session, engine, task, file, hunks, theirs, left)
        except Refusal as refusal:
            # The other files are steps of their own.
            refused.append(refusal)
            still = task_of(engine, task.number).open_items
            left.extend(_left(task, hunk.id, refusal.message) for hunk in hunks if hunk.id in still)
    if refused and chosen.intersection(task_of(engine, task.number).open_items) == chosen.intersection(task.open_items):
        raise refused[0]
    if others:
        await session.submit(engine, w.Judge(task=task.number, items=others, verdict="accepted"))


def _left(task: Task, item: str, reason: str) -> dict[str, Any]:
    return {"task": task.number, "item": item, "reason": reason}


async def accept_file(
    session: Session, engine: Engine, task: Task, file: FileChange, hunks: Sequence[HunkRef], theirs: bool, left: Left
) -> None:
    """The content first, then what concerns the file as a whole (mode, name)."""
    root = engine.root
    paths = {file.path, file.renamed_from or file.path}
    path = live_path(file, session.live(root, paths))
    contents = [hunk for hunk in hunks if hunk.kind not in ("mode", "rename")]
    if contents and file.binary:
        await whole_files.accept_binary(session, engine, task, file, path, contents)
    elif contents:
        await accept_text(session, engine, task, file, path, contents, theirs, left)
    for hunk in hunks:
        if hunk.kind == "mode":
            await whole_files.accept_mode(session, engine, task, file, path, hunk)
        elif hunk.kind == "rename":
            await whole_files.accept_rename(session, engine, task, file, hunk)


async def accept_text(
    session: Session,
    engine: Engine,
    task: Task,
    file: FileChange,
    path: str,
    hunks: Sequence[HunkRef],
    theirs: bool,
    left: Left,
) -> None:
    await engine.texts.load([id for id in (file.base_id, file.proposed_id) if id is not None])
    accepted = [hunk.id for hunk in file.hunks if task.verdicts.get(hunk.id) == "accepted"]
    base, proposed = (engine.texts.get(id) if id is not None else None for id in (file.base_id, file.proposed_id))
    placing = Placing(path, base, proposed, file.hunks, tuple(hunks), accepted, theirs)

    async def begin(before_id: str | None, after_id: str | None) -> None:
        wish = w.BeginAccept(task=task.number, items=placing.placed, path=path, before_id=before_id, after_id=after_id)
        await session.submit(engine, wish)

    async def drop(reason: str) -> None:
        await session.drop(engine, task.number, path, reason)

    proof = await change(
        session,
        Change(
            owned=Owned(engine.root, path),
            compute=placing.compute,
            begin=begin,
            drop=drop,
            applied=placing.is_applied,
            keep=engine.keep_bytes,
            label=f"Accept #{task.number}",
            style=file.style,
            mode=file.mode & 0o777,
        ),
    )
    left.extend(_left(task, item, reason) for item, reason in placing.refused.items())
    if placing.already:
        # They need no edit and so no proof; the accept that was begun is about the others alone.
        await session.submit(engine, w.Judge(task=task.number, items=placing.already, verdict="accepted"))
    if placing.placed:
        # Before the verdict counts: it can be undone from then on.
        await engine.keep_texts([text for text in (placing.before, placing.after) if text is not None])
        await judged(session, engine, task, path, placing.placed, proof)
        session.reverts.add(engine.root, path, task.number, placing.placed, placing.before, placing.after)


async def judged(session: Session, engine: Engine, task: Task, path: str, items: tuple[str, ...], proof: Proof) -> None:
    """Journal the verdict with its proof."""
    accepted = proof.accepted(path, items, session.clock.now())
    await session.submit(engine, w.Judge(task=task.number, items=items, verdict="accepted", accepted=accepted))


def accept_rest(session: Session, argument: TaskArguments) -> Awaitable[dict[str, Any]]:
    """Take the results of a group that are like those that were read; say of each other one why it stays."""

    async def later() -> dict[str, Any]:
        engine = await session.engine_of_task(argument.task, argument.uri)
        found = rest(await session.scene(engine), task_of(engine, argument.task))
        if found.refused:
            raise Refusal(found.refused, "not_yet")
        if session.waits:
            return await take(engine, found)
        await session.begin(say_what_stays(session, take(engine, found)), "accept the rest")
        return {"tasks": list(found.take), "accepted": [], "left": []}

    async def take(engine: Engine, found: Rest) -> dict[str, Any]:
        left: Left = [{"task": number, "item": "", "reason": reason} for number, reason in found.left]
        wishes = [(engine.state.tasks[number], engine.state.tasks[number].open_items) for number in found.take]
        answer = await accept_all(session, engine, wishes)
        stayed = {item["task"] for item in answer["left"]}
        taken = [number for number in found.take if number not in stayed]
        return {"tasks": list(found.take), "accepted": taken, "left": [*answer["left"], *left]}

    return later()


async def say_what_stays(session: Session, work: Awaitable[dict[str, Any]]) -> None:
    answer = await work
    if answer["left"]:
        session.say("; ".join(f"#{item['task']} stays: {item['reason']}" for item in answer["left"]) + ".")


def reject(session: Session, argument: ItemsArguments) -> Awaitable[dict[str, Any]]:
    return _verdicts(session, argument, "rejected")


def dismiss(session: Session, argument: ItemsArguments) -> Awaitable[dict[str, Any]]:
    async def later() -> dict[str, Any]:
        engine = await session.engine_of_task(argument.task, argument.uri)
        tasks = tasks_of(engine, argument)
        for task in tasks:
            await session.submit(engine, w.Dismiss(task=task.number, items=tuple(argument.hunks)))
        session.publisher.look()
        return {"tasks": [task.number for task in tasks], "left": []}

    return later()


def _verdicts(session: Session, argument: ItemsArguments, verdict: e.Judgement) -> Awaitable[dict[str, Any]]:
    async def later() -> dict[str, Any]:
        engine = await session.engine_of_task(argument.task, argument.uri)
        tasks = tasks_of(engine, argument)
        for task in tasks:
            await session.submit(engine, w.Judge(task=task.number, items=wanted(task, argument), verdict=verdict))
        session.publisher.look()
        return {"tasks": [task.number for task in tasks], "left": []}

    return later()


def task_of(engine: Engine, number: int) -> Task:
    task = engine.state.tasks.get(number)
    if task is None:
        raise Refusal(f"There is no task #{number}.", "unknown_task")
    return task


def tasks_of(engine: Engine, argument: ItemsArguments, *, open_only: bool = True) -> list[Task]:
    """The task, or the tasks of its group that still want a verdict."""
    task = task_of(engine, argument.task)
    if not argument.group:
        return [task]
    group = [other for other in engine.state.tasks.values() if other.group == task.group]
    states = ("ready", "failed") if open_only else ("ready", "accepted", "rejected")
    return [other for other in group if other.state in states] or [task]


def wanted(task: Task, argument: ItemsArguments) -> tuple[str, ...]:
    """The items that are meant: those named, those of a file, or everything still open."""
    if argument.hunks:
        return tuple(argument.hunks)
    if not argument.path:
        if task.result is not None and not task.open_items and not argument.group:
            raise Refusal(f"Everything of #{task.number} is decided already.", "already_decided")
        return task.open_items
    files = task.result.proposal.files if task.result is not None else ()
    ids = [hunk.id for file in files if file.path == argument.path for hunk in file.hunks]
    found = tuple(item for item in ids if item in task.open_items)
    if not found:
        raise Refusal(f"#{task.number} has nothing open in {argument.path}.", "unknown_path")
    return found
