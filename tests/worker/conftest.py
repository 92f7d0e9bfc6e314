from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from agent.support import Project, project


@pytest.fixture
async def cafe(tmp_path: Path) -> AsyncGenerator[Project]:
    """A small Git project with its shadow."""
    async with project(tmp_path) as made:
        yield made
