from __future__ import annotations

from pathlib import Path

import pytest

from backburner.lib.clock import HandClock
from engine.peer import House


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def house(tmp_path: Path, clock: HandClock) -> House:
    return House(tmp_path, clock)
