"""What can be said on the command line."""

from __future__ import annotations

import argparse
import json
from typing import NoReturn

from backburner import __version__

EPILOG = (
    "Exit codes: 0 done, 1 the task failed, was stopped or still waits, 2 wrong usage, 3 not found, "
    "4 refused (conflict, stale, budget)."
)


class _JsonParser(argparse.ArgumentParser):
    """Says what is wrong as JSON, as every verb does."""

    def error(self, message: str) -> NoReturn:
        print(json.dumps({"error": f"Wrong usage: {message}.", "reason": "usage"}))
        super().error(message)


def build_parser(*, as_json: bool) -> argparse.ArgumentParser:
    """The parser of all verbs. `as_json`: wrong usage is told as JSON too."""
    parser = (_JsonParser if as_json else argparse.ArgumentParser)(
        prog="backburner",
        description="Put work on the back burner: delegate code, read results when ready.",
        epilog=EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"backburner {__version__}")
    parser.add_argument("-C", dest="directory", metavar="DIR", default="", help="work as if started in DIR")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, help: str, *, task: bool = False, has_json: bool = True) -> argparse.ArgumentParser:
        sub = verbs.add_parser(name, help=help, description=help, epilog=EPILOG)
        if has_json:
            sub.add_argument("--json", action="store_true", help="print JSON")
        # Before the verb too, as git has it: what was said there stands unless it is said here again.
        sub.add_argument(
            "-C", dest="directory", metavar="DIR", default=argparse.SUPPRESS, help="work as if started in DIR"
        )
        if task:
            sub.add_argument("task", metavar="N", help="number of the task, such as 12 or #12")
        return sub

    delegate = verb("delegate", "hand places over to an agent")
    delegate.add_argument(
        "words", nargs="+", metavar="FILE[:LINE[-LINE]]… TEXT", help="one or more places, then the instruction"
    )
    delegate.add_argument(
        "--recipe", default="", help="implement, fix, test, refactor, document, review, explain, check"
    )
    delegate.add_argument("--agent", default="", help="who does it, such as opus or codex; several with commas")
    delegate.add_argument("--effort", default="", help="how hard the agent thinks, in its provider's words: low, high")
    delegate.add_argument(
        "--when", choices=("now", "2h", "8h"), default="now", help="how soon; later is cheaper where a provider has it"
    )
    delegate.add_argument(
        "--pace", choices=("run", "step"), default="", help="step: stop after the plan and after each change"
    )
    delegate.add_argument("--after", metavar="N", default="", help="wait for this task and start from its result")
    delegate.add_argument("--budget", type=float, metavar="USD", help="what it may cost at the most")
    delegate.add_argument("--wait", action="store_true", help="wait until it is no longer queued or running")

    listing = verb("list", "the queue")
    listing.add_argument("--all", action="store_true", help="closed tasks too")
    listing.add_argument("--watch", action="store_true", help="keep the table up to date until interrupted")
    verb("show", "one task, whole", task=True)
    verb("diff", "the unified diff of a result; counts as reading it", task=True).add_argument(
        "--group", action="store_true"
    )
    verb("draft", "the unified diff of a running task so far", task=True)
    for name, help in (("accept", "put a result into your files"), ("reject", "decide against a result")):
        sub = verb(name, help)
        sub.add_argument("task", metavar="N[/HUNK]", help="task, or task and number of a hunk: 12, 12/3, 12/src/a.py:3")
        sub.add_argument(
            "--all", action="store_true", help="everything that is still open (the default without a hunk)"
        )
        sub.add_argument("--file", default="", metavar="PATH", help="only hunks of this file")
        sub.add_argument("--group", action="store_true", help="every task of its group")
        if name == "accept":
            sub.add_argument(
                "--theirs", action="store_true", help="also what overlaps your own edit, in the place of that edit"
            )
    rest = verb("accept-rest", "accept the results of a group that fit, pass and keep to their target", task=True)
    rest.set_defaults(verb="accept-rest")
    dismiss = verb("dismiss", "put away findings, a report or a failure")
    dismiss.add_argument("task", metavar="N[/FINDING]")
    verb("undo", "take an accept or a rejection back").add_argument("task", metavar="N[/HUNK]")
    for name, help, what in (
        ("reply", "say something to a finished task", "text"),
        ("steer", "add a note for a running task", "text"),
        ("answer", "answer a task's question", "answer"),
    ):
        verb(name, help, task=True).add_argument("text", metavar=what.upper())
    retry = verb("retry", "start a task over", task=True)
    retry.add_argument("--agent", default="", help="another agent than before")
    retry.add_argument("--effort", default="", help="another effort than before")
    verb("refit", "fit a result to your text as it is now", task=True)
    verb("continue", "go on after a step", task=True)
    verb("start", "start a waiting task anyway", task=True)
    stop = verb("stop", "stop a task", task=True)
    stop.add_argument("--keep", action="store_true", help="make its draft the result")
    wait = verb("wait", "wait until tasks are no longer queued or running")
    wait.add_argument("tasks", nargs="+", metavar="N")
    wait.add_argument("--timeout", type=float, default=0.0, metavar="SECONDS", help="wait no longer than this")
    raising = verb("raise", "raise the budget of a task, or of today")
    raising.add_argument("task", nargs="?", default="", metavar="N", help="the task; without it, the limit of the day")
    raising.add_argument("--usd", type=float, default=0.0, help="the new limit; default: twice the present one")
    verb("next", "the result that is best read next")
    today = verb("today", "what the day came to")
    today.add_argument("day", nargs="?", default="", metavar="YYYY-MM-DD")
    verb("doctor", "what works here and what to do next")
    trust = verb("trust", "show what a project file wants, and approve it")
    trust.add_argument("path", nargs="?", default="", help="default: the project's backburner.toml")
    trust.add_argument("--yes", action="store_true", help="approve the bytes as they are now")
    verb("allow", "let an agent run that is a program with a network of its own").add_argument("agent")
    verb("practise", "make a sample project to practise on, without a key")
    demo = verb("demo", "see it all in under a minute, on a copy of a real project", has_json=False)
    demo.add_argument("project", nargs="?", default="", help="a Git project; default: this one")
    return parser
