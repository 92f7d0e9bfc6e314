from __future__ import annotations

import asyncio
import threading

import pytest

from backburner.lib.threads import to_its_end


async def test_a_cancelled_caller_waits_for_its_thread() -> None:
    begun, go, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go.wait(10)
        ended.set()

    handle = asyncio.ensure_future(to_its_end(work))
    await asyncio.to_thread(begun.wait, 10)
    handle.cancel()
    await asyncio.sleep(0)
    assert not handle.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await handle
    assert ended.is_set()


async def test_values_and_errors_come_back() -> None:
    assert await to_its_end(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await to_its_end(lambda: 1 // 0)
