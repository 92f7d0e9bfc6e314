from __future__ import annotations

from agent.support import EDIT, FINISH, LEXER, Project, call, script, turn
from backburner.model.conversation import fold
from backburner.model.events import Briefed, RunFinished, TurnTaken
from backburner.model.task import Opening
from backburner.model.transcript import Message
from backburner.model.wire import WantLiveTexts
from worker.support import Daemon, scripted, worker

SPLIT = LEXER.replace('split(" ")', "split()")
SAME_LINE = LEXER.replace('text.split(" ")', 'text.strip().split(" ")')
ELSEWHERE = LEXER.replace('" ".join(words)', '"_".join(words)')


async def proposed(cafe: Project, fact: object) -> dict[str, tuple[str | None, str | None]]:
    assert isinstance(fact, RunFinished)
    return {
        file.path: (
            await cafe.shadow.get_text(file.base_id) if file.base_id else None,
            await cafe.shadow.get_text(file.proposed_id) if file.proposed_id else None,
        )
        for file in fact.result.proposal.files
    }


async def test_edits_elsewhere_become_part_of_the_base(cafe: Project) -> None:
    snapshot = await cafe.snapshot()
    async with worker() as daemon:
        daemon.live = {"lexer.py": ELSEWHERE}
        fact = await daemon.run(scripted(cafe, snapshot, script(turn(EDIT), turn(FINISH))))
    assert await proposed(cafe, fact) == {"lexer.py": (ELSEWHERE, ELSEWHERE.replace('split(" ")', "split()"))}
    assert len(fact.result.proposal.hunks) == 1
    assert (fact.result.proposal.added, fact.result.proposal.removed) == (1, 1)
    assert [message.paths for message in daemon.heard if isinstance(message, WantLiveTexts)] == [("lexer.py",)]


async def test_unchanged_texts_change_nothing(cafe: Project) -> None:
    snapshot = await cafe.snapshot()
    async with worker() as daemon:
        daemon.live = {"lexer.py": LEXER}
        fact = await daemon.run(scripted(cafe, snapshot, script(turn(EDIT), turn(FINISH))))
    assert await proposed(cafe, fact) == {"lexer.py": (LEXER, SPLIT)}


async def test_a_change_that_the_person_made_too_is_gone(cafe: Project) -> None:
    snapshot = await cafe.snapshot()
    async with worker() as daemon:
        daemon.live = {"lexer.py": SPLIT}
        fact = await daemon.run(scripted(cafe, snapshot, script(turn(EDIT), turn(FINISH))))
    assert await proposed(cafe, fact) == {}


async def test_a_conflict_gets_one_more_turn_with_both_sides(cafe: Project) -> None:
    snapshot = await cafe.snapshot()
    again = call("edit", path="lexer.py", old='text.strip().split(" ")', new="text.strip().split()")
    better = call("finish", title="Split again", summary="It splits your stripped text at any space.")
    async with worker() as daemon:
        daemon.live = {"lexer.py": SAME_LINE}
        fact = await daemon.run(scripted(cafe, snapshot, script(turn(EDIT), turn(FINISH), turn(again), turn(better))))
    assert await proposed(cafe, fact) == {"lexer.py": (SAME_LINE, SAME_LINE.replace('.split(" ")', ".split()"))}
    assert fact.result.title == "Split again"
    briefed = [one for one in daemon.facts() if isinstance(one, Briefed)]
    assert len(briefed) == 2
    assert "+    return text.split()" in briefed[1].messages[0]
    assert 'text.strip().split(" ")' in briefed[1].messages[0]
    assert briefed[1].changes is not None


async def test_a_conflict_that_the_agent_leaves_alone_stays_a_conflict(cafe: Project) -> None:
    snapshot = await cafe.snapshot()
    async with worker() as daemon:
        daemon.live = {"lexer.py": SAME_LINE}
        fact = await daemon.run(scripted(cafe, snapshot, script(turn(EDIT), turn(FINISH), turn(FINISH))))
    assert await proposed(cafe, fact) == {"lexer.py": (LEXER, SPLIT)}


async def test_the_extra_turn_is_bounded_and_its_failure_costs_nothing(cafe: Project) -> None:
    snapshot = await cafe.snapshot()
    reads = [turn(call("read", path="lexer.py", start_line=number + 1)) for number in range(10)]
    async with worker() as daemon:
        daemon.live = {"lexer.py": SAME_LINE}
        many = await daemon.run(scripted(cafe, snapshot, script(turn(EDIT), turn(FINISH), *reads)))
        fact = await daemon.run(
            scripted(cafe, snapshot, script(turn(EDIT), turn(FINISH), {"error": "overloaded"}), run="13.1", task=13)
        )
    assert len([one for one in daemon.facts() if isinstance(one, TurnTaken)]) == 2 + 6
    for ended in (many, fact):
        assert await proposed(cafe, ended) == {"lexer.py": (LEXER, SPLIT)}


async def test_a_file_that_is_gone_is_left_to_the_review(cafe: Project) -> None:
    snapshot = await cafe.snapshot()
    async with worker() as daemon:
        daemon.live = {"lexer.py": None}
        fact = await daemon.run(scripted(cafe, snapshot, script(turn(EDIT), turn(FINISH))))
    assert await proposed(cafe, fact) == {"lexer.py": (LEXER, SPLIT)}


async def first_result(cafe: Project, daemon: Daemon) -> RunFinished:
    also = call("edit", path="lexer.py", old='" ".join(words)', new="str.join(' ', words)")
    made = call("write", path="words.py", content="WORDS = ()\n")
    fact = await daemon.run(scripted(cafe, await cafe.snapshot(), script(turn(EDIT, also, made), turn(FINISH))))
    assert isinstance(fact, RunFinished)
    assert [hunk.id for hunk in fact.result.proposal.hunks] == [
        "12.1/lexer.py:1",
        "12.1/lexer.py:2",
        "12.1/words.py:1",
    ]
    return fact


async def test_a_reply_starts_from_the_screen_with_what_is_open_on_top(cafe: Project) -> None:
    async with worker() as daemon:
        first = await first_result(cafe, daemon)
        now = "# Hello.\n" + LEXER
        (cafe.root / "lexer.py").write_text(now)
        fact = await daemon.run(
            scripted(
                cafe,
                await cafe.snapshot(),
                script(turn(), turn(), turn(say="Nothing more to do.")),
                run="12.2",
                conversation=daemon.conversation(),
                previous=first.result,
                rejected_items=("12.1/lexer.py:2",),
                opening=Opening(kind="reply", text="Leave join() alone."),
            )
        )
    texts = await proposed(cafe, fact)
    assert texts == {
        "lexer.py": (now, now.replace('split(" ")', "split()")),
        "words.py": (None, "WORDS = ()\n"),
    }
    assert [hunk.id for hunk in fact.result.proposal.hunks] == ["12.2/lexer.py:1", "12.2/words.py:1"]
    briefed = daemon.facts("12.2")[0]
    assert isinstance(briefed, Briefed)
    assert briefed.system == ""
    assert "Leave join() alone." in briefed.messages[0]
    assert "Rejected, and no longer in your copy" in briefed.messages[0]
    assert "+    return str.join(' ', words)" in briefed.messages[0]
    assert "Still open, and in your copy: lexer.py, words.py." in briefed.messages[0]
    assert sorted(changed.path for changed in briefed.changes or ()) == ["lexer.py", "words.py"]


async def test_accepted_hunks_are_part_of_the_new_base(cafe: Project) -> None:
    async with worker() as daemon:
        first = await first_result(cafe, daemon)
        (cafe.root / "lexer.py").write_text(SPLIT)
        fact = await daemon.run(
            scripted(
                cafe,
                await cafe.snapshot(),
                script(turn(), turn(), turn(say="Fine.")),
                run="12.2",
                conversation=daemon.conversation(),
                previous=first.result,
                accepted_items=("12.1/lexer.py:1",),
                opening=Opening(kind="continue"),
            )
        )
    assert (await proposed(cafe, fact))["lexer.py"] == (SPLIT, SPLIT.replace('" ".join(words)', "str.join(' ', words)"))
    briefed = daemon.facts("12.2")[0]
    assert isinstance(briefed, Briefed)
    assert "Accepted, and part of the project now" in briefed.messages[0]


async def test_a_refit_tells_both_sides_of_what_does_not_fit(cafe: Project) -> None:
    async with worker() as daemon:
        first = await first_result(cafe, daemon)
        (cafe.root / "lexer.py").write_text(SAME_LINE)
        again = call("edit", path="lexer.py", old='text.strip().split(" ")', new="text.strip().split()")
        fact = await daemon.run(
            scripted(
                cafe,
                await cafe.snapshot(),
                script(turn(), turn(), turn(again), turn(FINISH)),
                run="12.2",
                conversation=daemon.conversation(),
                previous=first.result,
                opening=Opening(kind="refit"),
            )
        )
    briefed = daemon.facts("12.2")[0]
    assert isinstance(briefed, Briefed)
    assert "Not in your copy, because the code there has changed" in briefed.messages[0]
    assert "What stands there now" in briefed.messages[0]
    base, text = (await proposed(cafe, fact))["lexer.py"]
    assert base == SAME_LINE
    assert text is not None
    assert "text.strip().split()" in text
    assert "str.join" in text


async def test_the_transcript_goes_on_in_a_reply(cafe: Project) -> None:
    async with worker() as daemon:
        first = await first_result(cafe, daemon)
        before = daemon.conversation()
        await daemon.run(
            scripted(
                cafe,
                await cafe.snapshot(),
                script(turn(), turn(), turn(say="Fine.")),
                run="12.2",
                conversation=before,
                previous=first.result,
                opening=Opening(kind="reply", text="Why?"),
            )
        )
        whole = [*daemon.facts("12.1"), *daemon.facts("12.2")]
    after = fold(whole)
    assert before is not None
    assert after is not None
    assert after.entries[: len(before.entries)] == before.entries
    assert isinstance(after.entries[len(before.entries)], Message)


async def test_renames_and_deletions_survive_a_rebase(cafe: Project) -> None:
    moves = turn(
        call("move", path="lexer.py", to="words.py"),
        call("edit", path="words.py", old='text.split(" ")', new="text.split()"),
        call("delete", path="tests/test_lexer.py"),
    )
    async with worker() as daemon:
        first = await daemon.run(scripted(cafe, await cafe.snapshot(), script(moves, turn(FINISH))))
        assert isinstance(first, RunFinished)
        (cafe.root / "lexer.py").write_text(ELSEWHERE)
        fact = await daemon.run(
            scripted(
                cafe,
                await cafe.snapshot(),
                script(turn(), turn(), turn(say="Fine.")),
                run="12.2",
                conversation=daemon.conversation(),
                previous=first.result,
                opening=Opening(kind="reply", text="Go on."),
            )
        )
    assert isinstance(fact, RunFinished)
    assert [(file.path, file.renamed_from, file.proposed_id is None) for file in fact.result.proposal.files] == [
        ("tests/test_lexer.py", None, True),
        ("words.py", "lexer.py", False),
    ]
    assert (await proposed(cafe, fact))["words.py"] == (ELSEWHERE, ELSEWHERE.replace('split(" ")', "split()"))
