"""One run's life: workspace, brief, agent, late refit, check, result, clean-up.

Whatever goes wrong ends in one fact with one sentence: this is the run boundary. Only cancellation passes it, and then what
the run laid out is removed first. Never touches the person's files; everything goes through the workspace.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from msgspec.structs import replace

from backburner.agent.base import Agent, Asking, Brief
from backburner.agent.brief import first_message, system_prompt
from backburner.agent.checks import FAILS, beside, check, failures, hand_back, same_failure
from backburner.agent.command import CommandAgent
from backburner.agent.loop import ModelAgent
from backburner.agent.recipes import Recipe, load
from backburner.agent.results import assembled, findings, with_proposal
from backburner.agent.shell import Shell, everything, for_commands
from backburner.agent.tools import offered, specs
from backburner.lib.clock import Clock
from backburner.model.catalog import AgentSpec
from backburner.model.events import Asked, RunFact, RunFailed, RunFinished
from backburner.model.result import Check, Finding, Proposal, Result
from backburner.model.transcript import Message, ToolSpec
from backburner.model.wire import RunSpec
from backburner.providers.base import Model
from backburner.worker.causes import cause_of, innermost
from backburner.worker.rebase import rebase
from backburner.worker.refit import Refit, asked_paths, merge_live, merged_proposal
from backburner.worker.report import RunReport
from backburner.workspace.git import GitFailed, Lost
from backburner.workspace.sandbox import Level, SandboxFailed
from backburner.workspace.shadow import Shadow
from backburner.workspace.tree import Workspace

REFIT_TURNS = 6
CHECK_TURNS = 12
"""Turns that an agent gets for a check that fails on its result."""
CHECKS_KEPT = 32
"""Outcomes of checks on untouched files that a worker remembers."""
CLEAN_UP_S = 10.0
REBASING = ("reply", "refit", "continue")


@dataclass(frozen=True)
class Surroundings:
    """What a run finds in its process."""

    clock: Clock
    level: Level
    gate: asyncio.Semaphore
    """Commands at once."""
    starting: asyncio.Semaphore
    """Runs that are being set up at once: many starts must not stall those that work."""
    variables: Mapping[str, str]
    """Of the editor that the task was delegated from; keys among them."""
    model: ModelSource
    shadow: Callable[[Path, Path], Awaitable[Shadow]]
    """The shadow repository in a folder, seen from a root; shared by its runs."""
    checked: dict[tuple[str, str], tuple[Check, str]] = field(default_factory=dict[tuple[str, str], tuple[Check, str]])
    """By snapshot and command: what a check came to on files that no agent had changed, and its output."""


class ModelSource(Protocol):
    async def __call__(self, agent: AgentSpec) -> Model:
        """The shared client for this agent. Raises `ProviderError`."""
        ...


class Run:
    """One run. `carry_out` is its whole life; the rest is called from outside meanwhile."""

    def __init__(self, spec: RunSpec, report: RunReport, around: Surroundings) -> None:
        self.spec = spec
        self.report = report
        self._around = around
        self._shadow: Shadow | None = None
        self._workspace: Workspace | None = None
        self._handle: asyncio.Task[None] | None = None
        self._keep = False
        self._given_up = False
        """The person stopped it; a worker that ends does not, and leaves an awaited answer to the next one."""
        self._model: Model | None = None
        self._result: Result | None = None
        self._refitted: Refit | None = None
        self._last: RunFact | None = None
        self._said_from = 0

    def give_up(self) -> None:
        """The person does not want it any more: to be said before it is cancelled."""
        self._given_up = True

    def stop_and_keep(self) -> None:
        """What it has becomes its result."""
        self._keep = self._given_up = True
        if self._handle is not None:
            self._handle.cancel()

    async def draft(self) -> Proposal:
        """The changes so far."""
        if self._workspace is None or self._shadow is None:
            return Proposal(())
        if self._refitted is not None:
            return await merged_proposal(self.spec.run, self._refitted, self._workspace, self._shadow)
        proposal, _ = await self._workspace.proposal(self.spec.run)
        return proposal

    async def carry_out(self) -> None:
        """Ends with one last fact, except when cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                self._handle = group.create_task(self._guarded())
                if self._keep:
                    self._handle.cancel()
            await self.report.fact(self._last or await self._stopped())
        finally:
            # Shielded: a second cancellation must not leave a tree behind.
            await asyncio.shield(self._clean_up())

    async def _guarded(self) -> None:
        """The run boundary: every exception becomes the run's last fact."""
        try:
            self._last = await self._work()
        except Asking as asking:
            self._last = Asked(
                task=self.spec.task, run=self.spec.run, question=asking.question, at=self._around.clock.now()
            )
        except Exception as error:
            self._last = await self._failed(error)

    async def _work(self) -> RunFact:
        spec, around = self.spec, self._around
        recipe = load(spec.recipe, spec.recipe_body)
        async with around.starting:
            shadow = self._shadow = await around.shadow(Path(spec.shadow), Path(spec.root))
            self.report.keep = lambda ids: shadow.keep(spec.task, ids)
            workspace = self._workspace = await Workspace.open(
                shadow, spec.snapshot, Path(spec.root), Path(spec.trees), run=spec.run
            )
            shell, why = self._shell(workspace)
            brief = await self._brief(recipe, workspace, shadow, shell, why)
        if recipe.name == "check" and spec.isolation.check and shell is not None:
            return self._finished(await self._check_only(shell, workspace))
        agent = await self._agent(workspace, shell, why)
        self._result = await agent.do(brief, workspace, self.report)
        result = await self._complete(recipe, workspace)
        if result.proposal.files:
            result = await self._refit(agent, brief, result, workspace, shadow)
            result = await self._proven(agent, brief, recipe, result, workspace, shell, why)
        return self._finished(result)

    def _shell(self, workspace: Workspace) -> tuple[Shell | None, str]:
        """How commands run here, or why they do not."""
        isolation, level = self.spec.isolation, self._around.level
        if not isolation.commands:
            return None, "commands are turned off"
        if level.name == "none" and not isolation.unsandboxed:
            return None, level.note or "no sandbox works on this machine"
        variables = for_commands(self._around.variables)
        return Shell(workspace, level, isolation, variables, self._around.gate), ""

    async def _agent(self, workspace: Workspace, shell: Shell | None, why: str) -> Agent:
        spec, around = self.spec, self._around
        if spec.agent.kind == "model":
            self._model = await around.model(spec.agent)
            return ModelAgent(self._model, around.clock, shell)
        level = Level("none", "ran with its own network and sandbox")
        bare = Shell(workspace, level, spec.isolation, everything(around.variables), around.gate)
        if spec.agent.kind == "acp":
            from backburner.agent.acp import AcpAgent

            return AcpAgent(bare, around.clock)
        return CommandAgent(shell, bare, around.clock, no_commands=why)

    async def _brief(
        self, recipe: Recipe, workspace: Workspace, shadow: Shadow, shell: Shell | None, why: str
    ) -> Brief:
        """What the agent is told first, and the workspace as it is then."""
        spec, goes_on = self.spec, self.report.conversation is not None
        kind = spec.opening.kind if spec.opening is not None else "resume"
        messages: tuple[str, ...] = ()
        changes = None
        if kind in REBASING:
            messages = (await rebase(spec, workspace, shadow),)
            changes = await workspace.changes()
        elif kind != "retry":
            await workspace.restore(spec.changes)
        if goes_on:
            if messages and self.report.conversation is not None:
                self._said_from = len(self.report.conversation.entries)
            return Brief(spec=spec, recipe=recipe, limits=spec.limits, messages=messages, changes=changes)
        return Brief(
            spec=spec,
            recipe=recipe,
            limits=spec.limits,
            system=await system_prompt(workspace, spec, recipe, no_commands=why),
            tools=self._tools(recipe, shell),
            messages=(await first_message(workspace, spec), *messages),
            changes=changes,
        )

    def _tools(self, recipe: Recipe, shell: Shell | None) -> tuple[ToolSpec, ...]:
        return specs(offered(recipe, commands=shell is not None, pace=self.spec.pace))

    async def _complete(self, recipe: Recipe, workspace: Workspace) -> Result:
        """The agent's result with its proposal, findings and risks."""
        assert self._result is not None
        spec = self.spec
        proposal, problems = await workspace.proposal(spec.run)
        result = with_proposal(self._result, proposal, spec.target, recipe.name)
        return replace(result, findings=await self._noted(), risks=(*result.risks, *problems))

    async def _noted(self) -> tuple[Finding, ...]:
        """The findings so far."""
        if self._workspace is None:
            return ()
        return await findings(self.report.conversation, self.spec.run, self._workspace, since=self._said_from)

    async def _refit(self, agent: Agent, brief: Brief, result: Result, workspace: Workspace, shadow: Shadow) -> Result:
        """Merge with what the person has now; a conflict gets one bounded extra turn."""
        spec = self.spec
        live = await self.report.live_texts(asked_paths(result.proposal))
        refit = await merge_live(result.proposal, live, workspace, shadow)
        if not refit.bases:
            return result
        self._refitted = refit
        if refit.told and spec.agent.kind == "model":
            limits = replace(spec.limits, turns=self.report.spent.turns + REFIT_TURNS)
            changes = await workspace.changes()
            again = dataclasses.replace(brief, limits=limits, system="", messages=(refit.message,), changes=changes)
            try:
                self._result = _said_before(result, await agent.do(again, workspace, self.report), spec)
            except Exception as error:
                # The result stands without the extra turn; the review shows the overlap.
                cause_of(error, spec.run)
        said = replace(self._result or result, findings=result.findings)
        return with_proposal(said, await self.draft(), spec.target, spec.recipe)

    async def _proven(
        self,
        agent: Agent,
        brief: Brief,
        recipe: Recipe,
        result: Result,
        workspace: Workspace,
        shell: Shell | None,
        why: str,
    ) -> Result:
        """The result with the outcome of the project's check; one that fails is handed back to the agent once."""
        spec = self.spec
        if not spec.isolation.check or recipe.name == "check":
            return result
        done, output = await self._checked(shell, why)
        if done.passed or done.exit_code is None or shell is None:
            return replace(result, checks=(done,))
        before = await self._before(shell)
        same = same_failure((done, output), before)
        result = replace(result, checks=(beside(done, before[0], same=same),))
        # Whoever was sent to mend a failure has not done it when it is the same as before.
        if spec.agent.kind != "model" or (same and recipe.name != "fix") or self._was_handed_back():
            return result
        changes = await workspace.changes()
        limits = replace(spec.limits, turns=self.report.spent.turns + CHECK_TURNS)
        message = hand_back(done, before[0])
        again = dataclasses.replace(brief, limits=limits, system="", messages=(message,), changes=changes)
        try:
            said = await agent.do(again, workspace, self.report)
        except Exception as error:
            # The result stands as it was, with the check that fails.
            cause_of(error, spec.run)
            return result
        self._result = _said_before(result, said, spec)
        second = replace(await self._complete(recipe, workspace), checks=result.checks)
        if self._refitted is not None:
            second = with_proposal(second, await self.draft(), spec.target, spec.recipe)
        if await workspace.changes() == changes or not second.proposal.files:
            return second
        done, output = await self._checked(shell, why)
        return replace(second, checks=(beside(done, before[0], same=same_failure((done, output), before)),))

    async def _checked(self, shell: Shell | None, why: str) -> tuple[Check, str]:
        """The check on the tree as it is now, and its output."""
        done, output = await check(self.spec, shell, self._around.clock, no_commands=why)
        if self._refitted is not None:
            note = "ran with your latest edits to these files"
            done = replace(done, note=f"{done.note}; {note}" if done.note else note)
        return done, output

    async def _before(self, shell: Shell) -> tuple[Check, str]:
        """The check on the files as the person had them; run once for all tasks that began from them."""
        spec, around = self.spec, self._around
        place = (spec.snapshot.commit, spec.isolation.check)
        if place not in around.checked:
            assert self._shadow is not None
            untouched = await Workspace.open(
                self._shadow, spec.snapshot, Path(spec.root), Path(spec.trees), run=spec.run
            )
            try:
                bare = Shell(untouched, shell.level, spec.isolation, shell.environment, around.gate)
                around.checked[place] = await check(spec, bare, around.clock)
            finally:
                await untouched.close()
            while len(around.checked) > CHECKS_KEPT:
                around.checked.pop(next(iter(around.checked)))
        return around.checked[place]

    def _was_handed_back(self) -> bool:
        conversation = self.report.conversation
        entries = conversation.entries[self._said_from :] if conversation is not None else ()
        return any(isinstance(entry, Message) and entry.text.startswith(FAILS) for entry in entries)

    async def _check_only(self, shell: Shell, workspace: Workspace) -> Result:
        """The recipe `check` with a known command needs no model."""
        spec = self.spec
        done, output = await check(spec, shell, self._around.clock)
        noted = () if done.passed else await failures(output, spec.run, workspace)
        summary = f"{spec.isolation.check}: {done.summary}." if done.summary else f"{spec.isolation.check} was not run."
        fence = f"```\n{done.tail.strip()}\n```" if done.tail.strip() else ""
        title = "Check passes" if done.passed else f"Check: {done.summary}"
        result = assembled(spec, title=title, summary=summary, report=fence)
        return replace(result, findings=noted, checks=(done,))

    def _finished(self, result: Result) -> RunFact:
        return RunFinished(task=self.spec.task, run=self.spec.run, result=result, at=self._around.clock.now())

    async def _failed(self, error: Exception) -> RunFact:
        """The failure, with what there is to show."""
        spec = self.spec
        cause = cause_of(await self._named(error), spec.run)
        result = None
        try:
            proposal, noted = await self.draft(), await self._noted()
            if proposal.files or noted:
                had = self._result or assembled(spec, summary=f"It stopped early: {cause.sentence}")
                had = replace(had, findings=noted, failure=cause)
                result = with_proposal(had, proposal, spec.target, spec.recipe)
        except Exception as second:
            cause_of(second, spec.run)
        return RunFailed(task=spec.task, run=spec.run, cause=cause, result=result, at=self._around.clock.now())

    async def _named(self, error: Exception) -> Exception:
        """What git found wrong, by its name when it is that the person's repository lost what this task needs."""
        if self._shadow is None or not isinstance(innermost(error), GitFailed | SandboxFailed):
            return error
        try:
            return error if await self._shadow.is_whole(self.spec.snapshot) else Lost()
        except (GitFailed, OSError):
            return error

    async def _stopped(self) -> RunFact:
        """The person stopped it and keeps what it has."""
        spec = self.spec
        try:
            proposal = await self.draft()
            had = self._result or assembled(spec, summary="Stopped; this is what it had so far.")
            result = with_proposal(had, proposal, spec.target, spec.recipe)
            return self._finished(replace(result, findings=await self._noted(), stopped=True))
        except Exception as error:
            return RunFailed(task=spec.task, run=spec.run, cause=cause_of(error, spec.run), at=self._around.clock.now())

    async def _clean_up(self) -> None:
        """Remove what was laid out on disk and give up what is awaited, also when cancelled, but never for long."""
        conversation = self.report.conversation
        try:
            async with asyncio.timeout(CLEAN_UP_S):
                if self._given_up and self._model is not None and conversation is not None and conversation.awaited:
                    await self._model.give_up(conversation.awaited)
                if self._workspace is not None:
                    await self._workspace.close()
        except Exception as error:
            cause_of(error, self.spec.run)


def _said_before(before: Result, after: Result, spec: RunSpec) -> Result:
    """What an extra turn came to; what was not said again was said before."""
    silent = assembled(spec)
    title = before.title if after.title == silent.title else after.title
    return replace(after, title=title, summary=before.summary if after.summary == silent.summary else after.summary)
