"""Every command, declared once: name, argument, title, one sentence.

`lsp/ext.py`, the command line, `package.json`, the Lua types and `docs/protocol.md` are rendered from this table. A
command takes one JSON object and answers at once; what takes long goes on behind it.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class Place(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """A place in an open or closed file. Lines zero-based; `character` in the negotiated position encoding."""

    uri: str
    start_line: int = 0
    start_character: int = 0
    end_line: int = -1
    """-1: to the end of the symbol around `start_line`, or the whole file when `whole_file`."""
    end_character: int = 0
    symbol: str = ""
    whole_file: bool = False
    diagnostics: list[dict[str, Any]] = []
    """LSP diagnostics of other servers at the place."""
    comment: str = ""


class DelegateArguments(Struct, kw_only=True, frozen=True, omit_defaults=True):
    instruction: str = ""
    """May hold inline words: `@codex`, `!quick`, `after 12`, `in 8h`, `$0.50`, `step`."""
    quoted: bool = False
    """The instruction is not the person's own: its words are no commands."""
    targets: list[Place] = []
    """More than one makes a group."""
    recipe: str = ""
    """Empty: `implement`, `fix` ... by what the place suggests, else a free instruction."""
    agent: str = ""
    agents: list[str] = []
    """Several agents on one target (attempts)."""
    effort: str = ""
    when: str = "now"
    pace: str = ""
    """`run` or `step`; empty: as the setting says."""
    after: int | None = None
    budget_usd: float | None = None


class PlaceArguments(Struct, kw_only=True, frozen=True, omit_defaults=True):
    place: Place


class SearchArguments(Struct, kw_only=True, frozen=True, omit_defaults=True):
    text: str
    """As it stands, in one line; upper and lower case differ."""
    uri: str = ""
    """Any path of the project; empty: the client's first folder."""


class TaskArguments(Struct, kw_only=True, frozen=True, omit_defaults=True):
    task: int
    uri: str = ""
    """Any file or folder of its project; empty: the first of the client's projects that has such a task."""


class ItemsArguments(Struct, kw_only=True, frozen=True, omit_defaults=True):
    task: int
    uri: str = ""
    """Any file or folder of its project; empty: the first of the client's projects that has such a task."""
    hunks: list[str] = []
    """Ids of hunks or findings; empty with `path` empty: everything still open."""
    path: str = ""
    """All open hunks of one file."""
    group: bool = False
    """All tasks of the task's group."""
    theirs: bool = False
    """Accept hunks that overlap the person's own edit too, in its place ("Take theirs")."""


class TextArguments(Struct, kw_only=True, frozen=True, omit_defaults=True):
    task: int
    uri: str = ""
    """Any file or folder of its project; empty: the first of the client's projects that has such a task."""
    text: str = ""


class RetryArguments(Struct, kw_only=True, frozen=True, omit_defaults=True):
    task: int
    uri: str = ""
    """Any file or folder of its project; empty: the first of the client's projects that has such a task."""
    agent: str = ""
    effort: str = ""


class StopArguments(Struct, kw_only=True, frozen=True, omit_defaults=True):
    task: int
    uri: str = ""
    """Any file or folder of its project; empty: the first of the client's projects that has such a task."""
    keep: bool = False
    """The draft becomes the result."""


class AfterArguments(Struct, kw_only=True, frozen=True, omit_defaults=True):
    task: int
    uri: str = ""
    """Any file or folder of its project; empty: the first of the client's projects that has such a task."""
    after: int | None = None


class RaiseArguments(Struct, kw_only=True, frozen=True, omit_defaults=True):
    task: int = 0
    """0: the limit of the day."""
    uri: str = ""
    usd: float = 0.0
    """0: twice the present limit, and again until it is above what is spent."""


class NextArguments(Struct, kw_only=True, frozen=True, omit_defaults=True):
    uri: str = ""
    line: int = 0
    task: int = 0
    """Only what is open of this task: its next hunk or finding."""
    show: bool = True
    """Open it, where the client can."""


class ListArguments(Struct, kw_only=True, frozen=True, omit_defaults=True):
    uri: str = ""
    """Any path of the project; empty: the client's first folder."""
    projects: bool = False
    """Rows of all projects that the client has open, in one queue; the one of `uri` first."""
    states: list[str] = []
    all: bool = False
    """Closed tasks too."""
    views: bool = False
    """Answer with a list of whole tasks (`TaskView`) in place of the queue's rows."""


class DiffArguments(Struct, kw_only=True, frozen=True, omit_defaults=True):
    task: int
    uri: str = ""
    """Any file or folder of its project; empty: the first of the client's projects that has such a task."""
    draft: bool = False
    group: bool = False
    path: str = ""


class WaitArguments(Struct, kw_only=True, frozen=True, omit_defaults=True):
    tasks: list[int]
    uri: str = ""
    timeout_s: float = 0.0


class TrustArguments(Struct, kw_only=True, frozen=True, omit_defaults=True):
    path: str = ""
    sha256: str = ""
    """Of the bytes that were shown; approval counts for exactly these."""


class ProposalArguments(Struct, kw_only=True, frozen=True, omit_defaults=True):
    task: int
    uri: str = ""
    """Any file or folder of its project; empty: the first of the client's projects that has such a task."""
    path: str = ""
    text: str | None = None
    """With a text: keep it as the proposal of that file."""
    live: str | None = None
    """The person's text that `text` was merged into, as this command answered it; what was typed there since stays."""
    draft: bool = False
    """What a running task has changed so far, to be read only."""


class SinceArguments(Struct, kw_only=True, frozen=True, omit_defaults=True):
    uri: str = ""
    day: str = ""
    """`2026-11-25`; empty: today."""


class KeyArguments(Struct, kw_only=True, frozen=True, omit_defaults=True):
    task: int = 0
    """The task whose agent wants the key; 0: any."""
    uri: str = ""


class AllowArguments(Struct, kw_only=True, frozen=True, omit_defaults=True):
    agent: str
    task: int = 0
    uri: str = ""


class NoArguments(Struct, kw_only=True, frozen=True, omit_defaults=True):
    pass


class CommandSpec(Struct, frozen=True):
    name: str
    arguments: type[Struct]
    title: str
    """In a palette, after `Backburner: `."""
    doc: str
    palette: bool = True
    """False: only makes sense from a lens, an action or a program."""


def _specs() -> tuple[CommandSpec, ...]:
    c = CommandSpec
    return (
        c(
            "backburner.delegate",
            DelegateArguments,
            "Delegate",
            "Delegate one or more places; answers with the task numbers (`tasks`) and the folder of each (`projects`).",
            False,
        ),
        c("backburner.again", PlaceArguments, "Again", "Repeat the last instruction at this place.", False),
        c(
            "backburner.instruction",
            PlaceArguments,
            "Write Instruction",
            "Make an instruction file; saving it starts the task once.",
            False,
        ),
        c(
            "backburner.places",
            PlaceArguments,
            "Places",
            "List what could be delegated in a file: problems by kind, comments, symbols.",
            False,
        ),
        c(
            "backburner.search",
            SearchArguments,
            "Search",
            "List the places of a project whose line holds a text, to delegate them together.",
            False,
        ),
        c("backburner.actions", PlaceArguments, "Actions Here", "List everything that can be done at a place.", False),
        c("backburner.read", TaskArguments, "Read", "Open the result and count it as read.", False),
        c("backburner.draft", TaskArguments, "Draft", "Open what a running task has changed so far.", False),
        c("backburner.diff", DiffArguments, "Diff", "The unified diff of a result, draft or group, as text.", False),
        c(
            "backburner.proposal",
            ProposalArguments,
            "Proposal",
            "Base, proposed and merged text of each file; or keep an edited one.",
            False,
        ),
        c("backburner.accept", ItemsArguments, "Accept", "Put hunks of a result into the person's files.", False),
        c(
            "backburner.acceptRest",
            TaskArguments,
            "Accept the Rest like These",
            "Accept the results of a group that fit, pass their check and touch only their target.",
            False,
        ),
        c("backburner.reject", ItemsArguments, "Reject", "Decide against hunks of a result.", False),
        c("backburner.dismiss", ItemsArguments, "Dismiss", "Put away findings, a report, a failure.", False),
        c("backburner.undo", ItemsArguments, "Undo", "Take an accept or a rejection back.", False),
        c(
            "backburner.reply",
            TextArguments,
            "Reply",
            "Say something to a finished task; it goes on from what is on the screen now.",
            False,
        ),
        c(
            "backburner.steer",
            TextArguments,
            "Tell It",
            "Add a note that a running task reads at its next turn.",
            False,
        ),
        c("backburner.answer", TextArguments, "Answer", "Answer a task's question, or change an answer.", False),
        c("backburner.retry", RetryArguments, "Run Again", "Start over, perhaps with another agent or effort.", False),
        c("backburner.refit", TaskArguments, "Refit", "Let the agent fit its result to the text as it is now.", False),
        c("backburner.continue", TaskArguments, "Continue", "Go on after a step.", False),
        c("backburner.stop", StopArguments, "Stop", "Stop a task; with `keep` its draft becomes the result.", False),
        c("backburner.startAnyway", TaskArguments, "Start Anyway", "Waive what a waiting task waits for.", False),
        c("backburner.after", AfterArguments, "Run After", "Let a queued task wait for another one.", False),
        c("backburner.raise", RaiseArguments, "Raise Limit", "Raise the budget of a task or of today.", False),
        c("backburner.next", NextArguments, "Next Result", "The result that is best read next, and why."),
        c("backburner.list", ListArguments, "List", "The queue, in its order.", False),
        c("backburner.show", TaskArguments, "Show", "One task as JSON.", False),
        c("backburner.wait", WaitArguments, "Wait", "Answer when the tasks are no longer queued or running.", False),
        c("backburner.today", SinceArguments, "Today", "What the day came to."),
        c(
            "backburner.trust",
            TrustArguments,
            "Trust Project Settings",
            "Show what a project file wants to change, or approve exactly those bytes.",
        ),
        c(
            "backburner.doctor",
            NoArguments,
            "Doctor",
            "Keys, agents, Git, sandbox, daemon: what works and what to do next.",
        ),
        c(
            "backburner.setKey",
            KeyArguments,
            "How to Set a Key",
            "Which variable holds the key, and how it is handed over. The key itself never goes through a command.",
            False,
        ),
        c(
            "backburner.useOllama",
            NoArguments,
            "Use Ollama",
            "Look whether Ollama answers; let tasks without an agent go to it.",
        ),
        c(
            "backburner.allow",
            AllowArguments,
            "Let It Run",
            "Allow an agent that is a program with a network of its own, once, in the person's config.toml.",
            False,
        ),
        c("backburner.practise", NoArguments, "Practise", "Make a sample project to practise on, without a key."),
    )


COMMANDS: dict[str, CommandSpec] = {spec.name: spec for spec in _specs()}
