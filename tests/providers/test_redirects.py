"""A provider that sends its caller elsewhere: neither the key nor the code goes there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web

from backburner.model.transcript import Conversation, Message
from backburner.providers.base import Model, Rejected, TurnSettings, collect
from emulator.server import Emulator

Opener = Callable[..., Awaitable[Model]]
TALK = Conversation(system="You work.", tools=(), entries=(Message("Please."),), key="t")
SETTINGS = TurnSettings(stall_s=0.5, run="1.1")


async def served(handler: Callable[[web.Request], Awaitable[web.Response]]) -> tuple[web.AppRunner, str]:
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("wire", ["opus", "codex", "groq"])
async def test_a_redirect_is_not_followed(wire: str, status: int, opener: Opener) -> None:
    seen: list[dict[str, str]] = []

    async def elsewhere(request: web.Request) -> web.Response:
        seen.append(dict(request.headers) | {"body": (await request.read()).decode()})
        return web.Response(text="thank you")

    async def sends_on(request: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": f"{there}/stolen"})

    other, there = await served(elsewhere)
    provider, address = await served(sends_on)
    try:
        async with Emulator() as emulator:
            model = await opener(emulator, wire, base_url=address)
            with pytest.raises(Rejected) as caught:
                await collect(model.turn(TALK, SETTINGS))
        assert seen == []
        assert "sends its callers to another address" in str(caught.value)
    finally:
        await provider.cleanup()
        await other.cleanup()
