"""Reports, the JSON view, the diff document, and which results of a group may be taken unread."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace

from backburner.model.result import Cause, FileStyle
from backburner.model.task import Delegation, State, Task
from backburner.review.diffs import Item, diff, diff_marks, draft_diff, group_diff, item_at
from backburner.review.placement import Places
from backburner.review.render import report, task_view
from backburner.review.rest import rest, why_not
from backburner.review.scene import Live, Scene
from backburner.review.words import clock_time
from review.making import FAIL, LEXER, NOW, PASS, Shelf, change, finding, ready, row, running, state, task, view

TWO_HUNKS = LEXER.replace("yield word\n", "yield word.strip()\n").replace("return None\n", "return []\n")


def scene(tasks: State, shelf: Shelf, live: Live | None = None, **more: object) -> Scene:
    return Scene(tasks, {"lexer.py": LEXER} if live is None else live, view(**more), Places(shelf))


def result(**more: object) -> tuple[Task, Shelf]:
    shelf = Shelf()
    return ready(task(shelf), change(shelf, "12.1", "lexer.py", LEXER, TWO_HUNKS), **more), shelf


HEAD = f"""\
#12 Iterative lexer
Replaces the recursion by a loop.
passed: `pytest -q` (12 passed, 3 s)
+2 −2 · opus · 4 min · $0.42
From what you saw at {clock_time(NOW - 590)}."""


def test_a_diff_document_has_its_head_and_each_hunk_its_id() -> None:
    done, shelf = result()
    text = diff(scene(state(done), shelf), done)
    assert text == (
        f"{HEAD}\n"
        "\ndiff --git a/lexer.py b/lexer.py\n--- a/lexer.py\n+++ b/lexer.py\n"
        "@@ -3,7 +3,7 @@ 12.1/lexer.py:1\n \n def tokens(text):\n     for word in text.split():\n"
        "-        yield word\n+        yield word.strip()\n \n \n def parse(text):\n"
        "@@ -10,6 +10,6 @@ 12.1/lexer.py:2\n     found = list(tokens(text))\n     if not found:\n"
        "-        return None\n+        return []\n     return found\n \n \n"
    )


def test_a_diff_document_follows_the_text_and_applies_to_it(tmp_path: Path) -> None:
    done, shelf = result()
    live = "# typed\n" + LEXER.replace("print(", "print(1, ")
    text = diff(scene(state(done), shelf, {"lexer.py": live}), done)
    assert "2 of 2 moved down 1 line." in text
    (tmp_path / "lexer.py").write_text(live)
    subprocess.run(["git", "apply", "-"], input=text.encode(), cwd=tmp_path, check=True)
    assert (tmp_path / "lexer.py").read_text() == "# typed\n" + TWO_HUNKS.replace("print(", "print(1, ")


def test_a_conflict_is_shown_with_its_three_sides() -> None:
    done, shelf = result()
    live = LEXER.replace("        return None\n", "        return None, 0\n")
    there = scene(state(done), shelf, {"lexer.py": live})
    text = diff(there, done)
    assert text.endswith(
        "@@ -9,7 +9,7 @@ 12.1/lexer.py:2  overlaps your edit\n"
        " def parse(text):\n     found = list(tokens(text))\n     if not found:\n"
        "-        return None\n+        return []\n     return found\n \n \n"
        "# Your 1 line there now:\n#         return None, 0\n"
    )
    assert text.count("--- a/lexer.py") == 1


def test_decided_hunks_leave_the_document() -> None:
    done, shelf = result()
    done = replace(done, seen=True, verdicts={"12.1/lexer.py:1": "rejected"})
    text = diff(scene(state(done), shelf), done)
    assert "1 of 2 left." in text
    assert "12.1/lexer.py:1" not in text
    assert "12.1/lexer.py:2" in text


def test_every_kind_of_file_is_in_the_document() -> None:
    shelf = Shelf()
    files = (
        change(shelf, "12.1", "new.py", None, "x = 1\n"),
        change(shelf, "12.1", "old.py", "y = 1\n", None),
        replace(change(shelf, "12.1", "run", "z\n", "Z\n"), mode=0o100755),
        replace(change(shelf, "12.1", "logo.png", None, "", style=FileStyle()), binary=True),
    )
    done = ready(task(shelf), *files)
    text = diff(scene(state(done), shelf, {"new.py": None, "old.py": "y = 1\n", "run": "z\n", "logo.png": None}), done)
    assert "--- /dev/null\n+++ b/new.py\n@@ -0,0 +1 @@ 12.1/new.py:1\n+x = 1\n" in text
    assert "--- a/old.py\n+++ /dev/null\n@@ -1 +0,0 @@ 12.1/old.py:1\n-y = 1\n" in text
    assert "old mode 100644\nnew mode 100755\n" in text
    assert "diff --git a/logo.png b/logo.png\n@@ -0,0 +0,0 @@ 12.1/logo.png:1  new file" in text


def test_lines_of_a_document_lead_back_to_their_hunk() -> None:
    done, shelf = result()
    text = diff(scene(state(done), shelf), done)
    lines = text.split("\n")
    assert item_at(text, 0) == item_at(text, 5) == Item(12, "")
    assert item_at(text, lines.index("+        yield word.strip()")) == Item(12, "12.1/lexer.py:1")
    assert item_at(text, lines.index("+        return []")) == Item(12, "12.1/lexer.py:2")
    assert item_at("nothing of ours\n", 0) is None


def test_a_document_has_marks_at_its_hunks() -> None:
    done, shelf = result()
    done = replace(done, seen=True)
    there = scene(state(done), shelf)
    text = diff(there, done)
    found = diff_marks(there, "12.diff", text)
    lines = text.split("\n")
    assert [row(mark) for mark in found] == [
        "✓ #12 Iterative lexer  +2 −2, tests pass | Accept | Reject | Reply",
        "✓ #12 hunk 1 of 2: replaces 1 line with 1 | Accept | Reject | Next",
        "✓ #12 hunk 2 of 2: replaces 1 line with 1 | Accept | Reject | Next",
    ]
    assert [lines[mark.line][:2] for mark in found] == ["#1", "@@", "@@"]
    assert [mark.message for mark in found][1:] == [f"Hunk {n} of 2: replaces 1 line with 1." for n in (1, 2)]
    judged = replace(done, verdicts={"12.1/lexer.py:1": "accepted"})
    assert [mark.item for mark in diff_marks(scene(state(judged), shelf), "12.diff", text)] == ["", "12.1/lexer.py:2"]


def test_a_group_is_one_document() -> None:
    done, shelf = result()
    other = ready(task(shelf, 13), change(shelf, "13.1", "lexer.py", LEXER, TWO_HUNKS))
    text = group_diff(scene(state(done, other), shelf), [done, other])
    assert item_at(text, text.count("\n") - 1) == Item(13, "13.1/lexer.py:2")
    assert text.count("#12 Iterative lexer\n") == text.count("#13 Iterative lexer\n") == 1


def test_a_draft_is_to_read_only() -> None:
    text = draft_diff("#12 split lexer", [("lexer.py", LEXER, TWO_HUNKS), ("same.py", "a\n", "a\n")])
    assert text.startswith("#12 split lexer\nDraft so far: +2 −2. To read, not to accept.\n\ndiff --git a/lexer.py")
    assert "same.py" not in text
    assert "12.1/" not in text


def test_a_report_says_everything() -> None:
    done, shelf = result(
        report="It was recursive.",
        findings=(),
        assumptions=("input is text",),
        checks=(replace(FAIL, tail="E   boom"),),
    )
    text = report(scene(state(done), shelf), done)
    assert text.startswith(
        "# #12 Iterative lexer\n\nReady.\n\n- Replaces the recursion by a loop.\n- failed: `pytest -q`"
    )
    for part in ("- input is text", "It was recursive.", "- `lexer.py` +2 −2, 2 hunks", "```text\nE   boom\n```"):
        assert part in text


def test_hover_report_and_document_have_one_head() -> None:
    done, shelf = result()
    there = scene(state(done), shelf)
    lines = HEAD.split("\n")[1:]
    text = report(there, done)
    assert all(f"- {line}\n" in text for line in lines)
    assert diff(there, done).startswith(HEAD)


def test_the_json_of_a_result() -> None:
    done, shelf = result(findings=(finding(Shelf(), 1, 9, "slow"),))
    shelf |= Shelf()
    live = "# typed\n" + LEXER.replace("return None\n", "return None, 0\n")
    found = task_view(scene(state(done), shelf, {"lexer.py": live}), done)
    assert (found.task, found.state, found.agent, found.target) == (12, "ready", "opus", "lexer.py:9-13")
    assert [(hunk.id, hunk.placement, hunk.verdict, hunk.line) for hunk in found.hunks] == [
        ("12.1/lexer.py:1", "moved", "open", 7),
        ("12.1/lexer.py:2", "conflicts", "open", 13),
    ]
    assert [(file.path, file.added, file.removed, file.kind) for file in found.files] == [("lexer.py", 2, 2, "edit")]
    assert [(remark.id, remark.line) for remark in found.findings] == [("12.1/finding:1", 11)]
    assert found.evidence[0]["passed"] is True
    assert found.cost_usd == pytest.approx(0.42)


def test_the_json_of_a_running_and_a_failed_task() -> None:
    shelf = Shelf()
    cooking = running(task(shelf), direction="split", added=3, removed=1, touched=("lexer.py",))
    found = task_view(scene(state(cooking), shelf), cooking)
    assert (found.direction, found.draft) == ("split", {"added": 3, "removed": 1, "files": 1})
    cause = Cause(kind="bad_key", sentence="Anthropic refused the key.")
    failed = replace(task(shelf), state="failed", failure=cause)
    assert task_view(scene(state(failed), shelf), failed).error == "Anthropic refused the key."


# The rest like these.

INSIDE = LEXER.replace("return None\n", "return []\n")


def group(shelf: Shelf, *rest_of: Task) -> State:
    """Two results that were read, and others of the same group."""
    read = [
        replace(ready(task(shelf, n, group=1), change(shelf, f"{n}.1", "lexer.py", LEXER, INSIDE)), seen=True)
        for n in (1, 2)
    ]
    tasks = [replace(read[0], state="accepted"), replace(read[1], state="accepted"), *rest_of]
    return replace(
        state(*tasks),
        delegations={1: Delegation(number=1, recipe="fix", instruction="fix", tasks=(1, 2), at=NOW)},
    )


def member(shelf: Shelf, number: int, proposed: str = INSIDE, path: str = "lexer.py", **more: object) -> Task:
    return ready(task(shelf, number, group=1), change(shelf, f"{number}.1", path, LEXER, proposed), **more)


def test_the_rest_is_taken_only_where_nothing_speaks_against_it() -> None:
    shelf = Shelf()
    cause = Cause(kind="stalled", sentence="It fell silent.")
    tasks = group(
        shelf,
        member(shelf, 3),
        member(shelf, 4, checks=(FAIL,)),
        member(shelf, 5, checks=()),
        member(shelf, 6, TWO_HUNKS),
        member(shelf, 7, path="other.py"),
        ready(task(shelf, 8, group=1)),
        running(task(shelf, 9, group=1)),
        member(shelf, 10, failure=cause),
        replace(task(shelf, 11, group=1), state="failed", failure=cause),
        member(shelf, 12, checks=(PASS, FAIL)),
    )
    found = rest(scene(tasks, shelf, {"lexer.py": LEXER, "other.py": LEXER}), tasks.tasks[1])
    assert found.take == (3,)
    assert dict(found.left) == {
        4: "2 tests fail",
        5: "no check was run",
        6: "also touches lexer.py:6",
        7: "also touches other.py",
        8: "has no change to accept",
        9: "still running",
        10: "stopped early: provider fell silent",
        11: "stopped: provider fell silent",
        12: "2 tests fail",
    }


def test_a_result_that_no_longer_fits_stays() -> None:
    shelf = Shelf()
    tasks = group(shelf, member(shelf, 3))
    edited = {"lexer.py": LEXER.replace("return None\n", "return None, 0\n")}
    assert rest(scene(tasks, shelf, edited), tasks.tasks[1]).left == ((3, "1 of 1 overlaps your edit"),)
    assert rest(scene(tasks, shelf, {"lexer.py": None}), tasks.tasks[1]).left == ((3, "the file is gone"),)
    assert rest(scene(tasks, shelf, {"lexer.py": ""}), tasks.tasks[1]).left == ((3, "the code it changed is gone"),)
    assert rest(scene(tasks, shelf, {}), tasks.tasks[1]).left == ((3, "its files could not be looked at"),)


def test_two_results_are_read_first() -> None:
    shelf = Shelf()
    tasks = state(member(shelf, 1), replace(member(shelf, 2), seen=True))
    assert rest(scene(tasks, shelf), tasks.tasks[1]).refused == "Read 2 of them first; you have read 1."


def test_attempts_are_not_taken_together() -> None:
    shelf = Shelf()
    tasks = group(shelf, member(shelf, 3))
    tasks = replace(tasks, delegations={1: replace(tasks.delegations[1], kind="attempts")})
    assert rest(scene(tasks, shelf), tasks.tasks[1]).take == ()


def test_a_whole_file_target_holds_the_whole_file() -> None:
    shelf = Shelf()
    done = member(shelf, 3, TWO_HUNKS)
    done = replace(done, target=replace(done.target, whole_file=True))
    assert why_not(scene(state(done), shelf), done) == ""
