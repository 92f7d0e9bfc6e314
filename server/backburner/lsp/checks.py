"""What works here and what to do next, for `doctor`: one row for each thing that a task needs."""

from __future__ import annotations

import os
import shlex
from typing import Any

from backburner import __version__
from backburner.engine.agents import Agents, rows
from backburner.lsp.session import Session
from backburner.lsp.transport import Refusal
from backburner.model.catalog import AgentSpec, check_agents, missing_key, resolve
from backburner.review.words import plural
from backburner.store import paths
from backburner.workspace.git import Git, GitFailed, NoGit
from backburner.workspace.programs import find_program
from backburner.workspace.sandbox import Level, probe

Row = dict[str, Any]
NO_BWRAP = (
    "Install bubblewrap (the program bwrap), or set sandbox.unsandboxed = true if you accept commands without it."
)
NO_NAMESPACES = (
    "Let bwrap make user namespaces (kernel.unprivileged_userns_clone = 1, or its AppArmor profile), or set "
    "sandbox.unsandboxed = true if you accept commands without it."
)


async def checks_of(session: Session) -> list[Row]:
    """Git, agents and keys, settings, the worker, the sandbox, this program."""
    found = [await _git()]
    root = session.roots.first()
    book = session.editors.projects.book
    loaded = book.loaded(root, session)
    found += _agents(session)
    for problem in (*loaded.problems, *check_agents(rows(loaded.settings))):
        found.append(
            row("broken", "settings", problem, f"Edit {paths.config_file()} or the project's backburner.toml.")
        )
    for waiting in loaded.untrusted:
        detail = f"{waiting.path} wants {', '.join(waiting.wants)}"
        found.append(row("warning", "trust", detail, "Look at it and approve it with: backburner trust"))
    for path in book.recipes(root).waiting() if root is not None else ():
        found.append(
            row(
                "warning",
                "trust",
                f"{path} is a recipe that is not used yet",
                f"Read and approve it with: backburner trust {shlex.quote(str(path))}",
            )
        )
    found.append(_worker(session))
    found.append(await _sandbox(session))
    if root is not None:
        try:
            engine = await session.engine(root)
            detail = f"{root}, {plural(len(engine.state.tasks), 'task')}"
            found.append(row("broken" if engine.trouble else "ok", "project", engine.trouble or detail))
        except Refusal as refusal:
            found.append(row("broken", "project", refusal.message))
    found.append(row("ok", "backburner", f"{__version__}, process {os.getpid()}, state in {paths.state_dir()}"))
    return found


def row(state: str, name: str, detail: str, following: str = "") -> Row:
    return {"state": state, "name": name, "detail": detail, "next": following}


async def _git() -> Row:
    try:
        return row("ok", "git", await Git.find().line("--version"))
    except NoGit:
        return row("broken", "git", "no git on PATH", "Install git 2.34 or newer.")
    except GitFailed as error:
        return row("broken", "git", str(error), "Install git again.")


def _agents(session: Session) -> list[Row]:
    projects = session.editors.projects
    root = session.roots.first()
    settings = projects.book.settings(root, session)
    environments = projects.shared.environments
    agents = Agents(root or paths.state_dir(), lambda: settings, environments)
    variables = environments.variables(session.environment)
    first = agents.first(session.environment)
    found: list[Row] = []
    if first is None:
        following = "Set a key such as ANTHROPIC_API_KEY, start Ollama, or practise without a key: backburner practise"
        found.append(row("warning", "agent", "No agent yet.", following))
    for name in dict.fromkeys(name for name in (first, *settings.agents) if name):
        spec = resolve(name, rows(settings), variables, effort=settings.effort)
        chosen = " (used when none is named)" if name == first else ""
        if not isinstance(spec, AgentSpec):
            found.append(row("broken", f"agent {name}", spec.sentence))
            continue
        cause = missing_key(spec, variables)
        if cause:
            found.append(row("warning", f"agent {name}", cause.sentence))
        elif spec.command and find_program(spec.command[0], variables.get("PATH", os.defpath)) is None:
            found.append(row("warning", f"agent {name}", f"There is no program {spec.command[0]} on your PATH."))
        else:
            found.append(row("ok", f"agent {name}", f"{_what(spec)}{chosen}"))
    return found


def _what(spec: AgentSpec) -> str:
    if spec.command:
        return " ".join(spec.command)
    return "plays a script, without key and network" if spec.wire == "scripted" else f"{spec.provider} {spec.model}"


def _worker(session: Session) -> Row:
    workers = session.editors.projects.workers
    hello = workers.hello
    if hello is not None and workers.is_up:
        return row("ok", "worker", f"process {hello.pid}")
    if workers.trouble:
        return row("broken", "worker", workers.trouble)
    return row("ok", "worker", "starts with the first task")


async def _sandbox(session: Session) -> Row:
    """At which level agents' commands run here. Probed as a worker does it, so that no task is needed to know."""
    projects = session.editors.projects
    wanted = projects.book.settings(session.roots.first()).sandbox
    hello = projects.workers.hello
    if hello is None:
        level = await probe()
    else:
        level = Level("strict" if hello.sandbox == "strict" else "none", hello.sandbox_note)
    if not wanted.commands:
        return row("ok", "sandbox", "not needed: commands are turned off (sandbox.commands = false)")
    if level.name != "none":
        detail = f"{level.name}: commands run in bubblewrap, without network, in the agent's copy of the project"
        return row("ok", "sandbox", f"{detail}; {level.note}" if level.note else detail)
    if wanted.unsandboxed:
        detail = f"none: {level.note}. Commands run with your rights and with network (sandbox.unsandboxed = true)"
    else:
        detail = f"none: {level.note}. Agents run no commands, and no check is run on their results"
    return row("warning", "sandbox", detail, NO_BWRAP if "not installed" in level.note else NO_NAMESPACES)
