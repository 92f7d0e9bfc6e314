"""Evidence: the project's check, run by us in the agent's tree. What the model says about tests is not evidence.

A check that fails is run on the files as they were too, and handed back to the agent once, with both outcomes.
"""

from __future__ import annotations

import re

from msgspec.structs import replace

from backburner.agent.base import ToolProblem
from backburner.agent.output import shown
from backburner.agent.results import snapshot_text
from backburner.agent.shell import Shell
from backburner.lib.clock import Clock
from backburner.lib.process import Finished
from backburner.model.anchor import Span, anchor_at
from backburner.model.result import Check, Finding
from backburner.model.wire import RunSpec
from backburner.workspace.tree import Workspace

FAILS = "The project's check was run on your result and fails"
"""How a failing check is handed back begins."""
TAIL = 4_000
FINDINGS = 100
PLACE = re.compile(
    r"^[ \t]*(?:\./)?(?P<path>[\w.@+/-]+\.\w+):(?P<line>\d+)(?::\d+)?:?[ \t]+(?P<message>\S.*)$", re.MULTILINE
)
RUST_PLACE = re.compile(
    r"^(?P<message>(?:error|warning)[^\n]*)\n[ \t]*--> (?P<path>[\w.@+/-]+):(?P<line>\d+)", re.MULTILINE
)
PYTEST_ERROR = re.compile(r"^E[ \t]{2,}(?P<message>\S.*)$", re.MULTILINE)


async def check(spec: RunSpec, shell: Shell | None, clock: Clock, *, no_commands: str = "") -> tuple[Check, str]:
    """Run the check command; how it ended, and its output. Never raises for a command that fails or cannot run."""
    command = spec.isolation.check
    if shell is None:
        return Check(command=command, exit_code=None, passed=False, note=f"not run: {no_commands or 'no sandbox'}"), ""
    before = clock.monotonic()
    try:
        finished = await shell.try_out(command, spec.isolation.check_timeout_s)
    except (OSError, ToolProblem) as problem:
        return Check(command=command, exit_code=None, passed=False, note=f"not run: {problem}"), ""
    output = _text(finished)
    note = shell.level.evidence
    if finished.timed_out:
        note = f"killed after {spec.isolation.check_timeout_s:g} s"
    passed = finished.exit_code == 0 and not finished.timed_out
    done = Check(
        command=command,
        exit_code=finished.exit_code,
        passed=passed,
        seconds=round(clock.monotonic() - before, 3),
        tail=shown(output, 10 * TAIL)[-TAIL:],
        note=note,
        summary=summary(output, passed=passed, exit_code=finished.exit_code),
    )
    return done, output


def same_failure(one: tuple[Check, str], other: tuple[Check, str]) -> bool:
    """Whether two runs of a check (with their outputs) failed alike, whatever took how long and stood in which line."""
    return (one[0].exit_code, one[0].summary, _plain(one[1])) == (
        other[0].exit_code,
        other[0].summary,
        _plain(other[1]),
    )


def beside(done: Check, before: Check, *, same: bool) -> Check:
    """A failing check, with what is known of the one before the change."""
    if before.passed or before.exit_code is None:
        return done
    note = "it failed before the change too" + ("" if same else f" ({before.summary})")
    return replace(done, note=f"{done.note}; {note}" if done.note else note)


def hand_back(done: Check, before: Check) -> str:
    """What the agent is told of a check that fails on its result."""
    was = ""
    if before.passed:
        was = " Before your change it passed."
    elif before.exit_code is not None:
        was = f" Before your change it failed too ({before.summary})."
    return (
        f"{FAILS} ({done.summary}): `{done.command}`.{was}\n\n```\n{done.tail.strip()}\n```\n\n"
        "Mend what comes from your change, then call `finish` again. If it does not come from your change, leave it, call "
        "`finish` again and say so."
    )


def summary(output: str, *, passed: bool, exit_code: int) -> str:
    """`12 passed`, `2 failed`: in a few words what a test runner said; else how the command failed."""
    tail = output[-20_000:]
    for pattern, verb in (
        # What failed comes before what passed: a reader must not miss it.
        (r"(?:^|[ =])(\d+) (?:failed|failures?)\b", "failed"),
        (r"FAILED \((?:failures|errors)=(\d+)", "failed"),
        (r"(?:^|[ =])(\d+) errors?\b", "errors"),
        (r"Found (\d+) errors?", "errors"),
    ):
        numbers = [int(number) for number in re.findall(pattern, tail, re.MULTILINE)]
        if numbers and numbers[-1] and not passed:
            return f"{numbers[-1]} {verb}" if numbers[-1] > 1 or verb == "failed" else "1 error"
    if passed:
        for pattern in (
            r"(?:^|[ =])(\d+) passed\b",
            r"^Ran (\d+) tests? in [^\n]*\n+OK",
            r"^Tests:?\s+(?:\d+ \w+, )*(\d+) passed",
            r"\bpass(?:ing)?\s+(\d+)\b",
        ):
            numbers = [int(number) for number in re.findall(pattern, tail, re.MULTILINE)]
            if numbers:
                # Cargo prints one line for each binary; pytest and the others print one line in all.
                total = sum(numbers) if "test result: ok" in tail else numbers[-1]
                return f"{total} passed"
        return ""
    return f"exit code {exit_code}"


async def failures(output: str, run: str, workspace: Workspace) -> tuple[Finding, ...]:
    """What a failing check says about places in the project, one finding for each place and message."""
    found: dict[tuple[str, int], Finding] = {}
    text = output.replace(str(workspace.root) + "/", "")
    matches = sorted((*PLACE.finditer(text), *RUST_PLACE.finditer(text)), key=lambda match: match.start())
    for match in matches:
        path, line = match["path"], int(match["line"])
        base = await snapshot_text(workspace, path) if ".." not in path and not path.startswith("/") else None
        if base is None or (path, line) in found or not 1 <= line <= len(base.splitlines()):
            continue
        message = match["message"].strip()
        errors = PYTEST_ERROR.findall(text, 0, match.start())
        if errors and re.fullmatch(r"\w+(Error|Exception|Failed|Warning)?", message):
            message = f"{message}: {errors[-1]}" if not errors[-1].startswith(message) else errors[-1]
        found[path, line] = Finding(
            id=f"{run}/finding:{len(found) + 1}",
            anchor=anchor_at(path, base, Span(line - 1, line)),
            severity="warning",
            message=message[:500],
            check=True,
        )
        if len(found) == FINDINGS:
            break
    return tuple(found.values())


def _plain(output: str) -> str:
    return re.sub(r"0x[0-9a-f]+|\d+(?:\.\d+)?", "#", output)


def _text(finished: Finished) -> str:
    return (finished.stdout + finished.stderr).decode("utf-8", "replace")
