"""Fixtures of the editor tests: a project in a shared home, and one in a home that a test may break."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from editors.world import Home, World, home, world


@pytest.fixture(scope="session")
def shared_home() -> Iterator[Home]:
    with home() as made:
        yield made


@pytest.fixture
def w(shared_home: Home) -> Iterator[World]:
    with world(shared_home) as made:
        yield made


@pytest.fixture
def lonely() -> Iterator[World]:
    """A world in a home of its own: its daemon may be killed, its provider may be paused."""
    with home() as made, world(made) as alone:
        yield alone
