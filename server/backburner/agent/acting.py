"""Doing the calls of one turn: in order, those that only read together, and each answered whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import NamedTuple

from msgspec.structs import replace

from backburner.agent.base import Asking, Brief, Finished, Report
from backburner.agent.guard import Repeats
from backburner.agent.kit import Kit
from backburner.agent.results import assembled
from backburner.agent.schema import decode
from backburner.agent.speaking import finish_arguments, finished
from backburner.agent.tools import Tool, failed, use
from backburner.model.result import Result
from backburner.model.transcript import ToolCall, ToolResult, ToolResults, Turn

INTERRUPTED = "interrupted; files are as before this call; other effects unknown"
CUT_OFF = "This call was cut off by the output limit and was not done. Do it again in smaller pieces."
RECEIVED = "Received."
NOT_DONE = "Not done, because the same turn asked the person something. Call it again if it is still right."
NOT_FINISHED = "Not finished: another call of this turn failed. See to it, then call finish by itself."


class Acted(NamedTuple):
    results: tuple[ToolResult, ...]
    """One for each call, in their order."""
    result: Result | None
    """The agent is done."""


async def act(turn: Turn, tools: dict[str, Tool], kit: Kit, repeats: Repeats) -> Acted:
    """Do what a turn calls; a turn without calls is the report. Raises `Asking`, and `LimitReached` for circles."""
    calls = list(turn.calls)
    if not calls:
        return Acted((), assembled(kit.brief.spec, report=turn.text))
    cut = calls.pop() if turn.was_cut and turn.parts[-1] is calls[-1] else None
    asking = next((call for call in calls if call.name == "ask" and "ask" in tools), None)
    result: Result | None = None
    if asking is not None:
        results = await _ask(asking, calls, tools, kit)
    else:
        results = list[ToolResult]()
        for group in _groups(calls, tools):
            try:
                results += await _do(group, results, tools, kit, repeats)
            except Finished as finished:
                result = finished.result
                results.append(ToolResult(call_id=group[0].id, name=group[0].name, text=RECEIVED))
        if result is None and kit.brief.spec.pace == "step":
            result = _step(calls, results, kit)
    return Acted((*results, *([failed(cut, CUT_OFF)] if cut else ())), result)


def already(report: Report, kit: Kit) -> tuple[Turn | None, Result | None]:
    """Where an earlier run was cut short at its very end: a last turn that nobody reacted to, or the result it came to."""
    entries = report.conversation.entries if report.conversation is not None else ()
    match entries[-2:]:
        case [*_, Turn() as turn] if not turn.calls and turn.stop == "end":
            return turn, None
        case [Turn() as turn, ToolResults(results)]:
            for call, answer in zip(turn.calls, results, strict=False):
                if call.name == "finish" and answer.text == RECEIVED and not answer.is_error:
                    return None, finished(kit, decode(call, finish_arguments(kit)))
            return None, _step(list(turn.calls), list(results), kit) if kit.brief.spec.pace == "step" else None
        case _:
            return None, None


def late_answer(brief: Brief, call: ToolCall) -> ToolResult:
    """The answer to a call that an earlier run left open."""
    answer = brief.spec.answer
    if answer is not None and answer.question.call_id == call.id:
        said = "The person answers" if answer.by == "person" else "Nobody answered in time; this was taken"
        return ToolResult(call_id=call.id, name=call.name, text=f"{said}: {answer.answer}")
    return failed(call, NOT_DONE if answer is not None else INTERRUPTED)


async def _ask(asking: ToolCall, calls: list[ToolCall], tools: dict[str, Tool], kit: Kit) -> list[ToolResult]:
    """Raises `Asking`; returns only when the question itself could not be understood."""
    try:
        answer = await use(tools, kit, asking)
    except Asking as question:
        raise Asking(replace(question.question, call_id=asking.id)) from None
    return [answer if call is asking else failed(call, NOT_DONE) for call in calls]


async def _do(
    group: list[ToolCall], before: list[ToolResult], tools: dict[str, Tool], kit: Kit, repeats: Repeats
) -> list[ToolResult]:
    if group[0].name == "finish" and any(result.is_error for result in before):
        return [failed(group[0], NOT_FINISHED)]

    async def one(call: ToolCall) -> ToolResult:
        return repeats.refuse(call) or await use(tools, kit, call)

    if len(group) == 1:
        return [await one(group[0])]
    async with asyncio.TaskGroup() as together:
        handles = [together.create_task(one(call)) for call in group]
    return [handle.result() for handle in handles]


def _groups(calls: list[ToolCall], tools: dict[str, Tool]) -> Iterator[list[ToolCall]]:
    """Neighbouring calls that only read; every other call by itself."""
    group: list[ToolCall] = []
    for call in calls:
        if call.name in tools and tools[call.name].only_reads:
            group.append(call)
            continue
        if group:
            yield group
        group = []
        yield [call]
    if group:
        yield group


def _step(calls: list[ToolCall], results: list[ToolResult], kit: Kit) -> Result | None:
    """With `pace = step` a stated plan is a result of its own."""
    failures = {result.call_id for result in results if result.is_error}
    for call in calls:
        if call.name == "plan" and call.id not in failures:
            arguments = call.arguments or {}
            direction, steps = str(arguments.get("direction", "")), arguments.get("steps") or ()
            report = "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))
            return assembled(kit.brief.spec, title=direction, summary=f"Plan: {direction}", report=report, step=True)
    return None
