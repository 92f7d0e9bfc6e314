"""What somebody types who has just installed it: no key yet, the canned agent, lines and folders that are wrong."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cli.shell import BEFORE, Shell, open_shell
from emulator.script import Call, Scene, Script, Turn

ADD = {"path": "calc.py", "old": "return a - b", "new": "return a + b"}
MUL = {"path": "calc.py", "old": "def mul(a, b):\n    return a + b", "new": "def mul(a, b):\n    return a * b"}
EDITS = (Call("edit", ADD), Call("edit", MUL))
CHOICES = [{"title": "Keep", "answer": "keep it"}, {"title": "Remove", "answer": "remove it"}]
ASK = Call("ask", {"question": "keep mul()?", "choices": CHOICES, "default": "Remove"})
SCRIPT = Script(
    (
        Scene(match="correct both", turn=(Turn(calls=EDITS), Turn(say="Done."))),
        Scene(match="say it", turn=(Turn(say="It subtracts."),)),
        Scene(match="ask me", turn=(Turn(calls=(ASK,)), Turn(say="Done."))),
    )
)


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    async with open_shell(tmp_path, SCRIPT) as opened:
        yield opened


async def test_practising_says_what_to_type_and_that_works(shell: Shell) -> None:
    said = await shell.run("practise")
    folder, command = (line.strip() for line in said.stdout.splitlines()[-2:])
    assert folder == f"cd {shell.home.path / 'practise'}"
    assert command == 'backburner delegate practise.py:5 "use sum()" --wait'
    ended = await shell.run("delegate", "practise.py:5", "use sum()", "--wait", "-C", folder.removeprefix("cd "))
    assert "#1 Use sum()" in ended.stdout
    shown = await shell.run("-C", folder.removeprefix("cd "), "show", "1")
    assert shown.stdout.splitlines()[1] == "ready · practise.py:5-9 · practice"


async def test_a_task_that_waits_for_an_agent_says_so_at_once(shell: Shell) -> None:
    shell.env = {}
    assert 'backburner delegate FILE:LINE "' in (await shell.run("list")).stdout
    said = await shell.run("delegate", "calc.py:1", "explain it")
    assert said.stdout == "#1 explain it queued · waits: no agent yet · $0.00\n"


async def test_what_is_left_of_a_result_is_said(shell: Shell) -> None:
    await shell("delegate", "calc.py", "correct both", "--wait")
    said = await shell.run("accept", "1/1")
    assert "ready · +2 −2 in 1 file · 1 of 2 left" in said.stdout
    await shell("accept", "1")
    refused = await shell("refit", "1", code=4)
    assert "decided already" in refused["error"]


async def test_a_question_is_said_with_the_words_that_answer_it(shell: Shell) -> None:
    said = await shell.run("delegate", "calc.py:5", "ask me", "--wait")
    assert "#1 ask me asking · keep mul()?" in said.stdout
    shown = (await shell.run("show", "1")).stdout
    assert "backburner answer 1 'keep it'\n" in shown
    assert "backburner answer 1 'remove it'  (taken when nobody answers)\n" in shown


async def test_what_overlaps_is_taken_when_that_is_said(shell: Shell) -> None:
    await shell("delegate", "calc.py", "correct both", "--wait")
    (shell.project / "calc.py").write_text(BEFORE.replace("a - b", "a - b - 1"))
    said = await shell.run("accept", "1")
    assert (said.returncode, "1.1/calc.py:1 stays: " in said.stderr) == (4, True)
    await shell("accept", "1", "--theirs")
    assert shell.text() == BEFORE.replace("a + b", "a * b").replace("a - b", "a + b")


async def test_what_was_printed_for_a_person_counts_as_read(shell: Shell) -> None:
    for words in (("calc.py", "correct both"), ("calc.py:1", "calc.py:5", "correct both"), ("calc.py", "say it")):
        await shell("delegate", *words, "--wait")

    async def read() -> list[int]:
        return [view["task"] for view in await shell("list") if view["seen"]]

    await shell("diff", "1")
    assert await read() == []
    refused = await shell("accept-rest", "2", code=4)
    assert "you have read 0" in refused["error"]
    for words, expected in (
        (("show", "1"), []),
        (("diff", "1"), [1]),
        (("diff", "2", "--group"), [1, 2, 3]),
        (("show", "4"), [1, 2, 3, 4]),
    ):
        assert (await shell.run(*words)).returncode == 0
        assert sorted(await read()) == expected


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("delegate", "calc.py:7", "x"), "calc.py has 6 lines; there is no line 7."),
        (("delegate", "empty.py:2", "x"), "empty.py has 1 line;"),
        (("list", "-C", "nowhere"), "nowhere is no folder."),
        (("-C", "nowhere", "list"), "nowhere is no folder."),
        (("list", "-C", "calc.py"), "calc.py is no folder."),
    ],
)
async def test_a_place_that_is_not_there_is_not_found(shell: Shell, words: tuple[str, ...], says: str) -> None:
    (shell.project / "empty.py").touch()
    assert says in (await shell(*words, code=3))["error"]
    assert await shell("list") == []


async def test_trust_approves_what_can_be_read_and_nothing_else(shell: Shell) -> None:
    assert "backburner.toml" in (await shell("trust", code=3))["error"]
    file = shell.project / "backburner.toml"
    for text, says in (("[check]\ncommand = \n", "not valid TOML"), ("# \udcff", "not valid TOML")):
        file.write_bytes(text.encode(errors="surrogateescape"))
        for words in (("trust",), ("trust", "--yes")):
            assert says in (await shell(*words, code=4))["error"]
    assert "neither" in (await shell("trust", "calc.py", "--yes", code=4))["error"]
    file.write_text('[check]\ncommand = "true"\n')
    (shell.project / "inner").mkdir()
    inner = shell.project / "inner"
    said = await shell.run("trust", cwd=inner)
    assert 'command = "true"' in said.stdout
    assert "with --yes" in said.stdout
    assert "Approved" in (await shell.run("trust", "--yes", cwd=inner)).stdout
    assert (await shell.run("trust")).stdout == "backburner.toml is approved as it is.\n"
    assert shell.text() == BEFORE
    assert os.listdir(inner) == []


async def test_doctor_says_which_program_is_missing(tmp_path: Path) -> None:
    config = '[agents.tidy]\ncommand = ["no-such-program", "{file}"]\n[agents.fine]\ncommand = ["true"]\n'
    async with open_shell(tmp_path, SCRIPT, config) as shell:
        rows = {row["name"]: (row["state"], row["detail"]) for row in (await shell("doctor"))["checks"]}
    assert rows["agent tidy"] == ("warning", "There is no program no-such-program on your PATH.")
    assert rows["agent fine"] == ("ok", "true")


async def test_an_effort_that_no_provider_knows_is_said_before_anything_is_queued(shell: Shell) -> None:
    sentence = "Anthropic knows no effort 'hgih' for claude-opus-5-5; there are low, medium, high, xhigh, max."
    wish = ("delegate", "calc.py:5", "ask me", "--agent", "opus", "--effort")
    assert (await shell(*wish, "hgih", code=2))["error"] == sentence
    assert await shell("list", "--all") == []
    (shell.home.path / "config.toml").write_text('agent = "opus"\neffort = "hgih"\n')
    [row] = [row for row in (await shell("doctor", code=1))["checks"] if row["name"] == "agent opus"]
    assert (row["state"], row["detail"]) == ("broken", sentence)


async def test_a_recipe_of_one_s_own_is_one_of_them(shell: Shell) -> None:
    assert (
        "no recipe called 'shout'" in (await shell("delegate", "calc.py:5", "x", "--recipe", "shout", code=2))["error"]
    )
    (shell.home.path / "recipes").mkdir()
    (shell.home.path / "recipes/shout.md").write_text(
        '+++\nwants = "report"\ntools = ["read", "finish"]\n+++\nask me\n'
    )
    for words in (("x", "--recipe", "shout"), ("/shout x",)):
        view = await shell("delegate", "calc.py:5", *words, "--wait")
        assert (view["recipe"], view["instruction"], view["state"]) == ("shout", "x", "ready")


async def test_a_recipe_of_the_project_says_that_it_waits_for_approval(shell: Shell) -> None:
    file = shell.project / ".backburner/recipes/read-it.md"
    file.parent.mkdir(parents=True)
    file.write_text('+++\nwants = "report"\ntools = ["read", "finish"]\n+++\nask me\n')
    sentence = (
        f"The recipe 'read-it' of this project is not approved yet. Read and approve it with: backburner trust {file}"
    )
    for words in (("x", "--recipe", "read-it"), ("/read-it x",)):
        assert (await shell("delegate", "calc.py:5", *words, code=4))["error"] == sentence
    [row] = [row for row in (await shell("doctor"))["checks"] if row["name"] == "trust"]
    assert row["next"] == f"Read and approve it with: backburner trust {file}"
    await shell.run("trust", str(file), "--yes")
    view = await shell("delegate", "calc.py:5", "/read-it x", "--wait")
    assert (view["recipe"], view["instruction"], view["state"]) == ("read-it", "x", "ready")
    file.write_text(file.read_text() + "and more\n")
    await shell("retry", f"{view['task']}")
    ended = await shell.run("wait", f"{view['task']}")
    assert sentence in ended.stdout + ended.stderr
