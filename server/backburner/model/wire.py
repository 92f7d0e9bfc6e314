"""What daemon and worker say to each other: two closed unions and the link that carries them.

Down go orders, up come numbered facts (the next one only after the `Ack` of the one before) and remarks that may be lost.
The link is a pipe between two processes, or a pair of queues when everything runs in one (`lsp --alone`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec
from msgspec import Struct

from backburner.model.catalog import AgentSpec
from backburner.model.events import Event
from backburner.model.result import Changed, Proposal, Result
from backburner.model.task import Answer, Opening, Pace, Snapshot, Target, When
from backburner.model.transcript import Conversation

VERSION = 1


class Limits(Struct, frozen=True, kw_only=True):
    """Where a run ends by itself. Checked before a model is asked, not after."""

    turns: int = 120
    usd: float | None = 2.0
    spent_usd: float = 0.0
    """Already spent by earlier runs of the task."""
    tokens: int = 20_000_000
    """Input and output together, for models without a known price."""
    seconds: float = 7200.0


class Isolation(Struct, frozen=True, kw_only=True):
    """How commands of the agent run."""

    commands: bool = True
    """False: no commands at all."""
    unsandboxed: bool = False
    """The person allowed running without a sandbox where none works."""
    command_timeout_s: float = 120.0
    check: str = ""
    """Command line that proves the work; empty: none is known."""
    check_timeout_s: float = 600.0
    at_once: int = 0
    """Commands at once over all runs of a worker; 0: twice the cores."""
    own_network: bool = False
    """The person confirmed once that this agent's program may run with its own network and its own sandbox."""


class RunSpec(Struct, frozen=True, kw_only=True):
    """Everything a worker needs to do a run; it reads nothing of the person's folder but through the snapshot."""

    task: int
    run: str
    root: str
    """The person's project folder, absolute; the tree is mounted there inside the sandbox."""
    shadow: str
    """The shadow repository."""
    trees: str
    """Folder for materialised workspaces."""
    snapshot: Snapshot
    target: Target
    recipe: str
    recipe_body: str = ""
    """The recipe file's text, where the person or an approved project overrides the shipped one."""
    instruction: str
    agent: AgentSpec
    environment: str = ""
    pace: Pace = "run"
    when: When = "now"
    due: float = 0.0
    """When its time is over: a cheaper window that would end later is not asked for. 0: nothing is promised."""
    limits: Limits = Limits()
    isolation: Isolation = Isolation()
    conversation: Conversation | None = None
    """The transcript so far; None in a task's first run."""
    changes: tuple[Changed, ...] = ()
    """The workspace after the last `ToolsDone`."""
    opening: Opening | None = None
    previous: Result | None = None
    """The result that a reply, refit or continue goes on from."""
    accepted_items: tuple[str, ...] = ()
    rejected_items: tuple[str, ...] = ()
    answer: Answer | None = None
    notes: tuple[str, ...] = ()
    """Steering notes that were given before it started."""
    question_s: float = 600.0
    """How long a question stands before its default is taken."""


# Down: daemon to worker.


class Environment(Struct, frozen=True, kw_only=True, tag=True):
    """An editor's allow-listed variables and keys, held in memory only."""

    id: str
    variables: Mapping[str, str]


class StartRun(Struct, frozen=True, kw_only=True, tag=True):
    spec: RunSpec


class CancelRun(Struct, frozen=True, kw_only=True, tag=True):
    run: str
    task: int
    root: str
    keep: bool = False
    """Finish now with the draft as the result."""


class SteerRun(Struct, frozen=True, kw_only=True, tag=True):
    run: str
    root: str
    note: str


class WantDraft(Struct, frozen=True, kw_only=True, tag=True):
    """Asks for the changes so far; answered by `Draft`."""

    run: str
    root: str
    request: int


class Watch(Struct, frozen=True, kw_only=True, tag=True):
    run: str
    root: str
    on: bool


class LiveTexts(Struct, frozen=True, kw_only=True, tag=True):
    """The answer to `WantLiveTexts`: for each path the text as the person has it now; None: the file is gone."""

    run: str
    root: str
    texts: Mapping[str, str | None]


class Ack(Struct, frozen=True, kw_only=True, tag=True):
    """Fact `n` of the run is durable."""

    run: str
    root: str
    n: int


class Shutdown(Struct, frozen=True, tag=True):
    pass


Down = Environment | StartRun | CancelRun | SteerRun | WantDraft | Watch | LiveTexts | Ack | Shutdown


# Up: worker to daemon.


class Hello(Struct, frozen=True, kw_only=True, tag=True):
    version: int
    program: str
    """Version of the package."""
    pid: int
    sandbox: str = ""
    """The level that was probed: `strict` or `none`."""
    sandbox_note: str = ""


class Fact(Struct, frozen=True, kw_only=True, tag=True):
    """Something that must be durable before the run goes on."""

    run: str
    root: str
    n: int
    event: Event


class Progress(Struct, frozen=True, kw_only=True, tag=True):
    """For who watches: what the model is writing now. The latest counts; may be lost."""

    run: str
    root: str
    text: str = ""
    output_tokens: int = 0


class Paused(Struct, frozen=True, kw_only=True, tag=True):
    """A provider's limit holds back every run of a pool until then."""

    pool: str
    who: str
    until: float
    runs: tuple[str, ...] = ()


class Draft(Struct, frozen=True, kw_only=True, tag=True):
    run: str
    root: str
    request: int
    proposal: Proposal
    error: str = ""


class WantLiveTexts(Struct, frozen=True, kw_only=True, tag=True):
    """The run is about to finish and merges with what the person has now (late refit)."""

    run: str
    root: str
    task: int
    paths: tuple[str, ...]


class RunEnded(Struct, frozen=True, kw_only=True, tag=True):
    """The run's coroutine is gone and its tree is cleaned up."""

    run: str
    root: str


class Heartbeat(Struct, frozen=True, kw_only=True, tag=True):
    at: float


Up = Hello | Fact | Progress | Paused | Draft | WantLiveTexts | RunEnded | Heartbeat


class Link(Protocol):
    """One end of the connection between daemon and worker."""

    async def send(self, message: Down | Up) -> None:
        """Hand over a message; waits while the other side is behind."""
        ...

    async def receive(self) -> Down | Up | None:
        """The next message; None when the other side is gone."""
        ...

    def close(self) -> None: ...


_encoder = msgspec.msgpack.Encoder()
_down = msgspec.msgpack.Decoder(Down)
_up = msgspec.msgpack.Decoder(Up)


def encode(message: Down | Up) -> bytes:
    return _encoder.encode(message)


def decode_down(data: bytes) -> Down:
    return _down.decode(data)


def decode_up(data: bytes) -> Up:
    return _up.decode(data)
