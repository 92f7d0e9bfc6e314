"""Our own agent: ask the model, do what it calls, tell it, until it is done or a limit is reached.

The conversation is the fold of what is reported (`report.conversation`), so that what the model sees is always what is
journalled: a turn is durable before any of its tools runs, its results before the model is asked again. Nothing here waits
for a person. What bends or ends the loop is in `base.py`, what the tools do in `tools.py`.
"""

from __future__ import annotations

from backburner.agent.acting import Acted, act, already, late_answer
from backburner.agent.asking import ask
from backburner.agent.base import Brief, LimitReached, Refused, Report
from backburner.agent.draft import Draft
from backburner.agent.guard import Repeats, check_limits
from backburner.agent.kit import Kit
from backburner.agent.shell import Shell
from backburner.agent.speaking import implied_direction
from backburner.agent.tools import offered
from backburner.lib.clock import Clock
from backburner.model.conversation import unanswered
from backburner.model.events import DirectionStated, TurnTaken
from backburner.model.result import Cause, Result
from backburner.model.transcript import Message, Turn
from backburner.providers.base import Model, one_line
from backburner.workspace.tree import Workspace

NUDGE = "You ended without changing any file. If a change is needed, make it now; if not, call `finish` and say why."
GO_ON = "Your answer was cut off by the output limit. Go on from there, in smaller pieces."
FEW_LEFT = "Three turns are left. Come to an end now: finish with what you have, and say what is missing."
CUTS = 3
"""Turns in a row that the output limit may cut off."""


class ModelAgent:
    """A model in our loop."""

    def __init__(self, model: Model, clock: Clock, shell: Shell | None) -> None:
        self._model = model
        self._clock = clock
        self._shell = shell

    async def do(self, brief: Brief, workspace: Workspace, report: Report) -> Result:
        """Work until there is a result. Raises `Asking`, `Halt`, `ProviderError`."""
        kit = Kit(brief, workspace, report, self._clock, self._shell)
        tools = offered(brief.recipe, commands=self._shell is not None, pace=brief.spec.pace)
        draft, repeats = Draft(brief, workspace, report, self._clock), Repeats()
        started, cuts = self._clock.monotonic(), 0
        await self._open(brief, report, draft)
        turn, result = already(report, kit)
        while result is None:
            if turn is None:
                check_limits(brief.limits, report.spent, self._clock.monotonic() - started)
                turn = await ask(self._model, brief, report, self._clock)
                await self._tell(brief, report, turn)
            cuts = cuts + 1 if turn.was_cut else 0
            self._stop_if_hopeless(brief, turn, cuts)
            if turn.calls or turn.stop != "paused":
                acted = await act(turn, tools, kit, repeats)
                await draft.look()
                if draft.untold:
                    repeats.forget()
                notes = report.take_notes()
                changed = acted.result is None or await draft.differs()
                said, result = self._what_next(brief, report, turn, acted, notes, changed=changed)
                if acted.results or said:
                    await draft.tell(acted.results, said, len(notes))
            turn = None
        return result

    async def _open(self, brief: Brief, report: Report, draft: Draft) -> None:
        """Answer what an earlier run left open, then say what is new."""
        await draft.begin()
        late = tuple(late_answer(brief, call) for call in unanswered(report.conversation))
        if brief.messages:
            await draft.briefed(brief.messages, system=brief.system, tools=brief.tools, results=late)
        elif late:
            await draft.tell(late)
        awaited = report.conversation is not None and report.conversation.awaited
        # An answer that is being made does not know them: they come after it.
        if not awaited and (notes := report.take_notes()):
            await draft.tell((), notes, len(notes))

    async def _tell(self, brief: Brief, report: Report, turn: Turn) -> None:
        spec, at = brief.spec, self._clock.now()
        await report.fact(TurnTaken(task=spec.task, run=spec.run, turn=turn, at=at))
        if direction := implied_direction(report.conversation, turn):
            await report.fact(DirectionStated(task=spec.task, run=spec.run, direction=direction, at=at))

    def _stop_if_hopeless(self, brief: Brief, turn: Turn, cuts: int) -> None:
        who = brief.spec.agent.provider or brief.spec.agent.name
        if turn.stop == "refusal":
            why = f": {one_line(turn.refusal)}." if turn.refusal else "."
            raise Refused(Cause(kind="refused", sentence=f"The model refused to do this{why}", who=who))
        if cuts >= CUTS:
            sentence = f"The output limit cut off {cuts} answers in a row. Raise max_output_tokens, or delegate less."
            raise LimitReached(Cause(kind="tokens", sentence=sentence, who=who))

    def _what_next(
        self, brief: Brief, report: Report, turn: Turn, acted: Acted, notes: tuple[str, ...], *, changed: bool
    ) -> tuple[tuple[str, ...], Result | None]:
        """What is said after the results, and the result if this is the end."""
        if turn.was_cut and not turn.calls:
            return (*notes, GO_ON), None
        if acted.result is not None:
            if notes:
                return notes, None
            if brief.recipe.wants == "change" and not changed and not acted.result.step and not _nudged(report):
                return (NUDGE,), None
            return (), acted.result
        few_left = brief.limits.turns - report.spent.turns == 3
        return ((*notes, FEW_LEFT) if few_left else notes), None


def _nudged(report: Report) -> bool:
    conversation = report.conversation
    return conversation is not None and Message(NUDGE) in conversation.entries
