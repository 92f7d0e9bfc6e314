"""`backburner.proposal`: base, proposed, live and merged text of each file, for a side-by-side view; and keeping an edit.

What the person changes in the proposal's pane becomes the proposal; only `accept` touches their file.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from msgspec.structs import replace

from backburner.engine.engine import Engine
from backburner.lsp.roots import Owned
from backburner.lsp.session import Session
from backburner.lsp.transport import Refusal
from backburner.lsp.verdicts import task_of
from backburner.model import wishes as w
from backburner.model.anchor import Span, text_id
from backburner.model.commands import ProposalArguments
from backburner.model.decide_verdicts import without_result
from backburner.model.diff import clash
from backburner.model.result import FileChange, HunkRef, Proposal
from backburner.model.task import Task
from backburner.model.text import Fitted, LineMap, apply, count, fit, hunks, merge, opcodes, split
from backburner.review.diffs import shifted

OPEN = ("fits", "moved")


def proposal(session: Session, argument: ProposalArguments) -> Awaitable[dict[str, Any]]:
    async def later() -> dict[str, Any]:
        engine = await session.engine_of_task(argument.task, argument.uri)
        task = task_of(engine, argument.task)
        if argument.text is not None:
            await keep(session, engine, task, argument.path, argument.text, argument.live)
            task = task_of(engine, argument.task)
        if argument.draft:
            offered = await engine.draft(task.number)
            run = task.run.id if task.run is not None else ""
        else:
            if task.result is None:
                raise Refusal(without_result(task), "no_result")
            offered, run = task.result.proposal, task.result.run
            await session.submit(engine, w.Look(task=task.number))
            session.reading[engine.root] = task.number
            session.publisher.look()
        ids = [id for file in offered.files for id in (file.base_id, file.proposed_id) if id is not None]
        await engine.texts.load(ids)
        files = [_file(session, engine, task, file) for file in offered.files if argument.path in ("", file.path)]
        return {"task": task.number, "run": run, "title": task.title, "draft": argument.draft, "files": files}

    return later()


def _file(session: Session, engine: Engine, task: Task, file: FileChange) -> dict[str, Any]:
    live, live_path = session.editors.live(Owned(engine.root, file.path), session), file.path
    if live is None and file.renamed_from is not None:
        live_path = file.renamed_from
        live = session.editors.live(Owned(engine.root, live_path), session)
    base = engine.texts.get(file.base_id) if file.base_id is not None and not file.binary else None
    proposed = engine.texts.get(file.proposed_id) if file.proposed_id is not None and not file.binary else None
    accepted = [hunk.id for hunk in file.hunks if task.verdicts.get(hunk.id) == "accepted"]
    placed = fit(base, proposed, live, file.hunks, accepted)
    merged, in_merged = _shown(engine, file, task, live)
    lines = LineMap(opcodes(split(live or ""), split(merged or "")))
    found: list[dict[str, Any]] = []
    for hunk in file.hunks:
        fitted = placed[hunk.id]
        span = fitted.span
        entry: dict[str, Any] = {
            "id": hunk.id,
            "path": file.path,
            "kind": hunk.kind,
            "placement": fitted.placement,
            "verdict": task.verdicts.get(hunk.id, "open"),
            "live": None,
            "merged": None,
            "lines": [
                line.rstrip("\n") for line in split(proposed or "")[hunk.proposed.start_line : hunk.proposed.end_line]
            ],
            "start_line": 0,
            "end_line": 0,
            "line": 0,
        }
        if span is not None:
            start = lines.start(span.start_line)
            there = in_merged.get(hunk.id, Span(start, max(start, lines.end(span.end_line))))
            entry |= {"live": [span.start_line, span.end_line], "merged": [there.start_line, there.end_line]}
            entry |= {"start_line": span.start_line, "end_line": span.end_line, "line": span.start_line}
        found.append(entry)
    return {
        "path": file.path,
        "uri": session.roots.uri(engine.root, file.path),
        "live_uri": session.roots.uri(engine.root, live_path),
        "kind": next((hunk.kind for hunk in file.hunks if hunk.kind != "edit"), "edit"),
        "live": live,
        "base": base,
        "proposed": proposed,
        "merged": merged,
        "hunks": found,
    }


async def keep(session: Session, engine: Engine, task: Task, path: str, merged: str, shown: str | None = None) -> None:
    """Keep an edited merged text as the proposal of a file.

    The pane showed the person's text with the open hunks in it; what differs there from that text is the proposal now, on
    the person's text as its base. `shown`: their text as it was then, where it may have moved on.
    """
    if task.result is None:
        raise Refusal(without_result(task), "no_result")
    file = next((file for file in task.result.proposal.files if file.path == path), None)
    if file is None or file.binary:
        raise Refusal(f"#{task.number} does not change {path}.", "unknown_path")
    await engine.texts.load([id for id in (file.base_id, file.proposed_id) if id is not None])
    live = session.editors.live(Owned(engine.root, path), session)
    merged = merged.replace("\r\n", "\n")
    if shown is not None and live is not None:
        moved = merge(shown, live, merged)
        if moved.conflicts:
            raise Refusal(f"You changed the same lines in {path} and in the proposal. Undo one of the two.", "conflict")
        merged = moved.text
    if lost := _not_shown(engine, file, task, live):
        which = "one hunk" if lost == 1 else f"{lost} hunks"
        raise Refusal(
            f"The proposal for {path} has {which} that did not fit and so {'is' if lost == 1 else 'are'} not in what you "
            "edited. Decide or refit that first, then save again.",
            "conflict",
        )
    changed = edited(engine, file, task, live, merged)
    await engine.keep_texts([text for text in (live, merged) if text is not None])
    files = tuple(changed if other.path == path else other for other in task.result.proposal.files)
    result = replace(task.result, proposal=Proposal(files))
    await session.submit(engine, w.EditProposal(task=task.number, result=result))


def _not_shown(engine: Engine, file: FileChange, task: Task, live: str | None) -> int:
    """How many open hunks an edited proposal would lose: they do not fit, so the pane does not show them."""
    placed = _placed(engine, file, task, live)
    return sum(id not in task.verdicts and fitted.placement in ("conflicts", "stale") for id, fitted in placed.items())


def edited(engine: Engine, file: FileChange, task: Task, live: str | None, merged: str) -> FileChange:
    """The change with `merged` as its proposed text on `live`. A hunk that is still at its place keeps its id."""
    run = file.hunks[0].id.split("/", 1)[0]
    shown, spans = _shown(engine, file, task, live)
    follow = LineMap(opcodes(split(shown or ""), split(merged)))
    places = {id: Span(follow.start(span.start_line), follow.end(span.end_line)) for id, span in spans.items()}
    number = max((int(hunk.id.rsplit(":", 1)[-1]) for hunk in file.hunks), default=0)
    named: list[HunkRef] = []
    for hunk in hunks(live, merged, run, file.path):
        id = next((id for id, place in places.items() if clash(place, hunk.proposed)), None)
        if id is None:
            number += 1
            id = f"{run}/{file.path}:{number}"
        else:
            del places[id]
        named.append(replace(hunk, id=id))
    added, removed = count(live, merged)
    return replace(
        file,
        base_id=None if live is None else text_id(live),
        proposed_id=text_id(merged),
        hunks=tuple(named),
        added=added,
        removed=removed,
    )


def _placed(engine: Engine, file: FileChange, task: Task, live: str | None) -> dict[str, Fitted]:
    """How each hunk of a file stands in the person's text."""
    base, proposed = _text(engine, file.base_id), _text(engine, file.proposed_id)
    accepted = [hunk.id for hunk in file.hunks if task.verdicts.get(hunk.id) == "accepted"]
    return fit(base, proposed, live, file.hunks, accepted)


def _text(engine: Engine, id: str | None) -> str | None:
    return None if id is None else engine.texts.get(id)


def _shown(engine: Engine, file: FileChange, task: Task, live: str | None) -> tuple[str | None, dict[str, Span]]:
    """The merged text as the pane showed it, and where each open hunk was in it."""
    base, proposed = _text(engine, file.base_id), _text(engine, file.proposed_id)
    accepted = [hunk.id for hunk in file.hunks if task.verdicts.get(hunk.id) == "accepted"]
    placed = _placed(engine, file, task, live)
    wanted = [hunk for hunk in file.hunks if hunk.id not in task.verdicts and placed[hunk.id].placement in OPEN]
    merged = apply(base, proposed, live, wanted, file.hunks, accepted).text if wanted else live
    in_place = [hunk for hunk in wanted if placed[hunk.id].span is not None]
    return merged, {hunk.id: hunk.proposed for hunk in shifted(in_place, placed)}
