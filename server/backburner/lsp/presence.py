"""When the person was last here, so that the queue can say what happened since. Survives restarts, in one small file."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from backburner.store import paths

PAUSE_S = 1800.0
"""Without a sign of the person for so long, they were away."""
SHOWN_S = 3600.0
"""How long after their return the queue says what happened."""
WRITE_S = 60.0


class Presence:
    """The person at one project, over all editors."""

    def __init__(self, root: Path, now: float) -> None:
        self._file = paths.project_dir(root) / "seen"
        self._written = self._last = self._read() or now
        self._since = 0.0
        self._returned = 0.0

    def active(self, now: float) -> None:
        """The person did something."""
        if now - self._last > PAUSE_S:
            self._since, self._returned = self._last, now
        self._last = now
        if now - self._written > WRITE_S:
            self.write()

    def since(self, now: float) -> float:
        """When the pause began that they came back from not long ago; 0: there was none."""
        return self._since if self._since and now - self._returned < SHOWN_S else 0.0

    def write(self) -> None:
        self._written = self._last
        with contextlib.suppress(OSError):
            self._file.touch(mode=0o600)
            os.utime(self._file, (self._last, self._last))

    def _read(self) -> float | None:
        try:
            return self._file.stat().st_mtime
        except OSError:
            return None
