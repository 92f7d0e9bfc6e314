"""Documents that we keep for a person to read or write: diffs, reports, instructions. Real files in the state folder.

Diffs and reports are read-only and kept current while they are open. An instruction is written by the person: saving it
starts its task once. Clients that cannot show a document are told its path.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from backburner.engine.engine import Engine
from backburner.lib.files import atomic_replace
from backburner.lsp import delegate
from backburner.lsp.disk import FOLDER
from backburner.lsp.documents import Document
from backburner.lsp.from_lsp import path_of
from backburner.lsp.roots import Owned
from backburner.lsp.transport import Refusal
from backburner.model.commands import DelegateArguments, Place, PlaceArguments
from backburner.model.mark import Mark
from backburner.model.task import Task
from backburner.review.diffs import diff, diff_marks, draft_diff, group_diff
from backburner.review.placement import place_anchor
from backburner.review.render import report
from backburner.store import paths

if TYPE_CHECKING:
    from backburner.lsp.session import Session

_NAME = re.compile(r"(?P<group>group-)?(?P<number>\d+)(?P<draft>-draft)?\.(?:diff|md)")
"""`12.diff`, `12.md`, `group-12.diff`, `12-draft.diff`."""
READ_ONLY = 0o400
WRITABLE = 0o600


class Letters:
    """The documents of one session."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._open: dict[str, Path] = {}
        """By URI as the client spells it: the project's root."""
        self._made: set[Path] = set()
        """Letters that were made for this editor's person to write."""
        self._drawn: dict[Path, int] = {}
        """The turn after which an open draft was last drawn."""

    # Which documents are ours.

    def has(self, uri: str) -> bool:
        return uri in self._open

    def is_drawn(self, uri: str) -> bool:
        """Whether it is one that we write and the person only reads."""
        return uri in self._open and _NAME.fullmatch(uri.rsplit("/", 1)[-1]) is not None

    def root(self, uri: str) -> Path:
        """The project that one of our documents belongs to."""
        return self._open[uri]

    def opened(self, document: Document, owned: Owned) -> bool:
        """Whether a text that was opened is one of ours, whatever root the client gave it."""
        root = root_of_letter(owned.root / owned.path)
        if root is None:
            return False
        self._open[document.uri] = root
        self.session.spawn(self.session.engine(root), "load a project")
        return True

    def closed(self, uri: str) -> None:
        self._open.pop(uri, None)

    def marks(self, uri: str) -> tuple[Mark, ...]:
        """Marks of a diff document, found by the ids in its `@@` lines."""
        document = self.session.documents.get(uri)
        engine = self.session.engines.get(self._open.get(uri, Path()))
        if document is None or engine is None or not uri.endswith(".diff"):
            return ()
        scene = self.session.publisher.scene(engine.root)
        return () if scene is None else diff_marks(scene, document.uri, document.text)

    def uris(self) -> tuple[str, ...]:
        return tuple(self._open)

    # Writing them.

    async def result(self, engine: Engine, task: Task) -> Path:
        """The document of a result: its diff, or the report where it changes nothing."""
        scene = await self.session.scene(engine)
        if task.result is None or not task.result.proposal.files:
            return self._write(engine, f"{task.number}.md", report(scene, task))
        return self._write(engine, f"{task.number}.diff", diff(scene, task))

    async def group(self, engine: Engine, task: Task) -> Path:
        tasks = [other for other in engine.state.tasks.values() if other.group == task.group and other.result]
        text = group_diff(await self.session.scene(engine), tasks)
        return self._write(engine, f"group-{task.group}.diff", text)

    async def draft(self, engine: Engine, task: Task) -> Path:
        return self._write(engine, f"{task.number}-draft.diff", await draft_text(engine, task))

    async def text(self, name: str, text: str, sentence: str) -> None:
        """A text about no task, shown to a person whose editor does not show the answer of a command by itself."""
        if self.session.client.command_line or self.session.client.review:
            return
        root = self.session.roots.first()
        folder = self._folder(root) if root is not None else paths.make_private(paths.make_state_dir() / FOLDER)
        path = folder / name
        await asyncio.to_thread(atomic_replace, path, text.encode("utf-8", "replace"), mode=READ_ONLY)
        self.show(path, sentence)

    async def refresh(self) -> None:
        """Bring the open diffs up to date; an editor reads the file again by itself or when it is told to."""
        for uri, root in tuple(self._open.items()):
            engine = self.session.engines.get(root)
            path = path_of(uri)
            if engine is None or path is None:
                continue
            match = _NAME.fullmatch(path.name)
            task = engine.state.tasks.get(int(match["number"])) if match is not None else None
            if match is None or task is None or not path.exists():
                continue
            if match["group"]:
                await self.group(engine, task)
            elif not match["draft"]:
                await self.result(engine, task)
            elif task.run is not None and self._drawn.get(path) != (turns := task.run.turns):
                # Asks the worker, so nothing else waits for it; and only after a turn, so that reading slows nobody.
                self._drawn[path] = turns
                self.session.spawn(self.draft(engine, task), "draw a draft anew")

    def _write(self, engine: Engine, name: str, text: str) -> Path:
        path = self._folder(engine.root) / name
        data = text.encode("utf-8", "replace")
        with contextlib.suppress(FileNotFoundError):
            if path.read_bytes() == data:
                return path
        atomic_replace(path, data, mode=READ_ONLY)
        return path

    @staticmethod
    def _folder(root: Path) -> Path:
        return paths.make_private(paths.make_project_dir(root) / FOLDER)

    # Showing them.

    def show(self, path: Path, sentence: str) -> None:
        """Open a document because the person asked for it; say where it is to clients that cannot.

        Said before the command is answered: lsp-mode loses what arrives together with an answer, behind it.
        """
        if self.session.client.command_line or self.session.client.review:
            return
        if self.session.client.show_document:
            self.session.spawn(self._show(path, sentence), "show a document")
        else:
            # Helix clears its line of messages when a progress ends: one that is over ends before this is said.
            self.session.status.update()
            self.session.say(f"{sentence} {path}", types.MessageType.Info)

    async def _show(self, path: Path, sentence: str) -> None:
        params = types.ShowDocumentParams(uri=path.as_uri(), take_focus=True)
        result = await self.session.server.window_show_document_async(params)
        if not result.success:
            self.session.say(f"{sentence} {path}", types.MessageType.Info)

    # Those that the person writes.

    def instruction(self, argument: PlaceArguments) -> Awaitable[dict[str, Any]]:
        """Make an instruction file for a place and show it."""
        session, place = self.session, argument.place
        owned = session.owned(place.uri)
        target = delegate.target_at(session, owned, place)
        text = session.editors.live(owned, session) or ""

        async def later() -> dict[str, Any]:
            engine = await session.engine(owned.root)
            question = delegate.prompt(session, engine, target.title)
            head = f"# {question}\n# Lines that begin with # are not sent. Saving this file starts the task, once.\n\n"
            note = {"verb": "delegate", "place": _plain(place), "text": text, "root": str(owned.root)}
            return await self._make(owned.root, "instruction", head, note)

        return later()

    def ask(self, number: int, uri: str, verb: str) -> Awaitable[dict[str, Any]]:
        """A file in which the person writes what is said to a task. Our own clients ask by themselves."""

        async def later() -> dict[str, Any]:
            if self.session.client.command_line or self.session.client.input:
                raise Refusal("There is no text.", "bad_arguments")
            engine = await self.session.engine_of_task(number, uri)
            task = engine.state.tasks[number]
            lines = [f"# {_QUESTIONS[verb]} #{number} {task.title}"]
            if task.question is not None and verb == "answer":
                lines.append(f"# {task.question.sentence}")
                lines += [f"# Choice: {choice.answer}" for choice in task.question.choices]
            lines += ["# Lines that begin with # are not sent. Saving this file sends it, once.", "", ""]
            note = {"verb": verb, "task": number, "root": str(engine.root)}
            return await self._make(engine.root, f"{verb}-{number}", "\n".join(lines), note)

        return later()

    async def _make(self, root: Path, stem: str, text: str, note: dict[str, Any]) -> dict[str, Any]:
        folder = self._folder(root)
        number = 1
        while (folder / f"{stem}-{number}.md").exists():
            number += 1
        path = folder / f"{stem}-{number}.md"
        atomic_replace(_note_of(path), json.dumps(note).encode(), mode=WRITABLE)
        atomic_replace(path, text.encode(), mode=WRITABLE)
        self._made.add(path)
        self.session.editors.disk.want()
        self.show(path, "Write the instruction, and save it:")
        return {"uri": path.as_uri(), "path": str(path)}

    def saved(self, uri: str) -> None:
        """The person saved one of ours: an instruction starts its task, once. Plain function: freezes what is seen now."""
        path = path_of(uri)
        document = self.session.documents.get(uri)
        if path is not None and document is not None and uri in self._open:
            self._send(path, document.text)

    def saved_on_disk(self, path: Path) -> None:
        """The same for a letter that no attached editor has open: some attach to no file outside of their folders."""
        if path in self._made and path.as_uri() not in self._open:
            with contextlib.suppress(OSError, UnicodeDecodeError):
                self._send(path, path.read_text("utf-8"))

    def _send(self, path: Path, text: str) -> None:
        words = instruction_of(text)
        if not words or not _note_of(path).exists():
            return
        note = json.loads(_note_of(path).read_bytes())
        try:
            work = self._act(note, words)
        except Refusal as refusal:
            self.session.say(refusal.message)
            return
        # Taken before anything waits, so that saving twice starts one task.
        os.unlink(_note_of(path))
        self.session.spawn(self._finish(path, note, work), "send a letter")

    def _act(self, note: dict[str, Any], words: str) -> Awaitable[dict[str, Any]]:
        from backburner.lsp.commands import run

        if note["verb"] != "delegate":
            return run(
                self.session, note["verb"], {"task": note["task"], "uri": Path(note["root"]).as_uri(), "text": words}
            )
        place = Place(**note["place"])
        moved = moved_place(self.session, place, note["text"])
        return delegate.delegate(self.session, DelegateArguments(instruction=words, targets=[moved]))

    async def _finish(self, path: Path, note: dict[str, Any], work: Awaitable[dict[str, Any]]) -> None:
        try:
            await work
        except Refusal as refusal:
            atomic_replace(_note_of(path), json.dumps(note).encode(), mode=WRITABLE)
            self.session.say(refusal.message)


_QUESTIONS = {"reply": "Reply to", "steer": "Tell", "answer": "Answer"}


def instruction_of(text: str) -> str:
    """What the person wrote in a letter: every line but those that begin with `#`."""
    return "\n".join(line for line in text.split("\n") if not line.startswith("#")).strip()


def root_of_letter(path: Path) -> Path | None:
    """The project whose letter this path is; None for every other file."""
    folder = path.parent
    if folder.name != FOLDER or not folder.is_relative_to(paths.state_dir()):
        return None
    try:
        return Path(os.fsdecode((folder.parent / paths.ROOT_FILE).read_bytes().rstrip(b"\n")))
    except OSError:
        return None


def moved_place(session: Session, place: Place, base: str) -> Place:
    """The place where it is now, in a text that may have changed since the letter was made. Raises `Refusal`."""
    owned = session.owned(place.uri)
    live = session.editors.live(owned, session)
    if live == base or place.whole_file:
        return place
    from backburner.lsp.from_lsp import target

    anchor = target(owned.path, base, place, session.client.encoding).anchor
    placed = place_anchor(anchor, base, live)
    if placed.span is None:
        raise Refusal("The code that this was about is gone. Delegate anew.", "stale")
    return Place(
        uri=place.uri,
        start_line=placed.span.start_line,
        end_line=placed.span.end_line,
        symbol=place.symbol,
        diagnostics=place.diagnostics,
        comment=place.comment,
    )


async def draft_text(engine: Engine, task: Task) -> str:
    """What a running task has changed so far, as a diff without ids: to read, not to accept."""
    proposal = await engine.draft(task.number)
    ids = [id for file in proposal.files for id in (file.base_id, file.proposed_id) if id is not None]
    await engine.texts.load(ids)
    files = [
        (file.path, engine.texts.get(file.base_id or ""), engine.texts.get(file.proposed_id or ""))
        for file in proposal.files
    ]
    return draft_diff(f"#{task.number} {task.title}", files)


def _note_of(path: Path) -> Path:
    """Beside a letter: what saving it means. Gone once it was done."""
    return path.with_name(f".{path.name}.json")


def _plain(place: Place) -> dict[str, Any]:
    return {name: getattr(place, name) for name in place.__struct_fields__}
