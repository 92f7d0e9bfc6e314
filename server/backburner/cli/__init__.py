"""The command line: a client of the daemon's socket, for people without an editor at hand and for scripts.

Knows arguments, exit codes and how to print; every decision is the daemon's, asked for through the same commands that an
editor uses. Start reading at `parser.py` (what can be said) and `verbs.py` (what it does).
"""

from __future__ import annotations

from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Run one verb; the exit code: 0 done, 1 the task failed, 2 wrong usage, 3 not found, 4 refused."""
    import sys
    from io import TextIOWrapper

    from backburner.cli.parser import build_parser
    from backburner.cli.verbs import run

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal that cannot show a sign shows a `?`; nobody loses an answer over it.
            stream.reconfigure(errors="replace")
    return run(build_parser(as_json="--json" in argv).parse_args(argv))
