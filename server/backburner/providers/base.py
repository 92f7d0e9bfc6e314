"""What every model looks like, and everything that can go wrong with one.

A `Model` takes a conversation and gives a stream: `Delta`s for whoever watches, and at the end exactly one `Turn`. It
keeps nothing between turns. What goes wrong is one of these, each with a name because somebody treats it differently:

    ProviderError
    ├── Final                 asking again would not help
    │   ├── BadKey            the key was refused
    │   ├── NoKey             there is no key
    │   │   └── KeyCommandFailed  the program that prints it did not
    │   ├── NoModel           the provider does not know the model
    │   ├── TooLong           the conversation does not fit
    │   ├── Refused           the provider will not answer this
    │   ├── SpendLimit        the account is out of money or over its limit
    │   └── Rejected          the provider finds the request wrong
    └── Passing               the throttle tries again, `attempts` times in all
        ├── Limited           too many requests; `retry_after_s` when the provider says so
        ├── Overloaded        the provider has trouble
        ├── Broken            no connection, or it broke
        ├── Stalled           not one byte for `TurnSettings.stall_s`
        └── BadAnswer         bytes that are no answer of a model

No sentence here ever holds a key: details are redacted and cut before they are kept.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import ClassVar, Literal, Protocol

from msgspec import Struct

from backburner.lib.log import SECRETS
from backburner.model.result import Cause, CauseKind
from backburner.model.task import When
from backburner.model.transcript import Conversation, Turn


class Delta(Struct, frozen=True):
    """A piece of an answer that is being written. May be lost; only the `Turn` counts."""

    text: str
    kind: Literal["text", "thinking", "call", "again"] = "text"
    """`call`: a piece of a tool call's arguments. `again`: what was streamed so far is void, the turn starts over."""


class Awaited(Struct, frozen=True):
    """The provider has taken the request and makes the answer in its own time. To be kept before anybody waits on."""

    id: str
    """What the answer is asked after by; empty: it will not come, and it is asked for again."""


Streamed = Delta | Awaited | Turn


class TurnSettings(Struct, frozen=True, kw_only=True):
    """How one turn is to be taken."""

    effort: str = ""
    """Empty: the agent's."""
    max_output_tokens: int = 0
    """0: the agent's."""
    stall_s: float = 900.0
    """No byte at all for so long is a stall. Any byte counts as life, a ping too: long quiet thinking is not a stall."""
    when: When = "now"
    """A later window asks for the provider's cheaper background mode, where it has one."""
    awaited: str = ""
    """The id of an answer that was asked for before (`Awaited`): it is asked after, in place of asking anew."""
    run: str = ""
    """Id of the run that asks (`12.2`): its place in the queue of a crowded provider, and its name in a pause."""
    longest_wait_s: float = 6 * 3600.0
    """A pause of the provider that would last longer ends the turn with `Limited`."""


class Model(Protocol):
    """One model behind one endpoint."""

    def turn(self, conversation: Conversation, settings: TurnSettings) -> AsyncGenerator[Streamed, None]:
        """Ask for the next turn. The last item is the `Turn`. Raises `ProviderError`.

        Closing the generator or cancelling its consumer ends the request, but for an answer that is awaited.
        """
        ...

    async def give_up(self, awaited: str) -> None:
        """Tell the provider that nobody wants an awaited answer any more. Never raises for what the provider says."""
        ...

    async def aclose(self) -> None: ...


async def collect(stream: AsyncGenerator[Streamed, None]) -> Turn:
    """The turn at the end of a stream, for callers that do not watch."""
    turn: Turn | None = None
    async with aclosing(stream) as items:
        async for item in items:
            if isinstance(item, Turn):
                turn = item
    if turn is None:
        raise BadAnswer("The model", "the stream ended without a turn")
    return turn


class ProviderError(Exception):
    """What went wrong with a turn. `who` is the provider's name for people; `detail` is redacted, one line, short."""

    kind: ClassVar[CauseKind] = "internal"
    attempts: ClassVar[int] = 1
    """How often a turn is tried in all before this error goes up."""

    def __init__(self, who: str, detail: str = "", *, retry_after_s: float | None = None) -> None:
        self.who = who
        self.detail = one_line(detail)
        self.retry_after_s = retry_after_s
        """Seconds after which the provider wants to be asked again; None: it did not say."""
        self.tries = 1
        """How often it was tried; set by the throttle."""
        super().__init__(who, detail)

    def __str__(self) -> str:
        return self.sentence

    @property
    def sentence(self) -> str:
        return f"{self.who}: {self.detail}." if self.detail else f"{self.who} failed."

    def cause(self) -> Cause:
        """The same for a task: kind, one sentence, who."""
        return Cause(kind=self.kind, sentence=self.sentence, who=self.who)

    def _with_detail(self, sentence: str) -> str:
        return f"{sentence}: {self.detail}." if self.detail else f"{sentence}."

    @property
    def _tried(self) -> str:
        return f" (tried {self.tries} times)" if self.tries > 1 else ""


class Final(ProviderError):
    """Asking again would not help."""


class BadKey(Final):
    kind = "bad_key"

    @property
    def sentence(self) -> str:
        return self._with_detail(f"{self.who} refused the key")


class NoKey(Final):
    """`detail` is the name of the variable that would hold the key."""

    kind = "no_key"

    @property
    def sentence(self) -> str:
        return f"{self.who} needs {self.detail or 'a key'}: open an editor that has it, or set key_command."


class KeyCommandFailed(NoKey):
    """`detail` says how it failed, as a clause."""

    @property
    def sentence(self) -> str:
        return f"{self.who} has no key: its key_command {self.detail}."


class NoModel(Final):
    """`detail` is the model's name."""

    kind = "no_model"

    @property
    def sentence(self) -> str:
        return f"{self.who} does not know the model {self.detail or 'that was asked for'}."


class TooLong(Final):
    kind = "too_long"

    @property
    def sentence(self) -> str:
        return f"The conversation is too long for {self.who}."


class Refused(Final):
    kind = "refused"

    @property
    def sentence(self) -> str:
        return self._with_detail(f"{self.who} refused to answer")


class SpendLimit(Final):
    kind = "credit"

    @property
    def sentence(self) -> str:
        return f"{self.who} says that the spend limit or credit of this key is used up."


class Rejected(Final):
    kind = "rejected"

    @property
    def sentence(self) -> str:
        return self._with_detail(f"{self.who} did not accept the request")


class Passing(ProviderError):
    """May go by itself; tried again."""

    attempts = 6


class Limited(Passing):
    kind = "limited"

    @property
    def sentence(self) -> str:
        return f"{self.who} limits this key{self._tried}; try again later."


class Overloaded(Passing):
    kind = "overloaded"

    @property
    def sentence(self) -> str:
        return self._with_detail(f"{self.who} has trouble{self._tried}")


class Broken(Passing):
    kind = "connection"

    @property
    def sentence(self) -> str:
        return self._with_detail(f"The connection to {self.who} broke{self._tried}")


class Stalled(Passing):
    """`detail` says for how long."""

    kind = "stalled"
    attempts = 3

    @property
    def sentence(self) -> str:
        return f"{self.who} sent nothing for {self.detail or 'too long'}{self._tried}."


class BadAnswer(Passing):
    kind = "bad_answer"
    attempts = 3

    @property
    def sentence(self) -> str:
        return self._with_detail(f"{self.who} sent something that is no answer of a model{self._tried}")


def one_line(text: str, limit: int = 200) -> str:
    """Redacted, without line ends and final full stop, at most `limit` characters."""
    line = " ".join(SECRETS.redact(text).split()).rstrip(".")
    return line if len(line) <= limit else line[: limit - 1] + "…"


def duration(seconds: float) -> str:
    """`45 s`, `15 min`, `2 h`."""
    if seconds < 120:
        return f"{seconds:g} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
