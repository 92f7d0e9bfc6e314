"""What the daemon (or `lsp --alone`) serves: all projects and all editors, put together."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, get_args

from backburner.engine.line import StartWorker
from backburner.engine.projects import Projects
from backburner.lib import handshake
from backburner.lib.clock import Clock
from backburner.lsp.roots import Owned
from backburner.lsp.server import build
from backburner.lsp.session import Editors
from backburner.lsp.transport import Connection, Server
from backburner.model.task import LIVE, TaskState

logger = logging.getLogger(__name__)


class EditorService:
    """`accepting.Service` over the engines."""

    def __init__(self, editors: Editors) -> None:
        self.editors = editors

    def build(self, connection: Connection) -> Server:
        """A server with every feature for one client. An editor's coming is the sign to have a worker ready."""
        if connection.kind == handshake.EDITOR:
            self.editors.projects.workers.warm()
        return build(self.editors, connection)

    def alive(self) -> int:
        """Tasks that are queued, running or asking, in every project that is loaded."""
        engines = self.editors.projects.loaded.values()
        return sum(task.state in LIVE for engine in engines for task in engine.state.tasks.values())

    def describe(self) -> dict[str, Any]:
        """Projects, editors, tasks by state over all loaded projects, and the worker with how commands run in it."""
        projects = self.editors.projects
        states = Counter(task.state for engine in projects.loaded.values() for task in engine.state.tasks.values())
        workers, hello = projects.workers, projects.workers.hello
        return {
            "projects": [str(root) for root in projects.loaded],
            "editors": [
                {"name": session.client.name, "version": session.client.version}
                for session in self.editors.sessions
                if not session.client.command_line
            ],
            "tasks": {state: states[state] for state in get_args(TaskState)},
            "worker": {
                "up": workers.is_up,
                "pid": hello.pid if hello is not None and workers.is_up else None,
                "runs": workers.running,
                "sandbox": hello.sandbox if hello is not None else "",
                "trouble": workers.trouble,
            },
        }


@asynccontextmanager
async def open_service(start_worker: StartWorker, clock: Clock) -> AsyncGenerator[EditorService]:
    """The service for as long as the block lasts; projects with a living task are loaded in the background."""
    async with Projects(start_worker, clock) as projects:
        editors = Editors(projects, clock)
        projects.set_live_texts(partial(live_texts, editors))
        projects.set_screen(partial(screen, editors))
        async with asyncio.TaskGroup() as group:
            loading = group.create_task(projects.open_living(), name="load projects")
            watching = group.create_task(editors.disk.serve(), name="watch files")
            try:
                yield EditorService(editors)
            finally:
                loading.cancel()
                watching.cancel()


def live_texts(editors: Editors, root: str, paths: tuple[str, ...]) -> dict[str, str | None]:
    """Open texts among these paths; the engine reads the others from disk."""
    found: dict[str, str | None] = {}
    for path in paths:
        holding = editors.holding(Owned(Path(root), path))
        if holding:
            found[path] = holding[0][1].text
    return found


def screen(editors: Editors, root: str) -> dict[str, str | None]:
    """Every text of a project that is open with unsaved changes."""
    return {
        owned.path: document.text
        for session in editors.sessions
        for owned, document in session.opened()
        if owned.root == Path(root) and session.is_dirty(document) and not document.doubtful
    }
