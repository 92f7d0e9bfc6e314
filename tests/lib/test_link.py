from __future__ import annotations

import asyncio
import os

from backburner.lib.link import BEHIND, StreamEnd, ThreadEnd, pair


async def test_messages_arrive_in_order_and_end_with_none() -> None:
    one, other = pair()
    await one.send("a")
    await one.send("b")
    one.close()
    assert [await other.receive() for _ in range(3)] == ["a", "b", None]


async def test_a_sender_waits_while_the_other_side_is_behind() -> None:
    one, other = pair()
    for number in range(BEHIND):
        await one.send(number)
    async with asyncio.TaskGroup() as group:
        late = group.create_task(one.send("late"))
        await asyncio.sleep(0)
        assert not late.done()
        assert await other.receive() == 0
    assert [await other.receive() for _ in range(BEHIND)][-1] == "late"


async def test_a_cancelled_sender_has_sent() -> None:
    one, other = pair()
    for number in range(BEHIND):
        await one.send(number)
    async with asyncio.TaskGroup() as group:
        late = group.create_task(one.send("late"))
        await asyncio.sleep(0)
        late.cancel()
    assert [await other.receive() for _ in range(BEHIND + 1)][-1] == "late"


async def test_frames_cross_a_pipe_whole_from_loop_and_thread() -> None:
    loop = asyncio.get_running_loop()
    down_read, down_write = os.pipe()
    up_read, up_write = os.pipe()
    reader, up_reader = asyncio.StreamReader(), asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(down_read, "rb"))
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(up_reader), os.fdopen(up_read, "rb"))
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, os.fdopen(down_write, "wb"))
    writer = asyncio.StreamWriter(transport, protocol, None, loop)
    worker: ThreadEnd[str, str] = ThreadEnd(reader, up_write, str.encode, bytes.decode)
    daemon: StreamEnd[str, str] = StreamEnd(up_reader, writer, str.encode, bytes.decode)
    large = "x" * 3_000_000
    async with asyncio.TaskGroup() as group:
        group.create_task(daemon.send(large))
        assert await worker.receive() == large
    await worker.send(large)
    await asyncio.to_thread(worker.send_from_thread, "beat")
    assert await daemon.receive() == large
    assert await daemon.receive() == "beat"
    worker.close()
    os.close(up_write)
    assert await daemon.receive() is None
    daemon.close()
    assert await worker.receive() is None
