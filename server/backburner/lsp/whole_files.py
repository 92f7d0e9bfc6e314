"""What an accept does to a file as a whole: its mode, its name, its bytes; and undoing an accept.

A rename or deletion of an open file goes through its editor only when that announced it; otherwise we do it on disk, and
only when nothing unsaved is in it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from lsprotocol import types

from backburner.engine.engine import Engine
from backburner.lib.files import OutsideRoot
from backburner.lsp import closed
from backburner.lsp.accept import Change, Dropped, Proof, change
from backburner.lsp.roots import Owned
from backburner.lsp.session import Session
from backburner.lsp.transport import Refusal
from backburner.model import wishes as w
from backburner.model.anchor import text_id
from backburner.model.result import FileChange, HunkRef
from backburner.model.task import Accepted, Task
from backburner.model.text import decode, merge

Weigh = Callable[[str | None, str | None], None]


async def accept_mode(session: Session, engine: Engine, task: Task, file: FileChange, path: str, hunk: HunkRef) -> None:
    """Set or clear the executable bit."""
    _refuse_links(engine, path)
    present = closed.mode_of(engine.root, path)
    if present is None:
        raise Refusal(f"{path} is gone.", "stale")
    wanted = present | 0o111 if file.mode & 0o111 else present & ~0o111
    (engine.root / path).chmod(wanted)
    await _judged(session, engine, task, path, hunk, Proof(None, None, closed_file=True))


async def accept_rename(session: Session, engine: Engine, task: Task, file: FileChange, hunk: HunkRef) -> None:
    old, new = file.renamed_from or file.path, file.path
    _refuse_links(engine, old)
    _refuse_links(engine, new)
    if (engine.root / new).exists():
        raise Refusal(f"{new} exists already; {old} is not renamed.", "conflict")
    if not (engine.root / old).exists():
        raise Refusal(f"{old} is gone.", "stale")
    await move(session, engine, old, new)
    await _judged(session, engine, task, new, hunk, Proof(None, None, closed_file=True))
    await session.submit(engine, w.RenamePath(old=old, new=new))


async def move(session: Session, engine: Engine, old: str, new: str) -> None:
    """Rename a file, through the editor that has it open or on disk. Raises `Dropped` when it did not happen."""
    holding = session.editors.holding(Owned(engine.root, old))
    for holder, document in holding:
        if holder.client.renames and holder.client.apply_edit:
            target = holder.roots.uri(engine.root, new)
            edit = types.WorkspaceEdit(document_changes=[types.RenameFile(old_uri=document.uri, new_uri=target)])
            await holder.apply_edit(types.ApplyWorkspaceEditParams(edit=edit, label="Rename"))
            if (engine.root / old).exists() or not (engine.root / new).exists():
                raise Dropped(f"The editor did not rename {old}.")
            return
        if session.editors.closed.text(engine.root / old) != document.text:
            raise Refusal(f"{old} has unsaved changes. Save it, then accept the rename.", "unsaved")
    folder = (engine.root / new).parent
    folder.mkdir(parents=True, exist_ok=True)
    # A link first: it fails where something stands already, which a rename would overwrite.
    os.link(engine.root / old, engine.root / new, follow_symlinks=False)
    os.unlink(engine.root / old)


async def accept_binary(
    session: Session, engine: Engine, task: Task, file: FileChange, path: str, hunks: Sequence[HunkRef]
) -> None:
    """Bytes compared, then replaced, made or removed."""
    begun = False
    try:
        raw = closed.read(engine.root, path)
        base = await engine.bytes_of(file.base_id) if file.base_id is not None else None
        if raw != base:
            raise Refusal(f"{path} is not what the agent began from. Read it.", "conflict")
        blob = await engine.keep_bytes(raw) if raw is not None else None
        items = tuple(hunk.id for hunk in hunks)
        wish = w.BeginAccept(
            task=task.number, items=items, path=path, before_id=file.base_id, after_id=file.proposed_id
        )
        await session.submit(engine, wish)
        begun = True
        if file.proposed_id is None:
            if raw is not None:
                closed.delete(engine.root, path, raw)
        else:
            data = await engine.bytes_of(file.proposed_id)
            if data is None:
                raise closed.Changed("the agent's bytes are lost. Run again")
            closed.write(engine.root, path, raw, data, file.mode & 0o777 if raw is None else None)
    except (OutsideRoot, closed.Changed, OSError) as error:
        sentence = f"{path} was not changed: {error}."
        if begun:
            await session.drop(engine, task.number, path, sentence)
        raise Dropped(sentence) from error
    proof = Proof(file.base_id, file.proposed_id, closed_file=True, before_blob=blob)
    accepted = proof.accepted(path, items, session.clock.now())
    await session.submit(engine, w.Judge(task=task.number, items=items, verdict="accepted", accepted=accepted))


async def undo_accept(session: Session, engine: Engine, task: Task, accept: Accepted, weigh: Weigh) -> None:
    """Bring a file back to what it was before an accept; what was typed since stays. Raises `Refusal` when that overlaps.

    `weigh` is shown the text as it is and as it will be; it may refuse.
    """
    path = accept.path
    if accept.before_id is None and accept.after_id is None:
        await _undo_whole(session, engine, task, accept)
        return
    before_bytes = await engine.bytes_of(accept.before_blob) if accept.before_blob is not None else None
    decoded = decode(before_bytes) if before_bytes is not None else None
    after_bytes = await engine.bytes_of(accept.after_id) if accept.after_id is not None else None
    if decoded is None and (before_bytes is not None or (after_bytes is not None and decode(after_bytes) is None)):
        _undo_binary(engine, path, before_bytes, after_bytes)
        return
    if decoded is not None:
        before: str | None = decoded.text
    else:
        before = await engine.text_of(accept.before_id) if accept.before_id is not None else None
    if accept.before_id is not None and before is None:
        raise Refusal(f"What {path} was before is not kept any more. Use your editor's undo.", "lost")
    after = await engine.text_of(accept.after_id) if accept.after_id is not None else None

    def back(live: str | None) -> str | None:
        if live is None or before is None or after is None:
            same = live is None if accept.after_id is None else live is not None and text_id(live) == accept.after_id
            if live is None and not same:
                raise Refusal(f"{path} is gone; there is nothing to undo in it.", "stale")
            if not same:
                raise Refusal(f"{path} changed since; it cannot be undone by itself.", "conflict")
            return before
        merged = merge(after, live, before)
        if merged.conflicts:
            raise Refusal(f"{path}: what was changed since overlaps it. Use your editor's undo.", "conflict")
        return merged.text

    def compute(live: str | None) -> str | None:
        result = back(live)
        weigh(live, result)
        return result

    async def nothing(*_: object) -> None:
        return

    await change(
        session,
        Change(
            owned=Owned(engine.root, path),
            compute=compute,
            begin=nothing,
            drop=nothing,
            applied=_never,
            keep=engine.keep_bytes,
            label=f"Undo #{task.number}",
            style=decoded.style if decoded is not None else _style(task, path),
        ),
    )


def _never(_: str) -> bool:
    return False


async def _undo_whole(session: Session, engine: Engine, task: Task, accept: Accepted) -> None:
    """A rename or a mode."""
    for file in task.result.proposal.files if task.result is not None else ():
        for hunk in file.hunks:
            if hunk.id not in accept.items:
                continue
            if hunk.kind == "rename" and file.renamed_from is not None:
                if (engine.root / file.renamed_from).exists():
                    raise Refusal(f"{file.renamed_from} exists again; the rename is not undone.", "conflict")
                await move(session, engine, file.path, file.renamed_from)
                await session.submit(engine, w.RenamePath(old=file.path, new=file.renamed_from))
            elif hunk.kind == "mode":
                present = closed.mode_of(engine.root, accept.path)
                if present is not None:
                    executable = bool(file.base_mode & 0o111)
                    (engine.root / accept.path).chmod(present | 0o111 if executable else present & ~0o111)


def _undo_binary(engine: Engine, path: str, before: bytes | None, after: bytes | None) -> None:
    """Bytes compared, then put back; None: there was no such file."""
    now = closed.read(engine.root, path)
    if now != after:
        raise Refusal(f"{path} changed since; it cannot be undone by itself.", "conflict")
    if before is not None:
        closed.write(engine.root, path, now, before)
    elif now is not None:
        closed.delete(engine.root, path, now)


async def _judged(session: Session, engine: Engine, task: Task, path: str, hunk: HunkRef, proof: Proof) -> None:
    accepted = proof.accepted(path, (hunk.id,), session.clock.now())
    await session.submit(engine, w.Judge(task=task.number, items=(hunk.id,), verdict="accepted", accepted=accepted))


def _style(task: Task, path: str) -> closed.FileStyle:
    files = task.result.proposal.files if task.result is not None else ()
    return next((file.style for file in files if file.path == path), closed.FileStyle())


def _refuse_links(engine: Engine, path: str) -> None:
    if (engine.root / path).is_symlink():
        raise Refusal(f"{path} is a link; it is not changed.", "outside")
