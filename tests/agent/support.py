"""Real projects, workspaces and scripted models for tests of the agent; the facts of a run as a list."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from backburner.agent.base import Brief, Spent
from backburner.agent.brief import first_message, system_prompt
from backburner.agent.loop import ModelAgent
from backburner.agent.recipes import Recipe, load
from backburner.agent.shell import Shell
from backburner.agent.tools import offered, specs
from backburner.lib.clock import Clock, HandClock
from backburner.model.anchor import Span, anchor_at
from backburner.model.catalog import AgentSpec
from backburner.model.conversation import grow
from backburner.model.events import RunFact, ToolsDone, TurnTaken
from backburner.model.result import Result
from backburner.model.task import Target
from backburner.model.transcript import Conversation, ToolResult
from backburner.model.wire import RunSpec
from backburner.providers.scripted import ScriptedModel, parse
from backburner.workspace.shadow import Shadow
from backburner.workspace.tree import Workspace

LEXER = '''"""A lexer."""


def parse(text):
    """Words of a text."""
    return text.split(" ")


def join(words):
    return " ".join(words)
'''
FILES = {
    "lexer.py": LEXER,
    "tests/test_lexer.py": "from lexer import parse\n\n\ndef test_parse():\n    assert parse('a b') == ['a', 'b']\n",
}


class Recorder:
    """A `Report` that keeps every fact, durable at once."""

    def __init__(self, conversation: Conversation | None = None, notes: Sequence[str] = ()) -> None:
        self.conversation = conversation
        self.spent = Spent()
        self.facts: list[RunFact] = []
        self.seen: list[str] = []
        self.notes = list(notes)

    async def fact(self, event: RunFact) -> None:
        self.facts.append(event)
        self.conversation = grow(self.conversation, event)
        if isinstance(event, TurnTaken):
            self.spent.turns += 1
            self.spent.usage = self.spent.usage + event.turn.usage
            self.spent.usd += event.turn.cost_usd or 0.0

    async def progress(self, text: str, output_tokens: int) -> None:
        self.seen.append(text)

    def take_notes(self) -> tuple[str, ...]:
        notes, self.notes = tuple(self.notes), []
        return notes

    @property
    def kinds(self) -> list[str]:
        return [type(fact).__name__ for fact in self.facts]

    @property
    def results(self) -> list[ToolResult]:
        """The answers to all calls."""
        return [result for fact in self.facts if isinstance(fact, ToolsDone) for result in fact.results]

    @property
    def said(self) -> list[str]:
        """What was said after results."""
        return [message for fact in self.facts if isinstance(fact, ToolsDone) for message in fact.messages]


@dataclass
class Project:
    root: Path
    shadow: Shadow
    trees: Path

    async def snapshot(self) -> Any:
        return await self.shadow.snapshot()

    async def workspace(self) -> Workspace:
        return await Workspace.open(self.shadow, await self.snapshot(), self.root, self.trees)


@asynccontextmanager
async def project(folder: Path, files: dict[str, str | bytes] | None = None) -> AsyncGenerator[Project, None]:
    """A Git project with these files committed, and its shadow."""
    root = folder / "project"
    make_project(root, FILES if files is None else files)
    shadow = await Shadow.open(folder / "shadow.git", root)
    try:
        yield Project(root, shadow, folder / "trees")
    finally:
        await shadow.close()


def make_project(root: Path, files: dict[str, str | bytes]) -> None:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content.encode() if isinstance(content, str) else content)
    root.mkdir(exist_ok=True)
    for arguments in (
        ("init", "-q", "-b", "main"),
        ("add", "-A"),
        ("-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "begin", "--allow-empty"),
    ):
        subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True)


def target(path: str = "lexer.py", text: str = LEXER, *, start: int = 3, end: int = 6, symbol: str = "parse") -> Target:
    return Target(anchor=anchor_at(path, text, Span(start, end), symbol=symbol))


def spec_for(project: Project, snapshot: Any, **fields: Any) -> RunSpec:
    defaults: dict[str, Any] = {
        "task": 12,
        "run": "12.1",
        "root": str(project.root),
        "shadow": str(project.shadow.folder),
        "trees": str(project.trees),
        "snapshot": snapshot,
        "target": target(),
        "recipe": "implement",
        "instruction": "make it iterative",
        "agent": AgentSpec(name="practice", wire="scripted", provider="Practice", model="practice"),
    }
    return RunSpec(**(defaults | fields))


def call(tool: str, **arguments: Any) -> dict[str, Any]:
    return {"tool": tool, "arguments": arguments}


def turn(*calls: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"calls": list(calls), **fields}


def script(*turns: dict[str, Any]) -> str:
    """A script of one scene, as text."""
    return msgspec.json.encode({"scene": [{"turn": list(turns)}]}).decode()


EDIT = call("edit", path="lexer.py", old='text.split(" ")', new="text.split()")
FINISH = call("finish", title="Split at any space", summary="parse() now splits at any white space.")


@dataclass
class Played:
    """What came of a run of the loop."""

    report: Recorder
    workspace: Workspace
    result: Result | None
    error: BaseException | None

    async def text(self, path: str = "lexer.py") -> str:
        return ((await self.workspace.read(path)) or b"").decode()


async def play(
    project: Project,
    *turns: dict[str, Any],
    report: Recorder | None = None,
    workspace: Workspace | None = None,
    recipe: Recipe | None = None,
    shell: Shell | None = None,
    clock: Clock | None = None,
    model: type[ScriptedModel] = ScriptedModel,
    fresh: bool = True,
    messages: tuple[str, ...] = (),
    **fields: Any,
) -> Played:
    """Run the loop over a script."""
    workspace = workspace or await project.workspace()
    spec = spec_for(project, workspace.snapshot, **fields)
    report = report or Recorder()
    recipe = recipe or load(spec.recipe)
    clock = clock or HandClock()
    agent = ModelAgent(model(parse(script(*turns)), clock), clock, shell)
    brief = Brief(spec=spec, recipe=recipe, limits=spec.limits, messages=messages)
    if fresh:
        brief = Brief(
            spec=spec,
            recipe=recipe,
            limits=spec.limits,
            system=await system_prompt(workspace, spec, recipe, no_commands="" if shell else "no sandbox"),
            tools=specs(offered(recipe, commands=shell is not None, pace=spec.pace)),
            messages=(await first_message(workspace, spec),),
        )
    result, error = None, None
    try:
        result = await agent.do(brief, workspace, report)
    except Exception as problem:
        error = problem
    return Played(report, workspace, result, error)
