"""The order of reading with its reasons, the queue, the status, since and today."""

from __future__ import annotations

from msgspec.structs import replace

from backburner.model.anchor import Span
from backburner.model.held import Held
from backburner.model.result import Cause
from backburner.model.task import Answer, Delegation, Question, State, Task
from backburner.model.view import Status
from backburner.review.placement import Places
from backburner.review.queue import queue
from backburner.review.ready import Where, ready_list, since, status, today, worded
from backburner.review.scene import Live, Scene
from backburner.review.words import clock_time
from review.making import LEXER, NOW, Shelf, change, finding, ready, running, state, task, view

BIG = LEXER + "".join(f"line_{i} = {i}\n" for i in range(90))
SMALL = LEXER.replace("yield word", "yield word.strip()")
LIVE: Live = {"lexer.py": LEXER, "a.py": LEXER, "b.py": LEXER, "c.py": LEXER}


def scene(tasks: State, shelf: Shelf, live: Live = LIVE, **more: object) -> Scene:
    return Scene(tasks, live, view(**more), Places(shelf))


def result(shelf: Shelf, number: int, path: str, proposed: str, **more: object) -> Task:
    file = change(shelf, f"{number}.1", path, LEXER, proposed)
    return ready(task(shelf, number, path=path, **more), file)


def asking(shelf: Shelf, number: int, deadline: float) -> Task:
    question = Question(id="q", sentence="keep it?", default="keep", deadline=deadline)
    return replace(task(shelf, number), state="asking", question=question)


def failed(shelf: Shelf, number: int) -> Task:
    cause = Cause(kind="bad_key", sentence="Anthropic refused the key.", who="Anthropic")
    return replace(task(shelf, number), state="failed", failure=cause)


def test_the_order_is_questions_near_cheap_at_risk_and_each_says_why() -> None:
    shelf = Shelf()
    tasks = state(
        failed(shelf, 1),
        result(shelf, 2, "a.py", BIG),
        result(shelf, 3, "b.py", SMALL),
        result(shelf, 4, "c.py", SMALL),
        result(shelf, 5, "lexer.py", BIG),
        asking(shelf, 6, NOW + 500),
        asking(shelf, 7, NOW + 100),
    )
    live = {**LIVE, "c.py": "# typed\n" + LEXER}
    rows = ready_list(scene(tasks, shelf, live), Where("lexer.py", 10))
    assert [(row.task, row.why) for row in rows] == [
        (7, "it asks you; its default is taken in 1 min"),
        (6, "it asks you; its default is taken in 8 min"),
        (5, "2 lines from your cursor"),
        (4, "you changed its file since; 2 lines to read"),
        (3, "2 lines to read"),
        (2, "90 lines to read"),
        (1, "it stopped"),
    ]
    assert rows[3].line == 9


def test_tasks_of_a_group_stay_together() -> None:
    shelf = Shelf()
    tasks = state(
        result(shelf, 2, "a.py", SMALL, group=2),
        result(shelf, 3, "b.py", SMALL),
        result(shelf, 4, "c.py", BIG, group=2),
    )
    rows = ready_list(scene(tasks, shelf))
    assert [row.task for row in rows] == [2, 4, 3]
    assert rows[1].why == "with #2, the same instruction"


def test_what_is_judged_already_costs_nothing_to_read() -> None:
    shelf = Shelf()
    proposed = BIG.replace("yield word", "yield word.strip()")
    half = result(shelf, 2, "a.py", proposed)
    half = replace(half, verdicts={"2.1/a.py:2": "rejected"})
    assert ready_list(scene(state(half), shelf))[0].why == "2 lines to read"


def test_what_there_is_to_read_is_named() -> None:
    shelf = Shelf()
    found = tuple(finding(shelf, number, number, "it may be None") for number in (1, 2))
    told = ready(task(shelf, 4), report="It splits words.")
    tasks = state(
        replace(result(shelf, 1, "a.py", SMALL), seen=True),
        ready(task(shelf, 2), findings=found),
        ready(task(shelf, 3), change(shelf, "3.1", "lexer.py", LEXER, SMALL), findings=found[:1]),
        told,
        ready(task(shelf, 5), report=""),
    )
    assert {row.task: row.why for row in ready_list(scene(tasks, shelf))} == {
        1: "2 lines to read",
        2: "2 findings to read",
        3: "2 lines and 1 finding to read",
        4: "a report to read",
        5: "one sentence to read",
    }


def test_parked_results_are_one_row_and_not_in_the_list() -> None:
    shelf = Shelf()
    tasks = state(result(shelf, 2, "a.py", SMALL), result(shelf, 3, "b.py", SMALL), running(task(shelf, 4)))
    there = scene(tasks, shelf, branch="other")
    assert ready_list(there) == []
    rows = queue(there).rows
    assert [(row.section, row.title) for row in rows] == [
        ("Ready", "2 ready on main"),
        ("Running", "#4 make it iterative"),
    ]


def test_the_queue_has_its_groups_and_rows() -> None:
    shelf = Shelf()
    tasks = state(
        result(shelf, 1, "lexer.py", SMALL),
        running(task(shelf, 2), direction="split lexer", added=18, removed=4, touched=("lexer.py",)),
        asking(shelf, 3, NOW + 60),
        task(shelf, 4),
        replace(result(shelf, 5, "a.py", SMALL), state="accepted"),
        failed(shelf, 6),
    )
    held = {4: Held(task=4, reason="capacity", sentence="It is next.", short="queued, 2 ahead", ahead=2)}
    found = queue(scene(tasks, shelf, held=held, root_uri="file:///p"), None, "Since 18:40: 1 ready")
    assert [(row.section, row.title, row.detail) for row in found.rows] == [
        ("Asks you", "#3 make it iterative", "lexer.py · keep it?"),
        ("Asks you", "#6 make it iterative", "lexer.py · stopped: key refused"),
        ("Ready", "#1 Iterative lexer", "lexer.py · +1 −1 · tests pass"),
        ("Running", "#2 make it iterative", "lexer.py · opus 3m · +18 −4 · split lexer"),
        ("Waiting", "#4 make it iterative", "lexer.py · queued, 2 ahead, overlaps #2"),
        ("Earlier", "#5 Iterative lexer", "a.py · accepted · +1 −1"),
    ]
    assert found.note == "Since 18:40: 1 ready"
    assert found.rows[2].uri == "file:///p/lexer.py"
    assert found.rows[2].line == 8


def test_enter_in_the_queue_never_changes_anything() -> None:
    shelf = Shelf()
    seen = replace(result(shelf, 1, "lexer.py", SMALL), seen=True)
    tasks = state(
        seen,
        running(task(shelf, 2)),
        asking(shelf, 3, NOW + 60),
        task(shelf, 4),
        replace(seen, number=5, state="accepted"),
        failed(shelf, 6),
    )
    harmless = {f"backburner.{verb}" for verb in ("read", "draft", "show", "answer", "steer")}
    for row in queue(scene(tasks, shelf)).rows:
        assert row.actions[0]["command"] in harmless, row
        assert "text" not in row.actions[0]["arguments"]


def test_rows_of_a_group_say_what_was_asked_of_all() -> None:
    shelf = Shelf()
    tasks = state(replace(result(shelf, 1, "a.py", SMALL), group=1), replace(task(shelf, 2), group=1))
    wish = Delegation(number=1, recipe="fix", instruction="Remove it.\nAll of it.", tasks=(1, 2), at=NOW)
    grouped = replace(tasks, delegations={1: wish})
    rows = queue(scene(grouped, shelf)).rows
    assert [row.group_title for row in rows] == ["Remove it. All of it."] * 2
    assert [row.group_title for row in queue(scene(tasks, shelf)).rows] == ["", ""]


def test_an_empty_queue_says_what_to_do() -> None:
    assert queue(scene(State(), Shelf())).empty == "Nothing cooking. Put the cursor in a function and delegate."


def test_the_status_counts_and_words() -> None:
    shelf = Shelf()
    tasks = state(
        running(task(shelf, 1), minutes=6.5),
        running(task(shelf, 2), minutes=2),
        running(task(shelf, 3), minutes=1),
        result(shelf, 4, "a.py", SMALL),
        replace(result(shelf, 5, "b.py", SMALL), seen=True),
        asking(shelf, 6, NOW + 60),
    )
    found = status(tasks, {}, NOW, 1.84, 10.0)
    assert (found.running, found.ready, found.asking, found.unread, found.longest_s) == (3, 2, 1, 1, 360)
    assert found.text == "bb 3 +2 ?1"
    assert found.tooltip == "3 running, longest 6 min · 2 to read · 1 question · $1.84 of $10 today"


def test_an_idle_status_is_empty() -> None:
    assert worded(Status()).text == ""
    assert worded(Status()).tooltip == ""
    assert status(State(), {}, NOW, 0.0, None).text == ""
    assert worded(Status(ready=2)).text == "bb +2"


def test_one_cause_is_said_once() -> None:
    shelf = Shelf()
    found = status(state(*(failed(shelf, number) for number in range(1, 7))), {}, NOW, 0, None)
    assert found.causes == ["6 tasks stopped: Anthropic refused the key."]


def test_since_tells_what_happened() -> None:
    shelf = Shelf()
    done = [result(shelf, number, "a.py", SMALL) for number in range(1, 5)]
    answered = Answer(question=Question(id="q", sentence="?"), answer="keep", by="default", at=NOW - 100)
    done[0] = replace(done[0], answers=(answered,))
    at = NOW - 600
    assert since(state(*done), at) == f"Since {clock_time(at)}: 4 ready, 1 took its default answer, $1.68"
    assert since(state(*done), NOW) == ""
    assert since(State(), at) == ""


def test_today_adds_up() -> None:
    shelf = Shelf()
    accepted = [replace(result(shelf, n, "a.py", SMALL), state="accepted") for n in (1, 2)]
    accepted = [replace(t, verdicts={item: "accepted" for item in t.result.items}) for t in accepted if t.result]
    rejected = replace(result(shelf, 3, "a.py", SMALL), state="rejected", verdicts={"3.1/a.py:1": "rejected"})
    dismissed = replace(task(shelf, 7), state="rejected")
    before = replace(accepted[0], number=4, since=NOW - 90_000, queued_at=NOW - 90_000)
    tasks = state(*accepted, rejected, dismissed, before, task(shelf, 5), running(task(shelf, 6)))
    found = today(tasks, NOW - 80_000, NOW + 1, 6.12)
    assert found.sentence == "6 delegated · 2 accepted, 4 lines · 1 rejected · 1 dismissed · 2 open · $6.12"
    nothing = today(State(), NOW, NOW + 1)
    assert nothing.sentence == "0 delegated · $0.00"


def test_the_near_result_is_near_where_it_is_now() -> None:
    shelf = Shelf()
    one, two = result(shelf, 1, "a.py", BIG, span=Span(3, 6), symbol="tokens"), result(shelf, 2, "a.py", SMALL)
    live = {"a.py": "# typed\n" * 100 + LEXER}
    assert [row.task for row in ready_list(scene(state(one, two), shelf, live), Where("a.py", 103))] == [1, 2]


def test_what_is_decided_can_be_undone_from_the_queue() -> None:
    shelf = Shelf()
    taken = replace(result(shelf, 1, "a.py", SMALL), state="accepted", verdicts={"1.1/a.py:1": "accepted"})
    (line,) = queue(scene(state(taken), shelf)).rows
    assert [action["title"] for action in line.actions] == ["Read", "Undo", "Reply…", "Run again"]
