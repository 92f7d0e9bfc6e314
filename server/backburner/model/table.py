"""The transitions of a task as data: from which state, by which event, to which states.

`evolve.py` computes the next state and is held to this table; `docs/architecture.md` shows it. What is not here cannot
happen: in tests it raises, in production it is recorded as `Ignored`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from backburner.model import events as e
from backburner.model.events import Event
from backburner.model.task import TaskState

ANY: tuple[TaskState, ...] = ("queued", "running", "asking", "ready", "accepted", "rejected", "failed", "cancelled")
SETTLED: tuple[TaskState, ...] = ("ready", "accepted", "rejected")
HAS_RESULT: tuple[TaskState, ...] = ("queued", "running", "asking", *SETTLED)
"""States in which a result may stand, its own or the one of an earlier run."""


def _rows() -> dict[tuple[TaskState | None, type[Event]], frozenset[TaskState]]:
    rows: dict[tuple[TaskState | None, type[Event]], frozenset[TaskState]] = {}

    def row(states: Sequence[TaskState | None], kinds: Sequence[type[Event]], *to: TaskState) -> None:
        """`to` empty: the state stays."""
        for state in states:
            for kind in kinds:
                assert (state, kind) not in rows, (state, kind)
                rows[state, kind] = frozenset(to or ((state,) if state else ()))

    row([None], [e.TaskQueued], "queued")
    row(["queued"], [e.RunStarted], "running")
    row(["queued"], [e.SnapshotTaken, e.LetThrough, e.OrderSet])
    row(["queued"], [e.SnapshotFailed], "failed", "ready")
    row(["running"], [e.Briefed, e.TurnAwaited, e.TranscriptShortened, e.TurnTaken])
    row(["running"], [e.ToolsDone, e.DirectionStated])
    row(["running"], [e.Asked], "asking")
    row(["running"], [e.RunFinished], "ready")
    row(["running"], [e.RunFailed], "ready", "failed")
    row(["running"], [e.RunInterrupted, e.RunPaused], "queued")
    row(["asking"], [e.Answered], "queued")
    row(["queued", "running", "asking"], [e.Steered])
    row(["queued", "running", "asking"], [e.Cancelled], "cancelled", *SETTLED)
    row(["ready"], [e.Judged], *SETTLED)
    row(["ready"], [e.ProposalEdited], *SETTLED)
    # The result of an earlier run may be judged while a later run works, and the proof of an accept may come late.
    row(["queued", "running", "asking", "accepted", "rejected", "failed", "cancelled"], [e.Judged])
    row(["accepted", "rejected"], [e.TakenBack], "ready", "accepted", "rejected")
    row(["queued", "running", "asking", "ready", "failed", "cancelled"], [e.TakenBack])
    row(HAS_RESULT, [e.AcceptBegun])
    row(["failed", "cancelled"], [e.Dismissed], "rejected", "accepted")
    row([*SETTLED, "failed", "cancelled"], [e.Requeued], "queued")
    row(ANY, [e.AcceptDropped, e.AnswerChanged, e.Seen, e.PathRenamed, e.BudgetRaised])
    return rows


TABLE: Mapping[tuple[TaskState | None, type[Event]], frozenset[TaskState]] = _rows()
"""From a state (None: no task yet), by an event, to one of these states. What is not here cannot happen."""
