"""Where the hunks of a proposal are in a text that has moved on, and putting some of them into it.

A hunk is written by a three-way merge at that moment, never by a remembered position: base against live says what the
person did, the hunk says what the agent did, and where both touched the same lines nothing is applied. Hunks that are in
the live text already (accepted, or typed by hand) become part of the base first, so that each appears exactly once.
Does no I/O, stores nothing. Everybody imports `model/text.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from backburner.model.anchor import Span
from backburner.model.diff import LineMap, clash, opcodes, split
from backburner.model.moved import Known, alike, is_in_company, moved
from backburner.model.result import HunkRef, Placement

STATES = 64
"""How many positions are followed at once when a live text is explained as base plus some hunks."""


class Fitted(NamedTuple):
    """One hunk against a live text."""

    placement: Placement
    span: Span | None
    """The live lines that it replaces (`fits`, `moved`), is about (`conflicts`) or brought (`applied`)."""
    moved_by: int = 0
    """Lines down (negative: up) from where it would stand without the person's edits."""


class Applied(NamedTuple):
    text: str | None
    """None: the file is deleted."""
    placed: Mapping[str, Fitted]
    """Each wanted hunk by id; only `fits` and `moved` were put into the text."""

    @property
    def refused(self) -> tuple[str, ...]:
        """Wanted hunks that are not in the text."""
        return tuple(id for id, fitted in self.placed.items() if fitted.placement in ("conflicts", "stale"))


def fit(
    base: str | None,
    proposed: str | None,
    live: str | None,
    all_hunks: Sequence[HunkRef],
    accepted: Collection[str] = (),
) -> dict[str, Fitted]:
    """Where each hunk of one file is in the live text. `live` None: there is no such file.

    `accepted` are hunks known to have been put in (by verdict); it settles cases that the texts alone leave open.
    """
    found = {hunk.id: _whole_file(hunk, base, proposed, live) for hunk in all_hunks if hunk.kind != "edit"}
    edits = [hunk for hunk in all_hunks if hunk.kind == "edit"]
    if not edits or base is None or proposed is None:
        return found
    if live is None:
        return found | {hunk.id: Fitted("stale", None) for hunk in edits}
    return found | _Fit(split(base), split(proposed), split(live), edits, accepted).placed


def apply(
    base: str | None,
    proposed: str | None,
    live: str | None,
    hunks: Sequence[HunkRef],
    all_hunks: Sequence[HunkRef] | None = None,
    accepted: Collection[str] = (),
    theirs: Collection[str] = (),
) -> Applied:
    """The live text with `hunks` in it. A hunk that does not fit is left out and reported, never forced.

    `all_hunks` are those of the whole file (default: `hunks`). Of the hunks in `theirs` the agent's side is put in the place
    of the person's edit where the two overlap ("take theirs"). Renames, modes and binary files have no text: the caller
    does those with the file itself.
    """
    all_hunks = hunks if all_hunks is None else all_hunks
    placed = fit(base, proposed, live, all_hunks, accepted)
    placed = {hunk.id: placed[hunk.id] for hunk in hunks}
    edits: list[tuple[Span, list[str]]] = []
    new = split(proposed or "")
    if any(placed[hunk.id].placement == "conflicts" for hunk in hunks if hunk.id in theirs):
        edits = _take_theirs(base, proposed, live, hunks, all_hunks, accepted, theirs, placed)
    for hunk in hunks:
        fitted = placed[hunk.id]
        if fitted.placement not in ("fits", "moved") or any(span is fitted.span for span, _ in edits):
            continue
        if hunk.kind == "create":
            return Applied(proposed, placed)
        if hunk.kind == "delete":
            return Applied(None, placed)
        if hunk.kind == "edit" and fitted.span is not None:
            edits.append((fitted.span, new[hunk.proposed.start_line : hunk.proposed.end_line]))
    if not edits or live is None:
        return Applied(live, placed)
    lines = split(live)
    for span, replacement in sorted(edits, key=lambda edit: edit[0], reverse=True):
        lines[span.start_line : span.end_line] = replacement
    return Applied("".join(lines), placed)


def _take_theirs(
    base: str | None,
    proposed: str | None,
    live: str | None,
    hunks: Sequence[HunkRef],
    all_hunks: Sequence[HunkRef],
    accepted: Collection[str],
    theirs: Collection[str],
    placed: dict[str, Fitted],
) -> list[tuple[Span, list[str]]]:
    """The edits for overlapping hunks of `theirs`; `placed` then says that they fit. Of two hunks that overlap the same
    edit of the person only the first is taken."""
    for hunk in hunks:
        if hunk.id in theirs and hunk.kind in ("create", "delete"):
            placed[hunk.id] = Fitted("fits", placed[hunk.id].span)
    edits: list[tuple[Span, list[str]]] = []
    if base is None or proposed is None or live is None:
        return edits
    every = [hunk for hunk in all_hunks if hunk.kind == "edit"]
    fitting = _Fit(split(base), split(proposed), split(live), every, accepted)
    for hunk in hunks:
        if hunk.id in theirs and hunk.kind == "edit" and placed[hunk.id].placement == "conflicts":
            span, lines = fitting.theirs(hunk)
            if not any(clash(span, other) for other, _ in edits):
                placed[hunk.id] = Fitted("fits", span)
                edits.append((span, lines))
    return edits


def reference(base: Sequence[str], proposed: Sequence[str], hunks: Sequence[HunkRef]) -> list[str]:
    """The base with exactly these hunks in it. `hunks` in the order of the file."""
    out: list[str] = []
    at = 0
    for hunk in hunks:
        out.extend(base[at : hunk.base.start_line])
        out.extend(proposed[hunk.proposed.start_line : hunk.proposed.end_line])
        at = hunk.base.end_line
    out.extend(base[at:])
    return out


class _Fit:
    """The hunks of one text file against one live text."""

    def __init__(
        self,
        base: list[str],
        proposed: list[str],
        live: list[str],
        hunks: Sequence[HunkRef],
        accepted: Collection[str],
    ) -> None:
        self.base, self.proposed, self.live, self.hunks = base, proposed, live, hunks
        self.found_elsewhere: list[str] = []
        present = {hunk.id for hunk in hunks if hunk.id in accepted}
        if self._look(present):
            exact = self._explain()
            if exact is not None:
                self._look(exact)
            elif more := self._typed() - present:
                self._look(present | more)
        self.placed = {hunk.id: self._place(hunk) for hunk in hunks}
        self._part()

    def _part(self) -> None:
        """A block found elsewhere must not lie on the place of another hunk: then its place was no safe hit."""
        taken = [(id, fitted.span) for id, fitted in self.placed.items() if fitted.span is not None]
        for id in self.found_elsewhere:
            span = self.placed[id].span
            if span is not None and any(other != id and clash(span, place) for other, place in taken):
                self.placed[id] = Fitted("stale", None)

    def _look(self, present: set[str]) -> bool:
        """Take `present` as put in; True when a hunk that is not touches something that the person changed."""
        self.present = present
        self.chosen = [hunk for hunk in self.hunks if hunk.id in present]
        self.reference = reference(self.base, self.proposed, self.chosen)
        self.map = LineMap(opcodes(self.reference, self.live))
        self._all_lines: Known | None = None
        return any(self.map.touching(self._span(hunk)) for hunk in self.hunks if hunk.id not in present)

    def _span(self, hunk: HunkRef) -> Span:
        """Where a hunk is in the reference text."""
        shift = sum(len(other.proposed) - len(other.base) for other in self.chosen if other.base < hunk.base)
        length = len(hunk.proposed if hunk.id in self.present else hunk.base)
        return Span(hunk.base.start_line + shift, hunk.base.start_line + shift + length)

    def _explain(self) -> set[str] | None:
        """The hunks whose presence explains the live text exactly; None when the person changed more than that."""
        positions: dict[int, tuple[str, ...]] = {0: ()}
        at = 0
        for hunk in self.hunks:
            between = self.base[at : hunk.base.start_line]
            sides = (
                (self.base[hunk.base.start_line : hunk.base.end_line], ()),
                (self.proposed[hunk.proposed.start_line : hunk.proposed.end_line], (hunk.id,)),
            )
            following: dict[int, tuple[str, ...]] = {}
            for position, chosen in positions.items():
                position = self._read(position, between)
                for lines, ids in sides if position is not None else ():
                    end = self._read(position, lines)
                    if end is not None and (end not in following or len(following[end]) > len(chosen + ids)):
                        following[end] = chosen + ids
            if not following or len(following) > STATES:
                return None
            positions, at = following, hunk.base.end_line
        rest = self.base[at:]
        ends = [chosen for position, chosen in positions.items() if self.live[position:] == rest]
        return set(min(ends, key=len)) if ends else None

    def _read(self, position: int | None, lines: list[str]) -> int | None:
        if position is None:
            return None
        return position + len(lines) if self.live[position : position + len(lines)] == lines else None

    def _typed(self) -> set[str]:
        """Hunks whose new lines stand in the live text as they do in the proposal, while their old lines do not."""
        from_base = LineMap(opcodes(self.base, self.live))
        from_proposed = LineMap(opcodes(self.proposed, self.live))
        return {
            hunk.id
            for hunk in self.hunks
            if from_base.touching(hunk.base) and not from_proposed.touching(hunk.proposed)
        }

    def _place(self, hunk: HunkRef) -> Fitted:
        span = self._span(hunk)
        touching = self.map.touching(span)
        live = Span(self.map.start(span.start_line), self.map.end(span.end_line))
        live = Span(live.start_line, max(live.start_line, live.end_line))
        if hunk.id in self.present:
            return Fitted("applied", live)
        in_company = bool(touching) or is_in_company(self.reference, self.live, span, live, self._known)
        if not touching and in_company:
            moved_by = live.start_line - span.start_line
            return Fitted("moved" if moved_by else "fits", live, moved_by)
        new = self.proposed[hunk.proposed.start_line : hunk.proposed.end_line]
        if len(touching) == 1 and touching[0][1:3] == (span.start_line, span.end_line):
            op = touching[0]
            if self.live[op.b_start : op.b_end] == new:
                return Fitted("applied", Span(op.b_start, op.b_end))
        elsewhere = moved(self.reference, self.live, span, self._known)
        if elsewhere is not None:
            self.found_elsewhere.append(hunk.id)
            return Fitted("moved", elsewhere, elsewhere.start_line - span.start_line)
        if not in_company:
            return Fitted("stale", None)
        return Fitted("conflicts", self.theirs(hunk)[0]) if self._survives(span) else Fitted("stale", None)

    @property
    def _known(self) -> Known:
        if self._all_lines is None:
            self._all_lines = frozenset(self.reference), frozenset(self.live)
        return self._all_lines

    def theirs(self, hunk: HunkRef) -> tuple[Span, list[str]]:
        """The live lines of a conflict, with the person's edits that overlap it, and the agent's lines in their place."""
        span = self._span(hunk)
        touching = self.map.touching(span)
        start = min([span.start_line, *(op.a_start for op in touching)])
        end = max([span.end_line, *(op.a_end for op in touching)])
        live_start = next((op.b_start for op in touching if op.a_start == start), self.map.start(start))
        live_end = next((op.b_end for op in reversed(touching) if op.a_end == end), self.map.end(end))
        new = self.proposed[hunk.proposed.start_line : hunk.proposed.end_line]
        lines = [*self.reference[start : span.start_line], *new, *self.reference[span.end_line : end]]
        return Span(live_start, live_end), lines

    def _survives(self, span: Span) -> bool:
        """Whether something of the place is left, so that there is a conflict to look at."""
        old = Span(span.start_line, span.end_line)
        if old.is_empty:
            # An insertion is about the lines around it.
            old = Span(max(0, old.start_line - 1), min(len(self.reference), old.end_line + 1))
        inside = [op for op in self.map.changes if op.a_start < old.end_line and op.a_end > old.start_line]
        if sum(min(op.a_end, old.end_line) - max(op.a_start, old.start_line) for op in inside) < len(old):
            return True
        before = "".join(self.reference[old.start_line : old.end_line])
        after = "".join(line for op in inside for line in self.live[op.b_start : op.b_end])
        return alike(before, after)


def _whole_file(hunk: HunkRef, base: str | None, proposed: str | None, live: str | None) -> Fitted:
    """Create and delete by their texts. A rename, mode or binary change fits while its file is there: what else it needs
    (bytes unchanged, target free) only the one who writes the file can see."""
    if hunk.kind == "create":
        if not live:
            return Fitted("fits", Span(0, 0))
        lines = Span(0, len(split(live)))
        return Fitted("applied" if live == proposed else "conflicts", lines)
    if hunk.kind == "delete":
        if live is None:
            return Fitted("applied", None)
        return Fitted("fits" if live == base else "conflicts", Span(0, len(split(live))))
    return Fitted("stale", None) if live is None else Fitted("fits", Span(0, 0))
