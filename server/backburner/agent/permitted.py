"""Whether an agent that is a program may run here: in our sandbox, or bare when it was confirmed to bring its own."""

from __future__ import annotations

from pathlib import PurePath

from backburner.agent.base import Failed
from backburner.agent.shell import Shell
from backburner.model.result import Cause
from backburner.model.wire import RunSpec


def program_of(spec: RunSpec) -> str:
    """The program's name for people."""
    return PurePath(spec.agent.command[0]).name if spec.agent.command else spec.agent.name


def permitted(spec: RunSpec, sandboxed: Shell | None, bare: Shell, why_not: str) -> Shell:
    """Where the agent's program runs. Raises `Failed` with the next step."""
    program = program_of(spec)
    if not spec.agent.command:
        raise Failed(Cause(kind="command", sentence=f"The agent {spec.agent.name} has no command.", who=program))
    if spec.agent.network:
        if not spec.isolation.own_network:
            sentence = f"{program} brings its own network and sandbox: confirm once that it may run."
            raise Failed(Cause(kind="sandbox", sentence=sentence, who=program))
        return bare
    if sandboxed is None:
        sentence = f"{program} cannot run here: {why_not or 'no sandbox works'}."
        raise Failed(Cause(kind="sandbox", sentence=sentence, who=program))
    return sandboxed
