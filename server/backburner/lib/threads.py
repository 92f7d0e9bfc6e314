"""Work in a thread that a cancelled caller does not leave behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


async def to_its_end(work: Callable[[], Value]) -> Value:
    """Like `asyncio.to_thread`, but a cancelled caller goes on only when the thread has ended.

    A thread cannot be stopped: whoever cleans up after a cancellation would otherwise do so beside it. For short work.
    """
    future = asyncio.get_running_loop().run_in_executor(None, work)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait([future])
        raise
