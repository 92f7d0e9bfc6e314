"""The `openai` SDK's client, as both of its wire formats use it: for connections, headers and errors only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from backburner.providers import stream
from backburner.providers.stream import RawResponse, SdkErrors

if TYPE_CHECKING:
    import openai


def load() -> None:
    """Import the SDK (half a second of CPU the first time): to be called in a thread."""
    import openai

    _ = openai


def client(base_url: str, key: str) -> openai.AsyncOpenAI:
    """A client with a pool of connections of its own; its retries are off."""
    import httpx2
    import openai

    return openai.AsyncOpenAI(
        # Local servers need no key, but the SDK wants one.
        api_key=key or "none",
        base_url=base_url,
        max_retries=0,
        # Reading has no time limit here: `stream.py` watches for stalls.
        timeout=httpx2.Timeout(connect=10.0, read=None, write=120.0, pool=None),
        # The aiohttp transport takes half the CPU. Its limits must stay the SDK's: None would mean 100 there.
        # A redirect would take the code to whatever address it names.
        http_client=openai.DefaultAioHttpClient(follow_redirects=False),
    )


def errors() -> SdkErrors:
    import openai

    return SdkErrors(openai.APIStatusError, openai.APIConnectionError)


def sender(client: openai.AsyncOpenAI, path: str, body: bytes) -> Callable[[], Awaitable[RawResponse]]:
    from openai import AsyncStream

    return stream.sender(client.post, AsyncStream[object], path, body)


async def ask(client: openai.AsyncOpenAI, method: str, path: str, body: bytes | None = None) -> tuple[bytes, Any]:
    """A request whose answer is read whole: its bytes and headers."""
    import httpx2

    if method == "get":
        response = await client.get(path, cast_to=httpx2.Response)
    else:
        response = await client.post(path, content=body, cast_to=httpx2.Response)
    return response.content, response.headers
