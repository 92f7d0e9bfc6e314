"""Server-sent events, wherever the chunks end."""

from __future__ import annotations

import asyncio
import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backburner.providers.loose import is_strict, parse_arguments
from backburner.providers.stream import Frames, Patience

DATA = [b'{"a":1}', '{"t":"Grüße 世界 \\u2028"}'.encode(), b"[DONE]", b'{"long":"' + b"x" * 5000 + b'"}']


def written(end: str) -> bytes:
    frames = [
        b"event: ping\n\n",
        b": a comment\n\n",
        b"event: message\ndata: " + DATA[0] + b"\n\n",
        b"data:" + DATA[1] + b"\n\n",
        b"id: 3\nretry: 10\ndata: " + DATA[2] + b"\n\n\n\n",
        b"data: " + DATA[3] + b"\n\n",
    ]
    return b"".join(frames).replace(b"\n", end.encode())


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@given(seed=st.integers(0, 10_000), cuts=st.integers(0, 60))
def test_the_cut_of_the_chunks_does_not_matter(end: str, seed: int, cuts: int) -> None:
    stream = written(end)
    chance = random.Random(seed)
    places = sorted({0, len(stream), *(chance.randrange(len(stream)) for _ in range(cuts))})
    reader = Frames()
    found = [
        data
        for start, stop in itertools.pairwise(places)
        for data in reader.feed(stream[start:stop])
    ]  # fmt: skip
    last = reader.flush()
    assert found + ([last] if last is not None else []) == DATA


def test_every_single_byte_may_be_a_chunk() -> None:
    stream = written("\r\n")
    reader = Frames()
    assert [data for at in range(len(stream)) for data in reader.feed(stream[at : at + 1])] == DATA


def test_data_on_several_lines_is_one_event() -> None:
    assert Frames().feed(b"data: {\ndata: }\n\n") == [b"{\n}"]


def test_a_last_event_without_its_blank_line_counts_only_when_it_is_whole() -> None:
    reader = Frames()
    assert reader.feed(b'data: {"a":1}') == []
    assert reader.flush() == b'{"a":1}'
    reader = Frames()
    reader.feed(b'data: {"a":')
    assert reader.flush() is None
    assert Frames().flush() is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ("", {}),
        (" ", {}),
        ("{}", {}),
        ('{"a":', None),
        ("[1]", None),
        ("3", None),
        ("null", None),
    ],
)
def test_arguments_are_an_object_or_nothing(text: str, value: object) -> None:
    assert parse_arguments(text) == value


def test_only_a_closed_schema_is_held_to_strictly() -> None:
    closed = {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    assert is_strict(closed)
    assert not is_strict({**closed, "required": []})
    assert not is_strict({**closed, "additionalProperties": True})
    assert is_strict({**closed, "properties": {"a": {"type": "array", "items": closed}}})
    assert not is_strict({**closed, "properties": {"a": {"type": "array", "items": {**closed, "required": []}}}})


async def test_only_waiting_counts_as_a_stall() -> None:
    patience, other = Patience(0.02), Patience(0.1)
    with patience:
        await asyncio.sleep(0)
    # What is done with a piece may take longer than the next piece may.
    with pytest.raises(TimeoutError), other:
        await asyncio.Event().wait()
    with patience:
        await asyncio.sleep(0)
    with pytest.raises(TimeoutError), patience:
        await asyncio.Event().wait()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_wait_that_somebody_else_cancels_is_no_stall() -> None:
    waits = asyncio.Event()

    async def wait() -> None:
        with Patience(60):
            waits.set()
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        handle = group.create_task(wait())
        await waits.wait()
        handle.cancel()
    assert handle.cancelled()
