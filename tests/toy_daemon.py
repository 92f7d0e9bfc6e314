"""A service of a few toy features, so that transport and life cycle can be tested alone. `toy_door.py` runs it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from lsprotocol import types
from msgspec import Struct

from backburner.lib.clock import Clock
from backburner.lsp.transport import Connection, Refusal, Server, make_server
from backburner.lsp.workers import StartWorker


class Amount(Struct):
    amount: int = 1


class Toys:
    """A service without tasks; `x/alive` says how many it claims to have."""

    def __init__(self, start_worker: StartWorker) -> None:
        self.start_worker = start_worker
        self.claimed = 0

    def build(self, connection: Connection) -> Server:
        server = make_server(connection)

        def hover(params: types.HoverParams) -> types.Hover | None:
            document = connection.documents.get(params.text_document.uri)
            return None if document is None else types.Hover(contents=document.text)

        def lenses(params: types.CodeLensParams) -> list[types.CodeLens]:
            place = types.Range(types.Position(0, 0), types.Position(0, 0))
            return [types.CodeLens(place, types.Command(f"lens {n}", "x")) for n in range(10)]

        def fail(argument: Amount) -> None:
            raise ValueError(f"inside {__file__}")

        async def fail_later(argument: Amount) -> None:
            await asyncio.sleep(0)
            raise ValueError(f"inside {__file__}")

        def refuse(argument: Amount) -> None:
            raise Refusal("There is no task #9.", "unknown_task")

        async def wait(argument: Amount) -> None:
            server.protocol.notify("x/waiting")
            await asyncio.Event().wait()

        def alive(argument: Amount) -> None:
            self.claimed = argument.amount

        async def worker(argument: Amount) -> Any:
            link: Any = await self.start_worker()
            hello = await link.receive()
            return {"pid": link.pid, "program": hello.program}

        server.feature("textDocument/hover")(hover)
        server.feature("textDocument/codeLens")(lenses)
        for name, handler in {
            "x/fail": fail,
            "x/failLater": fail_later,
            "x/wait": wait,
            "x/alive": alive,
            "x/worker": worker,
            "x/pid": lambda argument: os.getpid(),
            "x/environment": lambda argument: dict(connection.environment),
            "x/own": lambda argument: {
                "cwd": os.getcwd(),
                "environment": dict(os.environ),
                "session": os.getsid(0),
                "files": sorted(os.listdir("/proc/self/fd")),
            },
        }.items():
            server.add_method(name, Amount, handler)
        server.add_command("double", Amount, lambda argument: 2 * argument.amount)
        server.add_command("refuse", Amount, refuse)
        return server

    def alive(self) -> int:
        return self.claimed

    def describe(self) -> dict[str, Any]:
        return {}


@asynccontextmanager
async def open_toys(start_worker: StartWorker, clock: Clock) -> AsyncIterator[Toys]:
    yield Toys(start_worker)
