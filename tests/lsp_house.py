"""The whole server in the test's own loop: service, engines, a worker, and any number of editors on socket pairs.

The same code as `lsp --alone`, without starting a process, so that a test can have several editors at once and hold the
editors' clock in its hand.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from backburner.lib.clock import Clock, RealClock
from backburner.lsp.service import EditorService, open_service
from backburner.lsp.transport import Connection
from backburner.model.wire import Link
from backburner.worker.host import Host
from backburner.worker.main import chance
from backburner.worker.pipe import in_process
from lsp_client import PLAIN, Client

GIT = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]


class House:
    """One daemon's worth of everything."""

    def __init__(self, service: EditorService, group: asyncio.TaskGroup) -> None:
        self.service = service
        self._group = group
        self._clients: list[Client] = []
        self._serving: list[asyncio.Task[None]] = []

    async def editor(self, root: Path, capabilities: dict[str, Any] | None = None, **more: Any) -> Client:
        """A connected and initialized editor."""
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=theirs)
        connection = Connection(reader, writer, environment=dict(os.environ))
        self._serving.append(self._group.create_task(connection.serve(self.service.build)))
        initialize = more.pop("initialize", {})
        client = Client(*await asyncio.open_connection(sock=ours), root, capabilities=capabilities or PLAIN, **more)
        self._group.create_task(client.read())
        self._clients.append(client)
        await client.initialize(**initialize)
        return client

    async def close(self) -> None:
        for client in self._clients:
            client.writer.close()
        if self._serving:
            await asyncio.wait(self._serving)


@asynccontextmanager
async def house(clock: Clock | None = None) -> AsyncIterator[House]:
    """Needs `BACKBURNER_HOME` in the environment (see `project`)."""
    clock = clock or RealClock()
    async with asyncio.TaskGroup() as group:
        hosts: list[asyncio.Task[None]] = []

        async def start_worker() -> Link:
            ours, theirs = in_process()
            hosts.append(group.create_task(Host(theirs, clock, chance).serve()))
            return ours

        async with open_service(start_worker, clock) as service:
            found = House(service, group)
            try:
                yield found
            finally:
                await found.close()
        for host in hosts:
            host.cancel()


def set_up(folder: Path, script: str, settings: str = "") -> Path:
    """The person's home (with a scripted agent) and an empty Git project in `folder`; returns the project."""
    home = folder / "home"
    home.mkdir()
    (home / "script.toml").write_text(script)
    own = f'agent = "scripted"\n[agents.scripted]\nprovider = "script"\nscript = "{home / "script.toml"}"\n'
    (home / "config.toml").write_text(own + settings)
    return make_project(folder / "project")


def make_project(root: Path) -> Path:
    root.mkdir(parents=True)
    subprocess.run([*GIT, "init", "-q"], cwd=root, check=True)
    subprocess.run([*GIT, "commit", "-q", "--allow-empty", "-m", "start"], cwd=root, check=True)
    return root
