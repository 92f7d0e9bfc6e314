"""Undo: an accept is taken out of the text, and with it the verdicts that stood on it.

Two results can make the same change: the second is accepted without an edit, because its hunks stand in the text already.
They stand there by the first accept, so they go with it and are open again, which is said. What was put into the text later
is never taken apart by undoing an earlier accept: that is refused, and names what is to be undone first.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Sequence
from typing import Any, NamedTuple

from lsprotocol import types

from backburner.engine.engine import Engine
from backburner.lsp import whole_files
from backburner.lsp.accept import Dropped
from backburner.lsp.session import Session
from backburner.lsp.transport import Refusal
from backburner.lsp.verdicts import task_of, tasks_of
from backburner.model import wishes as w
from backburner.model.commands import ItemsArguments
from backburner.model.result import HunkRef
from backburner.model.task import Accepted, Task
from backburner.model.text import fit

INFO = types.MessageType.Info
CONTENT = ("edit", "create", "delete")


class Other(NamedTuple):
    """What was accepted of another result in the same file."""

    task: int
    base: str | None
    proposed: str | None
    hunks: Sequence[HunkRef]
    bare: frozenset[str]
    """Accepted without an edit: they stood in the text already."""
    later: frozenset[str]
    """Put into the text after the accept that is undone."""


def undo(session: Session, argument: ItemsArguments) -> Awaitable[dict[str, Any]]:
    """Take verdicts back: texts that an accept changed are merged back to what they were, then the items are open."""

    async def later() -> dict[str, Any]:
        engine = await session.engine_of_task(argument.task, argument.uri)
        tasks = tasks_of(engine, argument, open_only=False)
        # The latest accept first: the others may stand below it.
        tasks.sort(key=lambda task: max((accept.at for accept in task.accepts), default=0.0), reverse=True)
        numbers = [task.number for task in tasks]
        said: list[str] = []
        for number in numbers:
            task = task_of(engine, number)
            if task.verdicts or task.accepts or not argument.group:
                said += await undo_task(session, engine, task, argument, numbers)
        session.publisher.look()
        sentence = " ".join(dict.fromkeys(said))
        answer = {"tasks": sorted(numbers), "left": []}
        if sentence and session.client.command_line:
            return answer | {"sentence": sentence}
        if sentence:
            session.say(sentence, INFO)
        return answer

    return later()


async def undo_task(
    session: Session, engine: Engine, task: Task, argument: ItemsArguments, meant: Collection[int]
) -> list[str]:
    """Sentences about what the person may not expect: `meant` are the tasks that they named."""
    await session.editors.disk.follow(engine, [accept.path for accept in task.accepts])
    task = task_of(engine, task.number)
    chosen = set(argument.hunks)
    accepts = [
        accept
        for accept in task.accepts
        if (not chosen or chosen & set(accept.items)) and argument.path in ("", accept.path)
    ]
    said: list[str] = []
    for accept in reversed(accepts):
        gone = await undo_accept(session, engine, task.number, accept.items)
        said += [sentence for number, sentence in gone.items() if number not in meant]
    done = {item for accept in accepts for item in accept.items}
    rest_of = tuple(item for item in (argument.hunks or task.verdicts) if item not in done)
    if argument.path:
        rest_of = tuple(item for item in rest_of if item.split("/", 1)[-1].rsplit(":", 1)[0] == argument.path)
    if rest_of or not accepts:
        stays = bare(task).intersection(rest_of)
        await session.submit(engine, w.TakeBack(task=task.number, items=rest_of))
        said += [f"The text stays: it had this change before #{task.number} was accepted."] if stays else []
    return said


async def undo_accept(session: Session, engine: Engine, number: int, items: tuple[str, ...]) -> dict[int, str]:
    """Undo one accept; by task what is to be said of others."""
    # Undoing a rename gives the accepts before it the file's old name.
    task = task_of(engine, number)
    accept = next(other for other in task.accepts if other.items == items)
    others = await accepted_in(engine, task, accept)
    gone: dict[int, tuple[str, ...]] = {}

    def weigh(live: str | None, result: str | None) -> None:
        gone.clear()
        gone.update(fallen(others, accept.path, live, result))

    try:
        await whole_files.undo_accept(session, engine, task, accept, weigh)
    except Dropped as dropped:
        raise Refusal(str(dropped), "not_changed") from dropped
    except OSError as error:
        raise Refusal(f"{accept.path} was not changed: {error.strerror or error}.", "not_changed") from error
    await session.submit(engine, w.TakeBack(task=number, items=items))
    return await take_with(session, engine, gone)


async def undone_by_editor(session: Session, engine: Engine, number: int, items: tuple[str, ...]) -> None:
    """The editor's own undo took an accept out of the text."""
    task = task_of(engine, number)
    accept = next((accept for accept in task.accepts if accept.items == items), None)
    gone: dict[int, tuple[str, ...]] = {}
    if accept is not None and accept.before_id is not None and accept.after_id is not None:
        before, after = await engine.text_of(accept.before_id), await engine.text_of(accept.after_id)
        others = [other._replace(later=frozenset()) for other in await accepted_in(engine, task, accept)]
        gone = fallen(others, accept.path, after, before) if before is not None and after is not None else {}
    await session.submit(engine, w.TakeBack(task=number, items=items))
    if said := await take_with(session, engine, gone):
        session.say(" ".join(said.values()), INFO)


async def take_with(session: Session, engine: Engine, gone: dict[int, tuple[str, ...]]) -> dict[int, str]:
    for number, items in gone.items():
        await session.submit(engine, w.TakeBack(task=number, items=items))
    return {number: f"#{number} made the same change: it is open again." for number in gone}


async def accepted_in(engine: Engine, task: Task, accept: Accepted) -> list[Other]:
    """What was accepted in that file of other results, as far as undoing the accept may touch it."""
    found: list[Other] = []
    for other in engine.state.tasks.values():
        later = {item for one in other.accepts if one.at > accept.at for item in one.items}
        for file in other.result.proposal.files if other.result is not None and other.number != task.number else ():
            hunks = [hunk for hunk in file.hunks if hunk.kind in CONTENT]
            ids = frozenset(hunk.id for hunk in hunks)
            if file.path != accept.path or file.binary or not ids & (bare(other) | later):
                continue
            wanted = [id for id in (file.base_id, file.proposed_id) if id is not None]
            await engine.texts.load(wanted)
            texts = {id: engine.texts.get(id) for id in wanted}
            if None not in texts.values():
                base, proposed = texts.get(file.base_id or ""), texts.get(file.proposed_id or "")
                found.append(Other(other.number, base, proposed, hunks, ids & bare(other), ids & later))
    return found


def bare(task: Task) -> frozenset[str]:
    """Hunks of a result that were accepted without an edit."""
    if task.result is None:
        return frozenset()
    proven = {item for accept in task.accepts for item in accept.items}
    hunks = {hunk.id for hunk in task.result.proposal.hunks if hunk.kind in CONTENT}
    return frozenset(id for id in hunks - proven if task.verdicts.get(id) == "accepted")


def fallen(others: Sequence[Other], path: str, live: str | None, result: str | None) -> dict[int, tuple[str, ...]]:
    """The accepted hunks that stand in `live` and no more in `result`, by task. Raises `Refusal` for what came later."""
    gone: dict[int, tuple[str, ...]] = {}
    for other in others:
        held = _standing(other, live) - _standing(other, result)
        if held & other.later:
            sentence = f"{path}: #{other.task} was accepted on top of it. Undo #{other.task} first."
            raise Refusal(sentence, "conflict")
        if held & other.bare:
            gone[other.task] = tuple(hunk.id for hunk in other.hunks if hunk.id in held & other.bare)
    return gone


def _standing(other: Other, text: str | None) -> set[str]:
    placed = fit(other.base, other.proposed, text, other.hunks)
    return {id for id, fitted in placed.items() if fitted.placement == "applied"}
