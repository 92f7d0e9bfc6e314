"""Commands that make an agent usable: how to hand over a key, whether Ollama answers, a program that may run."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable
from typing import Any

from lsprotocol import types

from backburner.engine.agents import rows
from backburner.lsp.session import Session
from backburner.lsp.transport import Refusal
from backburner.model.catalog import AgentSpec, resolve, shipped
from backburner.model.commands import AllowArguments, KeyArguments, NoArguments
from backburner.store import paths
from backburner.store.allow import CannotWrite, allow_program

Answer = Awaitable[dict[str, Any]]


def set_key(session: Session, argument: KeyArguments) -> Answer:
    """Which variable holds the key, and the ways to hand it over: `{agent, variable, keys: [{title, variable}], text}`.

    `variable` is empty where no agent was named: then any of `keys` will do. Clients that can keep a key ask for it
    themselves; the others are shown the text.
    """

    async def later() -> dict[str, Any]:
        agent, variable = await _wanted(session, argument)
        text = key_text(agent, variable)
        await session.letters.text("key.md", text, "How to hand over a key:")
        return {"agent": agent, "variable": variable, "keys": keys(), "text": text}

    return later()


def keys() -> list[dict[str, str]]:
    """The keys that are looked for when no agent is named, in their order."""
    catalog = shipped()
    endpoints = [catalog.endpoints[catalog.agents[name].provider] for name in catalog.first.keys]
    return [{"title": endpoint.title, "variable": endpoint.key_env} for endpoint in endpoints]


async def _wanted(session: Session, argument: KeyArguments) -> tuple[str, str]:
    """The agent of a task and the variable of its key; both empty for a task that takes the first that is found."""
    if not argument.task:
        return "", ""
    engine = await session.engine_of_task(argument.task, argument.uri)
    task = engine.state.tasks[argument.task]
    name = task.agent or engine.agents.first(task.environment) or ""
    spec = resolve(name, rows(engine.settings), {}) if name else None
    return (name, spec.key_env) if isinstance(spec, AgentSpec) else ("", "")


def key_text(agent: str, variable: str) -> str:
    """Markdown: the ways to hand over a key, outside of an editor that keeps keys itself."""
    names = [variable] if variable else [key["variable"] for key in keys()]
    head = f"Agent `{agent}` needs {variable}." if variable else f"Any one of these is enough: {', '.join(names)}."
    return "\n".join(
        (
            "# A key",
            "",
            f"{head} A key is kept in memory only: never in a log, a journal or a message of the editor.",
            "",
            f"- Where your editor starts: `export {names[0]}=…`, then start the editor again.",
            f"- In the keyring of this machine (Python's `keyring`): `keyring set backburner {names[0]}`.",
            f'- From a program: `key_command = "…"` under `[agents.{agent or "opus"}]` in `{paths.config_file()}`.',
            "",
        )
    )


def use_ollama(session: Session, argument: NoArguments) -> Answer:
    """Look whether Ollama answers, now: `{sentence}`. Refused with what to do when it does not."""

    async def later() -> dict[str, Any]:
        projects = session.editors.projects
        await projects.look_around(session.environment)
        catalog = shipped()
        model = catalog.agents["ollama"].model
        if "ollama" not in projects.shared.environments.reachable:
            variables = projects.shared.environments.variables(session.environment)
            endpoint = catalog.endpoints["ollama"]
            address = variables.get(endpoint.base_url_env, "") or endpoint.base_url
            raise Refusal(
                f"Ollama does not answer at {address}. Start it with `ollama serve`, get a model with "
                f"`ollama pull {model}`, then choose Use Ollama again.",
                "unreachable",
            )
        sentence = f"Ollama answers. Tasks for which no agent is named go to it ({model})."
        if not session.client.review:
            session.say(sentence, types.MessageType.Info)
        return {"sentence": sentence}

    return later()


def allow(session: Session, argument: AllowArguments) -> Answer:
    """Let an agent run that is a program with a network of its own: `{agent, path, sentence}`."""

    async def later() -> dict[str, Any]:
        projects = session.editors.projects
        spec = resolve(argument.agent, rows(projects.book.settings(session.roots.first())), os.environ)
        if not isinstance(spec, AgentSpec):
            raise Refusal(spec.sentence, "no_agent")
        if not (spec.command and spec.network):
            raise Refusal(f"{spec.name} needs no permission.", "bad_arguments")
        config = paths.config_file()
        try:
            await asyncio.to_thread(allow_program, config, spec.name)
        except (CannotWrite, OSError, UnicodeDecodeError) as error:
            raise Refusal(str(error), "refused") from error
        projects.workers.poke_all()
        return {"agent": spec.name, "path": str(config), "sentence": f"{spec.name} may run: {config} says so."}

    return later()
