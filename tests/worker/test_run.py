from __future__ import annotations

import asyncio
import shutil

import pytest
from msgspec.structs import replace

from agent.support import EDIT, FINISH, LEXER, Project, call, script, spec_for, turn
from backburner.agent.loop import NUDGE
from backburner.model.catalog import AgentSpec
from backburner.model.events import Asked, Briefed, RunFailed, RunFinished, ToolsDone, TurnTaken
from backburner.model.result import Cause
from backburner.model.task import Answer, Opening
from backburner.model.wire import Ack, CancelRun, Draft, Fact, Isolation, Progress, RunEnded, SteerRun, WantDraft, Watch
from backburner.workspace.git import Lost
from worker.support import StoppedClock, scripted, worker

PLAN = turn(call("plan", direction="split at any space"))
WORK = script(PLAN, turn(EDIT), turn(FINISH))


async def test_a_run_from_start_to_result(cafe: Project) -> None:
    snapshot = await cafe.snapshot()
    async with worker() as daemon:
        fact = await daemon.run(scripted(cafe, snapshot, WORK))
    assert isinstance(fact, RunFinished)
    [file] = fact.result.proposal.files
    assert (file.path, file.added, file.removed) == ("lexer.py", 1, 1)
    assert [hunk.id for hunk in file.hunks] == ["12.1/lexer.py:1"]
    assert fact.result.title == "Split at any space"
    assert file.proposed_id is not None
    assert await cafe.shadow.get_text(file.proposed_id) == LEXER.replace('split(" ")', "split()")
    numbers = [message.n for message in daemon.heard if isinstance(message, Fact)]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_what_facts_name_is_kept_before_they_are_sent(cafe: Project) -> None:
    snapshot = await cafe.snapshot()
    async with worker() as daemon:
        await daemon.start(scripted(cafe, snapshot, WORK))
        done = await daemon.first(ToolsDone, added=1)
        kept = (await cafe.shadow.git.run("for-each-ref", "--format=%(objectname)", "refs/tasks")).stdout.decode()
        assert done.changes[0].blob in kept.split()
        await daemon.first(RunEnded)


async def test_no_fact_is_sent_before_the_one_before_is_durable(cafe: Project) -> None:
    snapshot = await cafe.snapshot()
    async with worker() as daemon:
        daemon.acks = lambda fact: not isinstance(fact.event, TurnTaken)
        await daemon.start(scripted(cafe, snapshot, script(turn(EDIT), turn(FINISH))))
        await daemon.first(TurnTaken)
        for _ in range(200):
            await asyncio.sleep(0)
        assert daemon.kinds() == ["Briefed", "TurnTaken"]
        await daemon.link.send(CancelRun(run="12.1", task=12, root=str(cafe.root)))
        await daemon.first(RunEnded)
    assert daemon.kinds() == ["Briefed", "TurnTaken"]


async def test_a_provider_error_fails_the_run_with_what_it_had(cafe: Project) -> None:
    snapshot = await cafe.snapshot()
    async with worker() as daemon:
        fact = await daemon.run(scripted(cafe, snapshot, script(turn(EDIT), {"error": "bad_key"})))
        nothing = await daemon.run(scripted(cafe, snapshot, script({"error": "bad_key"}), run="13.1", task=13))
    assert isinstance(fact, RunFailed)
    assert (fact.cause.kind, fact.cause.sentence) == ("bad_key", "Practice refused the key.")
    assert fact.result is not None
    assert fact.result.failure == fact.cause
    assert len(fact.result.proposal.hunks) == 1
    assert isinstance(nothing, RunFailed)
    assert nothing.result is None


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"recipe": "brew"}, "There is no recipe called 'brew'"),
        ({"recipe_body": "+++\nwants = 3\n+++\n"}, "cannot be read"),
        (
            {"agent": AgentSpec(name="opus", provider="Anthropic", key_env="ANTHROPIC_API_KEY")},
            "needs ANTHROPIC_API_KEY",
        ),
        ({"agent": AgentSpec(name="bad", wire="scripted", script="scene = 3")}, "script"),
        ({"agent": AgentSpec(name="tool", kind="command")}, "has no command"),
    ],
)
async def test_whatever_goes_wrong_is_one_sentence(cafe: Project, fields: dict[str, object], sentence: str) -> None:
    snapshot = await cafe.snapshot()
    async with worker() as daemon:
        fact = await daemon.run(spec_for(cafe, snapshot, **fields))
    assert isinstance(fact, RunFailed)
    assert sentence in fact.cause.sentence
    assert "Traceback" not in fact.cause.sentence
    assert "\n" not in fact.cause.sentence


LOOK = script(turn(call("read", path="tests/test_lexer.py"), call("read", path="lexer.py")), turn(FINISH))


@pytest.mark.parametrize("text", [WORK, LOOK])
@pytest.mark.parametrize("lost", ["the snapshot", "what it borrows"])
async def test_a_snapshot_that_is_gone_is_one_sentence(cafe: Project, lost: str, text: str) -> None:
    snapshot = await cafe.snapshot()
    if lost == "the snapshot":
        snapshot = replace(snapshot, commit="1" * 40)
    else:
        shutil.rmtree(cafe.root / ".git/objects")
    async with worker() as daemon:
        fact = await daemon.run(scripted(cafe, snapshot, text))
    assert isinstance(fact, RunFailed)
    assert fact.cause == Cause(kind="snapshot", sentence=Lost.sentence, who="git")


async def test_one_run_takes_no_sibling_down(cafe: Project) -> None:
    snapshot = await cafe.snapshot()
    async with worker() as daemon:
        for number in range(1, 11):
            text = WORK if number % 2 else script({"error": "overloaded"})
            await daemon.start(scripted(cafe, snapshot, text, run=f"{number}.1", task=number))
        for number in range(1, 11):
            await daemon.first(RunEnded, run=f"{number}.1")
        ends = [daemon.kinds(f"{number}.1")[-1] for number in range(1, 11)]
    assert ends == ["RunFinished", "RunFailed"] * 5


async def test_stop_and_keep_makes_the_draft_the_result(cafe: Project) -> None:
    snapshot = await cafe.snapshot()
    async with worker() as daemon:
        # The clock stands still, so the second turn never comes.
        await daemon.start(scripted(cafe, snapshot, script(turn(EDIT), turn(FINISH, wait_s=60))))
        await daemon.first(ToolsDone)
        await daemon.link.send(CancelRun(run="12.1", task=12, root=str(cafe.root), keep=True))
        await daemon.first(RunEnded)
    fact = daemon.facts()[-1]
    assert isinstance(fact, RunFinished)
    assert fact.result.stopped
    assert len(fact.result.proposal.hunks) == 1


async def test_stop_and_keep_while_a_fact_is_not_durable_yet(cafe: Project) -> None:
    snapshot = await cafe.snapshot()
    held: list[Fact] = []
    async with worker() as daemon:

        def acks(fact: Fact) -> bool:
            if isinstance(fact.event, ToolsDone) and not held:
                held.append(fact)
                return False
            return True

        daemon.acks = acks
        await daemon.start(scripted(cafe, snapshot, script(turn(EDIT), turn(FINISH))))
        done = await daemon.until(lambda: held[0] if held else None)
        await daemon.link.send(CancelRun(run="12.1", task=12, root=str(cafe.root), keep=True))
        for _ in range(50):
            await asyncio.sleep(0)
        assert daemon.kinds()[-1] == "ToolsDone"
        await daemon.link.send(Ack(run=done.run, root=done.root, n=done.n))
        await daemon.first(RunEnded)
    assert daemon.kinds() == ["Briefed", "TurnTaken", "ToolsDone", "RunFinished"]


async def test_cancel_ends_without_a_last_word(cafe: Project) -> None:
    snapshot = await cafe.snapshot()
    async with worker() as daemon:
        await daemon.start(scripted(cafe, snapshot, script(turn(EDIT), turn(FINISH, wait_s=60))))
        await daemon.first(ToolsDone)
        await daemon.link.send(CancelRun(run="12.1", task=12, root=str(cafe.root)))
        await daemon.first(RunEnded)
        await daemon.link.send(CancelRun(run="99.1", task=99, root=str(cafe.root)))
        await daemon.first(RunEnded, run="99.1")
    assert daemon.kinds()[-1] == "ToolsDone"


async def test_the_draft_can_be_read_while_it_runs(cafe: Project) -> None:
    snapshot = await cafe.snapshot()
    async with worker() as daemon:
        await daemon.start(scripted(cafe, snapshot, script(turn(EDIT), turn(FINISH, wait_s=60))))
        await daemon.first(ToolsDone)
        await daemon.link.send(WantDraft(run="12.1", root=str(cafe.root), request=7))
        draft = await daemon.first(Draft)
        assert (draft.request, draft.error, len(draft.proposal.hunks)) == (7, "", 1)
        await daemon.link.send(WantDraft(run="99.1", root=str(cafe.root), request=8))
        assert (await daemon.first(Draft, request=8)).error


async def test_a_note_reaches_a_running_agent(cafe: Project) -> None:
    snapshot = await cafe.snapshot()
    async with worker() as daemon:
        daemon.acks = lambda fact: not (isinstance(fact.event, TurnTaken) and fact.n == 2)
        await daemon.start(scripted(cafe, snapshot, script(turn(EDIT), turn(FINISH))))
        held = await daemon.first(Fact, n=2)
        await daemon.link.send(SteerRun(run="12.1", root=str(cafe.root), note="Keep the name."))
        await daemon.link.send(Ack(run="12.1", root=str(cafe.root), n=held.n))
        await daemon.first(RunEnded)
    done = next(fact for fact in daemon.facts() if isinstance(fact, ToolsDone))
    assert (done.messages, done.notes_read) == (("Keep the name.",), 1)


async def test_only_who_watches_sees_what_is_written(cafe: Project) -> None:
    snapshot = await cafe.snapshot()
    clock = StoppedClock()
    async with worker(clock=clock) as daemon:
        say = turn(EDIT, say="I change the split now.", wait_s=9.0)
        await daemon.start(scripted(cafe, snapshot, script(turn(say="one", stop="length"), say, turn(FINISH))))
        await daemon.first(ToolsDone)
        assert not [message for message in daemon.heard if isinstance(message, Progress)]
        await daemon.link.send(Watch(run="12.1", root=str(cafe.root), on=True))
        clock.let_go(9.0)
        await daemon.first(RunEnded)
        seen = [message.text for message in daemon.heard if isinstance(message, Progress)]
    assert any("I change" in text for text in seen)


async def test_a_question_is_asked_and_its_answer_goes_on(cafe: Project) -> None:
    snapshot = await cafe.snapshot()
    text = script(turn(call("ask", question="keep it?")), turn(EDIT), turn(FINISH))
    async with worker() as daemon:
        asked = await daemon.run(scripted(cafe, snapshot, text))
        assert isinstance(asked, Asked)
        answer = Answer(question=asked.question, answer="Keep it.", by="default", at=0.0)
        fact = await daemon.run(
            scripted(
                cafe,
                snapshot,
                text,
                run="12.2",
                conversation=daemon.conversation(),
                opening=Opening(kind="answer", text="Keep it."),
                answer=answer,
            )
        )
    assert isinstance(fact, RunFinished)
    assert daemon.kinds("12.2")[0] == "ToolsDone"


async def test_a_resumed_run_keeps_its_edits(cafe: Project) -> None:
    snapshot = await cafe.snapshot()
    async with worker() as daemon:
        await daemon.start(scripted(cafe, snapshot, script(turn(EDIT), turn(FINISH, wait_s=60))))
        done = await daemon.first(ToolsDone)
        await daemon.link.send(CancelRun(run="12.1", task=12, root=str(cafe.root)))
        await daemon.first(RunEnded)
        fact = await daemon.run(
            scripted(
                cafe,
                snapshot,
                script(turn(EDIT), turn(FINISH)),
                run="12.2",
                conversation=daemon.conversation(),
                changes=done.changes,
                opening=Opening(kind="resume"),
            )
        )
    assert isinstance(fact, RunFinished)
    assert NUDGE not in str(daemon.facts("12.2"))
    assert [hunk.id for hunk in fact.result.proposal.hunks] == ["12.2/lexer.py:1"]
    assert not [one for one in daemon.facts("12.2") if isinstance(one, Briefed)]


async def test_a_retry_starts_over(cafe: Project) -> None:
    snapshot = await cafe.snapshot()
    async with worker() as daemon:
        await daemon.run(scripted(cafe, snapshot, WORK))
        conversation = daemon.conversation()
        fact = await daemon.run(
            scripted(cafe, snapshot, WORK, run="12.2", conversation=conversation, opening=Opening(kind="retry"))
        )
    assert isinstance(fact, RunFinished)
    briefed = daemon.facts("12.2")[0]
    assert isinstance(briefed, Briefed)
    assert briefed.system


async def test_the_check_is_not_run_without_a_sandbox_and_says_so(cafe: Project) -> None:
    snapshot = await cafe.snapshot()
    async with worker() as daemon:
        fact = await daemon.run(scripted(cafe, snapshot, WORK, isolation=Isolation(check="true")))
    assert isinstance(fact, RunFinished)
    [check] = fact.result.checks
    assert (check.passed, check.exit_code, check.note) == (False, None, "not run: bubblewrap is not installed")
    assert "run" not in [tool.name for tool in daemon.facts()[0].tools]


async def test_the_person_s_project_is_never_touched(cafe: Project) -> None:
    before = {path: path.read_bytes() for path in cafe.root.rglob("*") if path.is_file() and ".git" not in path.parts}
    snapshot = await cafe.snapshot()
    async with worker() as daemon:
        await daemon.run(scripted(cafe, snapshot, WORK))
    after = {path: path.read_bytes() for path in cafe.root.rglob("*") if path.is_file() and ".git" not in path.parts}
    assert after == before


async def test_a_review_that_stops_early_keeps_its_findings(cafe: Project) -> None:
    noted = call("finding", path="lexer.py", start_line=6, message="Splits at single spaces only.")
    async with worker() as daemon:
        text = script(turn(noted), {"error": "overloaded"})
        fact = await daemon.run(scripted(cafe, await cafe.snapshot(), text, recipe="review"))
    assert isinstance(fact, RunFailed)
    assert fact.result is not None
    assert [finding.message for finding in fact.result.findings] == ["Splits at single spaces only."]


async def test_a_reply_to_a_review_brings_only_new_findings(cafe: Project) -> None:
    one = call("finding", path="lexer.py", start_line=6, message="One.")
    two = call("finding", path="lexer.py", start_line=9, message="Two.")
    async with worker() as daemon:
        text = script(turn(one), turn(FINISH), turn(two), turn(FINISH))
        first = await daemon.run(scripted(cafe, await cafe.snapshot(), text, recipe="review"))
        assert isinstance(first, RunFinished)
        second = await daemon.run(
            scripted(
                cafe,
                await cafe.snapshot(),
                text,
                recipe="review",
                run="12.2",
                conversation=daemon.conversation(),
                previous=first.result,
                opening=Opening(kind="reply", text="And join()?"),
            )
        )
    assert [finding.message for finding in first.result.findings] == ["One."]
    assert isinstance(second, RunFinished)
    assert [(finding.id, finding.message) for finding in second.result.findings] == [("12.2/finding:1", "Two.")]
