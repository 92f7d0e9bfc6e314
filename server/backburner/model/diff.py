"""Differences between two texts, by lines: opcodes, the map of lines, hunks, counts, the unified diff.

Cost is bounded: texts that are mostly alike are cut at their common head and tail, large ones at lines that are unique in
both, and what is then still too repetitive is compared without its most frequent lines. The answer is always a correct
difference, only perhaps not the smallest. Does no I/O. Everybody imports `model/text.py`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

from backburner.model.anchor import Span
from backburner.model.result import HunkKind, HunkRef

PAIRS = 300_000
"""How many pairs of equal lines difflib may be given at once: about 50 ms."""
CONTEXT = 3
JOIN_LINES = 3
"""Changes this close, with nothing but brackets and blank lines between them, are one hunk."""

Tag = Literal["equal", "replace", "insert", "delete"]


class Op(NamedTuple):
    """Lines `[a_start, a_end)` of one text became `[b_start, b_end)` of the other."""

    tag: Tag
    a_start: int
    a_end: int
    b_start: int
    b_end: int


def split(text: str) -> list[str]:
    """The lines of an LF text, each with its end (the last one may have none)."""
    lines = text.split("\n")
    last = lines.pop()
    lines = [line + "\n" for line in lines]
    if last:
        lines.append(last)
    return lines


def opcodes(a: Sequence[str], b: Sequence[str]) -> list[Op]:
    """How `a` becomes `b`: ops in order that cover both, equal and changed ones alternating."""
    matches: list[tuple[int, int, int]] = []
    _match(list(a), list(b), 0, len(a), 0, len(b), matches)
    matches.sort()
    ops: list[Op] = []
    i = j = 0
    for a_start, b_start, size in [*_joined(matches), (len(a), len(b), 0)]:
        if i < a_start or j < b_start:
            tag: Tag = "insert" if i == a_start else "delete" if j == b_start else "replace"
            ops.append(Op(tag, i, a_start, j, b_start))
        if size:
            ops.append(Op("equal", a_start, a_start + size, b_start, b_start + size))
        i, j = a_start + size, b_start + size
    return ops


def changes(a: Sequence[str], b: Sequence[str]) -> list[Op]:
    """The ops that are not `equal`."""
    return [op for op in opcodes(a, b) if op.tag != "equal"]


class LineMap:
    """Where the lines of one text are in another."""

    def __init__(self, ops: Sequence[Op]) -> None:
        self.ops = tuple(ops)
        self.changes = tuple(op for op in ops if op.tag != "equal")
        self._starts = [op.a_start for op in self.changes]
        self._ends = [op.a_end for op in self.changes]
        self._shifts = [op.b_end - op.a_end for op in self.changes]

    def line(self, line: int) -> int | None:
        """Where a line is; None when it was changed or deleted."""
        at = bisect_right(self._ends, line)
        if at < len(self.changes) and self._starts[at] <= line:
            return None
        return line + self._shift(at)

    def start(self, point: int) -> int:
        """Where the point before a line is; it sticks to what follows, so that what was inserted there is before it."""
        at = bisect_right(self._ends, point)
        if at < len(self.changes) and self._starts[at] < point:
            return self.changes[at].b_start
        return point + self._shift(at)

    def end(self, point: int) -> int:
        """Where the point before a line is; it sticks to what precedes it."""
        at = bisect_left(self._ends, point)
        if at < len(self.changes) and self._starts[at] < point:
            return self.changes[at].b_end
        return point + self._shift(at)

    def touching(self, span: Span) -> tuple[Op, ...]:
        """The changes that share a line with `span`, or an end with it where one of the two has no lines."""
        at = bisect_left(self._ends, span.start_line)
        found: list[Op] = []
        while at < len(self.changes) and self._starts[at] <= span.end_line:
            op = self.changes[at]
            if clash(Span(op.a_start, op.a_end), span):
                found.append(op)
            at += 1
        return tuple(found)

    def _shift(self, at: int) -> int:
        return self._shifts[at - 1] if at else 0


def clash(one: Span, other: Span) -> bool:
    """Whether two changes of the same text cannot both be made without asking: they share lines, or one inserts at an
    end of the other, so that the order of the new lines would be a guess."""
    if one.is_empty or other.is_empty:
        return one.start_line <= other.end_line and other.start_line <= one.end_line
    return one.overlaps(other)


def count(base: str | None, proposed: str | None) -> tuple[int, int]:
    """Lines added and removed."""
    added = removed = 0
    for op in changes(split(base or ""), split(proposed or "")):
        added += op.b_end - op.b_start
        removed += op.a_end - op.a_start
    return added, removed


def hunks(
    base: str | None,
    proposed: str | None,
    run: str,
    path: str,
    *,
    renamed: bool = False,
    mode_changed: bool = False,
    binary: bool = False,
) -> tuple[HunkRef, ...]:
    """The reviewable pieces of one file's change, numbered from 1 in the order they stand in the file.

    A new or deleted file is one hunk. A rename or a change of mode is a hunk of its own before the edits. For a binary
    file both texts may be anything but None for "there is one".
    """
    found: list[tuple[HunkKind, Span, Span]] = []
    if base is None or proposed is None:
        kind: HunkKind = "create" if base is None else "delete"
        before, after = (0, 0) if binary else (len(split(base or "")), len(split(proposed or "")))
        found.append((kind, Span(0, before), Span(0, after)))
    else:
        if renamed:
            found.append(("rename", Span(0, 0), Span(0, 0)))
        if mode_changed:
            found.append(("mode", Span(0, 0), Span(0, 0)))
        if binary:
            found.extend([("binary", Span(0, 0), Span(0, 0))] if base != proposed or not found else [])
        else:
            found.extend(("edit", a, b) for a, b in _edits(split(base), split(proposed)))
    return tuple(
        HunkRef(id=f"{run}/{path}:{ordinal}", kind=kind, base=before, proposed=after)
        for ordinal, (kind, before, after) in enumerate(found, 1)
    )


def unified(
    base: str | None, proposed: str | None, path_a: str, path_b: str, hunks: Sequence[HunkRef] | None = None
) -> str:
    """A unified diff of one file, one `@@` for each hunk, whose id stands after the second `@@`.

    Context is cut where hunks are close, so that no line is shown twice and the diff still applies with `git apply`.
    Without `hunks` they are computed and their ids are left out.
    """
    a, b = split(base or ""), split(proposed or "")
    if hunks is None:
        edits, ids = _edits(a, b), None
    else:
        shown = [hunk for hunk in hunks if hunk.kind in ("edit", "create", "delete")]
        edits, ids = [(hunk.base, hunk.proposed) for hunk in shown], [hunk.id for hunk in shown]
    out = [f"--- {'/dev/null' if base is None else path_a}\n", f"+++ {'/dev/null' if proposed is None else path_b}\n"]
    for at, (old, new) in enumerate(edits):
        gap_before = old.start_line - (edits[at - 1][0].end_line if at else 0)
        gap_after = (edits[at + 1][0].start_line if at + 1 < len(edits) else len(a)) - old.end_line
        lead = min(CONTEXT, gap_before // 2 if at else gap_before)
        trail = min(CONTEXT, (gap_after + 1) // 2 if at + 1 < len(edits) else gap_after)
        header = f"@@ -{_range(old, lead, trail)} +{_range(new, lead, trail)} @@"
        out.append(f"{header} {ids[at]}\n" if ids else f"{header}\n")
        out.extend(_shown(" ", a[old.start_line - lead : old.start_line]))
        removed, added = a[old.start_line : old.end_line], b[new.start_line : new.end_line]
        for op in opcodes(removed, added):
            if op.tag == "equal":
                out.extend(_shown(" ", removed[op.a_start : op.a_end]))
            else:
                out.extend(_shown("-", removed[op.a_start : op.a_end]))
                out.extend(_shown("+", added[op.b_start : op.b_end]))
        out.extend(_shown(" ", a[old.end_line : old.end_line + trail]))
    return "".join(out) if len(out) > 2 else ""


def _edits(a: list[str], b: list[str]) -> list[tuple[Span, Span]]:
    """The changes as pairs of spans, those joined that a reader sees as one."""
    found: list[tuple[Span, Span]] = []
    for op in changes(a, b):
        if found:
            before, after = found[-1]
            between = a[before.end_line : op.a_start]
            if len(between) <= JOIN_LINES and not any(any(map(str.isalnum, line)) for line in between):
                found[-1] = (Span(before.start_line, op.a_end), Span(after.start_line, op.b_end))
                continue
        found.append((Span(op.a_start, op.a_end), Span(op.b_start, op.b_end)))
    return found


def _range(span: Span, lead: int, trail: int) -> str:
    length = len(span) + lead + trail
    first = span.start_line - lead + (1 if length else 0)
    return f"{first}" if length == 1 else f"{first},{length}"


def _shown(sign: str, lines: Sequence[str]) -> list[str]:
    return [sign + line if line.endswith("\n") else f"{sign}{line}\n\\ No newline at end of file\n" for line in lines]


def _joined(matches: Sequence[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    joined: list[tuple[int, int, int]] = []
    for i, j, size in matches:
        if joined and joined[-1][0] + joined[-1][2] == i and joined[-1][1] + joined[-1][2] == j:
            joined[-1] = (joined[-1][0], joined[-1][1], joined[-1][2] + size)
        else:
            joined.append((i, j, size))
    return joined


def _match(
    a: list[str], b: list[str], a_lo: int, a_hi: int, b_lo: int, b_hi: int, out: list[tuple[int, int, int]]
) -> None:
    """Append the matching blocks of `a[a_lo:a_hi]` and `b[b_lo:b_hi]`, in any order."""
    waiting = [(a_lo, a_hi, b_lo, b_hi)]
    while waiting:
        a_lo, a_hi, b_lo, b_hi = waiting.pop()
        head = a_lo
        while a_lo < a_hi and b_lo < b_hi and a[a_lo] == b[b_lo]:
            a_lo, b_lo = a_lo + 1, b_lo + 1
        if a_lo > head:
            out.append((head, b_lo - (a_lo - head), a_lo - head))
        tail = a_hi
        while a_lo < a_hi and b_lo < b_hi and a[a_hi - 1] == b[b_hi - 1]:
            a_hi, b_hi = a_hi - 1, b_hi - 1
        if tail > a_hi:
            out.append((a_hi, b_hi, tail - a_hi))
        if a_lo == a_hi or b_lo == b_hi:
            continue
        in_a, in_b = Counter(a[a_lo:a_hi]), Counter(b[b_lo:b_hi])
        if sum(times * in_b[line] for line, times in in_a.items() if line in in_b) <= PAIRS:
            _difflib(a, b, (a_lo, a_hi, b_lo, b_hi), None, out)
        elif fixed := _unique(a, b, (a_lo, a_hi, b_lo, b_hi), in_a, in_b):
            at_a, at_b = a_lo, b_lo
            for i, j in fixed:
                waiting.append((at_a, i, at_b, j))
                out.append((i, j, 1))
                at_a, at_b = i + 1, j + 1
            waiting.append((at_a, a_hi, at_b, b_hi))
        else:
            _difflib(a, b, (a_lo, a_hi, b_lo, b_hi), _frequent(in_a, in_b), out)


def _difflib(
    a: list[str], b: list[str], box: tuple[int, int, int, int], junk: set[str] | None, out: list[tuple[int, int, int]]
) -> None:
    a_lo, a_hi, b_lo, b_hi = box
    matcher = SequenceMatcher(junk.__contains__ if junk else None, a[a_lo:a_hi], b[b_lo:b_hi], autojunk=False)
    out.extend((a_lo + i, b_lo + j, size) for i, j, size in matcher.get_matching_blocks() if size)


def _unique(
    a: list[str], b: list[str], box: tuple[int, int, int, int], in_a: Counter[str], in_b: Counter[str]
) -> list[tuple[int, int]]:
    """Lines that stand once in each of the two, as far as they are in the same order in both (patience)."""
    a_lo, a_hi, b_lo, b_hi = box
    places = {b[j]: j for j in range(b_lo, b_hi) if in_b[b[j]] == 1}
    pairs = [(i, places[a[i]]) for i in range(a_lo, a_hi) if in_a[a[i]] == 1 and a[i] in places]
    tops: list[int] = []
    piles: list[int] = []
    before: list[int] = []
    for at, (_, j) in enumerate(pairs):
        pile = bisect_left(tops, j)
        before.append(piles[pile - 1] if pile else -1)
        if pile == len(tops):
            tops.append(j)
            piles.append(at)
        else:
            tops[pile] = j
            piles[pile] = at
    found: list[tuple[int, int]] = []
    at = piles[-1] if piles else -1
    while at >= 0:
        found.append(pairs[at])
        at = before[at]
    return found[::-1]


def _frequent(in_a: Counter[str], in_b: Counter[str]) -> set[str]:
    """The most frequent common lines: without them no more than `PAIRS` pairs are left."""
    left = PAIRS
    found: set[str] = set()
    for pairs, line in sorted((times * in_b[line], line) for line, times in in_a.items() if line in in_b):
        left -= pairs
        if left < 0:
            found.add(line)
    return found
