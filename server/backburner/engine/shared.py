"""What all engines of one daemon share, handed to each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from backburner.engine.days import Days, LocalDays
from backburner.engine.environments import Environments
from backburner.engine.workers import Workers
from backburner.lib.clock import Clock
from backburner.store.ledger import Ledger

LiveTexts = Callable[[str, tuple[str, ...]], Mapping[str, str | None]]
"""Root and paths to the texts as the person has them now; None: there is no such file. Paths left out: as on disk."""
Screen = Callable[[str], Mapping[str, str | None]]
"""Root to every text that is open with changes that are not saved."""


def nothing_live(_root: str, _paths: tuple[str, ...]) -> Mapping[str, str | None]:
    return {}


def nothing_open(_root: str) -> Mapping[str, str | None]:
    return {}


@dataclass
class Shared:
    clock: Clock
    workers: Workers
    ledger: Ledger = field(default_factory=Ledger)
    environments: Environments = field(default_factory=Environments)
    days: Days = field(default_factory=LocalDays)
    snapshots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))
    """Snapshots at once, over all projects."""
    strict: bool = False
    """What cannot happen raises (tests), in place of being recorded."""
    live_texts: LiveTexts = nothing_live
    screen: Screen = nothing_open
