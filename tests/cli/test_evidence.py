"""What the project's check says about a result, all the way from the command line to the providers."""

from __future__ import annotations

from pathlib import Path

import pytest

from backburner.workspace.sandbox import probe
from cli.shell import open_shell
from emulator.script import Call, Scene, Script, Turn

CONFIG = """
[check]
command = "python3 -c 'from calc import add; assert add(1, 2) == 3'"
"""
WRONG = Call("edit", {"path": "calc.py", "old": "return a - b", "new": "return a * b"})
RIGHT = Call("edit", {"path": "calc.py", "old": "return a * b\n\n\ndef", "new": "return a + b\n\n\ndef"})
FINISH = Call("finish", {"title": "Correct the sum", "summary": "add() now adds."})


@pytest.mark.parametrize("agent", ["opus", "codex", "groq"])
async def test_an_agent_mends_what_its_check_finds(tmp_path: Path, agent: str) -> None:
    if (await probe()).name == "none":
        pytest.skip("no sandbox works here")
    turns = (Turn(think="So.", calls=(WRONG,)), Turn(calls=(FINISH,)))
    script = Script(
        (
            Scene(match="The project's check was run", turn=(Turn(think="Ah.", calls=(RIGHT,)), Turn(calls=(FINISH,)))),
            Scene(match="correct the sum", turn=turns),
        )
    )
    files = {"calc.py": "def add(a, b):\n    return a - b\n\n\ndef mul(a, b):\n    return a + b\n"}
    async with open_shell(tmp_path, script, CONFIG, files) as shell:
        words = ("delegate", "calc.py:1-2", "correct the sum", "--recipe", "fix", "--agent", agent, "--wait")
        view = await shell(*words)
        assert view["state"] == "ready"
        [evidence] = view["evidence"]
        assert evidence["passed"]
        assert shell.emulator.counters.turns == 4
        assert shell.emulator.counters.refusals == []
