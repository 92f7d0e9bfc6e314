"""Short ways to make tasks, results and texts for the tests of `review/`."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from backburner.model.anchor import CONTEXT_LINES, Anchor, Span, text_id
from backburner.model.mark import Mark
from backburner.model.result import Check, FileChange, Finding, Proposal, Result, Severity
from backburner.model.task import Run, Snapshot, State, Target, Task
from backburner.model.text import count, hunks, split
from backburner.review.scene import View

NOW = 1_800_000_000.0
LEXER = "".join(
    f"{line}\n"
    for line in [
        "import re",
        "",
        "",
        "def tokens(text):",
        "    for word in text.split():",
        "        yield word",
        "",
        "",
        "def parse(text):",
        "    found = list(tokens(text))",
        "    if not found:",
        "        return None",
        "    return found",
        "",
        "",
        "def main():",
        "    print(parse('a b c'))",
    ]
)
PARSE = Span(8, 13)


class Shelf(dict[str, str]):
    """Texts by id."""

    def put(self, text: str) -> str:
        id = text_id(text)
        self[id] = text
        return id


def anchor(shelf: Shelf, path: str, text: str, span: Span, symbol: str = "") -> Anchor:
    lines = [line.rstrip("\n") for line in split(text)]
    inside = lines[span.start_line : span.end_line]
    start = inside[0].find(symbol) if symbol and inside else -1
    return Anchor(
        path=path,
        span=span,
        text_id=shelf.put(text),
        symbol=symbol,
        name_line=span.start_line if start >= 0 else -1,
        name_start=max(0, start),
        name_end=start + len(symbol) if start >= 0 else 0,
        first=inside[0] if inside else "",
        last=inside[-1] if inside else "",
        before=tuple(lines[max(0, span.start_line - CONTEXT_LINES) : span.start_line]),
        after=tuple(lines[span.end_line : span.end_line + CONTEXT_LINES]),
    )


def change(shelf: Shelf, run: str, path: str, base: str | None, proposed: str | None, **more: Any) -> FileChange:
    added, removed = count(base, proposed)
    return FileChange(
        path=path,
        base_id=shelf.put(base) if base is not None else None,
        proposed_id=shelf.put(proposed) if proposed is not None else None,
        hunks=hunks(base, proposed, run, path),
        added=added,
        removed=removed,
        **more,
    )


def task(
    shelf: Shelf, number: int = 12, text: str = LEXER, span: Span = PARSE, symbol: str = "parse", **more: Any
) -> Task:
    """A queued task at `parse()` of `lexer.py`, unless told otherwise."""
    path = more.pop("path", "lexer.py")
    fields: dict[str, Any] = {
        "number": number,
        "group": number,
        "target": Target(anchor=anchor(shelf, path, text, span, symbol)),
        "recipe": "refactor",
        "instruction": "make it iterative",
        "agent": "opus",
        "queued_at": NOW - 600,
        "since": NOW - 600,
        "snapshot": Snapshot(commit="c" * 40, branch="main", taken_at=NOW - 590),
    }
    return Task(**(fields | more))


def running(task: Task, minutes: float = 3.0, **more: Any) -> Task:
    run = Run(id=f"{task.number}.1", agent=task.agent, started_at=NOW - 60 * minutes, **more)
    return replace(task, state="running", runs=(run,))


PASS = Check(command="pytest -q", exit_code=0, passed=True, seconds=3.2, summary="12 passed")
FAIL = Check(command="pytest -q", exit_code=1, passed=False, seconds=3.2, summary="2 failed, 10 passed")


def ready(task: Task, *changes: FileChange, **more: Any) -> Task:
    fields: dict[str, Any] = {
        "run": f"{task.number}.1",
        "title": "Iterative lexer",
        "summary": "Replaces the recursion by a loop.",
        "checks": (PASS,),
    }
    run = Run(id=f"{task.number}.1", agent=task.agent, started_at=NOW - 400, ended_at=NOW - 160, cost_usd=0.42)
    result = Result(**(fields | more), proposal=Proposal(changes))
    return replace(task, state="ready", runs=(run,), result=result, since=NOW - 160)


def finding(shelf: Shelf, number: int, line: int, message: str, severity: Severity = "warning") -> Finding:
    return Finding(
        id=f"12.1/finding:{number}",
        anchor=anchor(shelf, "lexer.py", LEXER, Span(line, line + 1)),
        severity=severity,
        message=message,
    )


def state(*tasks: Task) -> State:
    return State(tasks={task.number: task for task in tasks}, next_number=max(t.number for t in tasks) + 1)


def view(**more: Any) -> View:
    return View(**({"now": NOW, "branch": "main"} | more))


def row(mark: Mark) -> str:
    """A mark's lens row as a person reads it."""
    return " | ".join([mark.lens, *(action.lens for action in mark.actions if action.lens)])


def titles(mark: Mark) -> list[str]:
    return [action.title for action in mark.actions]
