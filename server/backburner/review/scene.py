"""What a projection looks at: the state, the texts as they are, and what this editor shows; and how a result stands in it.

`View` is what differs between editors and moments, `Scene` holds all of it for one projection, `Standing` counts where the
open hunks of one result are. Nothing here outlives a projection but what `Places` remembers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from msgspec import Struct

from backburner.model.anchor import Span, text_id
from backburner.model.fit import Fitted
from backburner.model.held import Held
from backburner.model.result import FileChange, HunkRef, Result
from backburner.model.task import DONE, LIVE, Delegation, State, Task
from backburner.review.placement import Placed, Places, live_path

CODE_GONE = "the code it changed is gone"
FILE_GONE = "the file is gone"

READ_BEFORE_THE_REST = 2
"""Results of a group to read before the rest can be accepted like them."""

Live = Mapping[str, str | None]
"""Text by path as it is on the screen (or on disk, for closed files); None: no such file; absent: not known."""


class View(Struct, frozen=True, kw_only=True):
    """What one editor shows at one moment."""

    now: float
    reading: int | None = None
    """The task whose result is open: its hunks show."""
    ascii: bool = False
    diagnostics: Literal["calm", "all", "off"] = "calm"
    has_lens: bool = True
    """The client shows code lenses, so that running tasks need no problem."""
    branch: str = ""
    """The branch that is checked out; empty when there is none."""
    held: Mapping[int, Held] = {}
    """Why queued tasks wait (`Engine.held`)."""
    read_first: bool = True
    root_uri: str = ""
    """URI of the project root without final `/`, for arguments that name a file."""


class Standing(NamedTuple):
    """Where the open hunks of a result are."""

    total: int
    """Items of the result: hunks and findings."""
    open: int
    """Items without a verdict."""
    hunks: int
    """Open hunks."""
    conflicts: int
    stale: int
    moved: tuple[int, int]
    """How many moved, and by how many lines if all by the same; else 0."""
    files: tuple[tuple[FileChange, Mapping[str, Fitted] | None], ...]
    """Each file with the places of its hunks; None: not known."""
    missing: int = 0
    """Open hunks that are stale because their file is not there any more."""
    first: int = 0
    """The task whose open change this one builds on: what does not fit may fit when that is accepted."""

    @property
    def judged(self) -> int:
        return self.total - self.open

    @property
    def gone(self) -> bool:
        """Nothing of what is still open has a place."""
        return self.hunks > 0 and self.stale == self.hunks and not self.first

    @property
    def lost(self) -> str:
        """What is gone, in words: the file itself, or only the code; empty while something of it has a place."""
        if not self.gone:
            return ""
        return FILE_GONE if self.missing == self.hunks else CODE_GONE

    def fitted(self, hunk: HunkRef) -> Fitted | None:
        for change, placed in self.files:
            if placed is not None and any(other is hunk or other.id == hunk.id for other in change.hunks):
                return placed.get(hunk.id)
        return None


class Scene:
    """One projection's inputs, with what several parts of it need computed once."""

    def __init__(self, state: State, live: Live, view: View, places: Places) -> None:
        self.state, self.live, self.view, self.places = state, live, view, places
        self._standings: dict[int, Standing] = {}
        self._overlaps: dict[int, int] | None = None
        self._rest: dict[int, bool] | None = None

    def standing(self, task: Task) -> Standing:
        found = self._standings.get(task.number)
        if found is None:
            found = standing(task, self.places, self.live)
            found = self._standings[task.number] = found._replace(first=self._first(task))
        return found

    def _first(self, task: Task) -> int:
        other = self.state.tasks.get(task.snapshot.on) if task.snapshot is not None else None
        return other.number if other is not None and other.state == "ready" else 0

    def anchor(self, task: Task) -> Placed | None:
        return self.places.anchor(task.target.anchor, self.live)

    def changed(self, task: Task) -> int:
        """Lines that the person changed where a running task works."""
        if task.state != "running" or self.as_accepted(task, task.target.path):
            return 0
        return self.places.changed(task.target.anchor, self.live)

    def as_accepted(self, task: Task, path: str) -> bool:
        """Whether a text is just what accepting something of this task made of it: that is no edit of the person's."""
        accepts, live = [accept for accept in task.accepts if accept.path == path], self.live.get(path)
        return bool(accepts) and live is not None and accepts[-1].after_id == text_id(live)

    def overlaps(self, task: Task) -> int:
        """The earlier live task that works at the same place; 0 when there is none."""
        if self._overlaps is None:
            self._overlaps = self._find_overlaps()
        return self._overlaps.get(task.number, 0)

    def reads(self, task: Task) -> bool:
        """Whether this result is being read: one that came since then is not."""
        return self.view.reading == task.number and task.seen

    def rest_is_offered(self, task: Task) -> bool:
        """Whether enough of the task's group was read to take the rest like it."""
        if self._rest is None:
            read: dict[int, int] = {}
            unread: set[int] = set()
            for other in self.state.tasks.values():
                if other.result is not None and (other.seen or other.state in DONE):
                    read[other.group] = read.get(other.group, 0) + 1
                elif other.state == "ready":
                    unread.add(other.group)
            self._rest = {group: number >= READ_BEFORE_THE_REST and group in unread for group, number in read.items()}
        return self._rest.get(task.group, False)

    def _find_overlaps(self) -> dict[int, int]:
        by_path: dict[str, list[tuple[Span, Task]]] = {}
        for task in self.state.tasks.values():
            placed = self.anchor(task) if task.state in LIVE else None
            if placed is not None and placed.span is not None:
                by_path.setdefault(task.target.path, []).append((placed.span, task))
        found: dict[int, int] = {}
        for tasks in by_path.values():
            tasks.sort(key=lambda item: item[1].number)
            for at, (span, task) in enumerate(tasks):
                for other_span, other in tasks[:at]:
                    if span.overlaps(other_span) and task.after != other.number and not self._attempts(task, other):
                        found[task.number] = other.number
                        break
        return found

    def _attempts(self, task: Task, other: Task) -> bool:
        """Several agents on one target are meant to be at the same place."""
        delegation: Delegation | None = self.state.delegations.get(task.group)
        return task.group == other.group and delegation is not None and delegation.kind == "attempts"


def standing(task: Task, places: Places, live: Live) -> Standing:
    """How the task's result stands in the live texts; everything zero without one. Remembered by `places`."""
    if task.result is None:
        return Standing(0, 0, 0, 0, 0, (0, 0), ())
    seen = (task, *(live.get(path, ...) for path in paths_of(task)))
    known = places.standings.get(task.number)
    if known is not None and known[0] == seen:
        return known[1]
    found = _counted(task, task.result, places, live)
    if all(placed is not None for _, placed in found.files):
        places.standings[task.number] = (seen, found)
    return found


def _counted(task: Task, result: Result, places: Places, live: Live) -> Standing:
    files = tuple((change, places.hunks(task, change, live)) for change in result.proposal.files)
    hunks = conflicts = stale = moved = missing = 0
    shifts: set[int] = set()
    for change, placed in files:
        for hunk in change.hunks:
            if hunk.id in task.verdicts:
                continue
            hunks += 1
            fitted = placed.get(hunk.id) if placed is not None else None
            if fitted is None:
                continue
            conflicts += fitted.placement == "conflicts"
            stale += fitted.placement == "stale"
            missing += fitted.placement == "stale" and is_missing(change, live)
            if fitted.placement == "moved":
                moved += 1
                shifts.add(fitted.moved_by)
    total = len(result.items)
    open_items = sum(item not in task.verdicts for item in result.items)
    shift = shifts.pop() if len(shifts) == 1 else 0
    return Standing(total, open_items, hunks, conflicts, stale, (moved, shift), files, missing)


def is_missing(change: FileChange, live: Live) -> bool:
    """Whether the file that is to be changed is not there any more."""
    return live.get(live_path(change, live), "") is None


def is_parked(task: Task, branch: str) -> bool:
    """Whether a result belongs to another branch than the one that is checked out."""
    there = task.snapshot.branch if task.snapshot is not None else ""
    return task.state == "ready" and bool(branch) and bool(there) and branch != there


def needed_texts(state: State) -> frozenset[str]:
    """Ids of all texts that a projection of `state` reads: the session loads them beforehand."""
    found: set[str] = set()
    for task in state.tasks.values():
        if task.state in LIVE or task.state in ("ready", "failed"):
            found.add(task.target.anchor.text_id)
        if task.state == "ready" and task.result is not None:
            for change in task.result.proposal.files:
                if not change.binary:
                    found.update(id for id in (change.base_id, change.proposed_id) if id is not None)
            found.update(finding.anchor.text_id for finding in task.result.findings)
    found.discard("")
    return frozenset(found)


def needed_paths(tasks: Iterable[Task]) -> frozenset[str]:
    """Paths whose live text a projection of these tasks reads."""
    return frozenset(path for task in tasks for path in paths_of(task))


def paths_of(task: Task) -> Iterator[str]:
    """The files in which a task can show something, or whose text decides what it shows."""
    if task.state in LIVE or task.state in ("ready", "failed"):
        yield task.target.path
    if task.state == "ready" and task.result is not None:
        for change in task.result.proposal.files:
            yield change.path
            if change.renamed_from is not None:
                yield change.renamed_from
        for finding in task.result.findings:
            yield finding.anchor.path
