"""The tools of our own agent, as a table: name, what the model is told, arguments, function.

What a tool may do follows from the recipe and from what can run here, never from anything that was read. A failing tool
is an answer to the model, not an exception: only `finish` and `ask` leave through one (`base.Ending`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from backburner.agent import reading, shell, speaking, writing
from backburner.agent.base import ToolProblem
from backburner.agent.kit import Kit
from backburner.agent.output import shown
from backburner.agent.recipes import Recipe
from backburner.agent.schema import decode, schema
from backburner.model.task import Pace
from backburner.model.transcript import ToolCall, ToolResult, ToolSpec


@dataclass(frozen=True)
class Tool:
    name: str
    description: str
    arguments: type[Struct]
    do: Callable[[Kit, Any], Awaitable[str]]
    only_reads: bool = False
    """Calls of one turn that only read may run together."""


async def _run(kit: Kit, arguments: shell.RunArguments) -> str:
    return await shell.run(kit.shell, arguments)


TOOLS: dict[str, Tool] = {
    tool.name: tool
    for tool in (
        Tool("read", "Show a file with line numbers, or list a folder.", reading.ReadArguments, reading.read, True),
        Tool(
            "search",
            "Search all text files for lines that match a regular expression.",
            reading.SearchArguments,
            reading.search,
            True,
        ),
        Tool(
            "edit",
            "Replace one exact piece of a file's text. Read the file first. For several places, call it several times.",
            writing.EditArguments,
            writing.edit,
        ),
        Tool(
            "write",
            "Make a new file, or replace a file's whole text. For small changes use edit.",
            writing.WriteArguments,
            writing.write,
        ),
        Tool("delete", "Delete a file.", writing.DeleteArguments, writing.delete),
        Tool("move", "Move or rename a file.", writing.MoveArguments, writing.move),
        Tool(
            "run",
            "Run a command line in the project's folder, in a sandbox without network. Nothing that waits for input.",
            shell.RunArguments,
            _run,
        ),
        Tool(
            "plan",
            "State what you are going to do. Call it in your first or second turn, and again when the direction changes.",
            speaking.PlanArguments,
            speaking.plan,
        ),
        Tool(
            "ask",
            "Ask the person, only when a wrong guess would make the work worthless. It may take long; nothing else of the "
            "same turn is done. A default is taken when nobody answers.",
            speaking.AskArguments,
            speaking.ask,
        ),
        Tool(
            "finding",
            "Report one problem in the code. Lines count in the file as you read it.",
            speaking.FindingArguments,
            speaking.finding,
        ),
        Tool("finish", "End the task. Call it last, by itself.", speaking.FinishArguments, speaking.finish),
    )
}
STEP_FINISH = Tool(
    "finish",
    "End this step (more: true) or the task. Call it last, by itself.",
    speaking.StepFinishArguments,
    speaking.finish,
)


def offered(recipe: Recipe, *, commands: bool, pace: Pace) -> dict[str, Tool]:
    """The tools that a run has, by name and in a stable order."""
    tools = {name: tool for name, tool in TOOLS.items() if name in recipe.tools and (commands or name != "run")}
    if pace == "step" and "finish" in tools:
        tools["finish"] = STEP_FINISH
    return tools


def specs(tools: dict[str, Tool]) -> tuple[ToolSpec, ...]:
    """The tools as a model is shown them."""
    return tuple(
        ToolSpec(name=tool.name, description=tool.description, parameters=schema(tool.arguments))
        for tool in tools.values()
    )


async def use(tools: dict[str, Tool], kit: Kit, call: ToolCall) -> ToolResult:
    """Do one call. Problems become its answer; raises `Ending` for `finish` and `ask`."""
    try:
        tool = tools.get(call.name)
        if tool is None:
            raise ToolProblem(f"There is no tool {call.name!r}. There are: {', '.join(tools)}.")
        text = await tool.do(kit, decode(call, tool.arguments))
    except ToolProblem as problem:
        return failed(call, str(problem))
    return ToolResult(call_id=call.id, name=call.name, text=shown(text))


def failed(call: ToolCall, text: str) -> ToolResult:
    return ToolResult(call_id=call.id, name=call.name, text=shown(text), is_error=True)
