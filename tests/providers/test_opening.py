"""From a spec to a model: keys, shared clients, canned models."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from backburner.model.catalog import AgentSpec, resolve
from backburner.model.transcript import Conversation, Message
from backburner.providers import base
from backburner.providers.base import Model, TurnSettings, collect
from backburner.providers.opening import find_key, open_model
from backburner.providers.throttle import Throttle
from emulator.script import Turn as Say
from emulator.script import scene
from emulator.server import Emulator

Opener = Callable[..., Awaitable[Model]]
TALK = Conversation(system="You work.", tools=(), entries=(Message("use sum() in total()"),))


async def test_the_practice_agent_needs_no_key_and_no_network(throttle: Throttle) -> None:
    spec = resolve("practice", {}, {})
    assert isinstance(spec, AgentSpec)
    model = await open_model(spec, {}, throttle, throttle.clock)
    turn = await collect(model.turn(TALK, TurnSettings()))
    assert turn.calls[0].name == "plan"
    assert turn.cost_usd == 0.0


async def test_a_script_that_cannot_be_read_is_a_sentence(throttle: Throttle) -> None:
    spec = AgentSpec(name="mine", wire="scripted", script="[[scene]")
    with pytest.raises(base.Rejected, match="mine did not accept the request: The script cannot be read"):
        await open_model(spec, {}, throttle, throttle.clock)


async def test_models_of_one_endpoint_and_key_share_their_connections(throttle: Throttle, opener: Opener) -> None:
    async with Emulator(scene(Say(say="x"))) as emulator:
        for agent in ("opus", "sonnet", "haiku"):
            await collect((await opener(emulator, agent)).turn(TALK, TurnSettings()))
        assert len(throttle._clients) == 1
        await opener(emulator, "opus", env={"ANTHROPIC_API_KEY": "another-key"})
        await opener(emulator, "codex")
        assert len(throttle._clients) == 3


async def test_every_chat_host_of_the_catalog_is_reached_by_its_row_alone(opener: Opener) -> None:
    from backburner.model.catalog import shipped

    hosts = [name for name, endpoint in shipped().endpoints.items() if endpoint.wire == "chat"]
    assert {"groq", "cerebras", "ollama", "vllm", "llamacpp", "openrouter", "lmstudio"} <= set(hosts)
    async with Emulator(scene(Say(say="Hello."))) as emulator:
        for host in hosts:
            model = await opener(emulator, f"{host}/some-model")
            assert (await collect(model.turn(TALK, TurnSettings()))).text == "Hello.", host
        assert emulator.counters.refusals == []


async def test_spaces_around_a_key_are_no_part_of_it() -> None:
    spec = AgentSpec(name="x", provider="Lab", key_env="LAB_KEY")
    assert await find_key(spec, {"LAB_KEY": " the-key\n"}) == "the-key"
