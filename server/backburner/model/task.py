"""The nouns: what was delegated, what happened to it, and what came of it.

Everything is frozen; only `evolve` makes new versions of a `Task`. Times are seconds since the epoch, money is US
dollars, None for money means that the price is not known (or, for a budget, that there is none).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from backburner.model.anchor import Anchor
from backburner.model.result import Cause, Changed, Result, Severity
from backburner.model.transcript import Usage

TaskState = Literal["queued", "running", "asking", "ready", "accepted", "rejected", "failed", "cancelled"]
LIVE: frozenset[TaskState] = frozenset({"queued", "running", "asking"})
"""States in which something may still happen by itself."""
DONE: frozenset[TaskState] = frozenset({"accepted", "rejected"})

When = Literal["now", "2h", "8h"]
Pace = Literal["run", "step"]
Judgement = Literal["accepted", "rejected", "dismissed"]


class Diagnostic(Struct, frozen=True, kw_only=True):
    """A remark of another language server that stood at the target when it was delegated."""

    message: str
    severity: Severity = "error"
    source: str = ""
    code: str = ""
    line: int = 0


class Target(Struct, frozen=True, kw_only=True):
    """What was delegated ("here")."""

    anchor: Anchor
    diagnostics: tuple[Diagnostic, ...] = ()
    whole_file: bool = False
    comment: str = ""
    """The TODO or `backburner:` comment that the delegation was made from."""

    @property
    def path(self) -> str:
        return self.anchor.path

    @property
    def title(self) -> str:
        """What to call it in one word: the symbol with brackets, or file and line."""
        if self.anchor.symbol:
            return self.anchor.symbol.rsplit(".", 1)[-1] + "()"
        if self.whole_file:
            return self.anchor.path.rsplit("/", 1)[-1]
        return f"{self.anchor.path.rsplit('/', 1)[-1]}:{self.anchor.span.start_line + 1}"


class LeftOut(Struct, frozen=True):
    """A path that the snapshot does not hold, and the reason as a clause ("looks like a secret")."""

    path: str
    reason: str


class Snapshot(Struct, frozen=True, kw_only=True):
    """What the person saw when they delegated, as a commit of the shadow repository."""

    commit: str
    base: str = ""
    """The person's HEAD commit, pinned; empty without Git or without commits."""
    branch: str = ""
    """The branch at that time; empty when detached or without Git."""
    taken_at: float = 0.0
    left_out: tuple[LeftOut, ...] = ()
    changed_since: tuple[str, ...] = ()
    """Paths that changed on disk between the key press and the snapshot."""
    on: int = 0
    """The task whose change, still open then, was put on top of what was on the screen; 0: none."""


class Run(Struct, frozen=True, kw_only=True):
    """One attempt at a task."""

    id: str
    """`12.2`."""
    agent: str
    model: str = ""
    effort: str = ""
    started_at: float
    ended_at: float | None = None
    end: Literal["", "finished", "failed", "interrupted", "paused", "cancelled", "asked"] = ""
    fresh: bool = True
    """False: it continues the transcript and the changes of the run before it."""
    awaits: bool = False
    """The provider makes its first answer in its own time: there is something to go on from although no turn was taken."""
    turns: int = 0
    """Turns taken, over the whole transcript that this run continues."""
    usage: Usage = Usage()
    cost_usd: float | None = 0.0
    direction: str = ""
    """What the agent says it is doing, a few words."""
    added: int = 0
    removed: int = 0
    """Lines of the draft so far, against the snapshot."""
    touched: tuple[str, ...] = ()
    """Paths changed so far."""


class Choice(Struct, frozen=True, kw_only=True):
    answer: str
    """The text that the agent gets."""
    title: str
    """One or two words for a lens."""


class Question(Struct, frozen=True, kw_only=True):
    """Asked by an agent; the task holds nothing while it stands."""

    id: str
    """`12.1?1`."""
    sentence: str
    choices: tuple[Choice, ...] = ()
    default: str = ""
    """The answer that is taken at the deadline: the narrowest choice."""
    deadline: float = 0.0
    call_id: str = ""
    """The tool call that waits for the answer."""


class Answer(Struct, frozen=True, kw_only=True):
    question: Question
    answer: str
    by: Literal["person", "default"]
    at: float


class OpenAccept(Struct, frozen=True, kw_only=True):
    """An accept that has begun and has not yet been proven (architecture section 7.3)."""

    path: str
    items: tuple[str, ...]
    before_id: str | None
    after_id: str | None
    at: float


class Accepted(Struct, frozen=True, kw_only=True):
    """A proven accept, kept so that it can be undone."""

    path: str
    items: tuple[str, ...]
    before_id: str | None
    after_id: str | None
    at: float
    closed_file: bool = False
    """We wrote the file ourselves; its bytes from before are in the shadow under `before_blob`."""
    before_blob: str | None = None


class Task(Struct, frozen=True, kw_only=True):
    """One target of a delegation and everything that happened to it."""

    number: int
    group: int
    """Number of the delegation; tasks of one fan-out share it."""
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
    """Which editor's PATH, virtual environment and keys its runs use."""
    state: TaskState = "queued"
    queued_at: float
    since: float
    """When the present state began."""
    snapshot: Snapshot | None = None
    wants_snapshot: bool = True
    """The next run begins from a snapshot that is still to be taken; `snapshot` is the one of the runs before."""
    runs: tuple[Run, ...] = ()
    result: Result | None = None
    """The latest finished result; stays readable and acceptable until the next run finishes."""
    verdicts: Mapping[str, Judgement] = {}
    """By item id of `result`."""
    seen: bool = False
    """The result (or failure) was opened once."""
    question: Question | None = None
    answers: tuple[Answer, ...] = ()
    notes: tuple[str, ...] = ()
    """Steering notes that no turn has read yet."""
    renames: tuple[tuple[str, str], ...] = ()
    """What was renamed in the person's tree since `snapshot`, old and new name in order: its copy has the old names."""
    changes: tuple[Changed, ...] = ()
    """The workspace after the last `ToolsDone`, one per path."""
    failure: Cause | None = None
    opening: Opening | None = None
    """How the next run begins, when it is not the first."""
    accepting: tuple[OpenAccept, ...] = ()
    accepts: tuple[Accepted, ...] = ()
    exempt: tuple[str, ...] = ()
    """Waiting rules that the person waived (`model/held.py`, `RULES`)."""
    idle_interruptions: int = 0
    """Interruptions in a row without a new turn."""
    dismissed_findings: tuple[str, ...] = ()
    """`path: message` of each finding that was dismissed: a later run's finding of that kind is dismissed from the start."""

    @property
    def run(self) -> Run | None:
        """The current or last run."""
        return self.runs[-1] if self.runs else None

    @property
    def open_items(self) -> tuple[str, ...]:
        """Items of the result without a verdict."""
        if self.result is None:
            return ()
        return tuple(item for item in self.result.items if item not in self.verdicts)

    @property
    def is_dismissed(self) -> bool:
        """Put away (a failure, findings, a report) without anything of it accepted or turned down."""
        return self.state == "rejected" and "rejected" not in self.verdicts.values()

    @property
    def title(self) -> str:
        """The result's title, else what was asked for."""
        if self.result is not None and self.result.title:
            return self.result.title
        line = self.instruction.strip().split("\n", 1)[0]
        return line or f"{self.recipe} {self.target.title}"

    @property
    def cost_usd(self) -> float | None:
        """Over all runs; None as soon as one run's price is not known."""
        total = 0.0
        for run in self.runs:
            if run.cost_usd is None:
                return None
            total += run.cost_usd
        return total

    @property
    def usage(self) -> Usage:
        return sum((run.usage for run in self.runs), Usage())


class Opening(Struct, frozen=True, kw_only=True):
    """How a later run of a task begins."""

    kind: Literal["resume", "retry", "reply", "refit", "continue", "answer"]
    """`resume` and `answer` go on where the transcript ends; `retry` starts over; the others rebase and add a message."""
    text: str = ""
    """What the person said."""


class Delegation(Struct, frozen=True, kw_only=True):
    """The wish: one instruction for targets x agents. Its number is that of its first task."""

    number: int
    recipe: str
    instruction: str
    kind: Literal["fan", "attempts"] = "fan"
    tasks: tuple[int, ...]
    at: float
    title: str = ""


class State(Struct, frozen=True, kw_only=True):
    """Everything that is true of one project: the fold of its journal."""

    tasks: Mapping[int, Task] = {}
    delegations: Mapping[int, Delegation] = {}
    next_number: int = 1
    spent: Mapping[str, float] = {}
    """US dollars by day (`2026-11-25`, the person's local day); what has no known price is not in it."""
    day_budget_raised: Mapping[str, float] = {}
    """Day to raised limit."""
