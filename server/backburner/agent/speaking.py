"""The tools that say something to the person: `plan`, `ask`, `finding`, `finish`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from backburner.agent.base import Asking, Finished, ToolProblem
from backburner.agent.kit import Kit, inside
from backburner.agent.output import said
from backburner.agent.results import assembled, snapshot_text
from backburner.model.events import DirectionStated
from backburner.model.result import Result
from backburner.model.task import Choice, Question
from backburner.model.transcript import Conversation, Turn

DIRECTION = 80
"""Characters of a direction that are kept."""
BUTTON = 40
"""Characters of a choice's title."""


class PlanArguments(Struct, frozen=True, forbid_unknown_fields=True):
    direction: Annotated[
        str,
        Meta(
            description="What you are going to do, in at most six words: `split lexer, keep API`. The person sees it."
        ),
    ]
    steps: Annotated[tuple[str, ...], Meta(description="The steps, one short line each.")] = ()


async def plan(kit: Kit, arguments: PlanArguments) -> str:
    """State the direction. Nobody is waited for."""
    spec = kit.brief.spec
    direction = said(arguments.direction)[:DIRECTION].rstrip(" .")
    if not direction:
        raise ToolProblem("`direction` is empty.")
    await kit.report.fact(DirectionStated(task=spec.task, run=spec.run, direction=direction, at=kit.clock.now()))
    if spec.pace == "step":
        return "Stated. You stop here until the person says to go on."
    return "Stated. Nobody is waited for: go on."


def implied_direction(conversation: Conversation | None, turn: Turn) -> str:
    """What an agent seems to be doing that has not said so by its second turn; empty when there is nothing to say."""
    turns = [entry for entry in conversation.entries if isinstance(entry, Turn)] if conversation is not None else []
    if len(turns) != 2 or any(call.name == "plan" for earlier in turns for call in earlier.calls):
        return ""
    spoken = next((earlier.text for earlier in (turn, *turns) if earlier.text.strip()), "")
    words = said(spoken).split(". ")[0]
    return (words if len(words) <= DIRECTION else words[:DIRECTION].rsplit(" ", 1)[0] + "…").rstrip(" .:")


class AskChoice(Struct, frozen=True, forbid_unknown_fields=True):
    title: Annotated[str, Meta(description="One or two words for a button.")]
    answer: Annotated[str, Meta(description="The answer in full, as you will get it.")]


class AskArguments(Struct, frozen=True, forbid_unknown_fields=True):
    question: Annotated[str, Meta(description="One short sentence, at most 60 characters: `keep parse_v1()?`")]
    choices: Annotated[tuple[AskChoice, ...], Meta(description="Two to four answers, the narrowest first.")] = ()
    default: Annotated[
        str | None, Meta(description="Title of the choice that is taken when nobody answers. Null: the first.")
    ] = None


async def ask(kit: Kit, arguments: AskArguments) -> str:
    """Ask the person. Always raises: `Asking` ends the run, the answer begins the next one."""
    spec = kit.brief.spec
    sentence = said(arguments.question)
    if not sentence:
        raise ToolProblem("`question` is empty.")
    choices = tuple(
        Choice(answer=said(choice.answer), title=said(choice.title)[:BUTTON]) for choice in arguments.choices
    )
    default = "Decide yourself; take the narrowest reading."
    if choices:
        wanted = arguments.default or arguments.choices[0].title
        named = (wanted in (choice.title, choice.answer) for choice in arguments.choices)
        default = next(
            (choice.answer for choice, is_it in zip(choices, named, strict=True) if is_it), choices[0].answer
        )
    deadline = kit.clock.now() + spec.question_s
    raise Asking(Question(id=f"{spec.run}?1", sentence=sentence, choices=choices, default=default, deadline=deadline))


class FindingArguments(Struct, frozen=True, forbid_unknown_fields=True):
    path: Annotated[str, Meta(description="The file, relative to the project's folder.")]
    start_line: Annotated[int, Meta(description="First line that it is about, from 1.")]
    end_line: Annotated[int | None, Meta(description="Last line, inclusive. Null: the same line.")] = None
    severity: Annotated[
        Literal["error", "warning", "information", "hint"],
        Meta(description="error: wrong now; warning: will go wrong; information: worth knowing; hint: small."),
    ] = "warning"
    message: Annotated[str, Meta(description="What is wrong, when it shows, what to do; two or three sentences.")] = ""


async def finding(kit: Kit, arguments: FindingArguments) -> str:
    """Note a finding; it is read back from the transcript when the result is made."""
    path = inside(kit, arguments.path)
    text = await snapshot_text(kit.workspace, path)
    if text is None:
        raise ToolProblem(f"There is no text file {path}.")
    lines = len(text.splitlines())
    end = arguments.end_line or arguments.start_line
    if not 1 <= arguments.start_line <= end <= max(1, lines):
        raise ToolProblem(f"Lines {arguments.start_line} to {end} are not in {path}, which has {lines} lines.")
    if not arguments.message.strip():
        raise ToolProblem("`message` is empty.")
    return "Noted."


class FinishArguments(Struct, frozen=True, forbid_unknown_fields=True):
    title: Annotated[str, Meta(description="A few words without full stop, as for a commit: `Iterative lexer`.")]
    summary: Annotated[str, Meta(description="One sentence that says what came of it, or why no change is needed.")]
    report: Annotated[
        str | None, Meta(description="Markdown: what a reader of the change must know, or the answer. Null: nothing.")
    ] = None
    assumptions: Annotated[
        tuple[str, ...], Meta(description="What you decided although the instruction left it open, one clause each.")
    ] = ()


class StepFinishArguments(FinishArguments, frozen=True, forbid_unknown_fields=True):
    more: Annotated[bool, Meta(description="True: this was one step, and there is more to do.")] = False


def finish_arguments(kit: Kit) -> type[FinishArguments]:
    return StepFinishArguments if kit.brief.spec.pace == "step" else FinishArguments


async def finish(kit: Kit, arguments: FinishArguments) -> str:
    """Always raises `Finished` with the result."""
    raise Finished(finished(kit, arguments))


def finished(kit: Kit, arguments: FinishArguments) -> Result:
    return assembled(
        kit.brief.spec,
        title=arguments.title,
        summary=arguments.summary,
        report=arguments.report or "",
        assumptions=arguments.assumptions,
        step=isinstance(arguments, StepFinishArguments) and arguments.more,
    )
