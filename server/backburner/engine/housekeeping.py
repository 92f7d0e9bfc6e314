"""Frees space, in quiet moments: what decided tasks needed a month ago, and what nothing refers to.

Nothing unread and nothing open is ever collected; the journal is never shortened.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from backburner.model.task import DONE, State
from backburner.workspace.git import GitFailed, NoGit
from backburner.workspace.tidying import tidy

if TYPE_CHECKING:
    from backburner.engine.engine import Engine

FIRST_S = 900.0
"""After a project was loaded."""
EVERY_S = 86_400.0
KEPT_S = 30 * 86_400.0
"""How long the texts of a decided task stay, for undo and for looking back."""

log = logging.getLogger(__name__)


def schedule_housekeeping(engine: Engine, wait_s: float = FIRST_S) -> None:
    def begin() -> None:
        engine.group.create_task(keep_house(engine))
        schedule_housekeeping(engine, EVERY_S)

    engine.alarms.set("housekeeping", engine.shared.clock.now() + wait_s, begin)


async def keep_house(engine: Engine) -> None:
    before = engine.shared.clock.now() - KEPT_S
    refs = engine.shadow.folder / "refs" / "tasks" / engine.shadow.view
    try:
        for number in forgettable(engine.state, before):
            if (refs / str(number)).is_dir():
                await engine.shadow.forget(number)
        await tidy(engine.shadow, before=before)
    except (GitFailed, NoGit, OSError):
        # It only takes more room until the next time.
        log.warning("housekeeping in %s", engine.root, exc_info=True)


def forgettable(state: State, before: float) -> list[int]:
    """Tasks that were decided before a moment and that nobody works on or waits for."""
    awaited = {task.after for task in state.tasks.values() if task.state == "queued"}
    return [
        task.number
        for task in state.tasks.values()
        if task.state in DONE and task.since < before and not task.accepting and task.number not in awaited
    ]
