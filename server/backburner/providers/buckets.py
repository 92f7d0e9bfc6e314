"""How much may still be asked of a provider: rate buckets that are set from the headers of its answers.

Pure: times are handed in. A bucket is a limit that fills again over time; what the headers say wins over our own sums.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import inf
from typing import Literal, NamedTuple

from backburner.model.shorten import expected
from backburner.model.transcript import Conversation

Kind = Literal["requests", "tokens", "input", "output"]
"""`tokens`: input and output together. `input`: what the provider counts against its input limit (uncached)."""

HEADROOM = 0.10
"""Part of each limit that is left to the person's other programs on the same key."""

LIMITS: tuple[tuple[str, Kind], ...] = (
    ("anthropic-ratelimit-requests-{}", "requests"),
    ("anthropic-ratelimit-input-tokens-{}", "input"),
    ("anthropic-ratelimit-output-tokens-{}", "output"),
    ("x-ratelimit-{}-requests", "requests"),
    ("x-ratelimit-{}-tokens", "tokens"),
    ("x-ratelimit-{}-requests-day", "requests"),
    ("x-ratelimit-{}-tokens-minute", "tokens"),
)
"""Header names, with `limit`, `remaining` or `reset` in the gap. Anthropic's overall `tokens` says nothing more."""
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
LONGEST_S = UNITS["d"]
"""No limit takes longer to fill, whatever a header says."""


class Reading(NamedTuple):
    """What one answer says about one limit."""

    limit: float
    remaining: float
    reset_s: float
    """Seconds until it is full again."""


class Need(NamedTuple):
    """What a request is expected to take, in tokens."""

    input: float
    """Uncached input."""
    total_input: float
    output: float

    def of(self, kind: Kind) -> float:
        match kind:
            case "requests":
                return 1.0
            case "input":
                return self.input
            case "output":
                return self.output
            case "tokens":
                return self.total_input + self.output


@dataclass
class Bucket:
    """One limit, as far as we know it."""

    capacity: float
    level: float
    per_s: float
    at: float
    """Monotonic time for which `level` holds."""

    def fill(self, now: float) -> None:
        self.level = min(self.capacity, self.level + (now - self.at) * self.per_s)
        self.at = now

    def read(self, reading: Reading, now: float) -> None:
        """Set from a header: the level is the lower of theirs and ours, since ours knows of requests under way."""
        self.fill(now)
        used = reading.limit - reading.remaining
        if used > 0 and reading.reset_s > 0:
            self.per_s = used / reading.reset_s
        elif reading.limit != self.capacity:
            self.per_s = reading.limit / 60
        self.capacity = reading.limit
        self.level = min(self.level, reading.remaining)

    def wait_s(self, need: float, now: float) -> float:
        """Seconds until `need` may be taken; 0: now. A need beyond the whole bucket waits for a full one."""
        self.fill(now)
        floor = self.capacity * HEADROOM
        short = min(need, self.capacity - floor) - (self.level - floor)
        if short <= 1e-9:
            return 0.0
        return short / self.per_s if self.per_s > 0 else 60.0


def bucket(reading: Reading, now: float) -> Bucket:
    """A bucket from the first reading of it."""
    used = reading.limit - reading.remaining
    per_s = used / reading.reset_s if used > 0 and reading.reset_s > 0 else reading.limit / 60
    return Bucket(reading.limit, reading.remaining, per_s, now)


def readings(headers: Mapping[str, str], epoch: float) -> dict[Kind, Reading]:
    """Every limit that these headers tell of. `epoch`: now, for resets that are dates."""
    found: dict[Kind, Reading] = {}
    for name, kind in LIMITS:
        limit = headers.get(name.format("limit"))
        if limit is None:
            continue
        remaining, reset = headers.get(name.format("remaining"), limit), headers.get(name.format("reset"), "")
        try:
            reading = Reading(float(limit), float(remaining), min(seconds(reset, epoch), LONGEST_S))
        except (ValueError, OverflowError):
            continue
        if 0 < reading.limit < inf and 0 <= reading.remaining < inf:
            found[kind] = reading
    return found


def seconds(text: str, epoch: float) -> float:
    """`12ms`, `1s`, `6m0s`, `2m59.56s`, plain seconds, or an RFC 3339 time; 60 for anything else."""
    text = text.strip()
    pieces = re.findall(r"([\d.]+)(ms|s|m|h|d)", text)
    if pieces and "".join(number + unit for number, unit in pieces) == text:
        return sum(float(number) * UNITS[unit] for number, unit in pieces)
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, datetime.fromisoformat(text).timestamp() - epoch)
    except ValueError:
        return 60.0


def need(conversation: Conversation, output: float) -> Need:
    """What the next request will take: the usage of the last turn, plus what was added since."""
    new, total = expected(conversation)
    return Need(new, total, output)
