"""The texts that one client has open, as it has them now: lists of lines, edited in place, checked by version.

This is the only copy of an open text in the daemon; the pygls workspace is not used. It never reads a file, and never
guesses: an edit that cannot be applied for certain leaves the document marked `doubtful` until its whole text comes again.

Helix 25.01 sends changes that were typed fast in the wrong order, each with its right version. So the latest ones can be
taken back, and are then applied in the order of their versions.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from backburner.lsp.capabilities import Encoding
from backburner.lsp.positions import from_units
from backburner.model.anchor import text_id

logger = logging.getLogger(__name__)

Natural = Annotated[int, Meta(ge=0)]
Eol = Literal["\n", "\r\n", "\r"]
What = Literal["opened", "edited", "changed", "closed"]
"""`edited` comes after each single content change of a message, `changed` once at the end of the message."""
Listener = Callable[[What, "Document"], None]
S = TypeVar("S", bound=Struct)
REMEMBERED = 64
"""Changes of a text that can be put into order again."""


class Position(Struct, frozen=True):
    line: Natural
    character: Natural


class Range(Struct, frozen=True):
    start: Position
    end: Position


class ContentChange(Struct, frozen=True):
    """One edit; without a range the whole text."""

    text: str
    range: Range | None = None


class OpenedItem(Struct, frozen=True, rename="camel"):
    uri: str
    text: str
    language_id: str = ""
    version: int = 0


class VersionedItem(Struct, frozen=True):
    uri: str
    version: int | None = None


class DidOpen(Struct, frozen=True, rename="camel"):
    text_document: OpenedItem


class DidChange(Struct, frozen=True, rename="camel"):
    text_document: VersionedItem
    content_changes: list[ContentChange]


class DidClose(Struct, frozen=True, rename="camel"):
    text_document: VersionedItem


_CLASSES: dict[str, type[Struct]] = {
    "textDocument/didOpen": DidOpen,
    "textDocument/didChange": DidChange,
    "textDocument/didClose": DidClose,
}


@dataclass(frozen=True)
class _Told:
    """The edits of one message, and the way back: of each the first line, how many lines it made, those that it took."""

    version: int
    edits: Sequence[ContentChange]
    back: list[tuple[int, int, list[str]]]


class Document:
    """One open text. Read it through `text`, `text_id`, `lines`; only `Documents` changes it."""

    __slots__ = (
        "_id",
        "_since",
        "_text",
        "_told",
        "doubtful",
        "eol",
        "language_id",
        "lines",
        "mixed_eol",
        "uri",
        "version",
    )

    def __init__(self, uri: str, language_id: str, version: int, text: str) -> None:
        self.uri = uri
        self.language_id = language_id
        self.version = version
        self.lines: list[str] = []
        """Without their ends; a text that ends with a line end has an empty last line. Do not keep: edited in place."""
        self.eol: Eol = "\n"
        """The line end that the client's text had first."""
        self.mixed_eol = False
        """The client's text had several kinds of line ends; which line had which is not kept."""
        self.doubtful = False
        """The client said something about this text that we could not follow."""
        self._text: str | None = None
        self._id: str | None = None
        self._told: list[_Told] = []
        self._since = version
        """Changes from here on are in `_told`; older ones are in the text, or forgotten."""
        self._replace(text)

    @property
    def text(self) -> str:
        """The whole text with LF ends; made when asked for, then kept until the next edit."""
        if self._text is None:
            self._text = "\n".join(self.lines)
        return self._text

    @property
    def text_id(self) -> str:
        """`model.anchor.text_id` of `text`, kept like it."""
        if self._id is None:
            self._id = text_id(self.text)
        return self._id

    def line(self, number: int) -> str:
        """A line without its end; empty past the end."""
        return self.lines[number] if 0 <= number < len(self.lines) else ""

    def _replace(self, text: str) -> None:
        if "\r" in text:
            crlf, lf, cr = text.count("\r\n"), text.count("\n"), text.count("\r")
            self.mixed_eol = sum((crlf > 0, lf > crlf, cr > crlf)) > 1
            self.eol = _first_end(text)
        else:
            self.mixed_eol, self.eol = False, "\n"
        self.lines = _split(text)
        self._text = self._id = None

    def _take(self, version: int, edits: Sequence[ContentChange], encoding: Encoding) -> Iterator[None]:
        """Apply the edits of one message, one at each step."""
        self.version = version
        told = _Told(version, edits, [])
        self._told = [*self._told[1 - REMEMBERED :], told]
        if len(self._told) == REMEMBERED:
            self._since = self._told[0].version
        for edit in edits:
            self._edit(edit, encoding, told)
            yield

    def _take_late(self, version: int, edits: Sequence[ContentChange], encoding: Encoding) -> bool:
        """Apply what should have come earlier where it belongs; False when it is known, or too old for that."""
        if version <= self._since or any(told.version == version for told in self._told):
            return False
        later = [told for told in self._told if told.version > version]
        for told in reversed(later):
            for start, made, took in reversed(told.back):
                self.lines[start : start + made] = took
        self._told = self._told[: -len(later)]
        for known, again in ((version, edits), *((told.version, told.edits) for told in later)):
            for _ in self._take(known, again, encoding):
                pass
        return True

    def _edit(self, change: ContentChange, encoding: Encoding, told: _Told) -> None:
        """Apply one edit. Ends past the text are clamped, swapped ones put in order, as the protocol wants it."""
        if change.range is None:
            self._replace(change.text)
            self.doubtful = False
            self._told, self._since = [], told.version
            return
        start = self._place(change.range.start, encoding)
        end = self._place(change.range.end, encoding)
        if end < start:
            start, end = end, start
        new = _split(change.text)
        new[0] = self.lines[start[0]][: start[1]] + new[0]
        new[-1] += self.lines[end[0]][end[1] :]
        told.back.append((start[0], len(new), self.lines[start[0] : end[0] + 1]))
        self.lines[start[0] : end[0] + 1] = new
        self._text = self._id = None

    def _place(self, position: Position, encoding: Encoding) -> tuple[int, int]:
        last = len(self.lines) - 1
        if position.line > last:
            return last, len(self.lines[last])
        return position.line, from_units(self.lines[position.line], position.character, encoding)


class Documents:
    """All open texts of one client, by URI exactly as the client spells it."""

    def __init__(self) -> None:
        self.encoding: Encoding = "utf-16"
        """What the client counts columns in; set by `initialize`."""
        self._open: dict[str, Document] = {}
        self._listeners: list[Listener] = []

    def get(self, uri: str) -> Document | None:
        return self._open.get(uri)

    def __iter__(self) -> Iterator[Document]:
        return iter(tuple(self._open.values()))

    def __len__(self) -> int:
        return len(self._open)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Be told of every opening, edit and closing, in order and at once; returns the way to stop it."""
        self._listeners.append(listener)

        def stop() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return stop

    def open(self, uri: str, text: str, *, language_id: str = "", version: int = 0) -> Document:
        if uri in self._open:
            logger.info("%s was opened twice; the later text counts", uri)
        document = self._open[uri] = Document(uri, language_id, version, text)
        self._tell("opened", document)
        return document

    def change(self, uri: str, version: int | None, changes: Sequence[ContentChange]) -> Document | None:
        """Apply the edits of one message in order. None, and a line in the log, when they do not belong to our text."""
        document = self._open.get(uri)
        if document is None:
            logger.warning("a change of %s was ignored: it is not open", uri)
            return None
        version = document.version if version is None else version
        if version >= document.version:
            for _ in document._take(version, changes, self.encoding):  # pyright: ignore[reportPrivateUsage]
                self._tell("edited", document)
        elif document._take_late(version, changes, self.encoding):  # pyright: ignore[reportPrivateUsage]
            self._tell("edited", document)
        else:
            logger.warning("a change of %s to version %d was ignored: it is at %d", uri, version, document.version)
            return None
        self._tell("changed", document)
        return document

    def close(self, uri: str) -> None:
        document = self._open.pop(uri, None)
        if document is None:
            logger.info("%s was closed without being open", uri)
            return
        self._tell("closed", document)

    def doubt_all(self) -> None:
        """A message was lost that may have been an edit of any open text."""
        for document in self._open.values():
            document.doubtful = True

    def clear(self) -> None:
        """The client is gone: keep nothing of it, tell nobody."""
        self._listeners.clear()
        self._open.clear()

    def apply(self, method: str, params: bytes | msgspec.Raw | Any) -> None:
        """Take one of the three synchronisation notifications as it came.

        Raises `msgspec.DecodeError` for a wrong shape; an edit of a wrong shape makes its document doubtful, because the
        client believes that we have it.
        """
        try:
            message = _convert(params, _CLASSES[method])
        except msgspec.DecodeError:
            self._doubt(params)
            raise
        match message:
            case DidOpen(text_document=item):
                self.open(item.uri, item.text, language_id=item.language_id, version=item.version)
            case DidChange(text_document=item, content_changes=changes):
                self.change(item.uri, item.version, changes)
            case DidClose(text_document=item):
                self.close(item.uri)
            case _:
                raise KeyError(method)

    def _doubt(self, params: object) -> None:
        try:
            uri = _convert(params, DidClose).text_document.uri
        except msgspec.DecodeError:
            return
        if document := self._open.get(uri):
            document.doubtful = True

    def _tell(self, what: What, document: Document) -> None:
        for listener in tuple(self._listeners):
            try:
                listener(what, document)
            except Exception:
                # The text itself must stay in step with the client whatever a listener does.
                logger.exception("a listener failed on %s of %s", what, document.uri)


def _convert(params: object, type_: type[S]) -> S:
    if isinstance(params, msgspec.Raw | bytes):
        return msgspec.json.decode(params, type=type_)
    return msgspec.convert(params, type_)


def _split(text: str) -> list[str]:
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.split("\n")


def _first_end(text: str) -> Eol:
    carriage, line_feed = text.find("\r"), text.find("\n")
    if 0 <= line_feed < carriage:
        return "\n"
    return "\r\n" if text.startswith("\r\n", carriage) else "\r"
