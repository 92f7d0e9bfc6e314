from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backburner.model import conversation
from backburner.model import events as e
from backburner.model import wishes as w
from backburner.model.evolve import fold
from backburner.model.task import State
from backburner.model.transcript import Message, ToolResult, ToolResults
from backburner.store import journal as journals
from backburner.store.journal import Frozen, Journal, JournalDamaged, JournalNewer, JournalUnwritable
from backburner.store.rows import Unstorable
from domain import DAY, T0, Story, snapshot, turn


@contextmanager
def database(path: Path) -> Generator[sqlite3.Connection]:
    """The file itself, for looking and for harm."""
    with closing(sqlite3.connect(path)) as raw, raw:
        yield raw


def load(path: Path) -> State:
    journal = Journal.open(path)
    try:
        return fold(State(), list(journal.read()))
    finally:
        journal.close()


def told() -> Story:
    """One task from queue to accepted, over two runs, with every kind of transcript event."""
    story = Story().delegated(2)
    story.running()
    story.happen(
        e.Briefed(task=1, run="1.1", system="You are careful.", messages=("Do it.",), at=T0),
        e.TurnTaken(task=1, run="1.1", turn=turn("", "read"), day=DAY, at=T0),
        e.ToolsDone(task=1, run="1.1", results=(ToolResult(call_id="call-read", name="read", text="x"),), at=T0),
        e.TurnTaken(task=1, run="1.1", turn=turn("done"), day=DAY, at=T0),
    )
    story.ready()
    story.requeue("reply", "shorter")
    story.running()
    story.happen(e.Briefed(task=1, run="1.2", system="", messages=("shorter",), at=T0))
    story.ready()
    story.do(w.Judge(task=1, items=(), verdict="accepted"))
    return story


async def test_what_was_appended_is_read_back(tmp_path: Path) -> None:
    story = told()
    journal = Journal.open(tmp_path / "journal.db")
    await journal.append(story.events[:5])
    await journal.append(story.events[5:])
    assert list(journal.read()) == story.events
    journal.close()
    again = Journal.open(tmp_path / "journal.db")
    assert fold(State(), list(again.read())) == story.state
    again.close()


async def test_a_checkpoint_bounds_the_start_and_keeps_transcripts_readable(tmp_path: Path) -> None:
    story = told()
    journal = Journal.open(tmp_path / "journal.db")
    await journal.append(story.events)
    whole = journal.transcript(1)
    await journal.append([e.Checkpoint(state=story.state, at=T0)])
    await journal.append([e.Seen(task=2, at=T0)])
    events = list(journal.read())
    assert len(events) == 2
    assert journal.since_checkpoint == 2
    assert fold(State(), events) == fold(story.state, [e.Seen(task=2, at=T0)])
    assert journal.transcript(1) == whole == conversation.fold(event for event in story.events if is_of(event, 1))
    assert whole is not None
    assert [type(entry).__name__ for entry in whole.entries] == [
        "Message", "Turn", "ToolResults", "Turn", "Message",
    ]  # fmt: skip
    assert whole.entries[2] == ToolResults((ToolResult(call_id="call-read", name="read", text="x"),))
    assert whole.entries[4] == Message("shorter")
    assert journal.transcript(2) is None
    journal.close()


def is_of(event: e.Event, task: int) -> bool:
    return getattr(event, "task", 0) == task


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 6), max_size=12))
async def test_every_prefix_of_a_journal_loads(tmp_path: Path, sizes: list[int]) -> None:
    story = told()
    path = tmp_path / f"{'-'.join(map(str, sizes))}.db"
    journal = Journal.open(path)
    written: list[e.Event] = []
    for size in sizes:
        batch = story.events[len(written) : len(written) + size]
        await journal.append(batch)
        written += batch
        assert fold(State(), list(journals.read(path))) == fold(State(), written)
    journal.close()


async def test_frozen_texts_live_from_delegation_to_snapshot(tmp_path: Path) -> None:
    story = Story().delegated(3)
    journal = Journal.open(tmp_path / "journal.db")
    texts = {"src/lexer.py": "unsaved\n", "odd\udce9name.py": "lone \ud800 surrogate", "gone.py": None}
    frozen = Frozen(texts=texts, head="c0ffee", index="1234", at=T0)
    await journal.append(story.events, [((1, 2), frozen), ((3,), Frozen(at=T0))])
    assert journal.frozen() == {1: frozen, 2: frozen, 3: Frozen(at=T0)}
    await journal.append([e.SnapshotTaken(task=1, snapshot=snapshot(), at=T0)])
    assert set(journal.frozen()) == {2, 3}
    assert journal.frozen()[2] == frozen
    await journal.append([e.SnapshotTaken(task=2, snapshot=snapshot(), at=T0), e.Cancelled(task=3, at=T0)])
    assert journal.frozen() == {}
    journal.close()
    with database(tmp_path / "journal.db") as raw:
        assert raw.execute("SELECT count(*) FROM frozen").fetchone() == (0,)


async def test_what_waits_together_is_one_transaction(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.db")
    commits = 0

    def count(statement: str) -> None:
        nonlocal commits
        commits += statement == "COMMIT"

    journal._connection.set_trace_callback(count)  # pyright: ignore[reportPrivateUsage]
    story = Story().delegated(64)
    await journal.append(story.events)
    commits = 0
    await asyncio.gather(*(journal.append([e.Seen(task=n, at=T0)]) for n in range(1, 65)))
    assert commits < 32
    assert len(list(journal.read())) == len(story.events) + 64
    journal.close()


async def test_an_event_that_cannot_be_read_back_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.db")
    story = Story().delegated()
    await journal.append(story.events)
    for bad in (
        e.Steered(task=1, note="lone \ud800 surrogate", at=T0),
        e.Seen(task=1, at=float("nan")),
        e.Seen(task="1", at=T0),  # pyright: ignore[reportArgumentType]
    ):
        with pytest.raises(Unstorable, match=type(bad).__name__):
            await journal.append([e.Seen(task=1, at=T0), bad])
    assert list(journal.read()) == story.events
    journal.close()


async def test_a_full_disk_says_so_and_the_batch_can_be_written_later(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    Journal.open(path).close()
    journal = Journal.open(path, max_pages=path.stat().st_size // 4096 + 2)
    story = Story().delegated()
    await journal.append(story.events)
    big = e.Steered(task=1, note="x" * 40_000, at=T0)
    with pytest.raises(JournalUnwritable, match="The disk is full"):
        await journal.append([e.Seen(task=1, at=T0), big])
    assert list(journal.read()) == story.events
    await journal.append([e.Seen(task=1, at=T0)])
    journal._connection.execute("PRAGMA max_page_count = 10000")  # pyright: ignore[reportPrivateUsage]
    await journal.append([big])
    assert list(journal.read()) == [*story.events, e.Seen(task=1, at=T0), big]
    journal.close()


async def test_an_unknown_event_names_the_newer_version(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = Journal.open(path)
    await journal.append(Story().delegated().events)
    journal.close()
    with database(path) as raw:
        raw.execute("UPDATE meta SET value = '9.4.0'")
        raw.execute("INSERT INTO event (at, task, kind, body) VALUES (1.0, 1, 'Teleported', x'7b7d')")
    before = path.read_bytes()
    with pytest.raises(JournalNewer, match=r"9\.4\.0 and holds 'Teleported'"):
        list(journals.read(path))
    assert path.read_bytes() == before


async def test_a_journal_of_a_newer_layout_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    Journal.open(path).close()
    with database(path) as raw:
        raw.execute("PRAGMA user_version = 99")
        raw.execute("UPDATE meta SET value = '9.4.0'")
    with pytest.raises(JournalNewer, match=r"Backburner 9\.4\.0"):
        Journal.open(path)


async def test_an_older_version_does_not_hide_that_a_newer_one_wrote(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    Journal.open(path).close()
    with database(path) as raw:
        raw.execute("UPDATE meta SET value = '9.4.0'")
    journal = Journal.open(path)
    assert journal.written_by == "9.4.0"
    journal.close()


@pytest.mark.parametrize("harm", ["not a journal", "broken page", "cut off", "broken event"])
async def test_a_damaged_journal_is_refused_and_left_as_it_is(tmp_path: Path, harm: str) -> None:
    path = tmp_path / "journal.db"
    journal = Journal.open(path)
    for _ in range(40):
        await journal.append([*Story().delegated(20).events])
    journal.close()
    data = bytearray(path.read_bytes())
    if harm == "not a journal":
        data = bytearray(b"these are somebody's notes\n" * 400)
    elif harm == "broken page":
        for page in range(3, len(data) // 4096):
            data[page * 4096 : page * 4096 + 100] = b"\xff" * 100
    elif harm == "cut off":
        del data[len(data) // 2 :]
    path.write_bytes(data)
    if harm == "broken event":
        with database(path) as raw:
            raw.execute("UPDATE event SET body = x'7b7d' WHERE seq = 30")
    before = path.read_bytes()
    with pytest.raises(JournalDamaged, match="left as it is"):
        load(path)
    assert path.read_bytes() == before


async def test_reading_needs_no_daemon_and_works_beside_one(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = Journal.open(path)
    story = Story().delegated()
    await journal.append(story.events)
    beside = count_in_another_process(path)
    journal.close()
    assert beside == count_in_another_process(path) == len(story.events)


def count_in_another_process(path: Path) -> int:
    script = (
        "import sys, pathlib; from backburner.store import journal;"
        "print(len(list(journal.read(pathlib.Path(sys.argv[1])))))"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    return int(done.stdout)


async def test_a_days_turns_are_found_without_loading_the_project(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = Journal.open(path)
    story = Story().delegated().running()
    story.happen(
        e.TurnTaken(task=1, run="1.1", turn=turn("early"), day="2027-01-14", at=T0 - 100_000),
        e.TurnTaken(task=1, run="1.1", turn=turn("late"), day=DAY, at=T0),
    )
    await journal.append(story.events)
    assert list(journals.turns_since(path, T0 - 1)) == [story.events[-1]]
    journal.close()


async def test_environments_are_kept_by_id(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = Journal.open(path)
    await journal.append([], environments={"a": {"PATH": "/usr/bin:\udcff"}, "b": {}})
    await journal.append([], environments={"b": {"VIRTUAL_ENV": "/venv"}})
    assert journal.environments() == {"a": {"PATH": "/usr/bin:\udcff"}, "b": {"VIRTUAL_ENV": "/venv"}}
    assert path.stat().st_mode & 0o077 == 0
    journal.close()


WRITER = Path(__file__).with_name("crash_writer.py")


@pytest.mark.parametrize("acknowledged", [0, 1, 2, 3, 5, 8, 13, 40])
async def test_killed_between_any_two_writes_nothing_acknowledged_is_lost(tmp_path: Path, acknowledged: int) -> None:
    path = tmp_path / "journal.db"
    last = write_and_die(path, acknowledged)
    journal = Journal.open(path)
    state = fold(State(), list(journal.read()))
    assert len(state.tasks) >= last
    waiting = {task.number for task in state.tasks.values() if task.wants_snapshot}
    assert set(journal.frozen()) == waiting
    await journal.append([e.Seen(task=1, at=T0)] if state.tasks else [])
    journal.close()


def write_and_die(path: Path, acknowledged: int) -> int:
    """Kill a writing process after so many acknowledgements; the last number that it acknowledged."""
    tests = str(Path(__file__).parent.parent)
    child = subprocess.Popen(
        [sys.executable, str(WRITER), str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": tests},
    )
    assert child.stdout is not None
    last = 0
    for _ in range(acknowledged + 1):
        last = int(child.stdout.readline())
    child.send_signal(signal.SIGKILL)
    # What it wrote to the pipe before it died was acknowledged too.
    last = max([last, *(int(line) for line in child.stdout if line.endswith("\n"))])
    child.wait()
    return last
