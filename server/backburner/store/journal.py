"""The journal of one project: a table of events in order, the truth of everything.

SQLite in WAL mode with `synchronous=FULL`. One thread writes; whatever waits when it comes round is one transaction, and
an `append` returns when it is on the disk. Reads use connections of their own. Never changes or removes an event.
One writer per journal: the project's lock file sees to that (`engine/projects.py`).
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from backburner import __version__
from backburner.lib.files import fsync_directory
from backburner.model import conversation
from backburner.model.events import Event
from backburner.model.transcript import Conversation
from backburner.store.rows import (
    FROZEN_IS_OVER,
    SCHEMA,
    TABLES,
    Frozen,
    JournalDamaged,
    JournalError,
    JournalNewer,
    JournalUnwritable,
    Row,
    Unstorable,
    environment_body,
    event_row,
    frozen_body,
    read_environment,
    read_event,
    read_frozen,
    trouble,
)

CHECKED_BYTES = 64 * 1024 * 1024
"""Journals up to this size are checked whole when they are opened."""
TRANSCRIPT_KINDS = ("RunStarted", "Briefed", "TurnAwaited", "TranscriptShortened", "TurnTaken", "ToolsDone")

Freezing = tuple[tuple[int, ...], Frozen]
"""Tasks, and what the person saw when they delegated them."""


class _Write(NamedTuple):
    rows: Sequence[Row]
    frozen: Sequence[tuple[tuple[int, ...], bytes]]
    environments: Sequence[tuple[str, bytes]]
    done: Callable[[JournalError | None], None]


class Journal:
    """An open journal. Make one with `Journal.open`; `close` waits for what was appended."""

    def __init__(self, path: Path, connection: sqlite3.Connection, written_by: str) -> None:
        self.path = path
        self.written_by = written_by
        """The newest version that ever wrote it."""
        self.since_checkpoint = 0
        """Events that a start has to fold; counted from the last `read`."""
        self._connection = connection
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_all, name=f"journal {path.parent.name}", daemon=True)
        self._thread.start()

    @classmethod
    def open(cls, path: Path, *, max_pages: int | None = None) -> Journal:
        """Open or make the journal. Raises `JournalDamaged`, `JournalNewer` or `JournalUnwritable`; then nothing changed.

        `max_pages` bounds its size in pages of 4 KiB; beyond it the disk counts as full.
        """
        is_new = not path.exists() or path.stat().st_size == 0
        if not is_new:
            check(path)
        try:
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise trouble(path, error) from error
        try:
            connection.execute("PRAGMA busy_timeout = 5000")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            if max_pages is not None:
                connection.execute(f"PRAGMA max_page_count = {max_pages:d}")
            if connection.execute("PRAGMA user_version").fetchone() != (SCHEMA,):
                connection.executescript(f"BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {SCHEMA}; COMMIT")
            written_by = _sign(connection)
        except sqlite3.Error as error:
            connection.close()
            raise trouble(path, error) from error
        path.chmod(0o600)
        if is_new:
            fsync_directory(path.parent)
        return cls(path, connection, written_by)

    async def append(
        self,
        events: Sequence[Event | Row],
        frozen: Sequence[Freezing] = (),
        environments: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """Write the batch durably, all of it or nothing.

        Raises `Unstorable` for an event that could not be read back, `JournalUnwritable` when the disk refuses (try
        again later), `JournalDamaged` when the file is broken.
        """
        # Encoded here, so that nothing but the database can fail in the writer thread.
        rows = [event if isinstance(event, Row) else event_row(event) for event in events]
        texts = [(tasks, frozen_body(each)) for tasks, each in frozen]
        variables = [(key, environment_body(values)) for key, values in (environments or {}).items()]
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()

        def finish(error: JournalError | None) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)

        def done(error: JournalError | None) -> None:
            loop.call_soon_threadsafe(finish, error)

        self._queue.put(_Write(rows, texts, variables, done))
        await future
        self.since_checkpoint += len(rows)

    def read(self) -> Iterator[Event]:
        """The events from the last checkpoint on, in order. Raises `JournalNewer` or `JournalDamaged`."""
        self.since_checkpoint = 0
        for event in read(self.path):
            self.since_checkpoint += 1
            yield event

    def transcript(self, task: int) -> Conversation | None:
        """The task's conversation so far; None before its first brief."""
        return conversation.fold(self.events_of(task, TRANSCRIPT_KINDS))

    def events_of(self, task: int, kinds: Sequence[str] = ()) -> Iterator[Event]:
        """Every event of a task, or those of some kinds, in order, from its beginning."""
        among = f" AND kind IN ({', '.join('?' * len(kinds))})" if kinds else ""
        with _reader(self.path) as connection:
            rows = connection.execute(
                f"SELECT seq, kind, body FROM event WHERE task = ?{among} ORDER BY seq", (task, *kinds)
            )
            for seq, kind, body in rows:
                yield read_event(self.path, seq, kind, body, self.written_by)

    def frozen(self) -> dict[int, Frozen]:
        """What was frozen for tasks whose snapshot is still to be taken."""
        with _reader(self.path) as connection:
            bodies: dict[int, Frozen] = {
                key: read_frozen(body) for key, body in connection.execute("SELECT id, body FROM frozen")
            }
            return {task: bodies[key] for task, key in connection.execute("SELECT task, frozen FROM waiting")}

    def environments(self) -> dict[str, dict[str, str]]:
        """PATH, virtual environment and locale by id, as they were handed over; never a secret."""
        with _reader(self.path) as connection:
            rows = connection.execute("SELECT id, body FROM environment").fetchall()
        return {key: read_environment(body) for key, body in rows}

    def close(self) -> None:
        """Write what waits, then let go of the file."""
        self._queue.put(None)
        self._thread.join()
        self._connection.close()

    def _write_all(self) -> None:
        """The writer thread."""
        while True:
            writes: list[_Write] = []
            last = self._queue.get()
            while last is not None:
                writes.append(last)
                try:
                    last = self._queue.get_nowait()
                except queue.Empty:
                    break
            if writes:
                error = self._commit(writes)
                for write in writes:
                    write.done(error)
            if last is None:
                return

    def _commit(self, writes: Sequence[_Write]) -> JournalError | None:
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            for write in writes:
                _put(connection, write)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            return trouble(self.path, error)
        return None


def read(path: Path) -> Iterator[Event]:
    """The events of a journal from its last checkpoint on; needs no daemon and changes nothing.

    Raises `JournalNewer` or `JournalDamaged`.
    """
    with _reader(path) as connection:
        written_by = _written_by(connection)
        (start,) = connection.execute("SELECT coalesce(max(seq), 0) FROM event WHERE kind = 'Checkpoint'").fetchone()
        for seq, kind, body in connection.execute(
            "SELECT seq, kind, body FROM event WHERE seq >= ? ORDER BY seq", (start,)
        ):
            yield read_event(path, seq, kind, body, written_by)


def turns_since(path: Path, moment: float) -> Iterator[Event]:
    """The turns that were taken after a moment: what a day has cost, without loading the project."""
    with _reader(path) as connection:
        written_by = _written_by(connection)
        for seq, kind, body in connection.execute(
            "SELECT seq, kind, body FROM event WHERE kind = 'TurnTaken' AND at >= ? ORDER BY at", (moment,)
        ):
            yield read_event(path, seq, kind, body, written_by)


def check(path: Path) -> None:
    """Raises `JournalDamaged` or `JournalNewer` for a file that must not be opened. Changes nothing."""
    with _reader(path) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA:
            written_by = _written_by(connection) or "a later version"
            raise JournalNewer(
                f"The journal {path} was written by Backburner {written_by}, this is {__version__}. "
                f"Update Backburner; nothing was changed."
            )
        if path.stat().st_size <= CHECKED_BYTES:
            ((verdict,),) = connection.execute("PRAGMA quick_check(1)").fetchall()
            if verdict != "ok":
                raise trouble(path, sqlite3.DatabaseError(str(verdict).splitlines()[-1]))


@contextmanager
def _reader(path: Path) -> Generator[sqlite3.Connection]:
    """A connection that cannot write. Database errors inside come out as `JournalError`s."""
    try:
        connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None)
        with closing(connection):
            connection.execute("PRAGMA busy_timeout = 5000")
            yield connection
    except sqlite3.Error as error:
        raise trouble(path, error) from error


def _put(connection: sqlite3.Connection, write: _Write) -> None:
    connection.executemany("INSERT INTO event (at, task, kind, body) VALUES (?, ?, ?, ?)", write.rows)
    over = [(row.task,) for row in write.rows if row.kind in FROZEN_IS_OVER]
    if over:
        connection.executemany("DELETE FROM waiting WHERE task = ?", over)
    for tasks, body in write.frozen:
        key = connection.execute("INSERT INTO frozen (body) VALUES (?)", (body,)).lastrowid
        connection.executemany(
            "INSERT OR REPLACE INTO waiting (task, frozen) VALUES (?, ?)", [(task, key) for task in tasks]
        )
    if over or write.frozen:
        connection.execute("DELETE FROM frozen WHERE id NOT IN (SELECT frozen FROM waiting)")
    connection.executemany("INSERT OR REPLACE INTO environment (id, body) VALUES (?, ?)", write.environments)


def _sign(connection: sqlite3.Connection) -> str:
    """Note our version as the newest writer, unless a newer one was here. Returns the newest."""
    before = _written_by(connection)
    newest = max(before, __version__, key=_parts)
    if newest != before:
        connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('written_by', ?)", (newest,))
    return newest


def _written_by(connection: sqlite3.Connection) -> str:
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
        return ""
    row = connection.execute("SELECT value FROM meta WHERE key = 'written_by'").fetchone()
    return str(row[0]) if row else ""


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdigit() else 0 for part in version.split("."))


__all__ = [
    "Freezing",
    "Frozen",
    "Journal",
    "JournalDamaged",
    "JournalError",
    "JournalNewer",
    "JournalUnwritable",
    "Row",
    "Unstorable",
    "check",
    "event_row",
    "read",
    "turns_since",
]
