"""The provider's side of rate limits and of prompt caching: real token buckets, and a cache keyed by prefix."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

BYTES_PER_TOKEN = 4
LOOK_BACK = 20
"""A cache marker finds what was written at most so many blocks before it."""


@dataclass
class Limits:
    """Per minute; None: no limit, no header."""

    requests: float | None = None
    input: float | None = None
    output: float | None = None


class Bucket:
    def __init__(self, per_minute: float, now: float) -> None:
        self.capacity = per_minute
        self.level = per_minute
        self.at = now

    def fill(self, now: float) -> None:
        self.level = min(self.capacity, self.level + (now - self.at) * self.capacity / 60)
        self.at = now

    @property
    def full_in_s(self) -> float:
        return (self.capacity - self.level) / self.capacity * 60


class Buckets:
    """The limits of one model with one key."""

    def __init__(self, limits: Limits, now: float) -> None:
        self.requests = Bucket(limits.requests, now) if limits.requests else None
        self.input = Bucket(limits.input, now) if limits.input else None
        self.output = Bucket(limits.output, now) if limits.output else None

    def take(self, tokens: int, now: float) -> float:
        """Take one request of so many input tokens; seconds to wait when a limit is reached, else 0."""
        wanted = ((self.requests, 1.0), (self.input, float(tokens)), (self.output, 1.0))
        for bucket, amount in wanted:
            if bucket is not None:
                bucket.fill(now)
                short = min(amount, bucket.capacity) - bucket.level
                if short > 0:
                    return short / bucket.capacity * 60
        for bucket, amount in wanted[:2]:
            if bucket is not None:
                bucket.level -= amount
        return 0.0

    def wrote(self, tokens: int) -> None:
        """Output is counted when it is written, and may overdraw."""
        if self.output is not None:
            self.output.level -= tokens

    def headers(self, wire: str, epoch: float) -> dict[str, str]:
        if wire == "anthropic":
            named = {"requests": self.requests, "input-tokens": self.input, "output-tokens": self.output}
            return {
                f"anthropic-ratelimit-{name}-{what}": value
                for name, bucket in named.items()
                if bucket is not None
                for what, value in (
                    ("limit", f"{bucket.capacity:.0f}"),
                    ("remaining", f"{max(0.0, bucket.level):.0f}"),
                    ("reset", datetime.fromtimestamp(epoch + bucket.full_in_s, UTC).isoformat().replace("+00:00", "Z")),
                )
            }
        named = {"requests": self.requests, "tokens": self.input}
        return {
            f"x-ratelimit-{what}-{name}": value
            for name, bucket in named.items()
            if bucket is not None
            for what, value in (
                ("limit", f"{bucket.capacity:.0f}"),
                ("remaining", f"{max(0.0, bucket.level):.0f}"),
                ("reset", f"{bucket.full_in_s:.3f}s"),
            )
        }


@dataclass
class Counted:
    """Tokens of a request: what came from the cache, what was written to it, the rest."""

    read: int = 0
    wrote: int = 0
    rest: int = 0

    @property
    def total(self) -> int:
        return self.read + self.wrote + self.rest


class Cache:
    """Remembers prefixes by hash. Only an append-only transcript hits."""

    def __init__(self) -> None:
        self._known: set[bytes] = set()
        self.hits = 0
        self.misses = 0

    def count(self, model: str, blocks: list[Any], marks: set[int] | None) -> Counted:
        """`blocks` in prefix order; `marks`: indexes of blocks with a marker (None: the provider marks every block)."""
        digest = hashlib.sha256(model.encode())
        sizes: list[int] = []
        digests: list[bytes] = []
        total = 0
        for block in blocks:
            data = msgspec.json.encode(block, order="sorted")
            digest.update(data)
            digests.append(digest.digest())
            total += len(data) // BYTES_PER_TOKEN + 1
            sizes.append(total)
        marked = sorted(marks if marks is not None else range(len(blocks)))
        read = 0
        for mark in marked:
            for index in range(mark, max(-1, mark - LOOK_BACK), -1):
                if digests[index] in self._known:
                    read = max(read, sizes[index])
                    break
        if marked:
            self.hits += read > 0
            self.misses += read == 0
        self._known.update(digests[mark] for mark in marked)
        last = sizes[marked[-1]] if marked else 0
        return Counted(read=read, wrote=max(0, last - read), rest=total - max(last, read))
