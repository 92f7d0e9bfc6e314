"""A result, a draft or a group as one unified diff document, for every editor.

The hunks stand against the text as it is now, each with its id after the second `@@`, by which actions, lenses and problems
find it again (`item_at`, `diff_marks`). What overlaps the person's edit or lost its place is shown as the agent made it, and
says so. Lines before the first `diff` are the head, the same as in hover and `show`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from backburner.model.anchor import Span
from backburner.model.fit import Fitted, apply
from backburner.model.mark import Mark
from backburner.model.result import FileChange, HunkRef
from backburner.model.task import Task
from backburner.model.text import count, split, unified
from backburner.review import lenses
from backburner.review.hover import head, hover
from backburner.review.marks import plain_ascii
from backburner.review.offers import hunk_offers, look, offers
from backburner.review.placement import live_path
from backburner.review.scene import CODE_GONE, FILE_GONE, Scene, is_missing
from backburner.review.words import plural, sentence, short, size

HEADER = re.compile(r"^@@ -[\d,]+ \+[\d,]+ @@ (?P<id>\d+\.\d+/\S.*?:\d+)(?:  .*)?$")
TITLE = re.compile(r"^#(?P<task>\d+) ")
NOTES = {
    "conflicts": "overlaps your edit",
    "stale": CODE_GONE,
    "applied": "in your text already",
}

YOURS = 20
"""Lines of the person's side of a conflict."""


class Item(NamedTuple):
    """What a line of a diff document belongs to."""

    task: int
    hunk: str
    """Empty: the head, so the whole result."""


def diff(scene: Scene, task: Task, path: str = "") -> str:
    """What is still open of a result, as a document. With `path` only that file."""
    out = [f"#{task.number} {task.title}\n", *(f"{line}\n" for line in head(task, scene.standing(task)))]
    if task.result is None:
        return "".join([*out, "No result yet.\n"])
    decided = [item for item in task.result.items if item in task.verdicts]
    if decided:
        out.append(f"{len(task.result.items) - len(decided)} of {len(task.result.items)} left.\n")
    for change, placed in scene.standing(task).files:
        if path in ("", change.path):
            out.append(file_diff(scene, task, change, placed))
    return "".join(out)


def group_diff(scene: Scene, tasks: Sequence[Task]) -> str:
    """The open hunks of several results, one document, result by result."""
    return "\n".join(diff(scene, task) for task in tasks)


def draft_diff(title: str, files: Sequence[tuple[str, str | None, str | None]]) -> str:
    """Changes without ids: what a running task has so far, as (path, base, proposed)."""
    added = removed = 0
    out: list[str] = []
    for path, base, proposed in files:
        more, less = count(base, proposed)
        added, removed = added + more, removed + less
        text = unified(base, proposed, f"a/{path}", f"b/{path}")
        if text:
            out.append(f"\ndiff --git a/{path} b/{path}\n{text}")
    return "".join([f"{title}\nDraft so far: {size(added, removed)}. To read, not to accept.\n", *out])


def file_diff(scene: Scene, task: Task, change: FileChange, placed: Mapping[str, Fitted] | None) -> str:
    """One file of a result: open hunks only; empty when none is open."""
    hunks = [hunk for hunk in change.hunks if hunk.id not in task.verdicts]
    if not hunks:
        return ""
    texts, old_path = scene.places.texts, change.renamed_from or change.path
    out = [f"\ndiff --git a/{old_path} b/{change.path}\n"]
    if change.mode != change.base_mode and change.base_id is not None and change.proposed_id is not None:
        out.append(f"old mode {change.base_mode:o}\nnew mode {change.mode:o}\n")
    if change.renamed_from is not None:
        out.append(f"rename from {change.renamed_from}\nrename to {change.path}\n")
    for hunk in hunks:
        if hunk.kind in ("rename", "mode", "binary") or change.binary:
            out.append(f"@@ -0,0 +0,0 @@ {hunk.id}  {lenses.does(hunk)}\n")
    if change.binary:
        return "".join(out)
    base = texts.get(change.base_id) if change.base_id is not None else None
    proposed = texts.get(change.proposed_id) if change.proposed_id is not None else None
    live = scene.live.get(live_path(change, scene.live), base)
    fits = placed or {}
    in_place = [hunk for hunk in hunks if hunk.kind == "edit" and _placement(fits, hunk) in ("fits", "moved")]
    rest = [hunk for hunk in hunks if hunk not in in_place and hunk.kind in ("edit", "create", "delete")]
    if in_place and live is not None:
        accepted = [hunk.id for hunk in change.hunks if task.verdicts.get(hunk.id) == "accepted"]
        merged = apply(base, proposed, live, in_place, change.hunks, accepted)
        out.append(unified(live, merged.text, f"a/{old_path}", f"b/{change.path}", shifted(in_place, merged.placed)))
    for at, hunk in enumerate(rest):
        placement = _placement(fits, hunk)
        lines = unified(base, proposed, f"a/{old_path}", f"b/{change.path}", [hunk]).splitlines(keepends=True)
        note = FILE_GONE if placement == "stale" and is_missing(change, scene.live) else NOTES.get(placement, "")
        if note:
            lines[2] = f"{lines[2].rstrip()}  {note}\n"
        out.extend(lines[2:] if at or in_place else lines)
        if placement == "conflicts":
            out.extend(_yours(live, fits[hunk.id]))
    return "".join(out)


def _yours(live: str | None, fitted: Fitted) -> list[str]:
    """The third side of a conflict: the person's lines, as remarks that no tool takes for a change."""
    if live is None or fitted.span is None:
        return []
    mine = split(live)[fitted.span.start_line : fitted.span.end_line]
    shown = [f"# {line.rstrip()}\n" for line in mine[:YOURS]]
    return [f"# Your {plural(len(mine), 'line')} there now:\n", *shown, *(["# …\n"] if len(mine) > YOURS else [])]


def item_at(text: str, line: int) -> Item | None:
    """What a line of a diff document belongs to; None where it is no document of ours."""
    lines = text.split("\n")
    for number in range(min(line, len(lines) - 1), -1, -1):
        header, title = HEADER.match(lines[number]), TITLE.match(lines[number])
        if header is not None:
            return Item(int(header["id"].split(".", 1)[0]), header["id"])
        if title is not None:
            return Item(int(title["task"]), "")
    return None


def diff_marks(scene: Scene, path: str, text: str) -> tuple[Mark, ...]:
    """Marks of a diff document at `path`: one for each result's title and one for each `@@` line with an id."""
    found: list[Mark] = []
    lines = text.split("\n")
    starts = [at for at, line in enumerate(lines) if TITLE.match(line) or line.startswith(("@@ ", "diff --git "))]
    for at, start in enumerate(starts):
        item = item_at(text, start) if not lines[start].startswith("diff") else None
        task = scene.state.tasks.get(item.task) if item is not None else None
        if item is None or task is None or task.state != "ready" or task.result is None:
            continue
        end = starts[at + 1] if at + 1 < len(starts) else len(lines)
        mark = _title_mark(scene, task, path, start, end, lines[start])
        if item.hunk:
            mark = _hunk_mark(scene, task, item.hunk, mark)
        if mark is not None:
            found.append(plain_ascii(mark) if scene.view.ascii else mark)
    return tuple(found)


def _title_mark(scene: Scene, task: Task, path: str, line: int, end: int, text: str) -> Mark:
    actions = offers(scene, task)
    return Mark(
        path=path,
        line=line,
        start=0,
        end=len(text),
        span_end=end,
        task=task.number,
        state=task.state,
        lens=lenses.lens(scene, task),
        click=look(task),
        actions=actions,
        hover=hover(scene, task, actions),
    )


def _hunk_mark(scene: Scene, task: Task, id: str, mark: Mark) -> Mark | None:
    """The mark of one hunk; None when the document is older than the result, or the hunk was decided."""
    assert task.result is not None
    hunks = task.result.proposal.hunks
    hunk = next((hunk for hunk in hunks if hunk.id == id), None)
    if hunk is None or id in task.verdicts:
        return None
    fitted = scene.standing(task).fitted(hunk)
    placement = fitted.placement if fitted is not None else "fits"
    ordinal = hunks.index(hunk) + 1
    change = next(file for file in task.result.proposal.files if hunk in file.hunks)
    lost = FILE_GONE if is_missing(change, scene.live) else CODE_GONE
    text = lenses.hunk(hunk, ordinal, len(hunks), placement, lost)
    quiet = scene.view.diagnostics == "off"
    return replace(
        mark,
        item=id,
        hover="",
        lens=f"✓ #{task.number} {text}",
        actions=hunk_offers(scene, task, hunk, placement),
        severity=None if quiet else "hint",
        message="" if quiet else short(sentence(text[:1].upper() + text[1:])),
    )


def _placement(fits: Mapping[str, Fitted], hunk: HunkRef) -> str:
    return fits[hunk.id].placement if hunk.id in fits else "fits"


def shifted(hunks: Sequence[HunkRef], placed: Mapping[str, Fitted]) -> list[HunkRef]:
    """The hunks as they stand between the live text and the merged one; all of them are placed."""
    spans: list[tuple[Span, HunkRef]] = []
    for hunk in hunks:
        span = placed[hunk.id].span
        assert span is not None
        spans.append((span, hunk))
    found: list[HunkRef] = []
    shift = 0
    for span, hunk in sorted(spans, key=lambda item: item[0]):
        start = span.start_line + shift
        found.append(replace(hunk, base=span, proposed=Span(start, start + len(hunk.proposed))))
        shift += len(hunk.proposed) - len(span)
    return found
