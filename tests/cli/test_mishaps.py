"""The command line when something is off: wrong words, other projects, odd terminals, a daemon that dies."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cli.shell import Shell, make_project, open_shell
from daemon_home import wait_for_end
from emulator.script import Call, Scene, Script, Turn

EDIT = Call("edit", {"path": "calc.py", "old": "return a - b", "new": "return a + b"})
FINISH = Call("finish", {"title": "Correct the sum", "summary": "add() now adds."})
SCRIPT = Script(
    (
        Scene(match="correct the sum", turn=(Turn(calls=(EDIT,)), Turn(calls=(FINISH,)))),
        Scene(match="explain it", turn=(Turn(say="It subtracts."),)),
        Scene(match="think for a while", turn=(Turn(wait_s=4.0, say="I thought."),)),
        Scene(match="never stop", turn=(Turn(wait_s=600.0, say="late"),)),
    )
)


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    async with open_shell(tmp_path, SCRIPT) as opened:
        yield opened


async def test_a_task_in_another_project_is_the_one_that_is_shown(shell: Shell) -> None:
    """Numbers count in each project: a script that accepts what it is told must not get somebody else's task."""
    inner = make_project(shell.project / "inner")
    mine = await shell("delegate", "calc.py:1", "explain it", "--wait")
    other = await shell("delegate", "inner/calc.py:1-2", "correct the sum", "--wait")
    assert (mine["task"], mine["project"]) == (1, str(shell.project))
    assert (other["task"], other["project"], other["title"]) == (1, str(inner), "Correct the sum")
    both = await shell("delegate", "inner/calc.py:1", "calc.py:1", "explain it", "--wait")
    assert [(view["task"], view["project"]) for view in both] == [(2, str(inner)), (2, str(shell.project))]
    said = await shell.run("delegate", "inner/calc.py:1", "explain it", "--wait")
    assert f"in {inner}" in said.stdout


HOSTILE = "\x1b]52;c;eA==\x07\x1b[1A\x1b[2K\u202etxet"


async def test_a_terminal_obeys_nothing_that_a_model_or_a_project_says(tmp_path: Path) -> None:
    """A sequence of a terminal can set the clipboard, and rewrite the lines above: those that say what is approved."""
    edit = Call("edit", {"path": "calc.py", "old": "return a - b", "new": f"return a + b  # {HOSTILE}"})
    finding = Call("finding", {"path": "calc.py", "start_line": 1, "message": HOSTILE})
    finish = Call("finish", {"title": f"Sum{HOSTILE}", "summary": f"Now{HOSTILE} it adds.", "report": f"So {HOSTILE}"})
    script = Script((Scene(turn=(Turn(calls=(edit, finding)), Turn(calls=(finish,)))),))
    async with open_shell(tmp_path, script) as shell:
        (shell.project / "backburner.toml").write_text(f'[check]\ncommand = "true"  # {HOSTILE[-5:]}\n')
        ended = [await shell.run("delegate", "calc.py:1-2", "correct the sum", "--wait")]
        # A diff that is piped to `git apply` is the bytes themselves.
        assert f"+    return a + b  # {HOSTILE}" in (await shell.run("diff", "1")).stdout
        verbs = (("show", "1"), ("list",), ("next",), ("trust",), ("accept", "1"))
        ended += [await shell.run(*words) for words in verbs]
        for done in ended:
            assert done.returncode == 0, done.stderr
            for character in "\x1b\x07\u202e":
                assert character not in done.stdout + done.stderr, done.args
        assert "\\x1b]52;c;eA==\\x07" in ended[1].stdout
        assert "! hidden characters in calc.py" in ended[1].stdout
        assert "\\u202etxet" in ended[4].stdout


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("accept", "1/"), 2, "names no hunk"),
        (("accept", "1/7"), 3, "#1 has 1 hunk;"),
        (("raise", "1", "--usd", "nan"), 2, "must be a number"),
        (("delegate", "calc.py", "x", "--budget", "inf"), 2, "must be a number"),
        (("today", "2026-13-45"), 2, "is no day"),
        (("continue", "1"), 4, "at its end"),
        (("retry", "1", "--agent", "opsu"), 3, "opus"),
        (("delegate", "folder", "x"), 3, "is a folder"),
        (("show",), 2, "Wrong usage"),
        (("frobnicate",), 2, "Wrong usage"),
        (("delegate", "calc.py", "x", "--when", "3h"), 2, "Wrong usage"),
    ],
)
async def test_half_and_wrong_words_change_nothing(shell: Shell, words: tuple[str, ...], code: int, says: str) -> None:
    (shell.project / "folder").mkdir()
    before = await shell("delegate", "calc.py:1-2", "correct the sum", "--wait")
    answer = await shell(*words, code=code)
    assert says in answer["error"]
    after = await shell("show", "1")
    assert (after["state"], after["hunks"]) == (before["state"], before["hunks"])


async def test_a_file_may_be_named_from_where_one_stands(shell: Shell) -> None:
    (shell.project / "folder").mkdir()
    await shell("delegate", "calc.py:1-2", "correct the sum", "--wait")
    ended = await shell.run("accept", "1", "--file", "../calc.py", cwd=shell.project / "folder")
    assert ended.returncode == 0, ended.stderr
    assert "a + b" in shell.text()


async def test_a_terminal_without_unicode_gets_every_answer(shell: Shell) -> None:
    await shell("delegate", "calc.py:1-2", "correct the sum", "--wait")
    for words in (("list",), ("show", "1"), ("diff", "1"), ("list", "--json")):
        ended = await shell.run(*words, PYTHONIOENCODING="ascii")
        assert (ended.returncode, ended.stderr) == (0, "")
        assert ended.stdout.isascii()


async def test_a_daemon_killed_while_one_waits_is_started_again(shell: Shell) -> None:
    waiting = await shell.start("delegate", "calc.py:1", "think for a while", "--wait", "--json")
    await shell.emulator.until(lambda counters: counters.in_flight == 1)
    pid = shell.home.pid()
    shell.home.kill()
    await wait_for_end(pid)
    out, error = await asyncio.wait_for(waiting.communicate(), 60)
    assert (waiting.returncode, error) == (0, b"")
    assert json.loads(out)["state"] == "ready"


async def test_waiting_ends_when_only_the_person_can_help(shell: Shell) -> None:
    shell.env = {}
    ended = await shell.run("delegate", "calc.py:1", "never stop", "--wait", "--json")
    assert ended.returncode == 4
    assert "#1 stays queued. No agent yet" in ended.stderr
    assert "`backburner doctor` says how." in ended.stderr
    view = json.loads(ended.stdout)
    assert (view["state"], view["held"]["reason"]) == ("queued", "no_agent")


async def test_interrupting_a_wait_stops_only_the_wait(shell: Shell) -> None:
    waiting = await shell.start("delegate", "calc.py:1", "never stop", "--wait")
    await shell.emulator.until(lambda counters: counters.in_flight == 1)
    waiting.send_signal(signal.SIGINT)
    _, error = await asyncio.wait_for(waiting.communicate(), 60)
    assert waiting.returncode == 130
    assert b"`backburner wait 1` waits again" in error
    assert (await shell("show", "1"))["state"] == "running"


async def test_a_reader_that_has_seen_enough_is_no_failure(shell: Shell) -> None:
    await shell("delegate", "calc.py:1-2", "correct the sum", "--wait")
    reader, writer = os.pipe()
    os.close(reader)
    listing = await shell.start("list", "--json", stdout=writer)
    os.close(writer)
    _, error = await asyncio.wait_for(listing.communicate(), 60)
    assert (listing.returncode, error) == (0, b"")


async def test_stopping_the_daemon_is_told_as_json_too(shell: Shell) -> None:
    assert (await shell("daemon", "stop", code=1))["running"] is False
    await shell("list")
    assert (await shell("daemon", "stop"))["running"] is False
    assert not shell.home.is_running()


async def test_a_home_may_be_named_from_where_one_stands(shell: Shell) -> None:
    relative = {"BACKBURNER_HOME": shell.home.path.name}
    ended = await shell.run("list", "-C", str(shell.project), cwd=shell.home.path.parent, **relative)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert shell.home.is_running()


async def test_a_home_that_cannot_be_is_a_sentence(shell: Shell) -> None:
    ended = await shell.run("list", BACKBURNER_HOME="/dev/null/home")
    assert ended.returncode == 1
    assert "/dev/null/home" in ended.stderr
    assert "BACKBURNER_HOME" in ended.stderr
