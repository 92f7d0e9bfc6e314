from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import pytest

from agent.support import EDIT, FILES, FINISH, Project, Recorder, call, play, project, turn
from backburner.agent.acting import CUT_OFF, INTERRUPTED, NOT_DONE, NOT_FINISHED
from backburner.agent.base import Asking, LimitReached, Refused
from backburner.agent.loop import FEW_LEFT, GO_ON, NUDGE
from backburner.agent.recipes import load
from backburner.lib.clock import HandClock
from backburner.model.catalog import AgentSpec, Price
from backburner.model.conversation import fold, unanswered
from backburner.model.events import Briefed, DirectionStated, ToolsDone, TranscriptShortened, TurnTaken
from backburner.model.shorten import expected, shown
from backburner.model.task import Answer, Opening
from backburner.model.transcript import Conversation, Message, ToolResults, Turn
from backburner.model.wire import Limits
from backburner.providers.base import Overloaded, Streamed, TurnSettings
from backburner.providers.scripted import ScriptedModel


async def test_a_change_from_plan_to_finish(cafe: Project) -> None:
    played = await play(
        cafe,
        turn(call("plan", direction="split at any space."), call("read", path="lexer.py")),
        turn(EDIT),
        turn(FINISH),
    )
    assert played.error is None
    assert played.result is not None
    assert (played.result.title, played.result.summary) == (
        "Split at any space",
        "parse() now splits at any white space.",
    )
    assert "text.split()" in await played.text()
    assert played.report.kinds == [
        "Briefed",
        *("TurnTaken", "DirectionStated", "ToolsDone"),
        *("TurnTaken", "ToolsDone"),
        *("TurnTaken", "ToolsDone"),
    ]
    [stated] = [fact for fact in played.report.facts if isinstance(fact, DirectionStated)]
    assert stated.direction == "split at any space"


async def test_a_turn_is_told_before_its_tools_run_and_changes_after(cafe: Project) -> None:
    workspace = await cafe.workspace()
    seen: list[bool] = []

    class Watching(Recorder):
        async def fact(self, event: object) -> None:
            if isinstance(event, TurnTaken) and event.turn.calls and event.turn.calls[0].name == "edit":
                seen.append(b"text.split()" in (await workspace.read("lexer.py") or b""))
            await super().fact(event)

    played = await play(cafe, turn(EDIT), turn(FINISH), workspace=workspace, report=Watching())
    assert seen == [False]
    told = [fact for fact in played.report.facts if isinstance(fact, ToolsDone)]
    assert [changed.path for changed in told[0].changes] == ["lexer.py"]
    assert (told[0].added, told[0].removed) == (1, 1)
    assert told[1].changes == ()
    assert (told[1].added, told[1].removed) == (1, 1)
    assert told[0].changes[0].blob is not None
    assert b"text.split()" in (await cafe.shadow.get(told[0].changes[0].blob) or b"")


async def test_the_conversation_only_grows_at_its_end(cafe: Project) -> None:
    seen: list[tuple[object, ...]] = []

    class Watching(Recorder):
        async def fact(self, event: object) -> None:
            await super().fact(event)
            assert self.conversation is not None
            seen.append((self.conversation.system, self.conversation.tools, *self.conversation.entries))

    await play(cafe, turn(call("read", path="lexer.py")), turn(EDIT), turn(FINISH), report=Watching())
    for before, after in pairwise(seen):
        assert after[: len(before)] == before


async def test_an_explanation_needs_no_change(cafe: Project) -> None:
    played = await play(cafe, turn(say="It **splits** at spaces. More follows."), recipe=load("explain"))
    assert played.result is not None
    assert played.result.summary == "It splits at spaces."
    assert played.result.report == "It **splits** at spaces. More follows."
    assert played.report.said == []


async def test_a_change_that_is_missing_is_asked_for_once(cafe: Project) -> None:
    played = await play(cafe, turn(say="Done."), turn(say="No change is needed: it works."))
    assert played.report.said == [NUDGE]
    assert played.result is not None
    assert played.result.summary == "No change is needed: it works."


async def test_a_change_after_the_reminder_counts(cafe: Project) -> None:
    played = await play(cafe, turn(FINISH), turn(EDIT), turn(FINISH))
    assert played.report.said == [NUDGE]
    assert "text.split()" in await played.text()


async def test_a_change_that_was_taken_back_is_no_change(cafe: Project) -> None:
    back = call("edit", path="lexer.py", old="text.split()", new='text.split(" ")')
    played = await play(cafe, turn(EDIT), turn(back), turn(FINISH), turn(FINISH))
    assert played.report.said == [NUDGE]


async def test_reads_of_one_turn_run_together_and_answer_in_order(cafe: Project) -> None:
    paths = ("lexer.py", "tests/test_lexer.py", "nothing.py", "tests")
    played = await play(
        cafe,
        turn(*(call("read", path=path) for path in paths), call("search", pattern="def ")),
        turn(EDIT),
        turn(FINISH),
    )
    results = played.report.results[:5]
    assert [result.call_id for result in results] == [f"call_0_{number}" for number in range(5)]
    assert [result.is_error for result in results] == [False, False, True, False, False]
    assert "test_lexer.py" in results[3].text
    assert "lexer.py:4: def parse(text):" in results[4].text


@pytest.mark.parametrize(
    ("limits", "kind"),
    [
        (Limits(turns=1), "steps"),
        (Limits(usd=0.05, spent_usd=0.04), "budget"),
        (Limits(tokens=10), "tokens"),
    ],
)
async def test_limits_stop_before_the_next_turn(cafe: Project, limits: Limits, kind: str) -> None:
    played = await play(cafe, turn(EDIT, cost_usd=0.02), turn(FINISH), limits=limits)
    assert isinstance(played.error, LimitReached)
    assert played.error.cause.kind == kind
    assert played.report.kinds == ["Briefed", "TurnTaken", "ToolsDone"]
    assert "text.split()" in await played.text()


async def test_the_wall_clock_is_a_limit(cafe: Project) -> None:
    clock = HandClock()

    class Slow(Recorder):
        async def fact(self, event: object) -> None:
            await super().fact(event)
            clock.wind(100)

    played = await play(cafe, turn(EDIT), turn(FINISH), clock=clock, report=Slow(), limits=Limits(seconds=250))
    assert isinstance(played.error, LimitReached)
    assert played.error.cause.kind == "time"


async def test_it_is_told_when_few_turns_are_left(cafe: Project) -> None:
    reads = [turn(call("read", path="lexer.py", start_line=number + 1)) for number in range(2)]
    played = await play(cafe, *reads, turn(EDIT), turn(FINISH), limits=Limits(turns=4))
    assert played.report.said == [FEW_LEFT]
    assert played.result is not None


async def test_the_same_call_is_refused_the_third_time_and_ends_the_run_the_sixth(cafe: Project) -> None:
    same = [turn(call("read", path="lexer.py")) for _ in range(8)]
    played = await play(cafe, *same)
    assert [result.is_error for result in played.report.results] == [False, False, True, True, True]
    assert "3rd time" in played.report.results[2].text
    assert isinstance(played.error, LimitReached)
    assert "circles" in played.error.cause.sentence


async def test_the_same_call_after_a_change_is_no_circle(cafe: Project) -> None:
    read = call("read", path="lexer.py")
    played = await play(cafe, turn(read), turn(read), turn(EDIT), turn(read), turn(read), turn(FINISH))
    assert not any(result.is_error for result in played.report.results)
    assert played.result is not None


async def test_a_call_that_was_cut_off_never_runs(cafe: Project) -> None:
    half = call("write", path="lexer.py", content="half of a fi")
    played = await play(cafe, turn(EDIT, half, stop="length"), turn(FINISH))
    assert [(result.name, result.text) for result in played.report.results][1] == ("write", CUT_OFF)
    assert "text.split()" in await played.text()
    assert "half" not in await played.text()


async def test_a_cut_off_text_goes_on(cafe: Project) -> None:
    played = await play(cafe, turn(say="I think that", stop="length"), turn(EDIT), turn(FINISH))
    assert played.report.said == [GO_ON]
    assert played.result is not None


async def test_endless_cut_offs_end(cafe: Project) -> None:
    played = await play(cafe, *[turn(say=f"long {number}", stop="length") for number in range(5)])
    assert isinstance(played.error, LimitReached)
    assert played.error.cause.sentence.startswith("The output limit cut off 3 answers in a row.")
    assert len([fact for fact in played.report.facts if isinstance(fact, TurnTaken)]) == 3


async def test_a_refusal_is_one_sentence(cafe: Project) -> None:
    played = await play(cafe, turn(say="This looks like an exploit", stop="refusal"))
    assert isinstance(played.error, Refused)
    assert played.error.cause.sentence == "The model refused to do this: This looks like an exploit."
    assert played.report.kinds == ["Briefed", "TurnTaken"]


async def test_a_paused_turn_is_sent_again_unchanged(cafe: Project) -> None:
    played = await play(cafe, turn(stop="paused"), turn(EDIT), turn(FINISH))
    assert played.result is not None
    assert played.report.kinds[:4] == ["Briefed", "TurnTaken", "TurnTaken", "ToolsDone"]


async def test_malformed_arguments_are_quoted_back_and_the_run_goes_on(cafe: Project) -> None:
    played = await play(cafe, turn({"tool": "edit", "raw": '{"path": "lexer.py", old'}), turn(EDIT), turn(FINISH))
    assert '{"path": "lexer.py", old' in played.report.results[0].text
    assert played.result is not None


async def test_an_unknown_tool_is_answered_with_those_that_exist(cafe: Project) -> None:
    played = await play(cafe, turn(call("bash", command="ls")), turn(EDIT), turn(FINISH))
    assert "There is no tool 'bash'" in played.report.results[0].text
    assert "read, search, edit" in played.report.results[0].text


async def test_finish_beside_a_failed_call_does_not_finish(cafe: Project) -> None:
    wrong = call("edit", path="lexer.py", old="not there at all", new="x")
    played = await play(cafe, turn(wrong, FINISH), turn(EDIT), turn(FINISH))
    assert played.report.results[1].text == NOT_FINISHED
    assert "text.split()" in await played.text()
    assert played.result is not None


async def test_a_note_is_read_at_the_next_turn(cafe: Project) -> None:
    class Steering(Recorder):
        async def fact(self, event: object) -> None:
            await super().fact(event)
            if isinstance(event, TurnTaken) and self.spent.turns == 1:
                self.notes.append("Keep the name.")

    played = await play(cafe, turn(EDIT), turn(FINISH), report=Steering())
    done = next(fact for fact in played.report.facts if isinstance(fact, ToolsDone))
    assert (done.messages, done.notes_read) == (("Keep the name.",), 1)


async def test_a_note_at_the_last_moment_is_read_before_the_end(cafe: Project) -> None:
    class Steering(Recorder):
        async def fact(self, event: object) -> None:
            await super().fact(event)
            if isinstance(event, TurnTaken) and self.spent.turns == 2:
                self.notes.append("Also join().")

    also = call("edit", path="lexer.py", old='" ".join(words)', new="str.join(' ', words)")
    played = await play(cafe, turn(EDIT), turn(FINISH), turn(also), turn(FINISH), report=Steering())
    assert "str.join" in await played.text()


async def test_notes_from_before_the_start_are_read_first(cafe: Project) -> None:
    played = await play(cafe, turn(EDIT), turn(FINISH), report=Recorder(notes=["one", "two"]))
    assert played.report.kinds[:3] == ["Briefed", "ToolsDone", "TurnTaken"]
    first = played.report.facts[1]
    assert isinstance(first, ToolsDone)
    assert (first.messages, first.notes_read) == (("one", "two"), 2)


async def test_a_question_ends_the_run_and_nothing_else_of_the_turn_is_done(cafe: Project) -> None:
    choices = [{"title": "Keep", "answer": "Keep parse_v1."}, {"title": "Remove", "answer": "Remove it."}]
    clock = HandClock()
    played = await play(
        cafe, turn(EDIT, call("ask", question="keep parse_v1()?", choices=choices)), clock=clock, question_s=600.0
    )
    assert isinstance(played.error, Asking)
    question = played.error.question
    assert (question.id, question.sentence, question.default) == ("12.1?1", "keep parse_v1()?", "Keep parse_v1.")
    assert question.deadline == clock.now() + 600
    assert question.call_id == "call_0_1"
    assert [choice.title for choice in question.choices] == ["Keep", "Remove"]
    assert 'text.split(" ")' in await played.text()
    assert played.report.kinds == ["Briefed", "TurnTaken"]


async def test_the_words_of_a_question_are_single_lines(cafe: Project) -> None:
    title, answer = "keep\n\x1b[2Kit" + "x" * 99, "\u202ekeep\nit"
    ask = call(
        "ask",
        question="keep\x07\nit?",
        choices=[{"title": "no", "answer": "no"}, {"title": title, "answer": answer}],
        default=title,
    )
    played = await play(cafe, turn(ask))
    assert isinstance(played.error, Asking)
    question = played.error.question
    assert question.sentence == "keep\\x07 it?"
    assert question.choices[1].title == ("keep \\x1b[2Kit" + "x" * 99)[:40]
    assert question.default == question.choices[1].answer == "\\u202ekeep it"


async def test_an_answer_goes_on_where_it_was_asked(cafe: Project) -> None:
    asking = turn(EDIT, call("ask", question="keep it?"))
    first = await play(cafe, asking)
    assert isinstance(first.error, Asking)
    answer = Answer(question=first.error.question, answer="Keep it.", by="person", at=0.0)
    second = await play(
        cafe,
        asking,
        turn(EDIT),
        turn(FINISH),
        report=Recorder(first.report.conversation),
        fresh=False,
        run="12.2",
        answer=answer,
        opening=Opening(kind="answer", text="Keep it."),
    )
    done = second.report.facts[0]
    assert isinstance(done, ToolsDone)
    assert [result.text for result in done.results] == [NOT_DONE, "The person answers: Keep it."]
    assert second.result is not None


async def test_a_question_that_cannot_be_understood_is_answered(cafe: Project) -> None:
    played = await play(cafe, turn(call("ask", query="?"), EDIT), turn(EDIT), turn(FINISH))
    assert [result.is_error for result in played.report.results[:2]] == [True, True]
    assert played.result is not None


async def test_a_resumed_run_answers_open_calls_as_interrupted(cafe: Project) -> None:
    first = await play(cafe, turn(EDIT), turn(FINISH))
    cut_short = first.report.facts[:2]
    assert isinstance(cut_short[1], TurnTaken)
    report = Recorder()
    for fact in cut_short:
        await report.fact(fact)
    resumed = await play(
        cafe, turn(EDIT), turn(EDIT), turn(FINISH), report=Recorder(report.conversation), fresh=False, run="12.2"
    )
    assert resumed.report.kinds[0] == "ToolsDone"
    assert [(result.text, result.is_error) for result in resumed.report.results[:1]] == [(INTERRUPTED, True)]
    assert "text.split()" in await resumed.text()
    assert resumed.result is not None
    assert resumed.result.run == "12.2"


async def test_a_resumed_run_without_open_calls_says_nothing_new(cafe: Project) -> None:
    first = await play(cafe, turn(call("read", path="lexer.py")), turn(EDIT), turn(FINISH))
    report = Recorder()
    for fact in first.report.facts[:3]:
        await report.fact(fact)
    before = report.conversation
    resumed = await play(
        cafe, turn(), turn(EDIT), turn(FINISH), report=Recorder(report.conversation), fresh=False, run="12.2"
    )
    assert resumed.report.kinds[0] == "TurnTaken"
    assert before is not None
    assert resumed.report.conversation is not None
    assert resumed.report.conversation.entries[: len(before.entries)] == before.entries


async def test_a_reply_answers_open_calls_in_the_same_fact(cafe: Project) -> None:
    first = await play(cafe, turn(EDIT), turn(FINISH))
    report = Recorder()
    for fact in first.report.facts[:2]:
        await report.fact(fact)
    second = await play(
        cafe,
        turn(),
        turn(EDIT),
        turn(FINISH),
        report=Recorder(report.conversation),
        fresh=False,
        messages=("And keep the tests.",),
    )
    briefed = second.report.facts[0]
    assert isinstance(briefed, Briefed)
    assert briefed.results[0].text == INTERRUPTED
    assert second.report.conversation is not None
    entries = second.report.conversation.entries
    assert isinstance(entries[1], Turn)
    assert isinstance(entries[2], ToolResults)
    assert entries[3] == Message("And keep the tests.")


async def test_step_by_step_stops_after_the_plan_and_after_each_change(cafe: Project) -> None:
    plan = call("plan", direction="two steps", steps=["split", "join"])
    first = await play(cafe, turn(plan), pace="step")
    assert first.result is not None
    assert first.result.step
    assert (first.result.title, first.result.report) == ("two steps", "1. split\n2. join")
    assert first.report.kinds[-1] == "ToolsDone"
    one = call("finish", title="Split", summary="Split is done.", more=True)
    second = await play(
        cafe,
        turn(plan),
        turn(EDIT),
        turn(one),
        report=Recorder(first.report.conversation),
        fresh=False,
        messages=("Go on.",),
        pace="step",
        run="12.2",
    )
    assert second.result is not None
    assert second.result.step
    last = call("finish", title="All", summary="All done.", more=False)
    third = await play(
        cafe,
        turn(plan),
        turn(EDIT),
        turn(one),
        turn(last),
        report=Recorder(second.report.conversation),
        workspace=second.workspace,
        fresh=False,
        messages=("Go on.",),
        pace="step",
        run="12.3",
    )
    assert third.result is not None
    assert not third.result.step


async def test_what_is_being_written_is_shown(cafe: Project) -> None:
    played = await play(cafe, turn(EDIT, say="I change the split."), turn(FINISH))
    assert any("I change the split." in text for text in played.report.seen)


async def test_a_provider_error_goes_up(cafe: Project) -> None:
    played = await play(cafe, turn(EDIT), {"error": "overloaded"})
    assert isinstance(played.error, Overloaded)
    assert "text.split()" in await played.text()


async def test_cancelled_at_every_await_it_leaves_a_transcript_that_resumes(cafe: Project) -> None:
    """Cancel the loop at each point where it waits; what was reported until then must carry a new run to the end."""
    turns = (turn(call("read", path="lexer.py"), EDIT), turn(FINISH))
    whole = await play(cafe, *turns)
    steps = 0
    points = 0
    while True:
        report = Recorder()
        workspace = await cafe.workspace()
        handle = asyncio.ensure_future(play(cafe, *turns, report=report, workspace=workspace))
        for _ in range(steps):
            await asyncio.sleep(0)
            if handle.done():
                break
        steps += 1
        if handle.done():
            await handle
            break
        handle.cancel()
        with pytest.raises(asyncio.CancelledError):
            await handle
        points += 1
        changes = {
            changed.path: changed for fact in report.facts if isinstance(fact, ToolsDone) for changed in fact.changes
        }
        again = await cafe.workspace()
        await again.restore(changes.values())
        taken = report.spent.turns
        resumed = await play(
            cafe,
            *turns[:taken],
            *(turns[taken - 1 : taken] if unanswered(report.conversation) else ()),
            *turns[taken:],
            report=Recorder(report.conversation),
            workspace=again,
            fresh="Briefed" not in report.kinds,
        )
        assert resumed.result == whole.result
        assert await resumed.text() == await whole.text()
    assert points > 10


@pytest.mark.parametrize("facts", [1, 0])
async def test_a_run_that_was_cut_short_at_its_very_end_does_not_ask_again(cafe: Project, facts: int) -> None:
    """Its last words were durable, its result was not."""
    turns = (turn(EDIT), turn(FINISH)) if facts else (turn(EDIT), turn(say="It splits at any space now."))
    first = await play(cafe, *turns)
    resumed = await play(
        cafe,
        {"error": "bad_key"},
        report=Recorder(first.report.conversation),
        workspace=first.workspace,
        fresh=False,
    )
    assert resumed.error is None
    assert resumed.report.kinds == []
    assert resumed.result == first.result


async def test_an_agent_that_states_no_direction_is_read_for_one(cafe: Project) -> None:
    first = turn(call("read", path="lexer.py"), say="I look first.")
    second = turn(EDIT, say="I split at any space now. Then I am done.")
    played = await play(cafe, first, second, turn(FINISH, say="Fine."))
    stated = [fact.direction for fact in played.report.facts if isinstance(fact, DirectionStated)]
    assert stated == ["I split at any space now"]


async def test_the_size_of_the_draft_counts_what_earlier_runs_changed(cafe: Project) -> None:
    first = await play(cafe, turn(EDIT), turn(FINISH))
    workspace = await cafe.workspace()
    await workspace.restore(await first.workspace.changes())
    also = call("write", path="new.py", content="x = 1\ny = 2\n")
    second = await play(cafe, turn(also), turn(FINISH), workspace=workspace)
    done = next(fact for fact in second.report.facts if isinstance(fact, ToolsDone))
    assert [changed.path for changed in done.changes] == ["new.py"]
    assert (done.added, done.removed) == (3, 1)


LONG_FILES = {f"part{number}.py": f"value = {number}\n" * 3_000 for number in range(6)}


async def test_a_conversation_that_nears_the_end_of_the_context_is_shortened_and_goes_on(tmp_path: Path) -> None:
    async with project(tmp_path, {**FILES, **LONG_FILES}) as made:
        reads = [turn(call("read", path=path)) for path in LONG_FILES]
        agent = AgentSpec(name="small", wire="scripted", provider="Practice", context_tokens=40_000)
        played = await play(made, *reads, turn(EDIT), turn(FINISH), agent=agent)
    assert played.error is None
    assert "text.split()" in await played.text()
    told = [fact.shortening for fact in played.report.facts if isinstance(fact, TranscriptShortened)]
    # Each file takes a quarter of the context: one shortening makes room for at least one more.
    assert 1 <= len(told) <= 3
    conversation = played.report.conversation
    assert conversation is not None
    # The transcript itself is whole; what is shown of it fits.
    assert all("value = 0" in result.text for result in played.report.results[:1])
    assert expected(shown(conversation))[1] < 0.7 * 40_000
    # A resumed run folds the same facts and is shown the same.
    assert shown(fold(played.report.facts) or conversation) == shown(conversation)


async def test_what_the_provider_finds_too_long_is_shortened_and_asked_again(tmp_path: Path) -> None:
    async with project(tmp_path, {**FILES, **LONG_FILES}) as made:
        reads = [turn(call("read", path=path)) for path in LONG_FILES]
        refused = turn(EDIT, error="too_long", times=2)
        played = await play(made, *reads, refused, turn(FINISH))
    assert played.error is None
    assert [type(fact).__name__ for fact in played.report.facts].count("TranscriptShortened") == 2


async def test_what_does_not_fit_even_shortened_is_one_sentence(cafe: Project) -> None:
    played = await play(cafe, turn(EDIT), turn(error="too_long"))
    assert isinstance(played.error, LimitReached)
    assert played.error.cause.kind == "too_long"
    assert played.error.cause.sentence == (
        "The task does not fit into the context of practice, even shortened. Delegate a smaller piece, or use a model "
        "that holds more."
    )


async def test_an_answer_that_filled_the_context_goes_on_with_less(tmp_path: Path) -> None:
    async with project(tmp_path, {**FILES, **LONG_FILES}) as made:
        reads = [turn(call("read", path=path)) for path in LONG_FILES]
        full = turn(EDIT, say="half", stop="context_full")
        played = await play(made, *reads, full, turn(EDIT), turn(FINISH))
    assert played.error is None
    assert played.report.results[6].text == CUT_OFF
    assert [type(fact).__name__ for fact in played.report.facts].count("TranscriptShortened") == 1


PRICED = AgentSpec(
    name="dear",
    wire="scripted",
    provider="Practice",
    max_output_tokens=32_000,
    price=Price(input=10, output=50, cache_read=1, cache_write=12.5),
)


class Asked(ScriptedModel):
    """Remembers how it was asked."""

    asked: ClassVar[list[int]] = []

    def turn(self, conversation: Conversation, settings: TurnSettings) -> AsyncGenerator[Streamed, None]:
        self.asked.append(settings.max_output_tokens)
        return super().turn(conversation, settings)


@pytest.mark.parametrize(("usd", "least", "most"), [(100.0, 0, 0), (0.3, 1_000, 6_000)])
async def test_an_answer_may_be_as_long_as_the_budget_can_pay(cafe: Project, usd: float, least: int, most: int) -> None:
    """0: as long as the agent's answers may be."""
    Asked.asked.clear()
    await play(cafe, turn(say="Nothing."), agent=PRICED, limits=Limits(usd=usd), recipe=load("explain"), model=Asked)
    assert least <= Asked.asked[0] <= most


async def test_what_the_budget_cannot_pay_is_not_asked(cafe: Project) -> None:
    played = await play(cafe, turn(EDIT), agent=PRICED, limits=Limits(usd=2.0, spent_usd=1.96))
    assert isinstance(played.error, LimitReached)
    assert played.error.cause.sentence == (
        "The next step would cost more than is left of its budget of $2 ($0.04). Raise it to go on."
    )
    assert played.report.kinds == ["Briefed"]
