"""The JSON that programs get: the command line's `--json`, the results of commands, the status notification.

Names here are a contract with scripts and with other clients; add, never rename.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class FileView(Struct, kw_only=True, frozen=True):
    path: str
    added: int
    removed: int
    kind: str = "edit"
    """`edit`, `create`, `delete`, `rename`, `mode`, `binary`."""


class HunkView(Struct, kw_only=True, frozen=True):
    id: str
    path: str
    placement: str
    """`fits`, `moved`, `conflicts`, `stale`, `applied`."""
    verdict: str
    """`open`, `accepted`, `rejected`."""
    line: int = 0
    """First line in the live text, one-based; 0 when it has no place."""
    kind: str = "edit"


class FindingView(Struct, kw_only=True, frozen=True):
    id: str
    path: str
    line: int
    severity: str
    message: str
    verdict: str = "open"
    actions: list[dict[str, Any]] = []
    """What can be done about it: `{command, title, arguments}`."""


class TaskView(Struct, kw_only=True, frozen=True):
    """One task, as `list`, `show` and every verb with `--json` print it."""

    task: int
    project: str = ""
    """The folder in which that number counts."""
    group: int
    state: str
    """`queued`, `running`, `asking`, `ready`, `accepted`, `rejected`, `failed`, `cancelled`."""
    agent: str
    model: str
    recipe: str
    target: str
    """`src/lexer.py:12-40` (one-based, inclusive)."""
    instruction: str
    title: str
    summary: str
    """One sentence."""
    files: list[FileView]
    hunks: list[HunkView]
    findings: list[FindingView]
    evidence: list[dict[str, Any]]
    """`{command, exit_code, passed, seconds, summary, note}` for each check that we ran."""
    usage: dict[str, int]
    cost_usd: float | None
    """None: the price is not known."""
    error: str
    """One sentence; empty when nothing is wrong."""
    report: str = ""
    direction: str = ""
    waits: str = ""
    """Why a queued task does not run, in a few words."""
    held: dict[str, str] | None = None
    """`{reason, sentence, agent}` of a queued task that waits; `model/held.py` has the reasons."""
    question: dict[str, Any] | None = None
    """`{id, sentence, choices, default, deadline}`."""
    answered: dict[str, Any] | None = None
    """The last question that was answered, with its `answer`, which can be changed."""
    draft: dict[str, int] | None = None
    """`{added, removed, files}` of a running task."""
    risks: list[str] = []
    assumptions: list[str] = []
    seen: bool = False
    after: int | None = None
    when: str = "now"
    pace: str = "run"
    run: str = ""
    runs: int = 0
    queued_at: float = 0.0
    since: float = 0.0
    budget_usd: float | None = None
    snapshot: dict[str, Any] | None = None
    """`{commit, branch, taken_at, left_out, changed_since}`."""


class QueueRow(Struct, kw_only=True, frozen=True):
    """A row of the queue."""

    section: str
    """`Asks you`, `Ready`, `Running`, `Waiting`, `Earlier`."""
    task: int
    group: int
    state: str
    title: str
    """`#12 Iterative lexer`."""
    detail: str
    """`lexer.py · +24 −3 · tests pass`."""
    why: str = ""
    """Why it stands where it stands."""
    uri: str = ""
    line: int = 0
    """Zero-based, in the live text."""
    seen: bool = False
    hunks: int = 0
    project: str = ""
    """URI of the project's folder; with the number it names the task."""
    group_title: str = ""
    """What was asked of all tasks of the group; empty for a task alone."""
    actions: list[dict[str, Any]] = []
    """`{command, title, arguments}`, first is the one for Enter."""


class Queue(Struct, kw_only=True, frozen=True):
    rows: list[QueueRow]
    note: str = ""
    """`Since 18:40: 4 ready, 1 took its default answer, $1.84`; else empty."""
    empty: str = "Nothing cooking. Put the cursor in a function and delegate."


class Status(Struct, kw_only=True, frozen=True, rename="camel"):
    """`backburner/status`: sent when it changed, to clients that said they want it."""

    running: int = 0
    ready: int = 0
    asking: int = 0
    waiting: int = 0
    failed: int = 0
    unread: int = 0
    spent_usd: float = 0.0
    day_budget_usd: float | None = None
    longest_s: int = 0
    """Seconds that the longest running task has run, in whole minutes."""
    tooltip: str = ""
    """`3 running, longest 6 min · 2 to read · 1 question · $1.84 of $10 today`."""
    text: str = ""
    """`bb 3 +2 ?1`; empty when idle."""
    causes: list[str] = []
    """One sentence for each cause that stops tasks and needs the person."""
    revision: int = 0
    """Grows with every change of the queue: a client that shows it asks again with `backburner.list`."""
