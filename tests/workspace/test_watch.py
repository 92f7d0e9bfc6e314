"""Only what is asked for is told, whatever way it changes."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from backburner.workspace.watch import Watcher

OUTSIDE = tempfile.gettempdir()


def put(path: Path, text: str) -> None:
    """In one step, so that it is one change."""
    with tempfile.NamedTemporaryFile("w", dir=OUTSIDE, delete=False) as file:
        file.write(text)
    os.replace(file.name, path)


@asynccontextmanager
async def told(watcher: Watcher) -> AsyncIterator[asyncio.Queue[Path]]:
    """What the watcher says, path by path."""
    queue: asyncio.Queue[Path] = asyncio.Queue()

    async def read() -> None:
        async for paths in watcher.changes():
            for path in sorted(paths):
                queue.put_nowait(path)

    async with asyncio.TaskGroup() as group:
        handle = group.create_task(read())
        yield queue
        watcher.close()
        await handle


@pytest.mark.parametrize("polling", [False, True])
async def test_writes_replacements_and_removals_of_watched_files(tmp_path: Path, polling: bool) -> None:
    file, other, late = tmp_path / "a.py", tmp_path / "other.py", tmp_path / "late.py"
    put(file, "a")
    watcher = Watcher(polling=polling, sweep_ms=100)
    watcher.watch([file, late])
    async with asyncio.timeout(30), told(watcher) as queue:
        assert await queue.get() == late, "it is not there"
        put(other, "not asked for")
        put(file, "changed")
        assert await queue.get() == file
        put(late, "late")
        assert await queue.get() == late
        file.unlink()
        assert await queue.get() == file
        assert queue.empty()


async def test_folders_and_a_set_of_files_that_changes(tmp_path: Path) -> None:
    letters, project = tmp_path / "letters", tmp_path / "project"
    letters.mkdir()
    watcher = Watcher(sweep_ms=100)
    async with asyncio.timeout(30), told(watcher) as queue:
        watcher.watch([project / "deep" / "a.py"], [letters])
        assert await queue.get() == project / "deep" / "a.py", "it is not there"
        put(letters / "one.md", "x")
        assert await queue.get() == letters / "one.md"
        (project / "deep").mkdir(parents=True)
        put(project / "deep" / "a.py", "x")
        assert await queue.get() == project / "deep" / "a.py"
        put(project / "b.py", "x")
        watcher.watch([project / "b.py"])
        put(project / "b.py", "longer")
        assert await queue.get() == project / "b.py"
        assert queue.empty()


async def test_nothing_to_watch_ends_when_closed() -> None:
    watcher = Watcher()
    async with asyncio.timeout(30), told(watcher) as queue:
        pass
    assert queue.empty()
