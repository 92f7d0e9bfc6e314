"""Accepts that were begun and never proven, because something ended in between: settled by comparing texts."""

from __future__ import annotations

from pathlib import Path

from backburner.engine.engine import Engine
from backburner.lsp.roots import Owned
from backburner.lsp.session import Session
from backburner.model import wishes as w
from backburner.model.anchor import text_id
from backburner.model.task import Accepted, OpenAccept, Task
from backburner.model.text import fit

PATIENCE_S = 5.0
"""An editor that comes back opens its texts within this time; until then the disk alone proves nothing."""


async def settle_project(session: Session, root: Path) -> None:
    """Settle every open accept of a project that no editor is about to prove."""
    engine = await session.engine(root)
    if not any(task.accepting for task in engine.state.tasks.values()):
        return
    await session.clock.sleep(PATIENCE_S)
    for path in {accept.path for task in engine.state.tasks.values() for accept in task.accepting}:
        await settle_file(session, engine, path)


async def settle_file(session: Session, engine: Engine, path: str) -> None:
    """Judge or drop the open accepts of one file by the text that is there."""
    if (engine.root, path) in session.editors.accepting:
        return
    for task in tuple(engine.state.tasks.values()):
        for accept in task.accepting:
            if accept.path == path:
                await _settle(session, engine, task, accept)


async def _settle(session: Session, engine: Engine, task: Task, accept: OpenAccept) -> None:
    live = session.editors.live(Owned(engine.root, accept.path), session)
    present = None if live is None else text_id(live)
    if present == accept.after_id or (present != accept.before_id and await _stands(engine, task, accept, live)):
        accepted = Accepted(
            path=accept.path,
            items=accept.items,
            before_id=accept.before_id,
            after_id=present,
            at=session.clock.now(),
            closed_file=not session.editors.holding(Owned(engine.root, accept.path)),
        )
        await session.submit(
            engine, w.Judge(task=task.number, items=accept.items, verdict="accepted", accepted=accepted)
        )
        return
    await session.drop(engine, task.number, accept.path, "It was interrupted, and the text does not have it.")


async def _stands(engine: Engine, task: Task, accept: OpenAccept, live: str | None) -> bool:
    """Whether the hunks are in a text that was edited since."""
    for file in task.result.proposal.files if task.result is not None else ():
        hunks = [hunk for hunk in file.hunks if hunk.id in accept.items]
        if not hunks or live is None or file.binary:
            continue
        await engine.texts.load([id for id in (file.base_id, file.proposed_id) if id is not None])
        base, proposed = (engine.texts.get(id) if id else None for id in (file.base_id, file.proposed_id))
        placed = fit(base, proposed, live, file.hunks)
        return all(placed[hunk.id].placement == "applied" for hunk in hunks)
    return False
