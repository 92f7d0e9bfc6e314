from __future__ import annotations

import random
from itertools import pairwise

import msgspec
import pytest
from msgspec.structs import replace

from backburner.model.shorten import BYTES_PER_TOKEN, SUMMARY, expected, shortened, shown
from backburner.model.transcript import (
    Conversation,
    Entry,
    Message,
    Shortening,
    Text,
    ToolCall,
    ToolResult,
    ToolResults,
    Turn,
    Usage,
)


def turn(number: int, *calls: tuple[str, dict[str, object]], say: str = "") -> Turn:
    parts = (Text(say), *(ToolCall(f"c{number}.{at}", name, given) for at, (name, given) in enumerate(calls)))
    return Turn(
        parts=parts,
        stop="tools" if calls else "end",
        usage=Usage(input_tokens=100 * number),
        wire="anthropic",
        raw=msgspec.json.encode(["thinking", say, *calls]).decode(),
    )


def results(of: Turn, *texts: str, is_error: bool = False) -> ToolResults:
    return ToolResults(
        tuple(
            ToolResult(call_id=call.id, name=call.name, text=text, is_error=is_error)
            for call, text in zip(of.calls, texts, strict=True)
        )
    )


def talk(*entries: Entry) -> Conversation:
    return Conversation(system="You work.", tools=(), entries=(Message("Make it so."), *entries))


def reads(number: int, size: int = 7_000) -> Conversation:
    """So many turns that read a long file each."""
    entries: list[Entry] = []
    for index in range(number):
        asked = turn(index + 1, ("read", {"path": f"file{index}.py"}))
        entries += [asked, results(asked, f"line of file{index}\n" * (size // 14))]
    return talk(*entries)


def tokens(conversation: Conversation) -> float:
    return expected(replace(conversation, entries=tuple(_unused(entry) for entry in conversation.entries)))[1]


def _unused(entry: Entry) -> Entry:
    return replace(entry, usage=Usage()) if isinstance(entry, Turn) else entry


def check_pairs(conversation: Conversation) -> None:
    """Every call has its result right behind it, and no result stands alone."""
    for before, after in pairwise((*conversation.entries, Message("end"))):
        calls = [call.id for call in before.calls] if isinstance(before, Turn) else []
        answers = [result.call_id for result in after.results] if isinstance(after, ToolResults) else []
        assert calls == answers


def test_a_conversation_that_fits_is_shown_as_it_is() -> None:
    conversation = reads(3)
    assert shown(conversation) is conversation


def test_what_is_expected_is_the_last_usage_and_what_came_since() -> None:
    conversation = reads(2)
    last = conversation.entries[-1]
    assert isinstance(last, ToolResults)
    new = len(last.results[0].text) / BYTES_PER_TOKEN
    assert expected(conversation) == (new, 200 + new)


def test_old_results_become_a_line_and_the_last_ones_stay() -> None:
    conversation = reads(10)
    how = shortened(conversation, 15_000)
    assert how is not None
    assert how.folded == 0
    seen = shown(replace(conversation, shortening=how))
    check_pairs(seen)
    assert len(seen.entries) == len(conversation.entries)
    texts = [entry.results[0].text for entry in seen.entries if isinstance(entry, ToolResults)]
    assert "characters are left out to save room; call it again" in texts[0]
    assert texts[0].startswith("line of file0\n")
    assert texts[-1] == conversation.entries[-1].results[0].text  # pyright: ignore[reportAttributeAccessIssue]
    assert tokens(seen) <= 0.6 * 15_000


def test_thinking_from_before_is_left_out_and_what_comes_later_goes_back_unedited() -> None:
    conversation = reads(10)
    how = shortened(conversation, 15_000)
    later = turn(11, ("read", {"path": "new.py"}))
    grown = replace(conversation, shortening=how, entries=(*conversation.entries, later, results(later, "new")))
    turns = [entry for entry in shown(grown).entries if isinstance(entry, Turn)]
    assert [bool(one.raw) for one in turns] == [False] * 10 + [True]
    assert turns[-1] == later


def test_where_that_is_not_enough_the_work_is_told_in_a_message() -> None:
    planned = turn(1, ("plan", {"direction": "split the lexer", "steps": ["write", "test"]}), say="I begin.")
    wrote = turn(2, *((("write", {"path": f"part{at}.py", "content": "x = 1\n" * 3000})) for at in range(3)))
    ran = turn(3, ("run", {"command": "pytest -q"}))
    failed = turn(4, ("edit", {"path": "part1.py", "old": "y", "new": "z"}), say="Then the edit.")
    last = turn(5, ("read", {"path": "part1.py"}))
    conversation = talk(
        planned,
        results(planned, "Noted."),
        Message("Keep the old name too."),
        ran,
        results(ran, "1 failed\n[exit code 1]"),
        failed,
        results(failed, "Not found.", is_error=True),
        wrote,
        results(wrote, "Made.", "Made.", "Made."),
        last,
        results(last, "x = 1\n"),
    )
    how = shortened(conversation, 4_000)
    assert how is not None
    seen = shown(replace(conversation, shortening=how))
    check_pairs(seen)
    assert seen.entries[0] == Message("Make it so.")
    summary = seen.entries[1]
    assert isinstance(summary, Message)
    assert summary.text.startswith(SUMMARY)
    for part in (
        "Your plan:\nsplit the lexer\n- write\n- test",
        "- write part2.py\n",
        "- run pytest -q: [exit code 1]",
        "- edit part1.py: Not found.",
        "Your last words there:\nThen the edit.",
        "What you were told there:\nKeep the old name too.",
    ):
        assert part in summary.text
    assert isinstance(seen.entries[2], Turn)
    assert tokens(seen) <= 0.6 * 4_000


def test_nothing_is_cut_from_the_brief() -> None:
    conversation = talk()
    long = replace(conversation, entries=(Message("word " * 10_000),))
    assert shortened(long, 1_000) is None


def test_it_can_be_done_again_when_it_has_grown() -> None:
    conversation = reads(10)
    first = shortened(conversation, 15_000)
    assert first is not None
    more = reads(30)
    second = shortened(replace(more, shortening=first), 15_000)
    assert second is not None
    assert second.at > first.at
    seen = shown(replace(more, shortening=second))
    check_pairs(seen)
    assert tokens(seen) <= 0.6 * 15_000


def test_it_ends_when_nothing_more_can_be_left_out() -> None:
    conversation = reads(30)
    done = 0
    while (how := shortened(conversation, 1_000)) is not None:
        conversation = replace(conversation, shortening=how)
        done += 1
        assert done < 5
    seen = shown(conversation)
    check_pairs(seen)
    assert isinstance(seen.entries[0], Message)
    assert tokens(seen) < 1_000


@pytest.mark.parametrize("seed", range(40))
def test_whatever_is_said_it_stays_a_conversation_and_only_grows_at_its_end(seed: int) -> None:
    chance = random.Random(seed)
    conversation = talk()
    before: tuple[Entry, ...] = ()
    how: Shortening | None = None
    for number in range(1, 40):
        tools = chance.choices(("read", "run", "write", "plan"), k=chance.randrange(0, 4))
        asked = turn(number, *((tool, {"path": "x" * chance.randrange(1, 3000)}) for tool in tools), say="so")
        added: list[Entry] = [asked]
        if asked.calls:
            added.append(results(asked, *("y" * chance.randrange(0, 9000) for _ in asked.calls)))
        if not asked.calls or chance.random() < 0.2:
            added.append(Message("go on"))
        conversation = replace(conversation, entries=(*conversation.entries, *added))
        seen = shown(conversation)
        check_pairs(seen)
        assert seen.entries[: len(before)] == before
        if tokens(seen) > 10_000:
            how = shortened(conversation, 10_000)
            assert how is not None
            conversation = replace(conversation, shortening=how)
            seen = shown(conversation)
            check_pairs(seen)
            assert tokens(seen) < 12_000
        before = seen.entries
    assert how is not None
