"""Days as the person's clock has them: which one a moment is in, where one begins and ends."""

from __future__ import annotations

import time
from typing import Protocol


class Days(Protocol):
    def day(self, moment: float) -> str:
        """`2026-11-25`: the day of a moment (seconds since the epoch)."""
        ...

    def bounds(self, day: str) -> tuple[float, float]:
        """Where a day begins and where the next one does. Raises `ValueError` for what is no day."""
        ...


class LocalDays:
    """Days in the machine's time zone; a day with a clock change has 23 or 25 hours."""

    def day(self, moment: float) -> str:
        return time.strftime("%Y-%m-%d", time.localtime(moment))

    def bounds(self, day: str) -> tuple[float, float]:
        begin = time.strptime(day, "%Y-%m-%d")
        year, month, of_month = begin.tm_year, begin.tm_mon, begin.tm_mday
        return (
            time.mktime((year, month, of_month, 0, 0, 0, 0, 0, -1)),
            time.mktime((year, month, of_month + 1, 0, 0, 0, 0, 0, -1)),
        )
