"""Says which of a few files changed on disk: files with open results, `.git/HEAD`, our folder of letters.

Watches folders without their sub-folders, so that a large project costs nothing; where the system has no watches left it
polls. Every few seconds it also looks by itself, for what happened while the set of files changed and for file systems
that tell nothing. Never reads a file's content, and never says what a change means.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

log = logging.getLogger(__name__)

SWEEP_MS = 5_000
LOOK_MS = 200
"""Between two looks at what the system told, for which a thread wakes up; a change is told when a look finds no more."""
Signature = tuple[int, int, int] | None


class Watcher:
    """Watches what `watch` was last told. One reader of `changes`; end it with `close`."""

    def __init__(self, *, polling: bool = False, sweep_ms: int = SWEEP_MS) -> None:
        self._files: frozenset[Path] = frozenset()
        self._folders: frozenset[Path] = frozenset()
        self._seen: dict[Path, Signature] = {}
        self._absent: set[Path] = set()
        """Newly watched files that are not there, still to be told."""
        self._polling = polling
        self._sweep_ms = sweep_ms
        self._again = asyncio.Event()
        self._closed = False

    def watch(self, files: Iterable[Path], folders: Iterable[Path] = ()) -> None:
        """From now on watch these files (they need not exist) and everything directly in these folders."""
        wanted, around = frozenset(files), frozenset(folders)
        if (wanted, around) == (self._files, self._folders):
            return
        self._files, self._folders = wanted, around
        now = self._signatures()
        self._absent |= {path for path in wanted - self._seen.keys() if now[path] is None}
        self._seen = {path: self._seen.get(path, signature) for path, signature in now.items()}
        self._again.set()

    def look(self, path: Path) -> None:
        """Tell of this file if it is not there, watched or not."""
        if _signature(path) is None:
            self._absent.add(path)
            self._again.set()

    def close(self) -> None:
        self._closed = True
        self._again.set()

    async def changes(self) -> AsyncIterator[frozenset[Path]]:
        """Sets of paths that changed, appeared or vanished, or are not there when they begin to be watched; ends after
        `close`."""
        while not self._closed:
            self._again.clear()
            if self._absent:
                absent, self._absent = frozenset(self._absent), set()
                yield absent
            try:
                async for changed in self._until_told():
                    if changed:
                        yield changed
            except (OSError, RuntimeError) as error:
                if self._polling:
                    # Not even polling works here; the sweep at each new set of files must do.
                    log.warning("files are not watched: %s", error)
                    await self._again.wait()
                else:
                    log.info("polling instead of watching: %s", error)
                    self._polling = True

    async def _until_told(self) -> AsyncIterator[frozenset[Path]]:
        """Changes of the present set of files, until it changes."""
        # Its signature names trio's types, which are not installed.
        from watchfiles import awatch  # pyright: ignore[reportUnknownVariableType]

        places = sorted({path for path in (*self._folders, *(file.parent for file in self._files)) if path.is_dir()})
        if not places:
            try:
                async with asyncio.timeout(self._sweep_ms / 1000):
                    await self._again.wait()
            except TimeoutError:
                yield self._difference()
            return
        batches = awatch(
            *places,
            watch_filter=None,
            debounce=LOOK_MS,
            step=LOOK_MS,
            stop_event=self._again,
            rust_timeout=self._sweep_ms,
            yield_on_timeout=True,
            force_polling=self._polling or None,
            recursive=False,
            ignore_permission_denied=True,
        )
        async for _ in batches:
            # What counts is what is different now: one write can be many events, and a rename is two.
            yield self._difference()

    def _difference(self) -> frozenset[Path]:
        now = self._signatures()
        changed = {path for path in now.keys() | self._seen.keys() if now.get(path) != self._seen.get(path)}
        self._seen = now
        return frozenset(changed)

    def _signatures(self) -> dict[Path, Signature]:
        paths = set(self._files)
        for folder in self._folders:
            try:
                paths.update(folder.iterdir())
            except OSError:
                continue
        return {path: _signature(path) for path in paths}


def _signature(path: Path) -> Signature:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
