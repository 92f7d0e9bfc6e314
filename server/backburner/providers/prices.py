"""What a turn cost, in US dollars; None where the price is not known, never 0 for want of one.

Prices come from the agent's own row in the catalog where there is one (the table lags behind new models), else from the
`genai-prices` table of the installed package; nothing is fetched.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

from backburner.model.catalog import AgentSpec, Price
from backburner.model.task import When
from backburner.model.transcript import Usage

WINDOW_FACTOR: dict[When, float] = {"now": 1.0, "2h": 0.7, "8h": 0.6}
"""OpenAI's background windows: 30 and 40 percent off."""


def cost(spec: AgentSpec, usage: Usage, *, when: When = "now", at: float) -> float | None:
    """The price of `usage`. `at`: seconds since the epoch, for prices that change with time."""
    if spec.free:
        return 0.0
    factor = WINDOW_FACTOR[when] if spec.windows else 1.0
    if spec.price is not None:
        return from_row(spec.price, usage) * factor
    listed = from_table(spec, usage, at)
    return None if listed is None else listed * factor


def from_row(price: Price, usage: Usage) -> float:
    """By a row of the catalog."""
    long = price.long_from and usage.total_input > price.long_from
    given = (
        usage.input_tokens * price.input
        + usage.cache_read_tokens * price.cache_read
        + usage.cache_write_tokens * price.cache_write
    )
    written = usage.output_tokens * price.output
    return (given * (price.long_input if long else 1.0) + written * (price.long_output if long else 1.0)) / 1e6


def from_table(spec: AgentSpec, usage: Usage, at: float) -> float | None:
    """By the price table; None when it does not know the model."""
    if not spec.price_id:
        return None
    hour = int(at // 3600)
    row = flat(spec.price_id, spec.model, hour)
    return looked_up(spec.price_id, spec.model, hour, usage) if row is None else from_row(row, usage)


@lru_cache(maxsize=64)
def flat(provider: str, model: str, hour: int) -> Price | None:
    """The table's prices of a model as one row, where they do not depend on the length of the prompt.

    A look-up costs as much CPU as a fifth of a turn; hundreds of agents should not pay it each time.
    """
    rows: list[tuple[float, ...]] = []
    for size in (10_000, 1_000_000):
        prompt = looked_up(provider, model, hour, Usage(input_tokens=size))
        if prompt is None:
            return None
        more = (
            Usage(cache_read_tokens=size),
            Usage(cache_write_tokens=size),
            Usage(input_tokens=size, output_tokens=size),
        )
        read, write, both = (looked_up(provider, model, hour, usage) or 0.0 for usage in more)
        rows.append(tuple(round(price / size * 1e6, 9) for price in (prompt, read, write, both - prompt)))
    if rows[0] != rows[1]:
        return None
    given, read, write, output = rows[0]
    return Price(input=given, cache_read=read, cache_write=write, output=output)


def looked_up(provider: str, model: str, hour: int, usage: Usage) -> float | None:
    """What the table says; `hour`: since the epoch."""
    import genai_prices

    total = genai_prices.Usage(
        input_tokens=usage.total_input,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        output_tokens=usage.output_tokens,
    )
    at = datetime.fromtimestamp(hour * 3600, UTC)
    try:
        found = genai_prices.calc_price(total, model, provider_id=provider, genai_request_timestamp=at)
    except (LookupError, ValueError):
        return None
    price: Decimal = found.total_price
    return float(price)


def warm(provider: str, model: str) -> None:
    """Load the table (a quarter of a second): to be called in a thread."""
    looked_up(provider, model, 0, Usage(input_tokens=1))
