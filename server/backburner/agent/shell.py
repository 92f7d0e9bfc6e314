"""Commands in real files: the agent's `run`, our check, and agents that are a program.

The tree is laid out when the first command runs. Commands of one run follow each other; over all runs of a worker a gate
limits how many run at once. What a command gets to see of the environment is on a list; keys are not.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated

from msgspec import Meta, Struct

from backburner.agent.base import ToolProblem
from backburner.agent.output import CAP, shown
from backburner.lib.process import Finished
from backburner.model.wire import Isolation
from backburner.workspace.checkout import Checkout, materialise
from backburner.workspace.sandbox import Level, SandboxFailed, run_command
from backburner.workspace.tree import Workspace

PASSED_ON = (
    *("PATH", "VIRTUAL_ENV", "CONDA_PREFIX", "NODE_PATH", "JAVA_HOME", "GOPATH", "GOROOT", "RUSTUP_HOME", "CARGO_HOME"),
    *("LANG", "LC_ALL", "LC_CTYPE", "TZ", "PYTHONPATH", "NVM_DIR", "PYENV_ROOT"),
)
QUIET = {
    "CI": "1",
    "TERM": "dumb",
    "NO_COLOR": "1",
    "PAGER": "cat",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
    "PIP_PROGRESS_BAR": "off",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
}
OUTPUT_BYTES = 400_000


def for_commands(variables: Mapping[str, str]) -> dict[str, str]:
    """What a command of an agent sees of the environment that a task was delegated from."""
    return {name: variables[name] for name in PASSED_ON if name in variables} | QUIET


def everything(variables: Mapping[str, str]) -> dict[str, str]:
    """What a program sees that brings its own network and sandbox and has to log in by itself; keys are among it."""
    own = {name: os.environ[name] for name in ("HOME", "USER", "LOGNAME", "SHELL") if name in os.environ}
    return own | dict(variables)


class Shell:
    """Runs commands in the files of one workspace."""

    def __init__(
        self,
        workspace: Workspace,
        level: Level,
        isolation: Isolation,
        environment: Mapping[str, str],
        gate: asyncio.Semaphore,
    ) -> None:
        self.level = level
        self.isolation = isolation
        self.environment = environment
        self._workspace = workspace
        self._gate = gate
        self._one_at_a_time = asyncio.Lock()

    async def run(self, command: str | tuple[str, ...], timeout_s: float) -> Finished:
        """Run a command (a string: by `sh`) in the tree and take its changes into the workspace."""
        async with self._one_at_a_time, self._gate:
            checkout = await materialise(self._workspace)
            finished = await self._run(checkout, command, timeout_s)
            await checkout.collect()
            if self.level.name == "strict":
                # Without a sandbox something may still run in there.
                checkout.leave()
            return finished

    async def try_out(self, command: str, timeout_s: float) -> Finished:
        """Run a command and leave the workspace as it is, whatever the command changed."""
        async with self._one_at_a_time, self._gate:
            checkout = await materialise(self._workspace)
            return await self._run(checkout, command, timeout_s)

    async def work(self, command: tuple[str, ...], timeout_s: float) -> Finished:
        """Run a program that is the agent itself: what it changed counts, also when it is stopped in the middle.

        The person named it, so its folder may be seen in the sandbox although it is not on their PATH.
        """
        async with self.files() as checkout, self._gate:
            return await self._run(checkout, command, timeout_s, _with_folder(self.environment, command[0]))

    @asynccontextmanager
    async def files(self) -> AsyncGenerator[Checkout]:
        """The tree itself, for a program that works in it as long as the block lasts; its changes count at the end."""
        async with self._one_at_a_time:
            checkout = await materialise(self._workspace)
            checkout.ran = True
            try:
                yield checkout
            finally:
                await checkout.collect()

    async def _run(
        self,
        checkout: Checkout,
        command: str | tuple[str, ...],
        timeout_s: float,
        environment: Mapping[str, str] | None = None,
    ) -> Finished:
        return await run_command(
            checkout,
            ("sh", "-c", f"exec 2>&1\n{command}") if isinstance(command, str) else command,
            root=self._workspace.root,
            timeout_s=timeout_s,
            env=self.environment if environment is None else environment,
            output_cap=OUTPUT_BYTES,
            level=self.level,
        )


def _with_folder(environment: Mapping[str, str], program: str) -> Mapping[str, str]:
    if not os.path.isabs(program):
        return environment
    return {**environment, "PATH": f"{environment.get('PATH', os.defpath)}{os.pathsep}{os.path.dirname(program)}"}


class RunArguments(Struct, frozen=True, forbid_unknown_fields=True):
    command: Annotated[str, Meta(description="A command line for `sh`, run in the project's folder. Without network.")]
    timeout_s: Annotated[float | None, Meta(description="Seconds after which it is killed. Null: the usual limit.")] = (
        None
    )


async def run(shell: Shell | None, arguments: RunArguments) -> str:
    """Exit code and output of a command."""
    if shell is None:
        raise ToolProblem("No command can run here.")
    if not arguments.command.strip():
        raise ToolProblem("`command` is empty.")
    longest = shell.isolation.command_timeout_s
    try:
        finished = await shell.run(arguments.command, min(arguments.timeout_s or longest, longest))
    except SandboxFailed as error:
        raise ToolProblem(f"The command was not run: {error}.") from error
    return outcome(finished, longest)


def outcome(finished: Finished, longest: float) -> str:
    """How a command ended, for the agent."""
    text = shown((finished.stdout + finished.stderr).decode("utf-8", "replace"), CAP - 200).rstrip()
    ended = f"exit code {finished.exit_code}"
    if finished.timed_out:
        ended = f"killed: it did not end in time (at most {longest:g} seconds)"
    return f"{text}\n[{ended}]" if text else f"[{ended}, no output]"
