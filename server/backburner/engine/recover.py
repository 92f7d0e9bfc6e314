"""After a restart: what the journal says was going on, and what of it must be put right.

A run without an end goes on from its transcript. Trees that a dead worker left behind are listed before they are removed.
(Accepts that were begun are settled by `lsp/settle.py`, which sees the texts.)
"""

from __future__ import annotations

import logging
from pathlib import Path

from backburner.model.events import Event, RunInterrupted
from backburner.model.task import State
from backburner.workspace.checkout import leftovers, remove_leftover

RESTARTED = "Backburner was restarted."

log = logging.getLogger(__name__)


def interrupted(state: State, now: float) -> list[Event]:
    """An end for every run that has none."""
    return [
        RunInterrupted(task=task.number, run=task.run.id, reason=RESTARTED, by_restart=True, at=now)
        for task in state.tasks.values()
        if task.state == "running" and task.run is not None
    ]


def remove_leftovers(trees: Path) -> None:
    """Remove trees of ours that no living process holds: what agents changed in them is journalled up to the last turn."""
    for place, marker in leftovers(trees):
        log.info("a tree was left behind in %s (%s)", place, marker.root)
        try:
            if not remove_leftover(place):
                log.warning("%s is held, or is not ours any more: it stays", place)
        except OSError:
            log.warning("%s could not be removed", place, exc_info=True)
