"""What every agent looks like, what it is given, and what bends or ends its loop.

An `Agent` works on a `Workspace` until it has a result. It never makes a proposal, runs no check of ours and keeps
nothing: `worker/run.py` does that around it. What is not an ordinary answer is one of these:

    Bend                      the model is told and goes on
    └── ToolProblem           a tool cannot do what was asked
        └── FormatProblem     the arguments are not what the tool takes
    Ending                    the agent is done for now
    ├── Finished(result)      by `finish`
    └── Asking(question)      by `ask`: the run ends, the answer begins the next one
    Halt(cause)               it cannot go on; what it has so far may still be worth reading
    ├── LimitReached          turns, money, tokens, time, or going in circles
    ├── Refused               the model will not do it
    └── Failed                an agent that is a program ended badly
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from backburner.agent.recipes import Recipe
from backburner.model.events import RunFact
from backburner.model.result import Cause, Changed, Result
from backburner.model.task import Question
from backburner.model.transcript import Conversation, ToolSpec, Usage
from backburner.model.wire import Limits, RunSpec
from backburner.workspace.tree import Workspace


class Bend(Exception):
    """Its text goes to the model."""


class ToolProblem(Bend):
    """A tool cannot do what was asked; the text says what failed and what nearly worked."""


class FormatProblem(ToolProblem):
    """The arguments of a call are not what the tool takes; the text quotes them."""


class Ending(Exception):
    """The agent is done for now."""


class Finished(Ending):
    def __init__(self, result: Result) -> None:
        self.result = result
        super().__init__(result.summary)


class Asking(Ending):
    def __init__(self, question: Question) -> None:
        self.question = question
        super().__init__(question.sentence)


class Halt(Exception):
    """The agent cannot go on. `cause` is the sentence for the person."""

    def __init__(self, cause: Cause) -> None:
        self.cause = cause
        super().__init__(cause.sentence)


class LimitReached(Halt):
    """Turns, money, tokens, time, or the same call over and over."""


class Refused(Halt):
    """The model will not do it."""


class Failed(Halt):
    """An agent that is a program ended badly."""


@dataclass(frozen=True)
class Brief:
    """What an agent is given, beside the workspace."""

    spec: RunSpec
    recipe: Recipe
    limits: Limits
    system: str = ""
    """Empty: the conversation goes on, with the system prompt and tools that it has."""
    tools: tuple[ToolSpec, ...] = ()
    messages: tuple[str, ...] = ()
    """What is said first; empty when a run resumes where its transcript ends."""
    changes: tuple[Changed, ...] | None = None
    """The workspace it begins with, where that is not the one of the run before."""


class Report(Protocol):
    """Where a run's facts go, and what it hears while it works."""

    @property
    def conversation(self) -> Conversation | None:
        """The fold of the task's facts, those reported here included."""
        ...

    @property
    def spent(self) -> Spent:
        """What this run used so far."""
        ...

    async def fact(self, event: RunFact) -> None:
        """Returns when the fact is durable."""
        ...

    async def progress(self, text: str, output_tokens: int) -> None:
        """What is being written now, for whoever watches; may be lost."""
        ...

    def take_notes(self) -> tuple[str, ...]:
        """Notes of the person that nobody has taken yet."""
        ...


@dataclass
class Spent:
    """The usage of one run so far. Money of turns without a known price is not in `usd`."""

    turns: int = 0
    usage: Usage = field(default_factory=Usage)
    usd: float = 0.0


class Agent(Protocol):
    async def do(self, brief: Brief, workspace: Workspace, report: Report) -> Result:
        """Work until there is a result, whose proposal, checks and risks are still empty.

        Raises `Asking`, `Halt` and what its provider raises.
        """
        ...
