"""An agent that is a command line working in the tree: a formatter, a codemod, or another coding agent's headless mode.

Its changes are what it leaves in the files; the end of its output is the report. It runs in our sandbox without network,
unless it brings its own network and sandbox (`network`) and the person confirmed that once; then it runs in the bare tree.
"""

from __future__ import annotations

import re
import shlex

from backburner.agent.base import Brief, Failed, Report
from backburner.agent.brief import where
from backburner.agent.draft import Draft
from backburner.agent.output import shown
from backburner.agent.permitted import permitted, program_of
from backburner.agent.results import assembled
from backburner.agent.shell import Shell
from backburner.lib.clock import Clock
from backburner.lib.log import SECRETS
from backburner.lib.process import Finished
from backburner.model.events import DirectionStated, TurnTaken
from backburner.model.result import Cause, Result
from backburner.model.transcript import Text, Turn
from backburner.workspace.tree import Workspace

REPORT = 6_000
"""Characters of output that the report holds."""


class CommandAgent:
    """A program in place of a model."""

    def __init__(self, shell: Shell | None, bare: Shell, clock: Clock, *, no_commands: str = "") -> None:
        """`bare`: without sandbox and with the person's whole environment, for what was confirmed to need that."""
        self._shell = shell
        self._bare = bare
        self._clock = clock
        self._no_commands = no_commands

    async def do(self, brief: Brief, workspace: Workspace, report: Report) -> Result:
        """Run the program to its end. Raises `Failed` when it cannot run, or fails and leaves no change."""
        spec = brief.spec
        program = program_of(spec)
        shell = permitted(spec, self._shell, self._bare, self._no_commands)
        argv = tuple(_filled(word, brief) for word in spec.agent.command)
        draft = Draft(brief, workspace, report, self._clock)
        await draft.begin()
        await draft.briefed((*brief.messages[-1:], f"$ {shlex.join(argv)}"))
        direction = SECRETS.redact(shlex.join((program, *argv[1:])))[:60]
        at = self._clock.now()
        await report.fact(DirectionStated(task=spec.task, run=spec.run, direction=direction, at=at))
        try:
            finished = await shell.work(argv, brief.limits.seconds)
        except FileNotFoundError as error:
            hidden = ", or the sandbox does not show its folder" if shell.level.name == "strict" else ""
            sentence = f"There is no program {program} on the PATH that the task was delegated with{hidden}."
            raise Failed(Cause(kind="command", sentence=sentence, who=program)) from error
        await draft.look()
        await self._tell(brief, report, finished)
        await draft.tell(())
        return _result(brief, program, finished, changed=await draft.differs())

    async def _tell(self, brief: Brief, report: Report, finished: Finished) -> None:
        """Its output is its turn. What another coding agent spent is not known."""
        spec = brief.spec
        cost = None if spec.agent.network else 0.0
        turn = Turn(parts=(Text(_tail(finished)),), stop="end", cost_usd=cost, model=spec.agent.name)
        await report.fact(TurnTaken(task=spec.task, run=spec.run, turn=turn, at=self._clock.now()))


def _result(brief: Brief, program: str, finished: Finished, *, changed: bool) -> Result:
    spec, tail = brief.spec, _tail(finished)
    last = next((line.strip() for line in reversed(tail.splitlines()) if line.strip()), "")
    if finished.timed_out:
        sentence = f"{program} did not end within {brief.limits.seconds / 60:.0f} minutes."
        raise Failed(Cause(kind="time", sentence=sentence, who=program))
    if finished.exit_code and not changed:
        sentence = f"{program} ended with exit code {finished.exit_code}" + (f": {last[:160]}" if last else "")
        raise Failed(Cause(kind="command", sentence=sentence.rstrip(".") + ".", who=program))
    ended = f"{program} changed the files" if changed else f"{program} changed nothing"
    if finished.exit_code:
        ended += f" and ended with exit code {finished.exit_code}"
    summary = last if spec.agent.network and last else f"{ended}."
    fence = "`" * max(3, 1 + max((len(ticks) for ticks in re.findall(r"`+", tail)), default=0))
    report = tail if spec.agent.network else f"{fence}\n{tail}\n{fence}" if tail else ""
    return assembled(spec, title=spec.instruction.strip().split("\n", 1)[0] or program, summary=summary, report=report)


def _filled(word: str, brief: Brief) -> str:
    spec = brief.spec
    instruction = spec.instruction.strip() or f"{spec.recipe} {spec.target.title}"
    if spec.opening is not None and spec.opening.text.strip():
        instruction = spec.opening.text.strip()
    values = {
        # A name that begins with a dash must not be taken for an option.
        "file": f"./{spec.target.path}" if spec.target.path.startswith("-") else spec.target.path,
        "line": str(spec.target.anchor.span.start_line + 1),
        "end_line": str(max(spec.target.anchor.span.end_line, spec.target.anchor.span.start_line + 1)),
        "instruction": instruction,
        "brief": f"{instruction}\n\nTarget: {where(spec.target)}. Change only what this needs. You are unattended.",
    }
    return re.sub(r"\{(file|line|end_line|instruction|brief)\}", lambda match: values[match[1]], word)


def _tail(finished: Finished) -> str:
    output = (finished.stdout + finished.stderr).decode("utf-8", "replace")
    return shown(output, 10 * REPORT)[-REPORT:].strip()
