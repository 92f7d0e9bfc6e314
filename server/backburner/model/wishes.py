"""What a person can wish, through an editor or the command line (commands: imperatives), and how a wish is refused.

Part of the closed vocabulary of `events.py`, which shows these names too. What a command means is in `decide.py`.
"""

from __future__ import annotations

from msgspec import Struct

from backburner.model.result import Result
from backburner.model.task import Accepted, Judgement, Opening, Pace, Target, When


class NewTask(Struct, frozen=True, kw_only=True):
    """One target for one agent, as `Delegate` carries it."""

    target: Target
    agent: str
    effort: str = ""


class Delegate(Struct, frozen=True, kw_only=True, tag=True):
    recipe: str
    instruction: str
    new: tuple[NewTask, ...]
    when: When = "now"
    pace: Pace = "run"
    budget_usd: float | None = None
    after: int | None = None
    environment: str = ""
    attempts: bool = False
    """Several agents on one target, in place of one agent on several targets."""


class Steer(Struct, frozen=True, kw_only=True, tag=True):
    task: int
    note: str


class GiveAnswer(Struct, frozen=True, kw_only=True, tag=True):
    task: int
    answer: str
    by_default: bool = False


class Cancel(Struct, frozen=True, kw_only=True, tag=True):
    task: int
    keep: bool = False
    """Stop and keep: a running task ends now, and its draft becomes its result."""


class Look(Struct, frozen=True, kw_only=True, tag=True):
    """The result was opened."""

    task: int


class BeginAccept(Struct, frozen=True, kw_only=True, tag=True):
    task: int
    items: tuple[str, ...]
    path: str
    before_id: str | None
    after_id: str | None


class DropAccept(Struct, frozen=True, kw_only=True, tag=True):
    task: int
    path: str
    reason: str


class Judge(Struct, frozen=True, kw_only=True, tag=True):
    """A verdict. With `accepted` it closes the open accept of that path."""

    task: int
    items: tuple[str, ...]
    """Empty: everything still open."""
    verdict: Judgement
    accepted: Accepted | None = None


class TakeBack(Struct, frozen=True, kw_only=True, tag=True):
    task: int
    items: tuple[str, ...] = ()


class Dismiss(Struct, frozen=True, kw_only=True, tag=True):
    task: int
    items: tuple[str, ...] = ()


class Requeue(Struct, frozen=True, kw_only=True, tag=True):
    task: int
    opening: Opening
    agent: str = ""
    effort: str = ""
    environment: str = ""


class RenamePath(Struct, frozen=True, kw_only=True, tag=True):
    old: str
    new: str
    tasks: tuple[int, ...] = ()
    """Only these; empty: all that speak about it."""


class Waive(Struct, frozen=True, kw_only=True, tag=True):
    task: int
    rule: str


class SetOrder(Struct, frozen=True, kw_only=True, tag=True):
    task: int
    after: int | None


class RaiseBudget(Struct, frozen=True, kw_only=True, tag=True):
    task: int
    budget_usd: float
    day: str = ""


class EditProposal(Struct, frozen=True, kw_only=True, tag=True):
    task: int
    result: Result


Command = (
    Delegate
    | Steer
    | GiveAnswer
    | Cancel
    | Look
    | BeginAccept
    | DropAccept
    | Judge
    | TakeBack
    | Dismiss
    | Requeue
    | RenamePath
    | Waive
    | SetOrder
    | RaiseBudget
    | EditProposal
)


class Refusal(Struct, frozen=True, kw_only=True):
    """Why a command is not done: nothing happened."""

    reason: str
    """A name for programs: `unknown_task`, `already_decided`, `conflict`, `stale`, `cycle`, `budget`, `busy` ..."""
    sentence: str
    """For the person, with the next step."""
