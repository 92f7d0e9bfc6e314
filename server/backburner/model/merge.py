"""The three-way merge of texts by lines (diff3).

Changes of the two sides that share no line are both made; the same change on both sides is made once; anything else is a
conflict, in which the merged text keeps *ours* and never gets markers. Does no I/O. Everybody imports `model/text.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from backburner.model.anchor import Span
from backburner.model.diff import Op, changes, clash, split


class Conflict(NamedTuple):
    """Three sides of a place where both texts changed: spans in base, ours, theirs, and in the merged text (= ours)."""

    base: Span
    ours: Span
    theirs: Span
    merged: Span


class Merge(NamedTuple):
    text: str
    conflicts: tuple[Conflict, ...]


def merge(base: str, ours: str, theirs: str) -> Merge:
    """Both sides' changes of `base` in one text."""
    if ours in (base, theirs):
        return Merge(theirs, ())
    if theirs == base:
        return Merge(ours, ())
    base_lines, our_lines, their_lines = split(base), split(ours), split(theirs)
    out: list[str] = []
    conflicts: list[Conflict] = []
    at = 0
    for mine, yours in _groups(changes(base_lines, our_lines), changes(base_lines, their_lines)):
        start = min(op.a_start for op in (*mine, *yours))
        end = max(op.a_end for op in (*mine, *yours))
        out.extend(base_lines[at:start])
        our_span, their_span = _side(mine, start, end), _side(yours, start, end)
        new = our_lines[our_span.start_line : our_span.end_line] if our_span is not None else None
        other = their_lines[their_span.start_line : their_span.end_line] if their_span is not None else None
        if our_span is not None and their_span is not None and new != other:
            merged = Span(len(out), len(out) + len(our_span))
            conflicts.append(Conflict(Span(start, end), our_span, their_span, merged))
        out.extend(new if new is not None else other or [])
        at = end
    out.extend(base_lines[at:])
    return Merge("".join(_ended(out)), tuple(conflicts))


def _groups(ours: Sequence[Op], theirs: Sequence[Op]) -> list[tuple[list[Op], list[Op]]]:
    """The changes of both sides in order, those together that clash."""
    groups: list[tuple[list[Op], list[Op]]] = []
    for side, op in sorted([*((0, op) for op in ours), *((1, op) for op in theirs)], key=lambda item: item[1][1:3]):
        # Changes of one side never touch each other, so only the latest of the other side can be in the way.
        other = groups[-1][1 - side][-1] if groups and groups[-1][1 - side] else None
        if other is not None and clash(Span(op.a_start, op.a_end), Span(other.a_start, other.a_end)):
            groups[-1][side].append(op)
        else:
            groups.append(([op], []) if side == 0 else ([], [op]))
    return groups


def _side(ops: Sequence[Op], start: int, end: int) -> Span | None:
    """Where base lines `[start, end)` are in the text that `ops` lead to; None when they are unchanged there."""
    if not ops:
        return None
    first, last = ops[0], ops[-1]
    return Span(first.b_start - (first.a_start - start), last.b_end + (end - last.a_end))


def _ended(lines: list[str]) -> list[str]:
    """With an end at each line but the last: one side may have had no final newline where the other went on."""
    return [line if line.endswith("\n") else line + "\n" for line in lines[:-1]] + lines[-1:]
