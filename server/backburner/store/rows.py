"""How events and frozen texts are written as rows, and what can go wrong with a journal, as a tree of exceptions.

JournalError              its text is a sentence for the person
├── JournalDamaged        not a journal, or one that broke; it is never overwritten
├── JournalNewer          written by a newer Backburner
├── JournalUnwritable     full or read-only disk: may work again later
└── Unstorable            this one event cannot be written; nothing is wrong with the journal
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, get_args

import msgspec
from msgspec import Struct

from backburner import __version__
from backburner.model.events import Event

SCHEMA = 1
TABLES = """
CREATE TABLE IF NOT EXISTS event (
    seq INTEGER PRIMARY KEY, at REAL NOT NULL, task INTEGER NOT NULL, kind TEXT NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS event_of_task ON event (task, seq);
CREATE INDEX IF NOT EXISTS event_checkpoint ON event (seq) WHERE kind = 'Checkpoint';
CREATE INDEX IF NOT EXISTS event_turn ON event (at) WHERE kind = 'TurnTaken';
CREATE TABLE IF NOT EXISTS frozen (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS waiting (task INTEGER PRIMARY KEY, frozen INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS environment (id TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""
KINDS: frozenset[str] = frozenset(kind.__name__ for kind in get_args(Event))
FROZEN_IS_OVER = frozenset({"SnapshotTaken", "SnapshotFailed", "Cancelled"})
"""After one of these a task's frozen texts are not needed any more."""


class JournalError(Exception):
    pass


class JournalDamaged(JournalError):
    pass


class JournalNewer(JournalError):
    pass


class JournalUnwritable(JournalError):
    pass


class Unstorable(JournalError):
    pass


class Frozen(Struct, frozen=True, kw_only=True):
    """What the person saw at a key press, beyond what is on disk; kept until the snapshot is taken."""

    texts: Mapping[str, str | None] = {}
    """By path: the text of an open document with LF ends; None: the person sees no such file."""
    head: str = ""
    """The commit that HEAD named; empty without one."""
    branch: str = ""
    index: str = ""
    """Digest of the Git index; empty without one."""
    at: float = 0.0


class Row(NamedTuple):
    at: float
    task: int
    kind: str
    body: bytes


class _FrozenBody(Struct, frozen=True, kw_only=True):
    # Texts and paths as bytes: they may hold lone surrogates, which JSON and MessagePack cannot.
    texts: list[tuple[bytes, bytes | None]]
    head: str
    branch: str
    index: str
    at: float


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Event).decode


def event_row(event: Event) -> Row:
    """The event as a row. Raises `Unstorable` for what could not be read back."""
    try:
        body = _encode(event)
        _decode(body)
    except (msgspec.MsgspecError, UnicodeError, TypeError, ValueError, OverflowError) as error:
        raise Unstorable(f"{type(event).__name__} cannot be saved: {error}.") from error
    return Row(event.at, getattr(event, "task", 0), type(event).__name__, body)


def read_event(path: Path, seq: int, kind: str, body: bytes, written_by: str) -> Event:
    """The event of a row. Raises `JournalNewer` or `JournalDamaged`."""
    if kind not in KINDS:
        raise JournalNewer(
            f"The journal {path} was written by Backburner {written_by or 'of a later version'} and holds "
            f"{kind!r}, which this version ({__version__}) does not know. Update Backburner; nothing was changed."
        )
    try:
        return _decode(body)
    except msgspec.MsgspecError as error:
        raise JournalDamaged(
            f"The journal {path} is damaged at event {seq} ({error}). It was left as it is: restore it from a copy, "
            f"or move it away to begin an empty one."
        ) from error


def frozen_body(frozen: Frozen) -> bytes:
    texts = [(_raw(path), None if text is None else _raw(text)) for path, text in frozen.texts.items()]
    body = _FrozenBody(texts=texts, head=frozen.head, branch=frozen.branch, index=frozen.index, at=frozen.at)
    return msgspec.msgpack.encode(body)


def read_frozen(body: bytes) -> Frozen:
    raw = msgspec.msgpack.decode(body, type=_FrozenBody)
    texts = {_text(path): None if data is None else _text(data) for path, data in raw.texts}
    return Frozen(texts=texts, head=raw.head, branch=raw.branch, index=raw.index, at=raw.at)


def environment_body(variables: Mapping[str, str]) -> bytes:
    return msgspec.msgpack.encode([(_raw(name), _raw(value)) for name, value in variables.items()])


def read_environment(body: bytes) -> dict[str, str]:
    return {_text(name): _text(value) for name, value in msgspec.msgpack.decode(body, type=list[tuple[bytes, bytes]])}


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogatepass")


def trouble(path: Path, error: sqlite3.Error) -> JournalError:
    """A database error as one of ours."""
    if isinstance(error, sqlite3.OperationalError):
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
            return JournalUnwritable(
                f"The disk is full: nothing can be saved in {path.parent}. Free some space; work goes on by itself."
            )
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT):
            return JournalUnwritable(f"The journal {path} cannot be written ({error}). Work goes on when it can.")
    return JournalDamaged(
        f"The journal {path} is damaged ({error}). It was left as it is: restore it from a copy, or move it away to "
        f"begin an empty one."
    )
