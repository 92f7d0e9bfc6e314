"""`project`: what a person sees in each file, from the state and the texts as they are now.

One mark for each task that has a line, one for each open hunk (seen only in the result being read, but its actions are
found by range in any), one for each open finding. Two marks on a line share one lens line. Results of another branch
give none. A `Projector` remembers, so that after a key press only the file that changed is computed again, and whoever
asks about one file pays for no other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from backburner.model.fit import Fitted
from backburner.model.mark import Action, Mark
from backburner.model.result import FileChange, Finding
from backburner.model.task import LIVE, State, Task, TaskState
from backburner.model.text import split
from backburner.review import lenses, problems
from backburner.review.hover import finding_hover, hover, hunk_hover
from backburner.review.offers import finding_offers, hunk_offers, look, offers
from backburner.review.placement import Placed, Places, Texts, live_path, place_fitted
from backburner.review.scene import Live, Scene, View, is_parked, paths_of
from backburner.review.words import ASCII

PRESSING: dict[TaskState, int] = {"asking": 1, "ready": 2, "failed": 3, "running": 4, "queued": 5}
"""States with a line, and whose lens a shared line shows first."""

RUN_AFTER = "backburner.after"
"""The one action that a task keeps in the lens row of another: it is about both."""

Marks = dict[str, tuple[Mark, ...]]


def project(state: State, texts: Texts, live: Live, view: View) -> Marks:
    """The marks of every file of `live` that has any, in the order of their lines."""
    return Projector(texts).project(state, live, view)


class Projector:
    """`project` with a memory. One for each editor."""

    def __init__(self, texts: Texts) -> None:
        self.places = Places(texts)
        self._parts: dict[tuple[int, str], _Part] = {}
        self._files: dict[str, _File] = {}
        self._at: tuple[State, dict[str, tuple[Task, ...]]] = (State(), {})

    def project(self, state: State, live: Live, view: View) -> Marks:
        """As the function; a file's tuple is the same object as last time when nothing in it changed."""
        scene = Scene(state, live, view, self.places)
        parts: dict[tuple[int, str], _Part] = {}
        by_path: dict[str, list[tuple[Mark, ...]]] = {}
        for task in state.tasks.values():
            for key, part in self._shown(scene, task):
                parts[key] = part
                if part.marks:
                    by_path.setdefault(part.marks[0].path, []).append(part.marks)
        self._parts = parts
        for gone in self.places.standings.keys() - {number for number, _ in parts}:
            del self.places.standings[gone]
        self._files = {path: self._file(view, path, tuple(pieces)) for path, pieces in by_path.items()}
        return {path: file.marks for path, file in self._files.items()}

    def tasks_at(self, state: State, path: str) -> tuple[Task, ...]:
        """The tasks that a file's marks come from."""
        if self._at[0] is not state:
            found: dict[str, list[Task]] = {}
            for task in state.tasks.values():
                for each in dict.fromkeys(paths_of(task)):
                    found.setdefault(each, []).append(task)
            self._at = (state, {each: tuple(tasks) for each, tasks in found.items()})
        return self._at[1].get(path, ())

    def file(self, state: State, live: Live, view: View, path: str) -> tuple[Mark, ...]:
        """What `project` has for one file. `live` need only hold what the tasks of `tasks_at` need."""
        tasks = self.tasks_at(state, path)
        if not tasks:
            return ()
        scene = Scene(state, live, view, self.places)
        shown = [(key, part) for task in tasks for key, part in self._shown(scene, task, path)]
        self._parts.update(shown)
        file = self._files[path] = self._file(view, path, tuple(part.marks for _, part in shown if part.marks))
        return file.marks

    def _shown(self, scene: Scene, task: Task, only: str | None = None) -> Iterator[tuple[tuple[int, str], _Part]]:
        """What the task shows, in one file or in all."""
        if task.state not in PRESSING or is_parked(task, scene.view.branch):
            return
        for key, path, inputs in _pieces(scene, task):
            if only is not None and path != only:
                continue
            part = self._parts.get(key)
            if part is None or part.inputs != inputs:
                part = _Part(inputs, _marks(scene, task, inputs))
            yield key, part

    def _file(self, view: View, path: str, pieces: tuple[tuple[Mark, ...], ...]) -> _File:
        known = self._files.get(path)
        if known is not None and len(known.pieces) == len(pieces) and all(map(_same, known.pieces, pieces)):
            return known
        return _File(
            pieces, _one_lens_per_line([mark for piece in pieces for mark in piece], "|" if view.ascii else "·")
        )


class _OfTask(NamedTuple):
    """Everything that a task's own mark depends on."""

    shown: tuple[object, ...]
    task: Task
    placed: Placed
    more: tuple[object, ...]


class _OfFile(NamedTuple):
    """Everything that the hunks of one file of a result depend on."""

    shown: tuple[object, ...]
    task: Task
    change: FileChange
    hunks: object
    path: str
    first: int


class _OfFinding(NamedTuple):
    """Everything that a finding's mark depends on."""

    shown: tuple[object, ...]
    task: Task
    finding: Finding
    placed: Placed


class _Part(NamedTuple):
    inputs: _OfTask | _OfFile | _OfFinding
    marks: tuple[Mark, ...]


class _File(NamedTuple):
    pieces: tuple[tuple[Mark, ...], ...]
    marks: tuple[Mark, ...]


def _same(one: object, other: object) -> bool:
    return one is other


def _pieces(scene: Scene, task: Task) -> Iterator[tuple[tuple[int, str], str, _OfTask | _OfFile | _OfFinding]]:
    """What the task shows, each piece with the key it is remembered by and its file."""
    view = scene.view
    reading = scene.reads(task)
    shown = (view.ascii, view.diagnostics, view.has_lens, view.read_first, view.root_uri, reading)
    placed = scene.anchor(task)
    if placed is not None:
        # Also where the file is gone: a result that nothing points at would be lost.
        changed = scene.changed(task)
        more: tuple[object, ...] = (scene.standing(task), scene.rest_is_offered(task))
        if task.state in LIVE:
            own = scene.live[task.target.path] if changed else None
            more = (int(view.now // 60), view.held.get(task.number), scene.overlaps(task), changed, own)
        yield (task.number, ""), task.target.path, _OfTask(shown, task, placed, more)
    if task.state != "ready" or task.result is None:
        return
    first = 1
    for change, hunks in scene.standing(task).files:
        path = live_path(change, scene.live)
        if hunks is not None and scene.live.get(path) is not None:
            yield (task.number, f"file:{change.path}"), path, _OfFile(shown, task, change, hunks, path, first)
        first += len(change.hunks)
    for finding in task.result.findings:
        where = scene.places.anchor(finding.anchor, scene.live) if finding.id not in task.verdicts else None
        if where is not None and where.span is not None:
            yield (task.number, finding.id), finding.anchor.path, _OfFinding(shown, task, finding, where)


def _marks(scene: Scene, task: Task, inputs: _OfTask | _OfFile | _OfFinding) -> tuple[Mark, ...]:
    match inputs:
        case _OfTask():
            marks = (_task_mark(scene, task, inputs.placed),)
        case _OfFile():
            marks = _hunk_marks(scene, task, inputs)
        case _OfFinding():
            marks = (_finding_mark(scene, task, inputs.finding, inputs.placed),)
    return tuple(map(plain_ascii, marks)) if scene.view.ascii else marks


def _task_mark(scene: Scene, task: Task, placed: Placed) -> Mark:
    actions = offers(scene, task)
    problem = problems.problem(scene, task)
    return Mark(
        path=task.target.path,
        line=placed.line,
        start=placed.start,
        end=placed.end,
        span_end=max(placed.line + 1, placed.span.end_line if placed.span is not None else 0),
        task=task.number,
        state=task.state,
        lens=lenses.lens(scene, task),
        aside=lenses.aside(scene, task),
        click=look(task),
        actions=actions,
        severity=problem.severity if problem is not None else None,
        message=problem.message if problem is not None else "",
        hover=hover(scene, task, actions),
    )


def _hunk_marks(scene: Scene, task: Task, inputs: _OfFile) -> tuple[Mark, ...]:
    live = scene.live.get(inputs.path)
    hunks = scene.places.hunks(task, inputs.change, scene.live)
    if live is None or hunks is None or task.result is None:
        return ()
    total = len(task.result.proposal.hunks)
    lines = scene.places.lines(inputs.path, live)
    proposed = split(scene.places.texts.get(inputs.change.proposed_id or "") or "")
    reading = scene.reads(task)
    found: list[Mark] = []
    for ordinal, hunk in enumerate(inputs.change.hunks, inputs.first):
        fitted: Fitted = hunks[hunk.id]
        if hunk.id in task.verdicts or fitted.span is None:
            continue
        placed = place_fitted(fitted, lines)
        problem = problems.hunk(scene, task, hunk, ordinal, total, fitted.placement)
        text = lenses.hunk(hunk, ordinal, total, fitted.placement)
        seen = reading or problem is not None
        found.append(
            Mark(
                path=inputs.path,
                line=placed.line,
                start=placed.start,
                end=placed.end,
                span_end=max(placed.line + 1, fitted.span.end_line),
                task=task.number,
                item=hunk.id,
                state=task.state,
                lens=f"✓ #{task.number} {text}" if reading else "",
                click=look(task) if reading else None,
                actions=hunk_offers(scene, task, hunk, fitted.placement),
                severity=problem.severity if problem is not None else None,
                message=problem.message if problem is not None else "",
                hover=hunk_hover(task, hunk, fitted, text, lines, proposed) if seen else "",
            )
        )
    return tuple(found)


def _finding_mark(scene: Scene, task: Task, finding: Finding, placed: Placed) -> Mark:
    problem = problems.finding(scene, task, finding)
    return Mark(
        path=finding.anchor.path,
        line=placed.line,
        start=placed.start,
        end=placed.end,
        span_end=max(placed.line + 1, placed.span.end_line if placed.span is not None else 0),
        task=task.number,
        item=finding.id,
        state=task.state,
        # Until the task's own problem was opened, a finding has no actions either: they would name what nobody saw.
        actions=finding_offers(scene, task, finding, placed.line) if problem is not None else (),
        severity=problem.severity if problem is not None else None,
        message=problem.message if problem is not None else "",
        hover=finding_hover(task, finding) if problem is not None else "",
    )


def _one_lens_per_line(marks: list[Mark], dot: str) -> tuple[Mark, ...]:
    """The marks in the order of their lines; where several have a lens, the most pressing shows it and names the others."""
    marks.sort(key=lambda mark: (mark.line, mark.item != "", PRESSING[mark.state], mark.task))
    out: list[Mark] = []
    lens_at: dict[int, int] = {}
    for mark in marks:
        first = lens_at.get(mark.line)
        if not mark.lens:
            out.append(mark)
        elif first is None:
            lens_at[mark.line] = len(out)
            out.append(mark)
        else:
            shown = out[first]
            what = mark.aside if mark.task != shown.task else mark.lens.split(" ", 2)[-1]
            taken = {action.lens for action in shown.actions}
            order = tuple(
                replace(action, lens=action.title) if action.lens in taken else action
                for action in mark.actions
                if action.command == RUN_AFTER
            )
            out[first] = replace(
                shown,
                lens=f"{shown.lens} {dot} {what}",
                actions=(*shown.actions, *order),
                beside=(*shown.beside, (mark.task, mark.state)),
            )
            out.append(replace(mark, lens=""))
    return tuple(out)


def plain_ascii(mark: Mark) -> Mark:
    """The mark with symbols from ASCII only."""
    actions: Sequence[Action] = mark.actions
    return replace(
        mark,
        lens=mark.lens.translate(ASCII),
        aside=mark.aside.translate(ASCII),
        message=mark.message.translate(ASCII),
        hover=mark.hover.translate(ASCII),
        actions=tuple(
            replace(action, lens=action.lens.translate(ASCII), title=action.title.translate(ASCII))
            for action in actions
        ),
    )
