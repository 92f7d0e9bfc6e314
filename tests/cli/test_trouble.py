"""What goes wrong ends in one clear sentence: at the task's place in the editor and on the command line alike.

All the way: the emulated provider fails, SDK and worker hear it, the daemon says it to a client behind the real bridge.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from backburner.workspace.git import Lost
from cli.shell import BEFORE, Shell, open_shell
from daemon_home import REAL
from emulator.script import Call, Scene, Script, Turn
from lsp_client import Client

TROUBLE: dict[str, tuple[Turn, str, str]] = {
    # what is asked: the turn, the sentence, what the line says
    "bad key": (Turn(fault="bad_key", times=0), "Anthropic refused the key.", "stopped: key refused"),
    "no model": (
        Turn(fault="no_model", times=0),
        "Anthropic does not know the model claude-opus-5-5.",
        "stopped: no such model",
    ),
    "no money": (
        Turn(fault="spend", times=0),
        "Anthropic says that the spend limit or credit of this key is used up.",
        "stopped: credit used up",
    ),
    "no way": (
        Turn(fault="policy", times=0),
        "Anthropic refused to answer: This goes against our usage policies.",
        "stopped: the model refused",
    ),
    "an exploit": (
        Turn(say="No.", stop="refusal"),
        "The model refused to do this: No.",
        "stopped: the model refused",
    ),
    "a web page": (
        Turn(fault="html", times=0),
        "Anthropic sent something that is no answer of a model (tried 3 times): a web page titled 'Sign in to the network'.",
        "stopped: unreadable answer",
    ),
}


def source(name: str) -> str:
    return name.replace(" ", "_") + ".py"


@asynccontextmanager
async def editor(shell: Shell) -> AsyncIterator[Client]:
    """An editor behind a bridge of its own."""
    bridge = await shell.home.bridge(**shell.env)
    client = Client(bridge.reader, bridge.writer, shell.project)
    async with asyncio.TaskGroup() as group:
        group.create_task(client.read())
        await client.initialize()
        yield client
        await client.leave()
    await shell.home.end_bridges()


async def test_a_provider_s_trouble_is_one_sentence_in_the_editor_and_on_the_command_line(tmp_path: Path) -> None:
    script = Script(tuple(Scene(match=f"do {name}", turn=(turn,)) for name, (turn, _, _) in TROUBLE.items()))
    files = {source(name): "def go():\n    return 1\n" for name in TROUBLE}
    async with open_shell(tmp_path, script, files=files) as shell:
        numbers = {
            name: (await shell("delegate", f"{source(name)}:1", f"do {name}", "--agent", "opus"))["task"]
            for name in TROUBLE
        }
        for number in numbers.values():
            await shell("wait", str(number), code=1)
        async with editor(shell) as client:
            for name, (_, sentence, line) in TROUBLE.items():
                view = await shell("show", str(numbers[name]))
                assert (view["state"], view["error"]) == ("failed", sentence)
                path = source(name)
                client.open(path)
                [problem] = await client.until(lambda path=path: client.ours(path), name)
                assert problem["message"].rstrip("…").removeprefix("Stopped: ") in sentence
                assert f"× #{numbers[name]} {line}" in await client.lenses(path)


async def test_a_call_that_was_cut_off_or_is_no_json_is_done_again(tmp_path: Path) -> None:
    edit = {"path": "calc.py", "old": "return a - b", "new": "return a + b"}
    script = Script(
        (
            Scene(
                match="correct the sum",
                turn=(
                    Turn(calls=(Call("edit", raw='{"path": "calc.py", "old": "return'),), stop="length"),
                    Turn(calls=(Call("edit", raw='{"path": calc.py}'),)),
                    Turn(calls=(Call("edit", edit),)),
                    Turn(calls=(Call("finish", {"title": "Correct the sum", "summary": "add() now adds."}),)),
                ),
            ),
        )
    )
    async with open_shell(tmp_path, script) as shell:
        for agent in ("opus", "codex", "groq"):
            view = await shell("delegate", "calc.py:1-2", "correct the sum", "--agent", agent, "--wait")
            assert (view["state"], view["title"]) == ("ready", "Correct the sum")
        assert shell.emulator.counters.refusals == []


async def test_a_damaged_journal_is_one_sentence_and_stays_as_it_is(tmp_path: Path) -> None:
    script = Script((Scene(match="explain it", turn=(Turn(say="It subtracts."),)),))
    async with open_shell(tmp_path, script) as shell:
        await shell("delegate", "calc.py:1", "explain it", "--recipe", "explain", "--wait")
        await asyncio.to_thread(shell.home.daemon, "stop")
        [journal] = (shell.home.path / "state").glob("*/journal.db")
        data = bytearray(journal.read_bytes())
        data[100:] = bytes(len(data) - 100)
        journal.write_bytes(data)
        said = await shell("list", code=4)
        assert "damaged" in said["error"]
        assert str(journal) in said["error"]
        refused = await shell("delegate", "calc.py:1", "explain it", code=4)
        assert refused["error"] == said["error"]
        assert journal.read_bytes() == data


async def test_without_git_a_task_says_what_is_missing(tmp_path: Path) -> None:
    async with open_shell(tmp_path, Script(())) as shell:
        tools = tmp_path / "tools"
        tools.mkdir()
        for program in ("sh", "env"):
            (tools / program).symlink_to(shutil.which(program) or "/bin/sh")
        shell.env["PATH"] = str(tools)
        said = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, REAL, "delegate", "calc.py:1", "explain it", "--wait"],
            cwd=shell.project,
            env={**shell.home.environment, **shell.env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
        )
        told = (said.stdout + said.stderr).decode()
        assert said.returncode == 4
        assert "Backburner needs git 2.34 or newer on PATH." in told
        assert "Traceback" not in told


async def test_a_repository_that_vanishes_under_a_task_is_one_sentence(tmp_path: Path) -> None:
    turns = (Turn(calls=(Call("read", {"path": "other.py"}),), wait_s=2.0), Turn(say="It subtracts."))
    files = {"calc.py": BEFORE, "other.py": "value = 1\n"}
    async with open_shell(tmp_path, Script((Scene(match="explain it", turn=turns),)), files=files) as shell:
        view = await shell("delegate", "calc.py:1", "explain it", "--recipe", "explain")
        await shell.emulator.until(lambda counters: counters.requests == 1)
        shutil.rmtree(shell.project / ".git/objects")
        await shell("wait", str(view["task"]), code=1)
        view = await shell("show", str(view["task"]))
        assert (view["state"], view["error"]) == ("failed", Lost.sentence)


@pytest.mark.parametrize("words", [("list",), ("delegate", "calc.py:1", "x")])
async def test_outside_of_every_project_there_is_one_sentence(tmp_path: Path, words: tuple[str, ...]) -> None:
    async with open_shell(tmp_path, Script(())) as shell:
        shutil.rmtree(shell.project / ".git")
        shell.project = shell.project.parent
        said = await shell(*words, code=3 if words[0] == "delegate" else 0)
        assert words[0] == "list" or said["error"].endswith(".")
