"""Takes the snapshots that tasks wait for: one for each burst of delegations with nothing changed in between.

What was on the screen was frozen with the delegation; this lays it over the files on disk as they are now and says what
changed since. Reports facts; the engine makes them count. Never decides whether a task starts.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from backburner.engine.after import snapshot_after
from backburner.lib.clock import Clock
from backburner.model.anchor import Anchor, text_id
from backburner.model.events import Event, SnapshotFailed, SnapshotTaken
from backburner.model.result import Cause
from backburner.model.task import Snapshot, State, Task
from backburner.model.text import decode
from backburner.review.placement import anchor_in
from backburner.store.journal import Frozen
from backburner.workspace.git import GitFailed, NoGit
from backburner.workspace.repository import Head, Refused, head
from backburner.workspace.shadow import Shadow

CHANGED = "Your files changed before I could copy them. Run it again to start from what you see now."

KEPT_AT_ONCE = 16
"""Tasks of one snapshot whose objects are kept together; those can start then, and the next ones follow."""
PACKED_TOGETHER = 16
"""Snapshots after which those are stored as differences: not with each, because a run begins at that moment."""

log = logging.getLogger(__name__)
Report = Callable[[Callable[[State], Sequence[Event]]], "asyncio.Future[bool]"]


class Snapshots:
    """One project's snapshots that are still to be taken. `serve` takes them, one after the other."""

    def __init__(
        self, shadow: Shadow, trees: Path, clock: Clock, report: Report, screen: Callable[[], Mapping[str, str | None]]
    ) -> None:
        self._shadow = shadow
        self._trees = trees
        self._clock = clock
        self._report = report
        self._screen = screen
        """The unsaved texts as they are now, for tasks that waited for another one."""
        self._wanted: dict[int, tuple[Task, Frozen]] = {}
        self._after: dict[int, tuple[Task, Task | None]] = {}
        self._reported: set[int] = set()
        """Taken or failed, but not yet durable."""
        self._arrived = asyncio.Event()

    def want(self, task: Task, frozen: Frozen) -> None:
        """Take a snapshot of what was on the screen at the key press."""
        self._wanted[task.number] = (task, frozen)
        self._arrived.set()

    def want_again(self, task: Task, frozen: Frozen) -> None:
        """The same after a restart: only if neither HEAD nor index moved since the key press."""
        now = head(self._shadow.root)
        if (frozen.head, frozen.index) != (now.commit, now.index_digest):
            self._failed([task.number], CHANGED)
        else:
            self.want(task, frozen)

    def want_after(self, task: Task, awaited: Task | None) -> None:
        """Take a snapshot of the screen now, with the proposal of the task that it waited for on top if that is open."""
        self._after[task.number] = (task, awaited)
        self._arrived.set()

    def has(self, task: int) -> bool:
        """Whether a snapshot for the task is under way."""
        return task in self._wanted or task in self._after or task in self._reported

    async def serve(self) -> None:
        """For as long as the engine lives."""
        taken: list[Snapshot] = []
        async with asyncio.TaskGroup() as group:
            while True:
                await self._arrived.wait()
                self._arrived.clear()
                while self._wanted or self._after:
                    if self._wanted:
                        taken += await self._burst()
                    else:
                        number = next(iter(self._after))
                        await self._take_after(*self._after[number])
                        self._after.pop(number, None)
                if len(taken) >= PACKED_TOGETHER:
                    # Beside the next ones: nobody waits for it.
                    group.create_task(self._pack(tuple(taken)))
                    taken.clear()

    async def _burst(self) -> list[Snapshot]:
        """One snapshot for every task that waits and saw the same."""
        _, frozen = next(iter(self._wanted.values()))
        same = [
            task
            for task, other in self._wanted.values()
            if (other.texts, other.head, other.index) == (frozen.texts, frozen.head, frozen.index)
        ]
        numbers = [task.number for task in same]
        try:
            snapshot = await self._shadow.snapshot(
                frozen.texts,
                head=Head(commit=frozen.head, branch=frozen.branch, index_digest=frozen.index),
                since=frozen.at or None,
                at=frozen.at or self._clock.now(),
            )
            for start in range(0, len(same), KEPT_AT_ONCE):
                await self._keep_all(same[start : start + KEPT_AT_ONCE], snapshot, frozen.texts)
        except (Refused, NoGit) as error:
            self._failed(numbers, error.sentence)
            return []
        except Exception as error:
            log.warning("snapshot of %s", self._shadow.root, exc_info=True)
            self._failed(numbers, _sentence(error))
            return []
        finally:
            for number in numbers:
                self._wanted.pop(number, None)
        return [snapshot]

    async def _keep_all(self, tasks: Sequence[Task], snapshot: Snapshot, texts: Mapping[str, str | None]) -> None:
        """Keep what some tasks need, and say that they have it: hundreds need not wait for the last of them."""
        anchors = await asyncio.gather(*(self._keep(task, snapshot, texts) for task in tasks))
        numbers = [task.number for task in tasks]
        self._taken(numbers, snapshot, dict(zip(numbers, anchors, strict=True)))

    async def _take_after(self, task: Task, awaited: Task | None) -> None:
        try:
            screen = self._screen()
            snapshot = await snapshot_after(self._shadow, self._trees, awaited, screen, self._clock.now())
            # Its copy holds what is not on the screen: the place goes on counting in what was seen at the key press.
            await self._keep(task, snapshot, screen)
        except (Refused, NoGit) as error:
            self._failed([task.number], error.sentence)
        except Exception as error:
            log.warning("snapshot of %s", self._shadow.root, exc_info=True)
            self._failed([task.number], _sentence(error))
        else:
            self._taken([task.number], snapshot, {})

    async def _keep(self, task: Task, snapshot: Snapshot, texts: Mapping[str, str | None]) -> Anchor:
        """Keep the snapshot, and the text that the task's place counts in, before any event names them.

        Returns the place in that text: a task that goes on begins from a later text than it was delegated in.
        """
        anchor = task.target.anchor
        text = texts.get(anchor.path)
        if text is None:
            text = await text_in(self._shadow, snapshot, anchor.path)
        anchor = await anchor_in_text(self._shadow, anchor, text)
        ids = [snapshot.commit]
        if text is not None and await self._shadow.put_text(text) == anchor.text_id:
            ids.append(anchor.text_id)
        await self._shadow.keep(task.number, ids)
        return anchor

    async def _pack(self, taken: Sequence[Snapshot]) -> None:
        try:
            await self._shadow.pack(*taken)
        except (GitFailed, NoGit, OSError):
            # It only takes more room.
            log.warning("packing snapshots of %s", self._shadow.root, exc_info=True)

    def _taken(self, numbers: Sequence[int], snapshot: Snapshot, anchors: Mapping[int, Anchor]) -> None:
        at = self._clock.now()
        self._tell(
            numbers,
            lambda number: SnapshotTaken(task=number, snapshot=snapshot, anchor=anchors.get(number), at=at),
        )

    def _failed(self, numbers: Sequence[int], sentence: str) -> None:
        at, cause = self._clock.now(), Cause(kind="snapshot", sentence=sentence)
        self._tell(numbers, lambda number: SnapshotFailed(task=number, cause=cause, at=at))

    def _tell(self, numbers: Sequence[int], event: Callable[[int], Event]) -> None:
        """Report for those tasks that still wait: some may have been stopped, or told to wait for another one."""
        pressed = frozenset(number for number in numbers if number not in self._after)
        future = self._report(
            lambda state: [event(number) for number in numbers if _waits(state, number, pressed=number in pressed)]
        )
        self._reported.update(numbers)

        def done(future: asyncio.Future[bool]) -> None:
            self._reported.difference_update(numbers)
            if not future.cancelled():
                # One that was not wanted any more may want another by now.
                self._report(lambda _: ())

        future.add_done_callback(done)


async def text_in(shadow: Shadow, snapshot: Snapshot, path: str) -> str | None:
    """The text of a file in a snapshot; None where there is none, or it is no text."""
    found = await shadow.file_at(snapshot.commit, path)
    decoded = decode(found[1]) if found is not None else None
    return decoded.text if decoded is not None else None


async def anchor_in_text(shadow: Shadow, anchor: Anchor, text: str | None) -> Anchor:
    """The anchor's place in a text; the anchor as it is where it has none there."""
    if text is None or text_id(text) == anchor.text_id:
        return anchor
    base = await shadow.get_text(anchor.text_id)
    found = anchor_in(anchor, base, text) if base is not None else None
    return found or anchor


def _waits(state: State, number: int, *, pressed: bool) -> bool:
    task = state.tasks.get(number)
    if task is None or task.state != "queued" or not task.wants_snapshot:
        return False
    waits_for_another = task.after is not None and "after" not in task.exempt
    return not (pressed and waits_for_another)


def _sentence(error: Exception) -> str:
    match error:
        case OSError():
            why = error.strerror or str(error)
        case GitFailed():
            why = str(error)
        case _:
            why = "its log has the details"
    return f"Your files could not be copied ({why.strip().rstrip('.').split(chr(10), 1)[0]}). Run it again."
