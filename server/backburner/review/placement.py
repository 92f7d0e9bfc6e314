"""Where an anchor or a hunk is in the text as it is now: fits, moved, conflicts, stale, or applied already.

First the lines are followed through the difference between base and live text. What was deleted there is searched once
more: the exact block, then what stood around it, then the symbol. Only a unique hit counts; otherwise it is stale and said
to be so. A place is for showing; whether a hunk may be written is decided by the merge in `model/fit.py`, at that moment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol

from msgspec.structs import replace

from backburner.model.anchor import Anchor, Span, anchor_at
from backburner.model.fit import Fitted, fit
from backburner.model.moved import LETTERS, alike, letters, occurrences
from backburner.model.result import FileChange, HunkRef, Placement
from backburner.model.symbols import symbols
from backburner.model.task import Task
from backburner.model.text import LineMap, count, opcodes, split

if TYPE_CHECKING:
    from backburner.review.scene import Standing

SURVIVING = 0.2
"""Share of a place's letters that must still be there to follow it by its lines alone."""
FURTHEST = 400
"""Lines between two contexts that can still belong to one place."""


class Texts(Protocol):
    """Base and proposed texts by id; the session fills it."""

    def get(self, text_id: str, /) -> str | None:
        """None: not loaded (yet)."""
        ...


class Placed(NamedTuple):
    """A place in a live text. Lines zero-based, columns in characters."""

    placement: Placement
    span: Span | None
    """None: it has no place any more."""
    moved_by: int = 0
    line: int = 0
    """Where to say something about it; for a stale one where it would be."""
    start: int = 0
    end: int = 0


def place_anchor(anchor: Anchor, base: str, live: str | None) -> Placed:
    """Where an anchor is. `base` is the text that its span counts in; `live` None: the file is gone."""
    if live is None:
        return Placed("stale", None)
    old, new = split(base), split(live)
    if base == live:
        return _named(anchor, old, new, anchor.span, anchor.name_line)
    lines = LineMap(opcodes(old, new))
    span = _followed(anchor, old, new, lines)
    if span is not None:
        return _named(anchor, old, new, span, lines.line(anchor.name_line) if anchor.name_line >= 0 else None)
    found = _elsewhere(anchor, old, new)
    if found is not None:
        return _named(anchor, old, new, *found)
    line = min(lines.start(anchor.span.start_line), max(0, len(new) - 1))
    start, end = _ink(new, line)
    return Placed("stale", None, 0, line, start, end)


def anchor_in(anchor: Anchor, base: str, text: str) -> Anchor | None:
    """The same place as an anchor of another text; None where it has none."""
    placed = place_anchor(anchor, base, text)
    if placed.span is None:
        return None
    found = anchor_at(anchor.path, text, placed.span, symbol=anchor.symbol)
    if anchor.name_line < 0:
        return found
    return replace(found, name_line=placed.line, name_start=placed.start, name_end=placed.end)


def place_hunk(base: str | None, proposed: str | None, live: str | None, hunk: HunkRef) -> Placed:
    """Where one hunk is; for all hunks of a file `model.text.fit` does it at once."""
    return place_fitted(fit(base, proposed, live, [hunk])[hunk.id], split(live or ""))


def place_fitted(fitted: Fitted, lines: list[str]) -> Placed:
    """The line to show a hunk at. An insertion is shown at the line that it comes before."""
    line = fitted.span.start_line if fitted.span is not None else 0
    line = max(0, min(line, len(lines) - 1))
    start, end = _ink(lines, line)
    return Placed(fitted.placement, fitted.span, fitted.moved_by, line, start, end)


def changed_lines(anchor: Anchor, base: str, live: str, placed: Placed) -> int:
    """How many lines of the place the person changed since."""
    if placed.span is None or base == live:
        return 0
    old = split(base)[anchor.span.start_line : anchor.span.end_line]
    new = split(live)[placed.span.start_line : placed.span.end_line]
    return max(count("".join(old), "".join(new)))


class Places:
    """Places, remembered for as long as the texts are the same. One for each editor; not safe for several texts of one
    path at once (it would only be slow)."""

    def __init__(self, texts: Texts) -> None:
        self.texts = texts
        self.standings: dict[int, tuple[tuple[object, ...], Standing]] = {}
        """How the result of each task stands, and what that was counted from."""
        self._files: dict[str, _Known] = {}

    def anchor(self, anchor: Anchor, live: Mapping[str, str | None]) -> Placed | None:
        """None: nothing is known about the file, or its base text is not loaded."""
        if anchor.path not in live:
            return None
        known = self._known(anchor.path, live[anchor.path])
        # An anchor holds a few lines of text: the place it names is a cheaper key.
        key = (anchor.text_id, anchor.span, anchor.name_line, anchor.symbol)
        found = known.anchors.get(key)
        if found is None:
            base = self.texts.get(anchor.text_id)
            if base is None:
                return None
            found = known.anchors[key] = place_anchor(anchor, base, live[anchor.path])
        return found

    def changed(self, anchor: Anchor, live: Mapping[str, str | None]) -> int:
        """How many lines of the anchor's place the person changed since; 0 when nothing is known."""
        placed, text, base = self.anchor(anchor, live), live.get(anchor.path), self.texts.get(anchor.text_id)
        if placed is None or text is None or base is None:
            return 0
        changed = self._known(anchor.path, text).changed
        key = (anchor.text_id, anchor.span)
        if key not in changed:
            changed[key] = changed_lines(anchor, base, text, placed)
        return changed[key]

    def hunks(self, task: Task, change: FileChange, live: Mapping[str, str | None]) -> Mapping[str, Fitted] | None:
        """Each hunk of one file of the task's result; the same object as long as nothing changed. None: not known."""
        path = live_path(change, live)
        if path not in live:
            return None
        accepted = tuple(hunk.id for hunk in change.hunks if task.verdicts.get(hunk.id) == "accepted")
        hunks = self._known(path, live[path]).hunks
        key = (change.base_id, change.proposed_id, change.hunks[0].id if change.hunks else "", accepted)
        found = hunks.get(key)
        if found is None:
            found = self._fit(change, live[path], accepted)
            if found is not None:
                hunks[key] = found
        return found

    def lines(self, path: str, live: str) -> list[str]:
        known = self._known(path, live)
        if known.lines is None:
            known.lines = split(live)
        return known.lines

    def _fit(self, change: FileChange, live: str | None, accepted: tuple[str, ...]) -> dict[str, Fitted] | None:
        if change.binary:
            return {hunk.id: _binary(hunk, live) for hunk in change.hunks}
        base = self.texts.get(change.base_id) if change.base_id is not None else None
        proposed = self.texts.get(change.proposed_id) if change.proposed_id is not None else None
        if (base is None and change.base_id is not None) or (proposed is None and change.proposed_id is not None):
            return None
        return fit(base, proposed, live, change.hunks, accepted)

    def _known(self, path: str, live: str | None) -> _Known:
        known = self._files.get(path)
        if known is None or (known.live is not live and known.live != live):
            known = self._files[path] = _Known(live)
        # Equal texts that are other objects are compared once: the newer object is the one that will come again.
        known.live = live
        return known


class _Known:
    """What is known about one live text."""

    def __init__(self, live: str | None) -> None:
        self.live = live
        self.lines: list[str] | None = None
        self.anchors: dict[tuple[str, Span, int, str], Placed] = {}
        self.changed: dict[tuple[str, Span], int] = {}
        self.hunks: dict[tuple[str | None, str | None, str, tuple[str, ...]], dict[str, Fitted]] = {}


def live_path(change: FileChange, live: Mapping[str, str | None]) -> str:
    """Where a changed file is now: under its old name until a rename was accepted."""
    if change.renamed_from is not None and live.get(change.path) is None and change.renamed_from in live:
        return change.renamed_from
    return change.path


def _binary(hunk: HunkRef, live: str | None) -> Fitted:
    """What can be said without looking at bytes: the one who writes the file compares them."""
    there = live is not None
    if hunk.kind == "create":
        return Fitted("conflicts", Span(0, 0)) if there else Fitted("fits", Span(0, 0))
    if hunk.kind == "delete" and not there:
        return Fitted("applied", None)
    return Fitted("fits", Span(0, 0)) if there else Fitted("stale", None)


def _followed(anchor: Anchor, old: list[str], new: list[str], lines: LineMap) -> Span | None:
    """The span by its surviving lines, or by what it was changed to, as long as the two are alike."""
    span = anchor.span
    kept = [line for line in range(span.start_line, min(span.end_line, len(old))) if lines.line(line) is not None]
    named = anchor.name_line >= 0 and lines.line(anchor.name_line) is not None
    all_letters = letters(old[span.start_line : span.end_line])
    survives = letters([old[line] for line in kept]) >= max(1, SURVIVING * all_letters)
    start, end = lines.start(span.start_line), lines.end(span.end_line)
    if span.is_empty or not all_letters:
        # Nothing to recognise: the place is the one between its neighbours, while one of them is there.
        around = (span.start_line - 1, *range(span.start_line, span.end_line), span.end_line)
        there = any(0 <= line < len(old) and lines.line(line) is not None for line in around)
        return Span(start, max(start, end)) if there or not old else None
    if not named and not survives:
        inside = [op for op in lines.touching(span) if op.a_start < span.end_line and op.a_end > span.start_line]
        if not inside:
            return None
        start, end = inside[0].b_start, inside[-1].b_end
        before = "".join(old[inside[0].a_start : inside[-1].a_end])
        if not alike(before, "".join(new[start:end])):
            return None
    if named and not survives and end <= start:
        start = lines.line(anchor.name_line) or 0
    return Span(start, max(end, start + 1))


def _elsewhere(anchor: Anchor, old: list[str], new: list[str]) -> tuple[Span, int | None] | None:
    """Second stage: the block, its context, its symbol; each only when there is exactly one."""
    span = anchor.span
    name_offset = anchor.name_line - span.start_line if anchor.name_line >= 0 else None
    block = old[span.start_line : span.end_line]
    if letters(block) >= LETTERS and len(occurrences(old, block)) == 1:
        hits = occurrences(new, block)
        if len(hits) == 1:
            return Span(hits[0], hits[0] + len(block)), hits[0] + name_offset if name_offset is not None else None
        if hits:
            return None
    before, after = _line_ends(anchor.before), _line_ends(anchor.after)
    if letters(before) >= LETTERS and letters(after) >= LETTERS:
        heads, tails = occurrences(new, before), occurrences(new, after)
        if len(heads) == 1 and len(tails) == 1:
            start, end = heads[0] + len(before), tails[0]
            if 0 < end - start <= FURTHEST and alike("".join(block), "".join(new[start:end])):
                return Span(start, end), None
    if anchor.symbol:
        same = [symbol for symbol in symbols(new) if symbol.path == anchor.symbol]
        if len(same) == 1 and len([symbol for symbol in symbols(old) if symbol.path == anchor.symbol]) <= 1:
            return same[0].span, same[0].name_line
    return None


def _line_ends(lines: tuple[str, ...]) -> list[str]:
    return [line + "\n" for line in lines]


def _named(anchor: Anchor, old: list[str], new: list[str], span: Span, name_line: int | None) -> Placed:
    """The place with the columns to show it at: the symbol's name, else what stands on the first line."""
    moved_by = span.start_line - anchor.span.start_line
    line = name_line if name_line is not None and name_line >= 0 else span.start_line
    line = max(0, min(line, len(new) - 1))
    start, end = _ink(new, line)
    if 0 <= anchor.name_line < len(old) and anchor.name_end > anchor.name_start:
        name = old[anchor.name_line][anchor.name_start : anchor.name_end]
        text = new[line] if new else ""
        words = [match.span() for match in re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", text)]
        if words:
            start, end = min(words, key=lambda word: abs(word[0] - anchor.name_start))
    return Placed("moved" if moved_by else "fits", span, moved_by, line, start, end)


def _ink(lines: list[str], line: int) -> tuple[int, int]:
    """First and last column of what stands on a line."""
    text = lines[line].rstrip() if 0 <= line < len(lines) else ""
    return len(text) - len(text.lstrip()), len(text)
