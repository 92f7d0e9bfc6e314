"""What can happen (events: facts, past tense); what a person can wish (commands: imperatives) is in `wishes.py`.

Both unions are closed: a reader sees there everything that can ever change anything. Events carry every number and time
they need, so that folding them twice gives the same state.
"""

from __future__ import annotations

from msgspec import Struct

from backburner.model.anchor import Anchor
from backburner.model.result import Cause, Changed, Result
from backburner.model.task import (
    Accepted,
    Delegation,
    Judgement,
    OpenAccept,
    Opening,
    Pace,
    Question,
    Snapshot,
    State,
    Target,
    When,
)
from backburner.model.transcript import Shortening, ToolResult, ToolSpec, Turn


class DelegationMade(Struct, frozen=True, kw_only=True, tag=True):
    delegation: Delegation
    at: float


class TaskQueued(Struct, frozen=True, kw_only=True, tag=True):
    task: int
    group: int
    target: Target
    recipe: str
    instruction: str
    agent: str
    effort: str = ""
    when: When = "now"
    pace: Pace = "run"
    budget_usd: float | None = None
    after: int | None = None
    environment: str = ""
    dismissed: tuple[str, ...] = ()
    """Findings in the target's file that other tasks brought up and the person dismissed, as `runs.finding_key` has them."""
    at: float


class SnapshotTaken(Struct, frozen=True, kw_only=True, tag=True):
    task: int
    snapshot: Snapshot
    anchor: Anchor | None = None
    """The target's place in the text that the person saw then; None: as it was."""
    at: float


class SnapshotFailed(Struct, frozen=True, kw_only=True, tag=True):
    task: int
    cause: Cause
    at: float


class RunStarted(Struct, frozen=True, kw_only=True, tag=True):
    task: int
    run: str
    agent: str
    model: str = ""
    effort: str = ""
    fresh: bool = True
    at: float


class Briefed(Struct, frozen=True, kw_only=True, tag=True):
    """What the run's conversation begins with (or goes on with, when the run is not fresh)."""

    task: int
    run: str
    system: str
    tools: tuple[ToolSpec, ...] = ()
    """Empty in a run that continues: system and tools stay those of its first brief."""
    results: tuple[ToolResult, ...] = ()
    """Answers to calls that an earlier run left open; they stand before the messages."""
    messages: tuple[str, ...]
    changes: tuple[Changed, ...] | None = None
    """The workspace it begins with, where that is not the one of the run before (a rebase)."""
    added: int = 0
    removed: int = 0
    """Lines of the draft that it begins with."""
    at: float


class TurnAwaited(Struct, frozen=True, kw_only=True, tag=True):
    """The provider took a request whose answer may take hours; durable before anybody waits for it."""

    task: int
    run: str
    awaited: str
    """The provider's id of the answer: after a crash it is asked after, in place of paying again."""
    at: float


class TranscriptShortened(Struct, frozen=True, kw_only=True, tag=True):
    """The conversation nears the end of the model's context: from now on it is shown shortened."""

    task: int
    run: str
    shortening: Shortening
    at: float


class TurnTaken(Struct, frozen=True, kw_only=True, tag=True):
    """The model answered. Durable before any of its tools runs."""

    task: int
    run: str
    turn: Turn
    day: str = ""
    """The person's local day (`2026-11-25`), put in by the engine: what the turn cost counts there."""
    at: float


class ToolsDone(Struct, frozen=True, kw_only=True, tag=True):
    """Every call of the last turn is answered, and the workspace is as `changes` says."""

    task: int
    run: str
    results: tuple[ToolResult, ...]
    messages: tuple[str, ...] = ()
    """Said after the results: notes of the person, a nudge."""
    notes_read: int = 0
    """How many of the task's waiting notes are among `messages`."""
    changes: tuple[Changed, ...] = ()
    """Paths changed since the last `ToolsDone`."""
    added: int = 0
    removed: int = 0
    """Lines of the whole draft."""
    at: float


class DirectionStated(Struct, frozen=True, kw_only=True, tag=True):
    task: int
    run: str
    direction: str
    at: float


class Steered(Struct, frozen=True, kw_only=True, tag=True):
    task: int
    note: str
    at: float


class Asked(Struct, frozen=True, kw_only=True, tag=True):
    """The run ended with a question; the task goes on in a new run when it is answered."""

    task: int
    run: str
    question: Question
    at: float


class Answered(Struct, frozen=True, kw_only=True, tag=True):
    task: int
    question: str
    answer: str
    by_default: bool = False
    at: float


class AnswerChanged(Struct, frozen=True, kw_only=True, tag=True):
    """The person changed an answer that was already taken: told to the agent as a note or a reply."""

    task: int
    question: str
    answer: str
    at: float


class RunFinished(Struct, frozen=True, kw_only=True, tag=True):
    task: int
    run: str
    result: Result
    at: float


class RunFailed(Struct, frozen=True, kw_only=True, tag=True):
    task: int
    run: str
    cause: Cause
    result: Result | None = None
    """What it had, when there is something to show."""
    at: float


class RunInterrupted(Struct, frozen=True, kw_only=True, tag=True):
    """The run's process is gone; the task is queued again and resumes from its last turn."""

    task: int
    run: str
    reason: str
    by_restart: bool = False
    """The daemon had ended, which is not the run's doing: it does not count against it."""
    at: float


class RunPaused(Struct, frozen=True, kw_only=True, tag=True):
    """The run was stopped between two turns because the day's money is spent; it goes on when it may."""

    task: int
    run: str
    at: float


class Cancelled(Struct, frozen=True, kw_only=True, tag=True):
    task: int
    at: float


class Seen(Struct, frozen=True, kw_only=True, tag=True):
    task: int
    at: float


class AcceptBegun(Struct, frozen=True, kw_only=True, tag=True):
    task: int
    accept: OpenAccept
    at: float


class AcceptDropped(Struct, frozen=True, kw_only=True, tag=True):
    """The proof did not come: the text is not what it would be after the accept."""

    task: int
    path: str
    reason: str
    at: float


class Judged(Struct, frozen=True, kw_only=True, tag=True):
    task: int
    run: str
    items: tuple[str, ...]
    verdict: Judgement
    accepted: Accepted | None = None
    """With `accepted`: what was changed, for `undo`."""
    at: float


class TakenBack(Struct, frozen=True, kw_only=True, tag=True):
    """Verdicts were withdrawn: an accept was undone, a rejection taken back."""

    task: int
    run: str
    items: tuple[str, ...]
    at: float


class Dismissed(Struct, frozen=True, kw_only=True, tag=True):
    """A failed or cancelled task is put away."""

    task: int
    at: float


class Requeued(Struct, frozen=True, kw_only=True, tag=True):
    """Retry, reply, refit or continue: the task goes back to `queued` and gets a new run."""

    task: int
    opening: Opening
    agent: str = ""
    """Empty: as before."""
    effort: str = ""
    environment: str = ""
    at: float


class PathRenamed(Struct, frozen=True, kw_only=True, tag=True):
    task: int
    old: str
    new: str
    at: float


class LetThrough(Struct, frozen=True, kw_only=True, tag=True):
    """The person waived a waiting rule for one task ("Start anyway")."""

    task: int
    rule: str
    """One of `model/held.py`, `RULES`."""
    at: float


class OrderSet(Struct, frozen=True, kw_only=True, tag=True):
    """`Run after #12`; None: after nothing."""

    task: int
    after: int | None
    at: float


class BudgetRaised(Struct, frozen=True, kw_only=True, tag=True):
    """A new limit: for one task, or, with `task = 0`, for the day."""

    task: int
    budget_usd: float
    day: str = ""
    at: float


class ProposalEdited(Struct, frozen=True, kw_only=True, tag=True):
    """The person changed a proposal before taking it; ids of hunks that remain stay the same."""

    task: int
    result: Result
    at: float


class Ignored(Struct, frozen=True, kw_only=True, tag=True):
    """Something happened that cannot happen: kept for a report, changes nothing."""

    task: int
    what: str
    """Kind of the event that was not in the table of transitions."""
    why: str
    at: float


class Checkpoint(Struct, frozen=True, kw_only=True, tag=True):
    """The whole state so far, to bound the time of the next start."""

    state: State
    at: float


Event = (
    DelegationMade
    | TaskQueued
    | SnapshotTaken
    | SnapshotFailed
    | RunStarted
    | Briefed
    | TurnAwaited
    | TranscriptShortened
    | TurnTaken
    | ToolsDone
    | DirectionStated
    | Steered
    | Asked
    | Answered
    | AnswerChanged
    | RunFinished
    | RunFailed
    | RunInterrupted
    | RunPaused
    | Cancelled
    | Seen
    | AcceptBegun
    | AcceptDropped
    | Judged
    | TakenBack
    | Dismissed
    | Requeued
    | PathRenamed
    | LetThrough
    | OrderSet
    | BudgetRaised
    | ProposalEdited
    | Ignored
    | Checkpoint
)

RunFact = (
    Briefed
    | TurnAwaited
    | TranscriptShortened
    | TurnTaken
    | ToolsDone
    | DirectionStated
    | Asked
    | RunFinished
    | RunFailed
    | RunInterrupted
)
"""Facts that a run reports; `admit` drops those of a run that is not the task's current one."""
