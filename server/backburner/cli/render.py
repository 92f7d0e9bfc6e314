"""How answers are printed for people: tables with rich, imported only here and only when something is printed.

What models and projects say is in them: a terminal must not obey it.
"""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO, TypeVar, cast

from backburner.model.unseen import visible

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

    from backburner.cli.client import Client


Answer = TypeVar("Answer")


def tame(answer: Answer) -> Answer:
    """The same with every control character in it written out."""
    value: Any = answer
    if isinstance(value, str):
        value = visible(value)
    elif isinstance(value, list):
        value = [tame(item) for item in cast("list[Any]", value)]
    elif isinstance(value, dict):
        value = {key: tame(item) for key, item in cast("dict[str, Any]", value).items()}
    return value


def say(text: str, *, to: TextIO | None = None) -> None:
    """Print a line."""
    print(visible(text), file=to)


def line(view: dict[str, Any], elsewhere: str) -> None:
    """One task on one line, as every verb ends. `elsewhere`: a clause where its project is another than one's own."""
    view, elsewhere = tame(view), tame(elsewhere)
    _console().print(f"{_title(view)}{elsewhere} {_facts(view)}", markup=False, highlight=False)


def task(view: dict[str, Any]) -> None:
    """`show`: what the hover says, and the whole report."""
    view = tame(view)
    console = _console()
    console.print(_title(view), markup=False, highlight=False, style="bold")
    recipe = "" if view["recipe"] == "free" else view["recipe"]
    agent = " ".join(dict.fromkeys(name for name in (view["agent"], view["model"]) if name))
    console.print(" · ".join(part for part in (view["state"], recipe, view["target"], agent) if part), markup=False)
    for label, text in (
        ("", view["summary"]),
        ("Error", view["error"]),
        ("Waits", view["waits"].removeprefix("waits: ")),
        ("Direction", view.get("direction", "")),
    ):
        if text:
            console.print(f"{label}: {text}" if label else text, markup=False)
    question = view.get("question")
    if question:
        console.print(f"Question: {question['sentence']}", markup=False)
        for answer in _answers(question):
            by_default = "  (taken when nobody answers)" if answer == question["default"] else ""
            console.print(f"  backburner answer {view['task']} {shlex.quote(answer)}{by_default}", markup=False)
    for check in view["evidence"]:
        outcome = "passed" if check["passed"] else "failed"
        how = f" ({check['summary']})" if check["summary"] not in ("", "passes") else ""
        note = f"; {check['note']}" if check["note"] else ""
        console.print(f"Check {check['command']!r} {outcome}{how}{note}", markup=False)
    for hunk in view["hunks"]:
        console.print(f"  {hunk['id']}  {hunk['placement']}, {hunk['verdict']}", markup=False, highlight=False)
    for finding in view["findings"]:
        console.print(
            f"  {finding['path']}:{finding['line']} {finding['severity']}: {finding['message']}", markup=False
        )
    for risk in view.get("risks", []):
        console.print(f"! {risk}", markup=False)
    console.print(_size(view), markup=False, highlight=False)
    if view.get("report"):
        console.print("")
        console.print(view["report"], markup=False)


def queue(answer: dict[str, Any]) -> None:
    _console().print(queue_table(answer))


def queue_table(answer: dict[str, Any]) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    answer = tame(answer)
    if not answer["rows"]:
        return Text('Nothing cooking. To begin: backburner delegate FILE:LINE "what should be done"')
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    table.add_column(style="dim")
    if answer.get("note"):
        table.add_row(Text(""), Text(answer["note"]), Text(""))
    section = ""
    for row in answer["rows"]:
        if row["section"] != section:
            section = row["section"]
            table.add_row(Text(section, style="bold"), Text(""), Text(""))
        table.add_row(Text("  " + row["title"]), Text(row["detail"]), Text(row.get("why", "")))
    return table


def watch(client: Client, fetch: Callable[[], dict[str, Any]]) -> int:
    """A live table until interrupted; redrawn on each status message of the daemon."""
    from rich.live import Live

    with (
        contextlib.suppress(KeyboardInterrupt),
        Live(queue_table(fetch()), console=_console(), auto_refresh=False) as live,
    ):
        while True:
            live.update(queue_table(fetch()), refresh=True)
            client.listen()
    return 0


def live_table() -> Live:
    """Where `task_table` is shown while tasks run; redrawn on each `update`."""
    from rich.live import Live

    return Live(console=_console(), auto_refresh=False)


def diff(text: str) -> None:
    if not sys.stdout.isatty():
        sys.stdout.write(text)
        return
    from rich.syntax import Syntax

    _console().print(Syntax(visible(text), "diff", background_color="default"))


def doctor(answer: dict[str, Any]) -> None:
    answer = tame(answer)
    console = _console()
    width = max(len(row["name"]) for row in answer["checks"])
    for row in answer["checks"]:
        console.print(f"{row['state']:8} {row['name']:{width}}  {row['detail']}", markup=False, highlight=False)
        if row.get("next") and row["state"] != "ok":
            console.print(f"{'':8} {'':{width}}  -> {row['next']}", markup=False, highlight=False)


def task_table(views: list[dict[str, Any]]) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False)
    for view in tame(views):
        question = view["question"]["sentence"] if view["question"] else ""
        doing = question or view["error"] or view["direction"] or view["waits"] or view["summary"]
        table.add_row(
            Text(f"#{view['task']}"), Text(view["state"]), Text(view["agent"]), Text(doing), Text(_size(view))
        )
    return table


def _title(view: dict[str, Any]) -> str:
    return f"#{view['task']} {view['title']}"


def _facts(view: dict[str, Any]) -> str:
    waits = view["waits"] if view["state"] == "queued" else ""
    # That its turn will come needs no saying.
    waits = "" if waits.startswith("queued") else waits
    question = view["question"]["sentence"] if view["question"] else ""
    parts = [view["state"], question, waits, _size(view), view["error"]]
    return " · ".join(part for part in parts if part)


def _size(view: dict[str, Any]) -> str:
    """`+24 −3 in 2 files · 1 of 4 left · $0.41`"""
    parts: list[str] = []
    added, removed = sum(file["added"] for file in view["files"]), sum(file["removed"] for file in view["files"])
    if view["files"]:
        parts.append(f"+{added} −{removed} in {len(view['files'])} file{'s' if len(view['files']) > 1 else ''}")
    left = sum(hunk["verdict"] == "open" for hunk in view["hunks"])
    if view["state"] == "ready" and 0 < left < len(view["hunks"]):
        parts.append(f"{left} of {len(view['hunks'])} left")
    cost = view["cost_usd"]
    parts.append("price unknown" if cost is None else f"${cost:.2f}")
    return " · ".join(parts)


def _answers(question: dict[str, Any]) -> list[str]:
    return [choice["answer"] if isinstance(choice, dict) else str(choice) for choice in question.get("choices", [])]


def _console() -> Console:
    from rich.console import Console

    return Console(soft_wrap=True)
