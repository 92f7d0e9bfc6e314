"""The contract with scripts: verbs, JSON, exit codes; all the way through daemon, worker, SDK and emulated providers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cli.shell import BEFORE, Shell, open_shell
from emulator.script import Call, Scene, Script, Turn

SCRIPT = Script(
    (
        Scene(
            match="correct the sum",
            turn=(
                Turn(calls=(Call("plan", {"direction": "one sign"}), Call("read", {"path": "calc.py"}))),
                Turn(calls=(Call("edit", {"path": "calc.py", "old": "return a - b", "new": "return a + b"}),)),
                Turn(calls=(Call("finish", {"title": "Correct the sum", "summary": "add() now adds."}),)),
            ),
        ),
        Scene(
            match="correct both",
            turn=(
                Turn(
                    calls=(
                        Call("edit", {"path": "calc.py", "old": "return a - b", "new": "return a + b"}),
                        Call(
                            "edit",
                            {
                                "path": "calc.py",
                                "old": "def mul(a, b):\n    return a + b",
                                "new": "def mul(a, b):\n    return a * b",
                            },
                        ),
                    )
                ),
                Turn(calls=(Call("finish", {"title": "Correct both", "summary": "Both are right now."}),)),
            ),
        ),
        Scene(match="explain it", turn=(Turn(say="It subtracts."),)),
        Scene(
            match="ask me first",
            turn=(
                Turn(
                    calls=(
                        Call(
                            "ask",
                            {
                                "question": "keep add()?",
                                "choices": [
                                    {"title": "Keep", "answer": "Keep it."},
                                    {"title": "Remove", "answer": "Remove it."},
                                ],
                            },
                        ),
                    )
                ),
                Turn(say="I kept it."),
            ),
        ),
        Scene(match="never stop", turn=(Turn(wait_s=600.0, say="late"),)),
    )
)


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    async with open_shell(tmp_path, SCRIPT) as opened:
        yield opened


async def test_a_task_goes_from_delegate_to_an_accepted_file(shell: Shell) -> None:
    view = await shell("delegate", "calc.py:1-2", "correct the sum", "--agent", "opus", "--wait")
    assert view["state"] == "ready"
    assert view["files"] == [{"path": "calc.py", "added": 1, "removed": 1, "kind": "edit"}]
    assert view["summary"] == "add() now adds."
    assert view["hunks"][0]["placement"] == "fits"
    assert view["cost_usd"] > 0
    assert shell.text() == BEFORE
    view = await shell("accept", str(view["task"]), "--all")
    assert view["state"] == "accepted"
    assert shell.text() == BEFORE.replace("a - b", "a + b", 1)
    await shell("accept", str(view["task"]), code=4)
    await shell("undo", str(view["task"]))
    assert shell.text() == BEFORE


@pytest.mark.parametrize("agent", ["opus", "codex", "groq"])
async def test_every_wire_format_does_the_same_task(shell: Shell, agent: str) -> None:
    view = await shell("delegate", "calc.py:1-2", "correct the sum", "--agent", agent, "--wait")
    assert (view["state"], view["agent"], view["title"]) == ("ready", agent, "Correct the sum")


async def test_hunks_are_taken_and_left_one_by_one(shell: Shell) -> None:
    view = await shell("delegate", "calc.py", "correct both", "--wait")
    number = view["task"]
    assert len(view["hunks"]) == 2
    view = await shell("accept", f"{number}/2")
    assert view["state"] == "ready"
    assert shell.text() == BEFORE.replace("def mul(a, b):\n    return a + b", "def mul(a, b):\n    return a * b")
    view = await shell("reject", f"{number}/1")
    assert view["state"] == "accepted"
    assert {hunk["verdict"] for hunk in view["hunks"]} == {"accepted", "rejected"}


async def test_undo_says_what_else_it_took_along(shell: Shell) -> None:
    for _ in range(2):
        await shell("delegate", "calc.py:1", "correct the sum", "--wait")
    await shell("accept", "1")
    await shell("accept", "2")
    undone = await shell.run("undo", "1")
    assert undone.stderr == "#2 made the same change: it is open again.\n"
    assert shell.text() == BEFORE
    assert (await shell("show", "2"))["state"] == "ready"


async def test_accept_merges_with_what_was_typed_meanwhile(shell: Shell) -> None:
    view = await shell("delegate", "calc.py:1-2", "correct the sum", "--wait")
    (shell.project / "calc.py").write_text("# mine\n" + BEFORE)
    await shell("accept", str(view["task"]))
    assert shell.text() == "# mine\n" + BEFORE.replace("a - b", "a + b", 1)


async def test_a_conflict_is_refused_and_nothing_is_written(shell: Shell) -> None:
    view = await shell("delegate", "calc.py:1-2", "correct the sum", "--wait")
    mine = BEFORE.replace("a - b", "a % b")
    (shell.project / "calc.py").write_text(mine)
    await shell("accept", str(view["task"]), code=4)
    assert shell.text() == mine


async def test_a_report_is_no_change(shell: Shell) -> None:
    view = await shell("delegate", "calc.py:1", "explain it", "--recipe", "explain", "--wait")
    assert (view["state"], view["files"], view["report"]) == ("ready", [], "It subtracts.")
    assert (await shell("dismiss", str(view["task"])))["state"] in ("accepted", "rejected")


async def test_a_question_waits_for_its_answer(shell: Shell) -> None:
    view = await shell("delegate", "calc.py:1", "ask me first", "--wait")
    assert view["state"] == "asking"
    assert view["question"]["sentence"] == "keep add()?"
    await shell("answer", str(view["task"]), "Keep it.")
    await shell("wait", str(view["task"]))
    assert (await shell("show", str(view["task"])))["state"] == "ready"


async def test_a_running_task_is_listed_and_stopped(shell: Shell) -> None:
    view = await shell("delegate", "calc.py:1", "never stop")
    assert view["state"] in ("queued", "running")
    listed = await shell("list")
    assert [task["task"] for task in listed] == [view["task"]]
    assert (await shell("stop", str(view["task"])))["state"] == "cancelled"


async def test_several_places_are_one_group(shell: Shell) -> None:
    views = await shell("delegate", "calc.py:1-2", "calc.py:5-6", "correct the sum", "--wait")
    assert len(views) == 2
    assert len({view["group"] for view in views}) == 1


async def test_a_bad_key_is_a_sentence_and_exit_1(shell: Shell) -> None:
    key = shell.env["ANTHROPIC_API_KEY"]
    shell.emulator.fail("bad_key")
    view = await shell("delegate", "calc.py:1", "correct the sum", "--agent", "opus", "--wait", code=1)
    assert view["state"] == "failed"
    assert "key" in view["error"]
    assert key not in json.dumps(view)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("show", "99"), 3),
        (("accept", "99"), 3),
        (("delegate", "no-such-file.py", "x"), 3),
        (("delegate", "x"), 2),
        (("delegate", "calc.py:9-3", "x"), 2),
        (("show", "twelve"), 2),
        (("delegate", "calc.py", "x", "--agent", "opsu"), 3),
    ],
)
async def test_wrong_words_end_with_a_sentence(shell: Shell, words: tuple[str, ...], code: int) -> None:
    answer = await shell(*words, code=code)
    assert answer["error"].endswith((".", "?"))
