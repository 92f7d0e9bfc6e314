"""Waiting for tasks on the command line: through a daemon that goes away, never in vain, and never without saying why."""

from __future__ import annotations

import contextlib
import json
import sys
from argparse import Namespace
from itertools import groupby
from typing import Any, NamedTuple

from backburner.cli import render
from backburner.cli.client import Client
from backburner.cli.exits import DONE, FAILED, REFUSED, CliError
from backburner.model.held import FOR_PERSON

FAILED_STATES = ("failed", "cancelled")
WAITING_STATES = ("queued", "running")
SPELL_S = 2.0
"""How long one question to the daemon waits before it is looked whether something holds a task up."""
NEXT = {
    "no_agent": " `backburner doctor` says how.",
    "unknown_agent": " `backburner doctor` lists the agents.",
    "unconfirmed": " From here: `backburner allow {agent}`.",
    "no_key": " From here: export it, then `backburner wait {task}`.",
}
"""What a held task waits for can be given from a shell too."""
COMEBACKS = 5
"""How often a daemon that goes away is started again during one wait."""


class Wanted(NamedTuple):
    """A task as the command line names it to the daemon: numbers count in each project."""

    task: int
    project: str
    """URI of the folder."""


def wait_for(client: Client, arguments: Namespace, tasks: list[Wanted], timeout_s: float) -> int:
    """Wait until no task is queued or running (or `timeout_s` is over, unless 0); print them; the exit code.

    Also ends, as refused, when all that still waits cannot go on without the person: they stay queued.
    """
    comebacks = 0
    while True:
        try:
            views = _watched(client, arguments, tasks, timeout_s)
            break
        except KeyboardInterrupt:
            names = " ".join(str(task.task) for task in tasks)
            print(f"backburner: Nothing was stopped. `backburner wait {names}` waits again.", file=sys.stderr)
            raise
        except CliError as error:
            comebacks += 1
            if error.reason != "daemon_gone" or comebacks > COMEBACKS:
                raise
            # The tasks are journalled and go on with the next daemon.
            client.connect()
    states = {view["state"] for view in views}
    code = FAILED if states & set(FAILED_STATES) or states & set(WAITING_STATES) else DONE
    if needing := [view for view in views if _needs_person(view)]:
        code = REFUSED
        for view in needing:
            held = view["held"]
            how = NEXT.get(held["reason"], "").format(task=view["task"], agent=held["agent"])
            print(f"backburner: #{view['task']} stays queued. {held['sentence']}{how}", file=sys.stderr)
    return print_views(client, arguments, views, code)


def view_of(client: Client, wanted: Wanted) -> dict[str, Any]:
    return client.command("show", {"task": wanted.task, "uri": wanted.project})


def print_views(client: Client, arguments: Namespace, views: list[dict[str, Any]], code: int) -> int:
    """One task is an object, several are a list."""
    if arguments.json:
        print(json.dumps(views[0] if len(views) == 1 else views, indent=2))
    else:
        for view in views:
            render.line(view, "" if view["project"] == str(client.root) else f" in {view['project']}")
    return code


def _watched(client: Client, arguments: Namespace, tasks: list[Wanted], timeout_s: float) -> list[dict[str, Any]]:
    is_live = sys.stdout.isatty() and not arguments.json
    told: dict[int, str] = {}
    left_s = timeout_s
    stuck: list[int] = []
    with contextlib.ExitStack() as stack:
        table = stack.enter_context(render.live_table()) if is_live else None
        while True:
            views = [view_of(client, task) for task in tasks]
            if table is not None:
                table.update(render.task_table(views), refresh=True)
            if all(view["state"] not in WAITING_STATES for view in views) or (timeout_s and left_s <= 0):
                return views
            waiting = [view for view in views if view["state"] in WAITING_STATES]
            before, stuck = stuck, [view["task"] for view in waiting if _needs_person(view)]
            # Twice in a row: keys and model servers are looked for while the task waits.
            if len(stuck) == len(waiting) and stuck == before:
                return views
            if table is None:
                _tell_what_holds(views, told)
            spell_s = min(left_s, SPELL_S) if timeout_s else SPELL_S
            for project, group in groupby(tasks, key=lambda task: task.project):
                numbers = [task.task for task in group]
                client.command("wait", {"tasks": numbers, "timeout_s": spell_s, "uri": project})
            left_s -= spell_s


def _needs_person(view: dict[str, Any]) -> bool:
    return view["held"] is not None and view["held"]["reason"] in FOR_PERSON


def _tell_what_holds(views: list[dict[str, Any]], told: dict[int, str]) -> None:
    """On stderr, once for each reason: a script's log must show why nothing happens."""
    for view in views:
        why: str = view["waits"] if view["state"] == "queued" else ""
        if why and not why.startswith("queued") and told.get(view["task"]) != why:
            told[view["task"]] = why
            render.say(f"backburner: #{view['task']} {why}", to=sys.stderr)
