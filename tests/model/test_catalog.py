"""Agents, endpoints and models as data."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from backburner.model.catalog import (
    AgentSpec,
    check_agents,
    first_found,
    key_variables,
    missing_key,
    parse,
    resolve,
    shipped,
)
from backburner.model.result import Cause

SHIPPED = ("opus", "sonnet", "haiku", "codex", "groq", "cerebras", "ollama", "practice")


def spec(name: str, agents: dict[str, Any] | None = None, env: dict[str, str] | None = None, **more: str) -> AgentSpec:
    found = resolve(name, agents or {}, env or {}, **more)
    assert isinstance(found, AgentSpec), found
    return found


def problem(name: str, agents: dict[str, Any] | None = None) -> str:
    found = resolve(name, agents or {}, {})
    assert isinstance(found, Cause), found
    return found.sentence


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_agent_resolves(name: str) -> None:
    found = spec(name)
    assert found.kind == "model"
    assert found.model
    assert found.wire == "scripted" or found.base_url.startswith("http")


def test_every_row_is_whole() -> None:
    catalog = shipped()
    for name in catalog.agents:
        assert isinstance(resolve(name, {}, {}), AgentSpec), name
    for name in (*catalog.first.keys, *catalog.first.programs, *catalog.first.local):
        assert name in catalog.agents


def test_an_unknown_agent_gives_the_nearest_known_one() -> None:
    assert problem("opsu") == "There is no agent called 'opsu'; did you mean 'opus'?"
    assert problem("zzzzzz") == "There is no agent called 'zzzzzz'."
    assert "'mine'" in problem("mien", {"mine": {"provider": "groq", "model": "x"}})


def test_addresses_come_from_the_environment_that_was_handed_over() -> None:
    env = {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    assert spec("opus", env=env).base_url == "http://127.0.0.1:9"
    assert spec("codex", env=env).base_url == "http://127.0.0.1:9/v1"
    mine = {"opus": {"base_url": "http://127.0.0.1:7"}}
    assert spec("opus", mine, env).base_url == "http://127.0.0.1:7"


def test_a_persons_row_lies_over_the_shipped_one() -> None:
    found = spec("opus", {"opus": {"effort": "high", "model": "claude-fable-5-2"}})
    assert (found.effort, found.model, found.key_env) == ("high", "claude-fable-5-2", "ANTHROPIC_API_KEY")
    assert spec("opus", effort="max").effort == "max"
    other = spec("opus", {"opus": {"provider": "groq", "model": "some"}})
    assert (other.wire, other.provider) == ("chat", "Groq")


def test_an_effort_that_the_provider_does_not_know_is_said() -> None:
    sentence = "Anthropic knows no effort 'hgih' for claude-opus-5-5; there are low, medium, high, xhigh, max."
    assert problem("opus", {"opus": {"effort": "hgih"}}) == sentence
    found = resolve("opus", {}, {}, effort="hgih")
    assert isinstance(found, Cause)
    assert (found.kind, found.sentence) == ("no_effort", sentence)
    assert isinstance(resolve("codex", {}, {}, effort="none"), Cause)
    assert isinstance(resolve("groq", {}, {}, effort="none"), AgentSpec)
    assert spec("own", {"own": {"provider": "lab", "base_url": "http://127.0.0.1:1/v1", "model": "m", "effort": "odd"}})


def test_a_new_openai_compatible_host_is_one_row_of_data() -> None:
    catalog = parse(
        '[endpoints.newhost]\ntitle = "New Host"\nwire = "chat"\nbase_url = "https://new.example/v1"\n'
        'key_env = "NEW_KEY"\n[models]\n[agents.new]\nprovider = "newhost"\nmodel = "m"\n'
    )
    found = resolve("new", {}, {}, catalog=catalog)
    assert isinstance(found, AgentSpec)
    assert (found.provider, found.wire, found.base_url) == ("New Host", "chat", "https://new.example/v1")


def test_a_host_that_is_not_in_the_catalog_needs_only_an_address() -> None:
    found = spec("own", {"own": {"provider": "lab", "base_url": "http://127.0.0.1:1/v1", "model": "m"}})
    assert (found.wire, found.key_env, found.provider) == ("chat", "", "lab")
    assert "unknown provider 'grok'; did you mean 'groq'?" in problem("x", {"x": {"provider": "grok", "model": "m"}})
    assert problem("x", {"x": {"provider": "groq"}}) == "Agent 'x' names no model."
    assert problem("x", {"x": {"model": "m"}}) == "Agent 'x' names neither a provider nor a command."
    assert "written wrongly" in problem("x", {"x": {"provider": 3}})


def test_any_model_of_a_known_endpoint_can_be_named() -> None:
    found = spec("groq/llama-3.3-70b-versatile")
    assert (found.provider, found.model) == ("Groq", "llama-3.3-70b-versatile")


def test_a_command_is_an_agent() -> None:
    found = spec("fmt", {"fmt": {"command": ["ruff", "check", "--fix", "{file}"]}})
    assert (found.kind, found.command, found.network) == ("command", ("ruff", "check", "--fix", "{file}"), False)
    assert spec("claude").network


def test_a_missing_key_is_a_sentence_with_the_next_step() -> None:
    cause = missing_key(spec("opus"), {})
    assert cause is not None
    assert cause.kind == "no_key"
    assert cause.sentence == "Anthropic needs ANTHROPIC_API_KEY: open an editor that has it, or set key_command."
    assert missing_key(spec("opus"), {"ANTHROPIC_API_KEY": "x"}) is None
    assert missing_key(spec("opus"), {}, keyring=["ANTHROPIC_API_KEY"]) is None
    assert missing_key(spec("opus", {"opus": {"key_command": ["pass", "x"]}}), {}) is None
    assert missing_key(spec("ollama"), {}) is None


def test_unknown_keys_are_reported_with_the_nearest_known_one() -> None:
    assert check_agents({"x": {"modle": "y"}}) == ("Unknown key 'modle' in agents.x; did you mean 'model'?",)
    assert check_agents({"x": {"provider": "groq", "model": "y"}}) == ()


def none_on_path(name: str) -> bool:
    return False


def test_the_first_agent_is_found_in_the_order_of_the_product_page() -> None:
    everything = {"ANTHROPIC_API_KEY": "a", "OPENAI_API_KEY": "b"}
    assert first_found(everything, lambda name: True, handed=["GROQ_API_KEY"], reachable=["ollama"]) == "groq"
    assert first_found(everything, lambda name: True, keyring=["GROQ_API_KEY"]) == "opus"
    assert first_found({"OPENAI_API_KEY": "b"}, lambda name: True) == "codex"
    assert first_found({"ANTHROPIC_API_KEY": ""}, none_on_path, keyring=["CEREBRAS_API_KEY"]) == "cerebras"
    assert first_found({}, lambda name: name == "codex", reachable=["ollama"]) == "codex-cli"
    assert first_found({}, lambda name: True) == "claude"
    assert first_found({}, none_on_path, reachable=["ollama"]) == "ollama"
    assert first_found({}, none_on_path) is None


def test_the_bridge_is_told_every_variable_that_matters() -> None:
    found = key_variables({"mine": {"key_env": "MY_KEY"}})
    assert {"ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "OPENAI_API_KEY", "GROQ_API_KEY", "MY_KEY"} <= set(found)


def test_a_spec_survives_the_wire() -> None:
    found = spec("codex")
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=AgentSpec) == found
