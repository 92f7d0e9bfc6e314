"""A real process is killed from outside at every durable step; the next one ends with the same result."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from backburner.model import conversation
from backburner.model import events as e
from backburner.model.evolve import fold
from backburner.model.task import State
from backburner.store import journal as journals
from backburner.store import paths
from engine.peer import House, git
from engine.test_with_host import SCRIPT

STEPS = 12
"""At least so many durable writes does the task take."""
PROGRAM = Path(__file__).with_name("crash_daemon.py")


class Daemon:
    def __init__(self, house: House, root: Path) -> None:
        tests = str(Path(__file__).parent.parent)
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), house.env["BACKBURNER_HOME"], str(root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": tests, "HOME": house.env["HOME"]},
        )
        self.said: list[str] = []

    def step(self) -> str:
        """The next durable write; it waits there. Empty: it has ended."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        if line:
            self.said.append(line)
        return line

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.close()

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def events_of(house: House, root: Path) -> list[e.Event]:
    return list(journals.read(paths.project_dir(root, house.env) / "journal.db"))


@pytest.mark.slow
@pytest.mark.parametrize("steps", range(STEPS))
def test_killed_at_a_durable_step_the_task_still_comes_to_its_result(house: House, steps: int) -> None:
    house.config(SCRIPT)
    root = house.project()
    first = Daemon(house, root)
    for _ in range(steps + 1):
        if not first.step():
            pytest.fail(f"it took only {first.said}")
        if first.said[-1] != "acknowledged" and len(first.said) <= steps:
            first.go_on()
    first.kill()
    before = events_of(house, root)
    turns_before = [event.turn for event in before if isinstance(event, e.TurnTaken)]

    second = Daemon(house, root)
    while second.step():
        if second.said[-1] != "acknowledged":
            second.go_on()
    second.close()
    assert second.process.returncode == 0

    after = events_of(house, root)
    assert after[: len(before)] == before
    state = fold(State(), after)
    assert list(state.tasks) == [1]
    task = state.tasks[1]
    assert task.state == "ready", task.failure
    assert task.result is not None
    answers = [answer.text for event in after if isinstance(event, e.ToolsDone) for answer in event.results]
    answers += [answer.text for event in after if isinstance(event, e.Briefed) for answer in event.results]
    cut_off = [call.name for call in conversation.unanswered(conversation.fold(before))]
    assert any("interrupted" in answer for answer in answers) == bool(cut_off)
    if cut_off == ["edit"]:
        # The agent is told that the edit did not happen; this one, which only plays a script, does not repeat it.
        assert task.result.proposal.files == ()
    else:
        [change] = task.result.proposal.files
        assert (change.added, change.removed) == (1, 1)
    # The snapshot is of what was on the screen at the key press, whenever it was taken.
    assert task.snapshot is not None
    shadow = paths.shadow_dir(root, house.env)
    copied = git(root, f"--git-dir={shadow}", "show", f"{task.snapshot.commit}:src/lexer.py")
    assert copied.endswith("line 39\nunsaved")
    turns = [event.turn for event in after if isinstance(event, e.TurnTaken)]
    assert turns[: len(turns_before)] == turns_before
    # No turn that was durable is asked for again; one that was cut off costs at most one more.
    assert len(turns) <= 3 + len(cut_off)
