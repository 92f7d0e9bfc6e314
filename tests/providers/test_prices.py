"""What a turn costs: the table, our overlay, steps for long prompts, windows, and "unknown" as a value."""

from __future__ import annotations

from typing import Any

import pytest

from backburner.model.catalog import AgentSpec, resolve
from backburner.model.task import When
from backburner.model.transcript import Usage
from backburner.providers.prices import cost, flat, looked_up

NOW = 1_795_392_000.0
"""2026-11-23, the day of the prices in the reference."""
MILLION = 1_000_000


def spec(name: str, **row: Any) -> AgentSpec:
    found = resolve(name, {name: row} if row else {}, {})
    assert isinstance(found, AgentSpec)
    return found


def price(name: str, usage: Usage, when: When = "now", **row: Any) -> float | None:
    return cost(spec(name, **row), usage, when=when, at=NOW)


@pytest.mark.parametrize(
    ("agent", "model", "given", "read", "write", "output"),
    [
        ("opus", "claude-opus-5-5", 4, 0.20, 5, 20),
        ("opus", "claude-fable-5-2", 8, 0.20, 10, 40),
        ("sonnet", "claude-sonnet-5-5", 2, 0.10, 2.5, 10),
        ("haiku", "claude-haiku-5-5", 0.10, 0.01, 0.125, 0.50),
        ("codex", "gpt-6.2-sol", 2, 0.10, 2.5, 10),
        ("codex", "gpt-6.2-astra", 8, 0.40, 10, 40),
        ("codex", "gpt-6.1-sol", 2, 0.10, 2.5, 10),
        ("groq", "openai/gpt-oss-120b", 0.15, 0.075, None, 0.60),
        ("cerebras", "gpt-oss-120b", 0.35, None, None, 0.75),
    ],
)
def test_prices_per_million(
    agent: str, model: str, given: float, read: float | None, write: float | None, output: float
) -> None:
    def per_million(usage: Usage) -> float:
        found = price(agent, usage, model=model)
        assert found is not None
        return found * 100

    # 10,000 tokens each: below every step of a price.
    assert per_million(Usage(input_tokens=10_000)) == pytest.approx(given)
    assert per_million(Usage(output_tokens=10_000)) == pytest.approx(output)
    if read is not None:
        assert per_million(Usage(cache_read_tokens=10_000)) == pytest.approx(read)
    if write is not None:
        assert per_million(Usage(cache_write_tokens=10_000)) == pytest.approx(write)


def test_long_prompts_cost_more() -> None:
    assert price("haiku", Usage(input_tokens=100_000)) == pytest.approx(0.01)
    assert price("haiku", Usage(input_tokens=200_000)) == pytest.approx(0.1)
    assert price("codex", Usage(input_tokens=200_000, output_tokens=MILLION)) == pytest.approx(10.4)
    assert price("codex", Usage(input_tokens=300_000, output_tokens=MILLION)) == pytest.approx(1.2 + 15)
    known = price("codex", Usage(input_tokens=300_000, output_tokens=MILLION), model="gpt-6.1-sol")
    assert known == pytest.approx(1.2 + 15)


def test_a_window_is_cheaper_where_there_is_one() -> None:
    usage = Usage(input_tokens=MILLION // 10)
    assert price("codex", usage, "2h") == pytest.approx(0.2 * 0.7)
    assert price("codex", usage, "8h", model="gpt-6.1-sol") == pytest.approx(0.2 * 0.6)
    assert price("opus", usage, "8h") == pytest.approx(0.4)


def test_what_is_not_known_is_none_and_what_is_free_is_zero() -> None:
    usage = Usage(input_tokens=1000)
    assert price("opus", usage, model="claude-of-tomorrow") is None
    assert cost(spec("own", provider="lab", base_url="http://127.0.0.1:1/v1", model="m"), usage, at=NOW) is None
    assert price("ollama", usage) == 0.0
    assert price("practice", usage) == 0.0
    assert price("opus", Usage()) == 0.0


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("anthropic", "claude-opus-5-5"),
        ("anthropic", "claude-haiku-5-5"),
        ("openai", "gpt-6.1-sol"),
        ("groq", "openai/gpt-oss-120b"),
    ],
)
def test_a_flat_row_says_what_the_table_says(provider: str, model: str) -> None:
    hour = int(NOW // 3600)
    row = flat(provider, model, hour)
    assert (row is None) == (model in ("claude-haiku-5-5", "gpt-6.1-sol")), "only a step in the price makes it not flat"
    usage = Usage(input_tokens=12_345, cache_read_tokens=345_678, cache_write_tokens=2_222, output_tokens=9_876)
    found = cost(AgentSpec(name="x", model=model, price_id=provider), usage, at=NOW)
    assert found == pytest.approx(looked_up(provider, model, hour, usage))
