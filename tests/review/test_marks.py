"""What stands at a place, to the letter: lens rows, problems with their severity, hover; for each state."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from backburner.model.anchor import Span
from backburner.model.held import Held
from backburner.model.mark import Mark
from backburner.model.result import Cause
from backburner.model.task import Answer, Choice, Question, State, Task
from backburner.model.text import hunks, split
from backburner.review.marks import Projector, project
from backburner.review.offers import actions_at
from backburner.review.scene import needed_paths
from backburner.review.words import clock_time
from review.making import (
    FAIL,
    LEXER,
    NOW,
    Shelf,
    change,
    finding,
    ready,
    row,
    running,
    state,
    task,
    titles,
    view,
)

LATER = clock_time(NOW + 3600)


def held(reason: str, short: str, **more: object) -> dict[int, Held]:
    return {12: Held(task=12, reason=reason, sentence=short, short=short, **more)}  # type: ignore[arg-type]


def marks(
    tasks: Task | State, shelf: Shelf | None = None, live: str | None = LEXER, path: str = "lexer.py", **more: object
) -> tuple[Mark, ...]:
    texts = shelf if shelf is not None else Shelf()
    if shelf is None:
        texts.put(LEXER)
    everything = tasks if isinstance(tasks, State) else state(tasks)
    return project(everything, texts, {path: live}, view(**more)).get(path, ())


def one(tasks: Task, shelf: Shelf | None = None, live: str | None = LEXER, **more: object) -> Mark:
    """The task's own mark."""
    (mark,) = [mark for mark in marks(tasks, shelf, live, **more) if not mark.item]
    return mark


PROPOSED = LEXER.replace("return None\n", "return []\n").replace("return found\n", "return tuple(found)\n")
TWO_HUNKS = LEXER.replace("yield word\n", "yield word.strip()\n").replace("return None\n", "return []\n")


def result(
    proposed: str = PROPOSED, shelf: Shelf | None = None, seen: bool = False, **more: object
) -> tuple[Task, Shelf]:
    texts = shelf if shelf is not None else Shelf()
    done = ready(task(texts), change(texts, "12.1", "lexer.py", LEXER, proposed), **more)
    return replace(done, seen=seen), texts


@pytest.mark.parametrize(
    ("waits", "expected"),
    [
        ({}, "○ #12 queued | Stop"),
        (held("capacity", "queued, 2 ahead", ahead=2), "○ #12 queued, 2 ahead | Stop"),
        (held("reading", "waits: 8 results to read"), "○ #12 waits: 8 results to read | Start anyway"),
        (held("day_budget", "waits: today's $10 is spent"), "○ #12 waits: today's $10 is spent | Raise"),
        (
            held("paused", "waits: Anthropic limit until {until}", until=NOW + 3600),
            f"○ #12 waits: Anthropic limit until {LATER}",
        ),
        (held("after", "after #11"), "○ #12 after #11"),
        (held("when", "by {until}, 30% off", until=NOW + 3600), f"○ #12 by {LATER}, 30% off"),
        (held("no_key", "waits: needs ANTHROPIC_API_KEY"), "○ #12 waits: needs ANTHROPIC_API_KEY | Set key"),
        (held("after_failed", "waits: #11 failed"), "○ #12 waits: #11 failed | Start from the screen | Drop"),
    ],
)
def test_a_queued_task_says_why_it_waits(waits: dict[int, Held], expected: str) -> None:
    assert row(one(task(Shelf()), held=waits)) == expected


def test_a_running_task_tells_its_direction_and_draft() -> None:
    plain = task(Shelf())
    cooking = running(plain, direction="split lexer, keep API", added=18, removed=4, touched=("lexer.py",))
    assert row(one(cooking)) == "◌ #12 opus 3m: split lexer, keep API | Draft +18 −4 | Stop"
    assert row(one(running(plain, minutes=0.5))) == "◌ #12 opus | Stop"
    assert row(one(running(plain, minutes=150))) == "◌ #12 opus 2h | Stop"
    assert titles(one(cooking)) == ["#12 Draft", "#12 Tell it…", "#12 Stop", "#12 Stop and keep"]


def test_an_edit_where_a_task_works_is_said_and_can_be_told() -> None:
    live = LEXER.replace("    if not found:\n        return None\n", "    if found == []:\n        return 0\n")
    mark = one(running(task(Shelf()), direction="split"), live=live)
    assert row(mark) == "◌ #12 opus 3m: you changed 2 of its lines | Tell it | Stop"
    tell = next(action for action in mark.actions if action.lens == "Tell it")
    assert "+    if found == []:\n" in tell.arguments["text"]
    assert tell.arguments["task"] == 12


def test_an_edit_elsewhere_is_not_said() -> None:
    live = LEXER.replace("yield word", "yield word.strip()")
    assert row(one(running(task(Shelf())), live=live)) == "◌ #12 opus 3m | Stop"


def test_tasks_at_one_place_say_that_they_overlap() -> None:
    shelf = Shelf()
    twelve = running(task(shelf))
    inner = task(shelf, 13, span=Span(10, 12), symbol="")
    found = {mark.task: mark for mark in marks(state(twelve, inner), shelf)}
    assert row(found[13]) == "○ #13 queued, overlaps #12 | Run after #12 | Stop"
    assert next(a for a in found[13].actions if a.lens == "Run after #12").arguments == {"task": 13, "after": 12}
    assert row(found[12]) == "◌ #12 opus 3m | Stop"


def test_a_question_stands_with_its_answers() -> None:
    question = Question(
        id="12.1?1",
        sentence="keep parse_v1()?",
        choices=(Choice(answer="keep it", title="Keep"), Choice(answer="remove it", title="Remove")),
        default="keep",
        deadline=NOW + 600,
    )
    mark = one(replace(task(Shelf()), state="asking", question=question))
    assert row(mark) == "? #12 keep parse_v1()? | Keep | Remove | Other…"
    assert (mark.severity, mark.message) == ("information", "Question: keep parse_v1()? In 10 min: keep.")
    for seconds, says in ((570, "In 10 min"), (500, "In 5 min"), (70, "In 2 min"), (1, "In 1 min")):
        later = replace(task(Shelf()), state="asking", question=replace(question, deadline=NOW + seconds))
        assert says in one(later).message
    long = replace(question, default="keep it for all callers outside of it")
    cut = one(replace(task(Shelf()), state="asking", question=replace(long, choices=())))
    assert cut.message == "Question: keep parse_v1()? In 10 min: its own choice."
    choices = (Choice(answer=long.default, title="Keep"),)
    cut = one(replace(task(Shelf()), state="asking", question=replace(long, choices=choices)))
    assert cut.message == "Question: keep parse_v1()? In 10 min: keep it for all callers…"
    assert titles(mark)[0] == "#12 Answer: keep it"
    assert mark.actions[0].arguments == {"task": 12, "text": "keep it"}


def test_a_result_is_read_before_it_is_judged() -> None:
    done, shelf = result()
    mark = one(done, shelf)
    assert row(mark) == "✓ #12 Iterative lexer  +2 −2, tests pass | Read"
    assert titles(mark) == ["#12 Read", "#12 Run again"]
    assert (mark.severity, mark.message) == ("information", "Ready: Iterative lexer. +2 −2, tests pass.")
    seen = one(replace(done, seen=True), shelf)
    assert row(seen) == "✓ #12 Iterative lexer  +2 −2, tests pass | Accept | Reject | Reply"
    assert seen.severity == "hint"
    at_once = one(done, shelf, read_first=False)
    assert row(at_once) == "✓ #12 Iterative lexer  +2 −2, tests pass | Read | Accept | Reject | Reply"


def test_the_menu_at_a_result_is_in_the_order_of_the_product_page() -> None:
    done, shelf = result(seen=True)
    everything = marks(done, shelf)
    assert [action.title for _, action in actions_at(everything, Span(11, 12))] == [
        "#12 Read",
        "#12 Accept this hunk",
        "#12 Accept all",
        "#12 Reject this hunk",
        "#12 Reject all",
        "#12 Reply…",
        "#12 Run again",
        "#12 Next hunk",
    ]
    assert actions_at(everything, Span(0, 1)) == []


def test_a_result_half_judged_says_what_is_left() -> None:
    done, shelf = result(TWO_HUNKS, seen=True)
    first = done.result.items[0] if done.result else ""
    mark = one(replace(done, verdicts={first: "rejected"}), shelf)
    assert row(mark) == "✓ #12 1 of 2 left | Next"
    assert mark.message == "Ready, 1 of 2 left: Iterative lexer."
    assert "#12 Accept all" in titles(mark)


def test_a_result_that_overlaps_an_edit_says_so() -> None:
    done, shelf = result(TWO_HUNKS)
    live = LEXER.replace("        return None\n", "        return None, 0\n")
    mark = one(done, shelf, live)
    assert row(mark) == "✓ #12 +2 −2, 1 of 2 overlaps your edit | Read | Refit"
    assert mark.message == "Ready, 1 of 2 overlaps your edit."
    both = live.replace("        yield word\n", "        yield word, 1\n")
    assert "2 of 2 overlap your edit" in one(done, shelf, both).lens


def test_a_result_whose_code_is_gone_says_so() -> None:
    done, shelf = result()
    mark = one(done, shelf, "".join(split(LEXER)[:8]) + "other = 1\n")
    assert row(mark) == "✓ #12 the code it changed is gone | Read | Run again"
    assert mark.message == "The code this changed is gone. Run again or read it."


def test_a_result_without_change_is_dismissed() -> None:
    shelf = Shelf()
    assert row(one(ready(task(shelf)), shelf)) == "✓ #12 no change needed | Read | Dismiss"
    explained = ready(task(shelf, recipe="explain"), title="How parsing works")
    assert row(one(explained, shelf)) == "✓ #12 How parsing works | Read | Dismiss"
    assert row(one(ready(task(shelf, recipe="review")), shelf)) == "✓ #12 nothing found | Read | Dismiss"


@pytest.mark.parametrize(
    ("cause", "expected", "message"),
    [
        (
            Cause(kind="bad_key", sentence="Anthropic refused the key.", who="Anthropic"),
            "× #12 stopped: key refused | Set key | Retry",
            "Stopped: Anthropic refused the key.",
        ),
        (
            Cause(kind="budget", sentence="It has spent its $2."),
            "× #12 stopped: budget spent | Raise | Retry | Dismiss",
            "Stopped: It has spent its $2.",
        ),
        (
            Cause(kind="stalled", sentence="Nothing came for ten minutes"),
            "× #12 stopped: provider fell silent | Retry | Dismiss",
            "Stopped: Nothing came for ten minutes.",
        ),
    ],
)
def test_a_failure_says_its_cause_and_the_next_step(cause: Cause, expected: str, message: str) -> None:
    failed = replace(task(Shelf()), state="failed", failure=cause)
    mark = one(failed)
    assert row(mark) == expected
    assert (mark.severity, mark.message) == ("information", message)
    assert one(replace(failed, seen=True)).severity == "hint"


def test_failing_tests_lead_the_problem() -> None:
    done, shelf = result(checks=(FAIL,))
    assert one(done, shelf).message == "Ready, 2 tests fail: Iterative lexer. +2 −2."
    assert one(done, shelf).lens == "✓ #12 Iterative lexer  +2 −2, 2 tests fail"


def test_a_change_in_two_files_says_so() -> None:
    shelf = Shelf()
    files = (
        change(shelf, "12.1", "lexer.py", LEXER, PROPOSED),
        change(shelf, "12.1", "new.py", None, "x = 1\n"),
    )
    assert one(ready(task(shelf), *files), shelf).message == "Ready: Iterative lexer. +3 −2 in 2 files, tests pass."


def test_hunks_show_only_in_the_result_being_read() -> None:
    done, shelf = result(TWO_HUNKS)
    quiet = [mark for mark in marks(done, shelf) if mark.item]
    assert [(mark.lens, mark.severity, mark.message) for mark in quiet] == [("", None, "")] * 2
    assert [titles(mark) for mark in quiet] == [["#12 Read"]] * 2
    done = replace(done, seen=True)
    reading = [mark for mark in marks(done, shelf, reading=12) if mark.item]
    assert [mark.message for mark in reading] == [
        "Hunk 1 of 2: replaces 1 line with 1.",
        "Hunk 2 of 2: replaces 1 line with 1.",
    ]
    assert {mark.severity for mark in reading} == {"hint"}
    assert row(reading[0]) == "✓ #12 hunk 1 of 2: replaces 1 line with 1 | Accept | Reject | Next"
    assert reading[0].line == 5
    assert "-        yield word\n+        yield word.strip()" in reading[0].hover


def test_a_conflicting_hunk_offers_both_sides() -> None:
    done, shelf = result(TWO_HUNKS, seen=True)
    live = LEXER.replace("        return None\n", "        return None, 0\n")
    hunk = [mark for mark in marks(done, shelf, live, reading=12) if mark.item][1]
    assert row(hunk) == "✓ #12 hunk 2 of 2 overlaps your edit | Take theirs | Keep mine | Refit | Next"
    assert hunk.actions[0].arguments == {"task": 12, "theirs": True, "hunks": ["12.1/lexer.py:2"]}


def test_judged_hunks_have_no_mark() -> None:
    done, shelf = result(TWO_HUNKS, seen=True)
    done = replace(done, verdicts={"12.1/lexer.py:1": "accepted"})
    live = LEXER.replace("        yield word\n", "        yield word.strip()\n")
    assert [mark.item for mark in marks(done, shelf, live, reading=12) if mark.item] == ["12.1/lexer.py:2"]


def test_marks_follow_the_text() -> None:
    done, shelf = result()
    mark = one(done, shelf, "# one\n# two\n" + LEXER)
    assert (mark.line, mark.start, mark.end, mark.span_end) == (10, 4, 9, 15)


def test_a_problem_is_the_symbols_name_on_one_line() -> None:
    done, shelf = result()
    mark = one(done, shelf)
    assert split(LEXER)[mark.line][mark.start : mark.end] == "parse"


def test_one_task_has_at_most_one_problem_when_calm() -> None:
    shelf = Shelf()
    found = (
        finding(shelf, 1, 9, "tokens() is a generator already"),
        finding(shelf, 2, 11, "None is a surprise", "error"),
    )
    done = ready(task(shelf, recipe="review"), title="Two remarks", findings=found)
    unread = [mark for mark in marks(done, shelf) if mark.severity is not None]
    assert [(mark.severity, mark.message) for mark in unread] == [("information", "Ready: Two remarks. 2 findings.")]
    seen = [mark for mark in marks(replace(done, seen=True), shelf) if mark.severity is not None]
    assert [(mark.severity, mark.message, mark.line) for mark in seen] == [
        ("warning", "tokens() is a generator already", 9),
        ("warning", "None is a surprise", 11),
    ]
    dismissed = replace(done, seen=True, verdicts={"12.1/finding:1": "dismissed"})
    assert [mark.item for mark in marks(dismissed, shelf) if mark.severity is not None] == ["12.1/finding:2"]


def test_a_finding_can_be_delegated_on() -> None:
    shelf = Shelf()
    done = ready(task(shelf, recipe="review"), findings=(finding(shelf, 1, 9, "slow"),))
    (mark,) = [m for m in marks(replace(done, seen=True), shelf, "#\n" + LEXER, root_uri="file:///p") if m.item]
    fix = mark.actions[0]
    assert fix.title == 'Delegate: fix "slow"'
    assert fix.arguments["targets"] == [{"uri": "file:///p/lexer.py", "start_line": 10, "symbol": ""}]
    assert titles(mark)[1:] == ["#12 Dismiss slow", "#12 Reply…"]


def test_running_has_a_problem_only_where_no_lens_shows() -> None:
    cooking = running(task(Shelf()), direction="split lexer")
    assert one(cooking).severity is None
    mark = one(cooking, has_lens=False)
    assert (mark.severity, mark.message) == ("hint", "Running: opus 3m: split lexer.")
    waiting = one(task(Shelf()), has_lens=False, held=held("reading", "waits: 8 results to read"))
    assert (waiting.severity, waiting.message) == ("hint", "Waits: 8 results to read.")


def test_diagnostics_can_be_off_or_all() -> None:
    done, shelf = result(TWO_HUNKS, seen=True)
    assert {mark.severity for mark in marks(done, shelf, diagnostics="off", reading=12)} == {None}
    assert one(done, shelf, diagnostics="off").lens
    assert len([mark for mark in marks(done, shelf, diagnostics="all") if mark.severity]) == 3
    assert one(running(task(Shelf())), diagnostics="all").severity == "hint"


def test_results_of_another_branch_are_parked() -> None:
    done, shelf = result()
    assert marks(done, shelf, branch="feature/lexer") == ()
    assert marks(done, shelf, branch="main")
    assert marks(done, shelf, branch="")


@pytest.mark.parametrize("name", ["accepted", "rejected", "cancelled"])
def test_a_verdict_takes_the_line_away(name: str) -> None:
    done, shelf = result()
    assert marks(replace(done, state=name), shelf) == ()


def test_a_file_that_is_gone_keeps_one_mark_that_says_so() -> None:
    done, shelf = result()
    (mark,) = marks(done, shelf, None)
    assert (mark.line, mark.item, mark.severity) == (0, "", "information")
    assert mark.lens == "✓ #12 the file is gone"
    assert mark.message == "The file this changed is gone. Run again or read it."
    assert mark.hover.startswith("**#12 Iterative lexer**: ready, but the file is gone  \n")
    assert [action.lens for action in mark.actions if action.lens] == ["Read", "Run again"]


def test_two_tasks_on_a_line_share_it() -> None:
    done, shelf = result()
    both = marks(state(done, running(task(shelf, 13))), shelf)
    own = [mark for mark in both if not mark.item]
    assert own[0].lens == "✓ #12 Iterative lexer  +2 −2, tests pass · #13 running"
    assert own[1].lens == ""
    assert titles(own[1])
    assert all(mark.lens.isascii() for mark in marks(state(done, running(task(shelf, 13))), shelf, ascii=True))


def test_symbols_can_be_ascii() -> None:
    done, shelf = result(seen=True)
    found = [*marks(done, shelf, ascii=True, reading=12), one(running(task(Shelf())), ascii=True)]
    for mark in found:
        text = mark.lens + mark.message + mark.hover + "".join(a.lens + a.title for a in mark.actions)
        assert text.isascii(), text
    mark = one(done, shelf, ascii=True)
    assert mark.lens == "+ #12 Iterative lexer  +2 -2, tests pass"
    menu = [action.title for _, action in actions_at([mark], Span(mark.line, mark.line + 1))]
    assert menu == ["#12 Read", "#12 Accept all", "#12 Reject all", "#12 Reply...", "#12 Run again"]


def test_hover_is_short_and_complete() -> None:
    done, shelf = result(TWO_HUNKS, seen=True, risks=("touches pyproject.toml",))
    hover = one(done, shelf, "# a\n" * 3 + LEXER).hover
    assert hover.split("  \n") == [
        "**#12 Iterative lexer**: ready",
        "Replaces the recursion by a loop.",
        "passed: `pytest -q` (12 passed, 3 s)",
        "+2 −2 · opus · 4 min · $0.42",
        "! touches pyproject.toml",
        f"From what you saw at {clock_time(NOW - 590)}. 2 of 2 moved down 3 lines.",
        "Accept · Reject · Reply",
    ]


def test_no_hover_shows_an_image_that_a_model_asked_for() -> None:
    image = "![a](https://x.invalid/?what=it+read)"
    shelf = Shelf()
    base = task(shelf)
    file = change(shelf, "12.1", "lexer.py", LEXER, TWO_HUNKS)
    question = Question(id="q", sentence=image, default=image, deadline=NOW + 500)
    remark = replace(ready(base, findings=(finding(shelf, 1, 3, image),)), seen=True)
    for one_task in (
        running(base, direction=image),
        replace(base, state="asking", question=question),
        ready(base, file, title=image, summary=image, risks=(image,)),
        remark,
    ):
        for mark in marks(one_task, shelf, reading=12):
            assert "![" not in mark.hover
    assert any("x.invalid" in mark.hover for mark in marks(remark, shelf, reading=12))


def every_state(shelf: Shelf) -> list[Task]:
    """One task in each state, with texts as long as people and models write them."""
    long = "a very long title that never seems to come to an end because a model was asked for a few words " * 3
    base = task(shelf, instruction=long)
    cause = Cause(kind="internal", sentence=long)
    question = Question(id="q", sentence=long, default=long, deadline=NOW + 500)
    file = change(shelf, "12.1", "lexer.py", LEXER, TWO_HUNKS)
    remark = finding(shelf, 1, 3, long)
    return [
        base,
        running(base, direction=long),
        replace(base, state="asking", question=question),
        replace(base, state="failed", failure=cause),
        ready(base, file, title=long, summary=long, checks=(FAIL,) * 5, risks=(long,) * 5, findings=(remark,)),
        ready(base, file, title=long, failure=cause),
        replace(ready(base, file, title=long, findings=(remark,)), seen=True),
        replace(ready(base, title=long, findings=(remark,)), seen=True),
    ]


@pytest.mark.parametrize("mode", ["calm", "all"])
def test_limits_hold_for_the_longest_texts(mode: str) -> None:
    shelf = Shelf()
    for case in every_state(shelf):
        for mark in marks(case, shelf, diagnostics=mode, has_lens=False, reading=12):
            assert len(mark.message) <= 80
            assert mark.severity != "error"
            assert len(mark.hover.split("\n")) <= 12
            assert len(mark.lens) <= 140
            assert mark.start <= mark.end
            for action in mark.actions:
                assert len(action.title) <= 60
                assert action.title.startswith(("#12 ", "Delegate", "Practise", "Raise"))


def test_every_lens_action_is_a_code_action_too() -> None:
    shelf = Shelf()
    for case in every_state(shelf):
        for mark in marks(case, shelf, reading=12):
            offered = {action.title for _, action in actions_at([mark], Span(mark.line, mark.line + 1))}
            assert {action.title for action in mark.actions if action.lens} <= offered


def test_mode_and_rename_hunks_stand_at_the_top_of_their_file() -> None:
    shelf = Shelf()
    file = change(shelf, "12.1", "b.py", LEXER, PROPOSED, renamed_from="lexer.py")
    file = replace(file, hunks=hunks(LEXER, PROPOSED, "12.1", "b.py", renamed=True))
    done = replace(ready(task(shelf), file), seen=True)
    found = [mark for mark in marks(done, shelf, reading=12) if mark.item]
    assert found[0].message == "Hunk 1 of 2: renames the file."
    assert found[0].line == 0
    assert {mark.path for mark in found} == {"lexer.py"}


def test_a_key_press_computes_only_its_file_again() -> None:
    """The other files' marks are the same objects, so that whoever sends them need not even compare."""
    shelf = Shelf()
    files = [change(shelf, "12.1", f"{name}.py", LEXER, TWO_HUNKS) for name in ("lexer", "b", "c")]
    everything = state(replace(ready(task(shelf), *files), seen=True))
    projector = Projector(shelf)
    live = {"lexer.py": LEXER, "b.py": LEXER, "c.py": LEXER}
    before = projector.project(everything, live, view(reading=12))
    same = projector.project(everything, dict(live), view(reading=12, now=NOW + 3))
    assert all(same[path] is before[path] for path in live)
    after = projector.project(everything, live | {"b.py": "# typed\n" + LEXER}, view(reading=12))
    assert after["c.py"] is before["c.py"]
    assert [mark.line for mark in after["b.py"]] == [mark.line + 1 for mark in before["b.py"]]


def test_one_file_is_as_in_the_whole_and_needs_no_text_but_those_of_its_tasks() -> None:
    shelf = Shelf()
    files = [change(shelf, "12.1", f"{name}.py", LEXER, TWO_HUNKS) for name in ("lexer", "b", "c")]
    moved = change(shelf, "12.1", "new.py", LEXER, PROPOSED, renamed_from="old.py")
    everything = state(
        replace(ready(task(shelf), *files, moved, findings=(finding(shelf, 1, 3, "A loop."),)), seen=True),
        running(task(shelf, 13, path="b.py")),
        running(task(shelf, 14, path="b.py")),
        running(task(shelf, 15, path="alone.py")),
    )
    live = {f"{name}.py": f"# typed\n{LEXER}" for name in ("lexer", "b", "c", "old", "alone")}
    whole = project(everything, shelf, live, view(reading=12))
    assert {*whole} == {*live}
    for path in live:
        projector = Projector(shelf)
        needed = needed_paths(projector.tasks_at(everything, path))
        some = {each: text for each, text in live.items() if each in needed}
        assert projector.file(everything, some, view(reading=12), path) == whole.get(path, ())
    assert projector.file(everything, {}, view(reading=12), "unknown.py") == ()


def test_a_click_on_a_title_only_looks() -> None:
    shelf = Shelf()
    for case in every_state(shelf):
        for mark in marks(case, shelf, reading=12):
            if mark.lens:
                assert mark.click is not None
                assert mark.click.command.rsplit(".", 1)[-1] in ("read", "draft", "show", "answer")
                assert mark.click.arguments == {"task": 12}


def test_an_answer_can_be_changed_later() -> None:
    asked = Question(id="q", sentence="keep?", choices=(Choice(answer="keep", title="Keep"),), default="keep")
    answer = Answer(question=asked, answer="keep", by="default", at=NOW)
    done, shelf = result(seen=True)
    mark = one(replace(done, answers=(answer,)), shelf)
    assert "#12 Change answer…" in titles(mark)
    assert "Took its default answer: keep." in mark.hover
    assert "#12 Change answer…" in titles(one(replace(running(task(Shelf())), answers=(answer,))))
