"""From the name of an agent to what a run is given, or to the reason why it cannot start."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from backburner.engine.environments import Environments
from backburner.engine.schedule import Trouble
from backburner.model.catalog import AgentSpec, first_found, first_with_key, missing_key, names, resolve, shipped
from backburner.model.result import Cause
from backburner.model.settings import AgentTable, Settings
from backburner.model.task import Task
from backburner.workspace.programs import find_program

DISCOUNTS = {"2h": "30% off", "8h": "40% off"}


class Agents:
    """What the settings of one project and the environments of its editors make of an agent's name."""

    def __init__(self, root: Path, settings: Callable[[], Settings], environments: Environments) -> None:
        self._root = root
        self._settings = settings
        self._environments = environments
        self._resolved: dict[tuple[str, str, str], AgentSpec | Trouble] = {}
        self._resolved_of: tuple[Settings, int] | None = None

    def names(self) -> tuple[str, ...]:
        return names(rows(self._settings()))

    def first(self, environment: str = "") -> str | None:
        """The agent that works when none was named: the one in the settings, else the first that is found."""
        settings = self._settings()
        if settings.agent:
            return settings.agent
        variables = self._environments.variables(environment)
        path = variables.get("PATH", "")
        return first_found(
            variables,
            # Never a program that lies inside the project.
            lambda program: find_program(program, path, (self._root,)) is not None,
            handed=self._environments.handed(environment),
            keyring=self._environments.keyring,
            reachable=self._environments.reachable,
        )

    def quick(self, environment: str = "") -> str:
        """What `!quick` means where no setting says it: the first fast agent that has a key, else the first of them."""
        environments, names = self._environments, shipped().first.quick
        variables, handed = environments.variables(environment), environments.handed(environment)
        return first_with_key(names, variables, handed=handed, keyring=environments.keyring) or names[0]

    def resolve(self, task: Task, settings: Settings | None = None) -> AgentSpec | Trouble:
        """What the task's next run is given, or why it cannot start. `settings`: where the caller has looked already."""
        if settings is None:
            settings = self._settings()
        known = self._resolved_of
        if known is None or known[0] is not settings or known[1] != self._environments.revision:
            self._resolved_of = (settings, self._environments.revision)
            self._resolved.clear()
        place = (task.agent, task.effort, task.environment)
        if place not in self._resolved:
            self._resolved[place] = self._resolve(settings, *place)
        return self._resolved[place]

    def _resolve(self, settings: Settings, agent: str, effort: str, environment: str) -> AgentSpec | Trouble:
        name = agent or self.first(environment)
        if name is None:
            sentence = "No agent yet. Paste a key, use Ollama, or practise without a key."
            return Trouble(reason="no_agent", sentence=sentence, short="waits: no agent yet")
        variables = self._environments.variables(environment)
        spec = resolve(name, rows(settings), variables, effort=effort or settings.effort)
        if isinstance(spec, Cause) and spec.kind == "no_effort":
            return Trouble(reason="no_effort", sentence=spec.sentence, short="waits: unknown effort", agent=name)
        if isinstance(spec, Cause):
            return Trouble(reason="unknown_agent", sentence=spec.sentence, short=f"waits: no agent {name}")
        cause = missing_key(spec, variables, self._environments.keyring)
        if cause is not None:
            short = f"waits: needs {spec.key_env}"
            return Trouble(reason="no_key", sentence=cause.sentence, short=short, agent=name)
        if spec.command and spec.network and not self.confirmed(spec.name):
            sentence = (
                f"{spec.name} is a program with a network and a sandbox of its own. It runs once you let it, or write "
                f"`network = true` under `[agents.{spec.name}]` in your config.toml."
            )
            short = f"waits: may {spec.name} run?"
            return Trouble(reason="unconfirmed", sentence=sentence, short=short, agent=spec.name)
        return spec

    def effort_trouble(self, agent: str, effort: str, environment: str) -> str:
        """Why the agent cannot work with that effort; empty when it can."""
        found = self._resolve(self._settings(), agent, effort, environment)
        return found.sentence if isinstance(found, Trouble) and found.reason == "no_effort" else ""

    def confirmed(self, name: str) -> bool:
        """Whether the person's settings say that the agent's program may use a network and a sandbox of its own."""
        table = self._settings().agents.get(name)
        return table is not None and table.network


def discount(task: Task, spec: AgentSpec) -> str:
    """What the provider takes off because the task has time."""
    return DISCOUNTS.get(task.when, "") if spec.windows else ""


def rows(settings: Settings) -> dict[str, dict[str, Any]]:
    """The agents of the settings as the catalog reads them: what was not written is not there."""
    return {name: _row(table) for name, table in settings.agents.items()}


def _row(table: AgentTable) -> dict[str, Any]:
    defaults = AgentTable()
    row: dict[str, Any] = {
        field.name: getattr(table, field.name)
        for field in msgspec.structs.fields(AgentTable)
        if getattr(table, field.name) != getattr(defaults, field.name)
    }
    if isinstance(table.key_command, str) and table.key_command:
        row["key_command"] = tuple(shlex.split(table.key_command))
    if row.pop("acp", False):
        row["acp"] = row.pop("command", ())
    if table.script and table.provider in ("", "scripted"):
        row["provider"] = "script"
    if table.script and "\n" not in table.script:
        path = Path(table.script).expanduser()
        if path.is_file():
            row["script"] = path.read_text("utf-8", "replace")
    return row
