"""What a run offers: changes, findings, checks, a report; and, where it ended early, the cause.

Everything is frozen. Texts are named by id and are the truth; a diff is a way to show them. Money and times as in `task.py`.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from backburner.model.anchor import Anchor, Span

Placement = Literal["fits", "moved", "conflicts", "stale", "applied"]
Severity = Literal["error", "warning", "information", "hint"]


class Changed(Struct, frozen=True, kw_only=True):
    """One path that an agent changed, as raw bytes in the shadow. Cumulative per path: the last one counts."""

    path: str
    blob: str | None
    """Blob id of the file's bytes; None: deleted."""
    mode: int = 0o100644
    """A Git mode: 0o100644, 0o100755 or 0o120000."""


HunkKind = Literal["edit", "create", "delete", "rename", "mode", "binary"]


class HunkRef(Struct, frozen=True, kw_only=True):
    """The identity of a hunk. Its content and place are computed from the texts, never stored."""

    id: str
    """`12.2/lexer.py:3`: run, path, ordinal within the file from 1."""
    kind: HunkKind = "edit"
    base: Span = Span(0, 0)
    proposed: Span = Span(0, 0)


class FileStyle(Struct, frozen=True, kw_only=True):
    """How a decoded LF text is written as bytes."""

    encoding: str = "utf-8"
    bom: bool = False
    eol: Literal["\n", "\r\n", "\r"] = "\n"


class FileChange(Struct, frozen=True, kw_only=True):
    """Base and proposed text of one file of a proposal. The texts are the truth; a diff is a way to show them."""

    path: str
    base_id: str | None
    """Text id of the base; None: the file is new. For binary files the blob id of the bytes."""
    proposed_id: str | None
    """None: the file is deleted."""
    renamed_from: str | None = None
    base_mode: int = 0o100644
    mode: int = 0o100644
    style: FileStyle = FileStyle()
    binary: bool = False
    hunks: tuple[HunkRef, ...]
    added: int = 0
    """Lines added."""
    removed: int = 0
    unseen: bool = False
    """It adds characters that hide what the text says (`model/unseen.py`)."""


class Proposal(Struct, frozen=True):
    files: tuple[FileChange, ...]

    @property
    def hunks(self) -> tuple[HunkRef, ...]:
        return tuple(hunk for file in self.files for hunk in file.hunks)

    @property
    def added(self) -> int:
        return sum(file.added for file in self.files)

    @property
    def removed(self) -> int:
        return sum(file.removed for file in self.files)


class Finding(Struct, frozen=True, kw_only=True):
    """A remark about the code (from a review or a check)."""

    id: str
    """`12.1/finding:2`."""
    anchor: Anchor
    severity: Severity = "warning"
    message: str
    check: bool = False
    """True: a tool said it; False: a model did."""


class Check(Struct, frozen=True, kw_only=True):
    """Evidence: a command that *we* ran in the agent's tree, and how it ended."""

    command: str
    exit_code: int | None
    """None: it could not be run; `note` says why."""
    passed: bool
    seconds: float = 0.0
    tail: str = ""
    """The end of its output."""
    note: str = ""
    """Anything that weakens the evidence, such as "may have tested your original"."""
    summary: str = ""
    """In a few words, when the output could be understood: `12 passed`, `2 failed`."""


class Result(Struct, frozen=True, kw_only=True):
    """What a run offers: a change, findings, a report, or several of them."""

    run: str
    """`12.2`."""
    title: str
    """A few words, no full stop: `Iterative lexer`."""
    summary: str
    """One sentence that leads everything shown."""
    report: str = ""
    """Markdown; the whole answer of a report, else what the agent adds to its change."""
    proposal: Proposal = Proposal(())
    findings: tuple[Finding, ...] = ()
    checks: tuple[Check, ...] = ()
    risks: tuple[str, ...] = ()
    """Clauses without mark: `touches pyproject.toml`."""
    assumptions: tuple[str, ...] = ()
    failure: Cause | None = None
    """The run ended early, and this is what it had."""
    step: bool = False
    """`pace = step`: the agent has more to do; `Continue` goes on."""
    stopped: bool = False
    """The person stopped it and kept this."""

    @property
    def items(self) -> tuple[str, ...]:
        """Ids of everything that wants a verdict; a bare report is one item."""
        ids = tuple(hunk.id for hunk in self.proposal.hunks) + tuple(finding.id for finding in self.findings)
        return ids or (f"{self.run}/report",)


CauseKind = Literal[
    "bad_key",
    "no_key",
    "no_agent",
    "no_effort",
    "no_model",
    "refused",
    "too_long",
    "limited",
    "credit",
    "rejected",
    "overloaded",
    "connection",
    "stalled",
    "bad_answer",
    "budget",
    "steps",
    "time",
    "tokens",
    "snapshot",
    "sandbox",
    "command",
    "interrupted",
    "disk",
    "internal",
]


class Cause(Struct, frozen=True, kw_only=True):
    """Why something stopped. One cause that stops many tasks has one `key` and is said once."""

    kind: CauseKind
    sentence: str
    """Whole sentence for the person, with the next step where there is one. No secrets, no traceback."""
    who: str = ""
    """The provider or program that it comes from: `Anthropic`."""

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.who}"
