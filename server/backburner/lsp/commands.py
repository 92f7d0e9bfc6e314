"""`workspace/executeCommand`: which function does which command. Names, arguments and titles are in `model/commands.py`.

Each function is plain, takes the session and a checked argument, and returns the answer or what is to be awaited for it.
What the person sees is frozen before anything is awaited.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from backburner.lsp import agents, delegate, looking, proposal, setup, steering, undoing, verdicts
from backburner.lsp.session import Session
from backburner.lsp.transport import Server
from backburner.model.commands import COMMANDS, PlaceArguments

Handler = Callable[[Session, Any], Any]


def instruction(session: Session, argument: PlaceArguments) -> Awaitable[dict[str, Any]]:
    return session.letters.instruction(argument)


HANDLERS: Mapping[str, Handler] = {
    "delegate": delegate.delegate,
    "again": delegate.again,
    "instruction": instruction,
    "places": delegate.places,
    "search": delegate.search,
    "actions": delegate.actions_here,
    "read": looking.read,
    "draft": looking.draft,
    "diff": looking.diff_text,
    "proposal": proposal.proposal,
    "accept": verdicts.accept,
    "acceptRest": verdicts.accept_rest,
    "reject": verdicts.reject,
    "dismiss": verdicts.dismiss,
    "undo": undoing.undo,
    "reply": steering.reply,
    "steer": steering.steer,
    "answer": steering.answer,
    "retry": steering.retry,
    "refit": steering.refit,
    "continue": steering.go_on,
    "stop": steering.stop,
    "startAnyway": steering.start_anyway,
    "after": steering.after,
    "raise": steering.raise_limit,
    "next": looking.next_result,
    "list": looking.list_tasks,
    "show": looking.show,
    "wait": looking.wait,
    "today": looking.today,
    "trust": setup.trust,
    "doctor": setup.doctor,
    "setKey": agents.set_key,
    "useOllama": agents.use_ollama,
    "allow": agents.allow,
    "practise": setup.practise,
}
"""By the command's name without `backburner.`."""


def register(server: Server, session: Session) -> None:
    for name, spec in COMMANDS.items():
        handler = HANDLERS[name.removeprefix("backburner.")]
        server.add_command(name, spec.arguments, partial(handler, session))


async def run(session: Session, name: str, argument: Mapping[str, Any]) -> Any:
    """A command by its short name, as if the client had sent it."""
    spec = COMMANDS[f"backburner.{name}"]
    result = HANDLERS[name](session, msgspec.convert(dict(argument), spec.arguments))
    return await result if inspect.isawaitable(result) else result
