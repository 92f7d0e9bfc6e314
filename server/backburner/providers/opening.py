"""From an `AgentSpec` to a `Model`: finds the key, shares the client, puts the throttle around the wire.

The one function that callers outside this package need: `open_model`. SDKs are loaded here, in a thread, on first use.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Protocol

import msgspec

from backburner.lib import process
from backburner.lib.clock import Clock
from backburner.lib.log import SECRETS
from backburner.model.catalog import AgentSpec
from backburner.model.shorten import shown
from backburner.model.transcript import Conversation, Turn
from backburner.providers import buckets, prices
from backburner.providers.base import Awaited, KeyCommandFailed, Model, NoKey, Rejected, Streamed, TurnSettings
from backburner.providers.scripted import BadScript, ScriptedModel, parse
from backburner.providers.stream import Heard
from backburner.providers.throttle import Pool, Throttle, digest

KEYRING = "backburner"
"""The service name under which keys lie in the keyring; the user name is the variable's name."""
KEYRING_S = 2.0
KEY_COMMAND_S = 15.0


class WireFormat(Protocol):
    """One attempt at a turn on one wire format; no retries, no price."""

    def attempt(
        self, conversation: Conversation, settings: TurnSettings, heard: Heard
    ) -> AsyncGenerator[Streamed, None]: ...
    async def give_up(self, awaited: str) -> None: ...


class ThrottledModel:
    """A wire format behind the throttle, with the price on each turn."""

    def __init__(self, wire: WireFormat, spec: AgentSpec, throttle: Throttle, pool: Pool) -> None:
        self._wire = wire
        self._spec = spec
        self._throttle = throttle
        self._pool = pool

    async def turn(self, conversation: Conversation, settings: TurnSettings) -> AsyncGenerator[Streamed, None]:
        conversation = shown(conversation)
        need = buckets.need(conversation, self._pool.output)

        def attempt() -> AsyncGenerator[Streamed, None]:
            return self._wire.attempt(conversation, settings, self._pool.heard)

        async with aclosing(self._throttle.turn(self._pool, settings, need, attempt)) as stream:
            async for item in stream:
                if isinstance(item, Turn):
                    at = self._throttle.clock.now()
                    price = prices.cost(self._spec, item.usage, when=settings.when, at=at)
                    yield msgspec.structs.replace(item, cost_usd=price)
                    continue
                if isinstance(item, Awaited):
                    # A second attempt asks after the same answer.
                    settings = msgspec.structs.replace(settings, awaited=item.id)
                yield item

    async def give_up(self, awaited: str) -> None:
        await self._wire.give_up(awaited)

    async def aclose(self) -> None:
        """Nothing to close: the client belongs to the throttle."""


async def open_model(spec: AgentSpec, env: Mapping[str, str], throttle: Throttle, clock: Clock) -> Model:
    """The model that `spec` names. `env`: the environment that was handed over, with its keys.

    Raises `NoKey` with the next step when there is no key, and `Rejected` when the spec cannot work.
    """
    if spec.wire == "scripted":
        try:
            return ScriptedModel(
                parse(spec.script), clock, name=spec.model or spec.name, who=spec.provider or spec.name
            )
        except BadScript as error:
            raise Rejected(spec.provider or spec.name, str(error)) from error
    key = await find_key(spec, env)
    await asyncio.to_thread(load, spec)
    name = ((spec.wire == "anthropic" and "anthropic") or "openai", spec.base_url, digest(key))
    wire: WireFormat
    if spec.wire == "anthropic":
        from backburner.providers import anthropic

        wire = anthropic.AnthropicWire(
            throttle.client(name, lambda: anthropic.client(spec.base_url, key)), spec, clock.now
        )
    else:
        from backburner.providers import chat_completions, openai_client, openai_responses

        client = throttle.client(name, lambda: openai_client.client(spec.base_url, key))
        maker = openai_responses.ResponsesWire if spec.wire == "responses" else chat_completions.ChatWire
        wire = maker(client, spec, clock)
    return ThrottledModel(wire, spec, throttle, throttle.pool(spec, key))


def load(spec: AgentSpec) -> None:
    """Import what the spec needs (one to two seconds of CPU the first time): to be called in a thread."""
    from backburner.providers import anthropic, openai_client

    if spec.wire == "anthropic":
        anthropic.load()
    elif spec.wire in ("responses", "chat"):
        openai_client.load()
    if spec.price_id and spec.price is None:
        prices.warm(spec.price_id, spec.model)


async def find_key(spec: AgentSpec, env: Mapping[str, str]) -> str:
    """The key, in the order: `key_command`, what was handed over, the keyring. Empty where none is needed."""
    key = ""
    if spec.key_command:
        key = await _from_command(spec, env)
    elif spec.key_env:
        key = env.get(spec.key_env, "").strip() or await _from_keyring(spec.key_env)
        if not key:
            raise NoKey(spec.provider, spec.key_env)
    SECRETS.add(key)
    return key


async def _from_command(spec: AgentSpec, env: Mapping[str, str]) -> str:
    try:
        finished = await process.run(spec.key_command, env=env, timeout_s=KEY_COMMAND_S, output_cap=65_536)
    except OSError as error:
        raise KeyCommandFailed(spec.provider, f"could not be started ({error.strerror})") from error
    if finished.timed_out:
        raise KeyCommandFailed(spec.provider, "did not end in time")
    lines = finished.stdout.decode("utf-8", "replace").split()
    if finished.exit_code != 0 or not lines:
        raise KeyCommandFailed(spec.provider, f"ended with {finished.exit_code} and no key")
    return lines[0]


async def _from_keyring(name: str) -> str:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(KEYRING_S):
            return await asyncio.to_thread(_keyring, name)
    return ""


def _keyring(name: str) -> str:
    try:
        # Optional: by name, since it may not be installed.
        keyring: Any = importlib.import_module("keyring")
        found: str | None = keyring.get_password(KEYRING, name)
    except Exception:
        # No such package, no keyring on this machine, a locked one, a broken back end: all mean that it has no key.
        return ""
    return found or ""
