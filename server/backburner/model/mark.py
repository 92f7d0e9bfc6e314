"""What a person sees at a place in the code, before any editor's encoding: computed by `review/marks.py`.

A mark is one problem (diagnostic), one row of lenses and one hover at once; an editor shows those it can.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from backburner.model.result import Severity
from backburner.model.task import TaskState


class Action(Struct, frozen=True, kw_only=True):
    """Something that can be done: a lens, a code action, a row's button."""

    command: str
    """A command's name, `backburner.accept`."""
    lens: str
    """Short title after the mark's text: `Accept`."""
    title: str
    """Title as a code action: `#12 Accept all`."""
    arguments: Mapping[str, Any]
    """The single JSON argument of the command."""


class Mark(Struct, frozen=True, kw_only=True):
    path: str
    line: int
    """The line of the lens and of the problem, zero-based, in the live text."""
    start: int
    """First column of the problem, in characters."""
    end: int
    span_end: int
    """Last line (exclusive) of what the mark is about: code actions are offered anywhere in `[line, span_end)`."""
    task: int
    item: str = ""
    """Hunk or finding id; empty: the mark is about the task."""
    state: TaskState
    lens: str = ""
    """`✓ #12 Iterative lexer  +24 −3, tests pass`; empty: no lens here."""
    aside: str = ""
    """What is said of it where the lens of another task has the line: `#13 ready`."""
    beside: tuple[tuple[int, TaskState], ...] = ()
    """The tasks that share its lens row; what is said of them is in `lens`."""
    click: Action | None = None
    """What a click on the lens text itself does: it only ever looks, so that a slip changes nothing."""
    actions: tuple[Action, ...] = ()
    severity: Severity | None = None
    """None: no problem here."""
    message: str = ""
    """The problem's text, at most 80 characters."""
    hover: str = ""
    """Markdown, at most 12 lines."""


def only_ticks(before: Mark, now: Mark) -> bool:
    """Whether two titles of one mark differ by time, waiting or progress alone."""
    return (
        now.state in ("queued", "running")
        and (before.state, before.beside) == (now.state, now.beside)
        and bool(before.lens) == bool(now.lens)
    )
