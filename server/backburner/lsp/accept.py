"""The only path into the person's text: edit, then wait for the proof. Architecture section 7.3.

The proof is the text itself, never the client's reply: some clients say "applied" to an edit that they dropped, and some
answer before the change arrives. An open file is changed by its editor, a closed one by us. Never the whole document,
never through a link, never over bytes that are not those we looked at. Which hunks, and what it means, is `verdicts.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from backburner.lib.files import OutsideRoot
from backburner.lsp import closed, to_lsp
from backburner.lsp.documents import Document, What
from backburner.lsp.roots import Owned
from backburner.lsp.transport import Refusal
from backburner.model.anchor import text_id
from backburner.model.result import FileStyle
from backburner.model.task import Accepted
from backburner.model.text import decode, encode

if TYPE_CHECKING:
    from backburner.lsp.session import Session

PATIENCE_S = 3.0
"""How long after the client's reply the text may take to be what was asked for."""
TRIES = 3
"""How often a merge is done anew because the person typed while it was being journalled."""


class Proof(NamedTuple):
    """The text is changed, and was seen to be."""

    before_id: str | None
    after_id: str | None
    closed_file: bool = False
    before_blob: str | None = None

    def accepted(self, path: str, items: tuple[str, ...], at: float) -> Accepted:
        """What is journalled of it."""
        return Accepted(
            path=path,
            items=items,
            before_id=self.before_id,
            after_id=self.after_id,
            at=at,
            closed_file=self.closed_file,
            before_blob=self.before_blob,
        )


class Dropped(Exception):
    """The text is not what it would be after the change. The message is a sentence for the person."""


Compute = Callable[[str | None], str | None]
"""From the text as it is now (None: no such file) to the text as it shall be (None: no file). May raise `Refusal`."""
Begin = Callable[[str | None, str | None], Awaitable[None]]
"""Journals what is about to happen: ids of the text before and after."""
Applied = Callable[[str], bool]
"""Whether a text holds the change, although it is not exactly the expected one: the person typed meanwhile."""
Keep = Callable[[bytes], Awaitable[str]]
"""Keeps bytes for `undo`; their id."""


class Change(NamedTuple):
    """One change of one file."""

    owned: Owned
    compute: Compute
    begin: Begin
    drop: Callable[[str], Awaitable[None]]
    applied: Applied
    keep: Keep
    label: str
    style: FileStyle = FileStyle()
    """How a new file is written."""
    mode: int | None = None
    """Permission bits of a new file."""


async def change(session: Session, wish: Change) -> Proof:
    """Change one file where it is open, else on disk. Raises `Dropped`, or `Refusal` before anything was touched."""
    editors, key = session.editors, (wish.owned.root, wish.owned.path)
    if key in editors.accepting:
        raise Refusal(f"{wish.owned.path} is being changed just now. Try again in a moment.", "busy")
    editors.accepting.add(key)
    try:
        holder = holder_of(session, wish.owned)
        if holder is None:
            return await _closed(wish)
        return await _open(*holder, wish)
    finally:
        editors.accepting.discard(key)


def holder_of(session: Session, owned: Owned) -> tuple[Session, Document] | None:
    """The editor in which the file is to be changed; None: we write it ourselves. Raises `Refusal`."""
    holding = session.editors.holding(owned)
    mine = [(other, document) for other, document in holding if other is session]
    chosen = mine or holding
    if not mine and len({document.text_id for _, document in holding}) > 1:
        names = " and ".join(dict.fromkeys(other.client.name or "an editor" for other, _ in holding))
        raise Refusal(f"{owned.path} is open with different texts in {names}. Save it in one of them.", "differing")
    able = [(other, document) for other, document in chosen if other.client.apply_edit]
    for _, document in able or chosen:
        if document.doubtful:
            raise Refusal(f"I lost track of {owned.path}. Close it and open it again.", "doubtful")
    if able:
        return able[0]
    on_disk = session.editors.closed.text(owned.root / owned.path)
    if any(document.text != on_disk for _, document in chosen):
        raise Refusal(f"This editor takes no edits, and {owned.path} has unsaved changes. Save it first.", "unsaved")
    return None


async def _open(session: Session, document: Document, wish: Change) -> Proof:
    """Let the editor change the text, and watch until it is so."""
    for _ in range(TRIES):
        before = document.text
        after = wish.compute(before)
        if after is None:
            return await _delete_open(session, document, wish)
        if after == before:
            return Proof(text_id(before), text_id(before))
        expected = text_id(after)
        await wish.begin(document.text_id, expected)
        if document.text == before:
            break
        await wish.drop("the text changed meanwhile")
    else:
        raise Dropped(f"{wish.owned.path} changes too fast. Nothing was accepted; try again.")
    watching = _Watch(session, document, after)
    try:
        edit = _workspace_edit(session, document, before, after)
        params = types.ApplyWorkspaceEditParams(edit=edit, label=wish.label)
        reason = await _reply(session, params, watching)
        if not watching.proven:
            await watching.wait(session, PATIENCE_S)
        if watching.proven or wish.applied(document.text):
            return Proof(text_id(before), expected if watching.proven else document.text_id)
    finally:
        watching.stop()
    if watching.closed and session.editors.closed.text(wish.owned.root / wish.owned.path) == after:
        return Proof(text_id(before), expected)
    sentence = (
        f"The editor did not take the change to {wish.owned.path}{f' ({reason})' if reason else ''}. It is still open."
    )
    await wish.drop(sentence)
    raise Dropped(sentence)


class _Watch:
    """Looks at the text after each single content change."""

    def __init__(self, session: Session, document: Document, expected: str) -> None:
        self.document = document
        self.expected = expected.split("\n")
        self.proven = False
        self.closed = False
        self._changed = asyncio.Event()
        self.stop = session.documents.subscribe(self._look)

    def _look(self, what: What, document: Document) -> None:
        if document is not self.document:
            return
        if what == "closed":
            self.closed = True
            self._changed.set()
        elif document.lines == self.expected:
            self.proven = True
            self._changed.set()

    async def wait(self, session: Session, seconds: float | None) -> None:
        """Until the proof is there, the document is closed, or the time is up."""
        if self.proven or self.closed:
            return
        if seconds is None:
            await self._changed.wait()
            return
        async with asyncio.TaskGroup() as group:
            timer = group.create_task(session.clock.sleep(seconds))
            waiter = group.create_task(self._changed.wait())
            await asyncio.wait((timer, waiter), return_when=asyncio.FIRST_COMPLETED)
            timer.cancel()
            waiter.cancel()


async def _reply(session: Session, params: types.ApplyWorkspaceEditParams, watching: _Watch) -> str:
    """Send the edit; wait for the reply (it may take minutes: some editors ask the person) or for the proof.

    Returns the client's reason when it refused.
    """

    async def ask() -> str:
        try:
            result = await session.apply_edit(params)
        except JsonRpcException as error:
            return error.message
        except ConnectionError:
            return "the editor is gone"
        return "" if result.applied else result.failure_reason or "it refused"

    # Children of the connection: when the proof is there the reply is of no use any more, but it still comes.
    asking = session.connection.spawn(ask(), "change a text")
    waiting = session.connection.spawn(watching.wait(session, None), "watch a text")
    if asking is None or waiting is None:
        return "the editor is gone"
    await asyncio.wait((asking, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if watching.proven or watching.closed:
        return ""
    return await asking


def _workspace_edit(session: Session, document: Document, before: str, after: str) -> types.WorkspaceEdit:
    edits = to_lsp.edits(before, after, session.client.encoding, document.eol)
    if not session.client.document_changes:
        return types.WorkspaceEdit(changes={document.uri: edits})
    identifier = types.OptionalVersionedTextDocumentIdentifier(uri=document.uri, version=document.version)
    return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(identifier, edits)])


async def _delete_open(session: Session, document: Document, wish: Change) -> Proof:
    """Delete a file that is open: through the editor when it can, else on disk when nothing unsaved is in it."""
    path = wish.owned.root / wish.owned.path
    before = document.text
    if session.editors.closed.text(path) != before:
        raise Refusal(f"{wish.owned.path} has unsaved changes. Save it, then accept its deletion.", "unsaved")
    if not session.client.deletes:
        return await _closed(wish)
    raw = closed.read(wish.owned.root, wish.owned.path)
    blob = await wish.keep(raw) if raw is not None else None
    await wish.begin(text_id(before), None)
    edit = types.WorkspaceEdit(document_changes=[types.DeleteFile(uri=document.uri)])
    result = await session.apply_edit(types.ApplyWorkspaceEditParams(edit=edit, label=wish.label))
    if path.exists():
        sentence = f"The editor did not delete {wish.owned.path} ({result.failure_reason or 'no reason given'})."
        await wish.drop(sentence)
        raise Dropped(sentence)
    return Proof(text_id(before), None, closed_file=True, before_blob=blob)


async def _closed(wish: Change) -> Proof:
    """Write a file that nobody has open: bytes compared, replaced at once, mode kept, previous bytes kept."""
    root, path = wish.owned.root, wish.owned.path
    try:
        raw = closed.read(root, path)
        decoded = decode(raw) if raw is not None else None
        if raw is not None and decoded is None:
            raise Refusal(f"{path} is no text that I can read.", "binary")
        before = decoded.text if decoded is not None else None
        after = wish.compute(before)
        before_id = None if before is None else text_id(before)
        if after == before:
            return Proof(before_id, before_id)
        style = decoded.style if decoded is not None else wish.style
        data = None if after is None else encode(after, style, like=raw)
        blob = await wish.keep(raw) if raw is not None else None
        await wish.begin(before_id, None if after is None else text_id(after))
        if data is None:
            assert raw is not None
            closed.delete(root, path, raw)
        else:
            closed.write(root, path, raw, data, wish.mode if raw is None else None)
        return Proof(before_id, None if after is None else text_id(after), closed_file=True, before_blob=blob)
    except OutsideRoot as error:
        raise Refusal(f"{path} is not changed: {error}.", "outside") from error
    except (closed.Changed, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        sentence = f"{path} was not changed: {why}."
        await wish.drop(sentence)
        raise Dropped(sentence) from error
