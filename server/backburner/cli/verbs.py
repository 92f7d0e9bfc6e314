"""What each verb does: ask the daemon through one command, print the answer, name the exit code."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from backburner.cli import render
from backburner.cli.client import Client
from backburner.cli.exits import DONE, FAILED, NOT_FOUND, REFUSED, USAGE, CliError
from backburner.cli.targets import place, project_root
from backburner.cli.waiting import Wanted, print_views, view_of, wait_for
from backburner.model.commands import Place

INTERRUPTED = 130
"""As shells have it: ended by Ctrl+C."""


def run(arguments: Namespace) -> int:
    """Run the verb; sentences of refusals go to stderr (as JSON with `--json`)."""
    try:
        cwd = _standing(arguments.directory)
        if arguments.verb == "demo":
            from backburner.cli.demo import demo

            return demo(Path(arguments.project) if arguments.project else None)
        with Client(project_root(cwd)) as client:
            code = VERBS[arguments.verb](client, arguments, cwd)
        sys.stdout.flush()
        return code
    except CliError as error:
        if getattr(arguments, "json", False):
            print(json.dumps({"error": error.sentence, "reason": error.reason}))
        render.say(f"backburner: {error.sentence}", to=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever reads has seen enough (`| head`).
        _drop_output()
        return DONE
    except OSError as error:
        _drop_output()
        where = f"{error.filename}: " if error.filename else ""
        print(f"backburner: {where}{error.strerror or error}.", file=sys.stderr)
        return FAILED


def _standing(directory: str) -> Path:
    """The folder that the verb works in."""
    folder = Path(directory).resolve() if directory else Path.cwd()
    if not folder.is_dir():
        raise CliError(f"{directory} is no folder.", NOT_FOUND, "unknown_folder")
    return folder


def delegate(client: Client, arguments: Namespace, cwd: Path) -> int:
    *files, instruction = arguments.words
    if not files:
        raise CliError('Say where and what: backburner delegate FILE[:LINE] "what should be done".', USAGE, "usage")
    places = [place(file, cwd=cwd) for file in files]
    agents = [name for name in arguments.agent.split(",") if name]
    wish: dict[str, Any] = {
        "instruction": instruction,
        "targets": [_plain(item) for item in places],
        "recipe": arguments.recipe,
        "agent": agents[0] if len(agents) == 1 else "",
        "agents": agents if len(agents) > 1 else [],
        "effort": arguments.effort,
        "when": arguments.when,
        "after": number(arguments.after) if arguments.after else None,
        "budget_usd": arguments.budget,
    }
    if arguments.pace:
        wish["pace"] = arguments.pace
    answer = client.command("delegate", wish)
    tasks = [Wanted(task, uri) for task, uri in zip(answer["tasks"], answer["projects"], strict=True)]
    if arguments.wait:
        return wait_for(client, arguments, tasks, 0.0)
    return _print_tasks(client, arguments, tasks, code=DONE)


def listing(client: Client, arguments: Namespace, cwd: Path) -> int:
    wish = {"uri": client.root.as_uri(), "all": arguments.all, "views": arguments.json}
    if arguments.watch:
        return render.watch(client, lambda: client.command("list", wish))
    answer = client.command("list", wish)
    if arguments.json:
        print(json.dumps(answer, indent=2))
    else:
        render.queue(answer)
    return DONE


def show(client: Client, arguments: Namespace, cwd: Path) -> int:
    view = client.command("show", {"task": number(arguments.task)})
    if arguments.json:
        print(json.dumps(view, indent=2))
    else:
        render.task(view)
        if view["state"] == "ready" and not view["files"] and not view["seen"]:
            client.command("read", {"task": view["task"]})
    return DONE


def diff(client: Client, arguments: Namespace, cwd: Path) -> int:
    wish = {
        "task": number(arguments.task),
        "draft": arguments.verb == "draft",
        "group": getattr(arguments, "group", False),
    }
    answer = client.command("diff", wish)
    if arguments.json:
        print(json.dumps(answer, indent=2))
    else:
        render.diff(answer["text"])
        # This is how a person reads here; a program (`--json`) reads for nobody.
        for task in answer["unread"]:
            client.command("read", {"task": task})
    return DONE


def judge(client: Client, arguments: Namespace, cwd: Path) -> int:
    task, hunk = task_and_item(arguments.task)
    wish: dict[str, Any] = {
        "task": task,
        "hunks": [],
        "path": _project_path(client, getattr(arguments, "file", ""), cwd),
        "group": getattr(arguments, "group", False),
        "theirs": getattr(arguments, "theirs", False),
    }
    if hunk:
        wish["hunks"] = [full_item(client, task, hunk)]
    answer = client.command(arguments.verb, wish)
    left = answer.get("left", [])
    if not arguments.json:
        if answer.get("sentence"):
            render.say(answer["sentence"], to=sys.stderr)
        for item in left:
            render.say(f"{item['item'] or '#' + str(item['task'])} stays: {item['reason']}", to=sys.stderr)
    code = REFUSED if left else DONE
    return _print_tasks(client, arguments, _here(client, answer.get("tasks") or [task]), code=code)


def accept_rest(client: Client, arguments: Namespace, cwd: Path) -> int:
    answer = client.command("acceptRest", {"task": number(arguments.task)})
    if arguments.json:
        print(json.dumps(answer, indent=2))
        return DONE
    for task in answer.get("accepted", []):
        print(f"#{task} accepted")
    for item in answer.get("left", []):
        render.say(f"#{item['task']} stays: {item['reason']}")
    return DONE


def say(client: Client, arguments: Namespace, cwd: Path) -> int:
    task = number(arguments.task)
    client.command(arguments.verb, {"task": task, "text": arguments.text})
    return _print_tasks(client, arguments, _here(client, [task]), code=DONE)


def retry(client: Client, arguments: Namespace, cwd: Path) -> int:
    task = number(arguments.task)
    client.command("retry", {"task": task, "agent": arguments.agent, "effort": arguments.effort})
    return _print_tasks(client, arguments, _here(client, [task]), code=DONE)


def simple(command: str) -> Verb:
    """A verb whose command takes the task alone."""

    def verb(client: Client, arguments: Namespace, cwd: Path) -> int:
        task = number(arguments.task)
        client.command(command, {"task": task})
        return _print_tasks(client, arguments, _here(client, [task]), code=DONE)

    return verb


def stop(client: Client, arguments: Namespace, cwd: Path) -> int:
    task = number(arguments.task)
    client.command("stop", {"task": task, "keep": arguments.keep})
    return _print_tasks(client, arguments, _here(client, [task]), code=DONE)


def wait(client: Client, arguments: Namespace, cwd: Path) -> int:
    tasks = _here(client, [number(task) for task in arguments.tasks])
    return wait_for(client, arguments, tasks, arguments.timeout)


def raise_budget(client: Client, arguments: Namespace, cwd: Path) -> int:
    task = number(arguments.task) if arguments.task else 0
    answer = client.command("raise", {"task": task, "usd": arguments.usd})
    print(json.dumps(answer) if arguments.json else answer.get("sentence", "Raised."))
    return DONE


def next_result(client: Client, arguments: Namespace, cwd: Path) -> int:
    answer = client.command("next", {"show": False, "uri": client.root.as_uri()})
    if arguments.json:
        print(json.dumps(answer, indent=2))
    elif not answer or not answer.get("task"):
        print("Nothing is waiting to be read.")
    else:
        render.say(f"{answer.get('title', '#' + str(answer['task']))}  ({answer.get('why', '')})")
    return DONE


def today(client: Client, arguments: Namespace, cwd: Path) -> int:
    answer = client.command("today", {"uri": client.root.as_uri(), "day": arguments.day})
    print(json.dumps(answer, indent=2) if arguments.json else answer["sentence"])
    return DONE


def doctor(client: Client, arguments: Namespace, cwd: Path) -> int:
    answer = client.command("doctor", {})
    if arguments.json:
        print(json.dumps(answer, indent=2))
    else:
        render.doctor(answer)
    return DONE if all(row["state"] != "broken" for row in answer["checks"]) else FAILED


def trust(client: Client, arguments: Namespace, cwd: Path) -> int:
    shown = client.command("trust", {"path": str((cwd / arguments.path).absolute()) if arguments.path else ""})
    if not shown["sha256"]:
        raise CliError(shown["sentence"], NOT_FOUND, "unknown_file")
    answer = shown
    if arguments.yes:
        answer = client.command("trust", {"path": shown["path"], "sha256": shown["sha256"]})
    if arguments.json:
        print(json.dumps(answer, indent=2))
    elif arguments.yes or shown["approved"]:
        render.say(answer["sentence"])
    else:
        render.say(shown["text"])
        print("To approve exactly these bytes, run the same command with --yes.")
    return DONE


def allow(client: Client, arguments: Namespace, cwd: Path) -> int:
    answer = client.command("allow", {"agent": arguments.agent})
    print(json.dumps(answer, indent=2) if arguments.json else answer["sentence"])
    return DONE


def practise(client: Client, arguments: Namespace, cwd: Path) -> int:
    answer = client.command("practise", {})
    if arguments.json:
        print(json.dumps(answer, indent=2))
    else:
        print(answer["sentence"])
        place = f"{answer['uri'].rpartition('/')[2]}:{answer['line'] + 1}"
        print("Open it in an editor, or try the first place from here:")
        print(f"  cd {shlex.quote(answer['folder'])}")
        print(f'  backburner delegate {place} "use sum()" --wait')
    return DONE


def number(text: str) -> int:
    """`12` or `#12`."""
    match = re.fullmatch(r"#?(\d+)", text.strip())
    if match is None:
        raise CliError(f"{text!r} is not a task number. `backburner list` shows them.", USAGE, "usage")
    return int(match[1])


def task_and_item(text: str) -> tuple[int, str]:
    """`12`, `12/3`, `12/src/a.py:3` or a whole id `12.2/src/a.py:3` into task and the rest."""
    head, slash, rest = text.partition("/")
    if slash and not rest:
        # Not everything of the task: half a word must never accept more than was meant.
        raise CliError(f"{text!r} names no hunk. `backburner show {head}` lists them.", USAGE, "usage")
    return number(head.split(".", 1)[0]), text if "." in head and rest else rest


def full_item(client: Client, task: int, item: str) -> str:
    """The id of a hunk or finding that a person named shortly: by its place in the list, or without the run."""
    view = client.command("show", {"task": task})
    ids = [hunk["id"] for hunk in view["hunks"]] + [finding["id"] for finding in view["findings"]]
    if item in ids:
        return item
    if item.isdigit():
        if 1 <= int(item) <= len(ids):
            return ids[int(item) - 1]
        has = f"{len(ids)} hunk{'' if len(ids) == 1 else 's'}"
        raise CliError(f"#{task} has {has}; there is no {item}.", NOT_FOUND, "unknown_hunk")
    for known in ids:
        if known.split("/", 1)[1] == item:
            return known
    # The daemon knows best why an id that was valid once is not any more.
    return item


def _here(client: Client, tasks: list[int]) -> list[Wanted]:
    return [Wanted(task, client.root.as_uri()) for task in tasks]


def _project_path(client: Client, file: str, cwd: Path) -> str:
    """A file as the project calls it: a path from where one stands, or already from the project's root."""
    path = Path(os.path.normpath(cwd / file))
    return (
        path.relative_to(client.root).as_posix()
        if file and path.exists() and path.is_relative_to(client.root)
        else file
    )


def _drop_output() -> None:
    """What was not written yet is lost; without this the interpreter would try again at its end, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_tasks(client: Client, arguments: Namespace, tasks: list[Wanted], *, code: int) -> int:
    return print_views(client, arguments, [view_of(client, task) for task in tasks], code)


def _plain(item: Place) -> dict[str, Any]:
    return msgspec.to_builtins(item)


Verb = Callable[[Client, Namespace, Path], int]

VERBS: dict[str, Verb] = {
    "delegate": delegate,
    "list": listing,
    "show": show,
    "diff": diff,
    "draft": diff,
    "accept": judge,
    "reject": judge,
    "dismiss": judge,
    "undo": judge,
    "accept-rest": accept_rest,
    "reply": say,
    "steer": say,
    "answer": say,
    "retry": retry,
    "refit": simple("refit"),
    "continue": simple("continue"),
    "start": simple("startAnyway"),
    "stop": stop,
    "wait": wait,
    "raise": raise_budget,
    "next": next_result,
    "today": today,
    "doctor": doctor,
    "trust": trust,
    "allow": allow,
    "practise": practise,
}
