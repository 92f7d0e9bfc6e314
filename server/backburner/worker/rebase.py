"""How a run that goes on from a result begins: your project as it is now, with what is still open of the result on top.

Pure text work on top of the workspace; says to the agent what was accepted, rejected, kept, and what did not fit, with both
sides. Nothing is forced: a hunk that conflicts is left out and told.
"""

from __future__ import annotations

from backburner.agent.output import numbered, shown
from backburner.model.result import FileChange, HunkRef
from backburner.model.text import apply, decode, encode, split, unified
from backburner.model.wire import RunSpec
from backburner.workspace.shadow import Shadow
from backburner.workspace.tree import Workspace

OPENINGS = {
    "reply": "The programmer read your result and says:\n{text}",
    "refit": "The code under your result has changed. Fit your change into the code as it is now; keep its intent. {text}",
    "continue": "Go on with the next step. {text}",
}
AGAIN = (
    "Your copy now is the programmer's project as it is on their screen, with what is still open of your change on top. "
    "What you read before may be out of date: read a place again before you change it."
)
SHOWN = 12_000
"""Characters of each list of hunks that are shown."""


class Rebased:
    """What became of the hunks of a result."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.lost: list[str] = []
        """For each hunk that does not fit: both sides."""
        self.rejected: list[str] = []
        self.accepted: list[str] = []
        self.theirs: list[str] = []
        """What the person changed in files of the result."""


async def rebase(spec: RunSpec, workspace: Workspace, shadow: Shadow) -> str:
    """Put the open hunks of `spec.previous` into the workspace; what the agent is told, as its next message."""
    rebased = Rebased()
    for file in spec.previous.proposal.files if spec.previous is not None else ():
        await _file(spec, file, workspace, shadow, rebased)
    return _message(spec, rebased)


async def text_of(shadow: Shadow, text_id: str | None) -> str | None:
    """A text by its id; None for none, and for one that is gone."""
    return await shadow.get_text(text_id) if text_id is not None else None


def both_sides(file: FileChange, hunk: HunkRef, base: str | None, proposed: str | None, live: str | None) -> str:
    """A hunk that does not fit: what the agent changed, and what stands there now."""
    parts = [f"{file.path}: your change\n{shown(unified(base, proposed, file.path, file.path, [hunk]), SHOWN // 2)}"]
    if live is None:
        parts.append(f"{file.path} is gone now.")
    elif hunk.kind == "edit":
        placed = apply(base, proposed, live, [hunk], list(file.hunks)).placed[hunk.id]
        if placed.span is None:
            parts.append("The lines that it changed are gone now.")
        else:
            start, end = max(0, placed.span.start_line - 3), placed.span.end_line + 3
            lines = [line.rstrip("\n") for line in split(live)]
            parts.append(f"What stands there now:\n{shown(numbered(lines[start:end], start + 1), SHOWN // 2)}")
    return "\n".join(parts)


async def _file(spec: RunSpec, file: FileChange, workspace: Workspace, shadow: Shadow, rebased: Rebased) -> None:
    open_hunks = [hunk for hunk in file.hunks if hunk.id not in (*spec.accepted_items, *spec.rejected_items)]
    if file.binary:
        if open_hunks:
            await _binary(file, workspace, shadow, rebased)
        return
    base, proposed = await text_of(shadow, file.base_id), await text_of(shadow, file.proposed_id)
    for ids, told in ((spec.rejected_items, rebased.rejected), (spec.accepted_items, rebased.accepted)):
        judged = [hunk for hunk in file.hunks if hunk.id in ids]
        if judged:
            told.append(unified(base, proposed, file.renamed_from or file.path, file.path, judged))
    source = file.renamed_from or file.path
    here = source if await workspace.read(source) is not None else file.path
    data = await workspace.read(here)
    decoded = decode(data) if data is not None else None
    live = decoded.text if decoded is not None else None
    taken = [hunk for hunk in file.hunks if hunk.id in spec.accepted_items]
    expected = apply(base, proposed, base, taken, list(file.hunks)).text
    if expected is not None and live is not None and expected != live:
        rebased.theirs.append(unified(expected, live, here, here))
    if not open_hunks:
        return
    applied = apply(base, proposed, live, open_hunks, list(file.hunks), spec.accepted_items)
    by_id = {hunk.id: hunk for hunk in file.hunks}
    rebased.lost += [both_sides(file, by_id[id], base, proposed, live) for id in applied.refused]
    kinds = {hunk.kind for hunk in open_hunks if hunk.id not in applied.refused}
    target = file.path if "rename" in kinds else here
    mode = file.mode if kinds & {"mode", "create"} else None
    if applied.text is None:
        if "delete" in kinds and data is not None:
            workspace.write(here, None)
    elif applied.text != live or target != here or mode is not None:
        style = decoded.style if decoded is not None else file.style
        workspace.write(target, encode(applied.text, style, data), mode)
        if target != here:
            workspace.write(here, None)
    if kinds:
        rebased.kept.append(file.path)


async def _binary(file: FileChange, workspace: Workspace, shadow: Shadow, rebased: Rebased) -> None:
    data = await workspace.read(file.renamed_from or file.path)
    before = await shadow.get(file.base_id) if file.base_id is not None else None
    if data != before:
        rebased.lost.append(f"{file.path} is not text, and it has changed since: it was left as it is now.")
        return
    after = await shadow.get(file.proposed_id) if file.proposed_id is not None else None
    workspace.write(file.path, after, file.mode if after is not None else None)
    rebased.kept.append(file.path)


def _message(spec: RunSpec, rebased: Rebased) -> str:
    opening = spec.opening
    kind = opening.kind if opening is not None else "reply"
    text = opening.text.strip() if opening is not None else ""
    parts = [OPENINGS.get(kind, OPENINGS["reply"]).format(text=text).strip(), AGAIN]
    if rebased.accepted:
        parts.append("Accepted, and part of the project now:\n" + shown("\n".join(rebased.accepted), SHOWN))
    if rebased.rejected:
        parts.append(
            "Rejected, and no longer in your copy; do not bring it back:\n" + shown("\n".join(rebased.rejected), SHOWN)
        )
    if rebased.theirs:
        parts.append("Changed by the programmer since:\n" + shown("\n".join(rebased.theirs), SHOWN))
    if rebased.kept:
        parts.append("Still open, and in your copy: " + ", ".join(rebased.kept) + ".")
    if rebased.lost:
        parts.append(
            "Not in your copy, because the code there has changed:\n" + shown("\n\n".join(rebased.lost), 2 * SHOWN)
        )
    return "\n\n".join(parts)
