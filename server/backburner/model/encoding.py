"""Bytes to text and back: encoding, byte order mark and line ends.

A text inside Backburner is a `str` with LF ends. What is not text here is never guessed at: a file that is not UTF-8
(or UTF-16 with its mark) is refused, so that no agent can damage it. Does no I/O. Everybody imports `model/text.py`.
"""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

from backburner.model.diff import opcodes, split
from backburner.model.result import FileStyle

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LINE = re.compile(r"[^\n]*\n|[^\n]+\Z")


class Decoded(NamedTuple):
    text: str
    """With LF ends."""
    style: FileStyle


def decode(data: bytes) -> Decoded | None:
    """The text of a file; None when it is binary (holds a NUL) or in an encoding that we do not read.

    In a file with several kinds of line end the style names the most frequent one and `encode(…, like=data)` keeps each
    line's own. A CR in the middle of a line is an ordinary character unless the file has no LF at all.
    """
    raw = _characters(data)
    if raw is None:
        return None
    text, encoding, bom = raw
    pairs = text.count("\r\n")
    feeds = text.count("\n") - pairs
    if pairs:
        eol = "\r\n" if pairs >= feeds else "\n"
        return Decoded(text.replace("\r\n", "\n"), FileStyle(encoding=encoding, bom=bom, eol=eol))
    if not feeds and "\r" in text:
        return Decoded(text.replace("\r", "\n"), FileStyle(encoding=encoding, bom=bom, eol="\r"))
    return Decoded(text, FileStyle(encoding=encoding, bom=bom))


def encode(text: str, style: FileStyle, like: bytes | None = None) -> bytes:
    """The bytes of a text in a style. With `like`, lines that it has too keep the line ends they have there.

    Raises `UnicodeEncodeError` for text that no file can hold (a lone surrogate).
    """
    ended = _ended_like(text, style, like) if like is not None else None
    if ended is None:
        ended = text if style.eol == "\n" else text.replace("\n", style.eol)
    mark = next((mark for mark, encoding in _MARKS if encoding == style.encoding), b"") if style.bom else b""
    return mark + ended.encode(style.encoding)


def _characters(data: bytes) -> tuple[str, str, bool] | None:
    mark, encoding = next((item for item in _MARKS if data.startswith(item[0])), (b"", "utf-8"))
    try:
        text = data[len(mark) :].decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else (text, encoding, bool(mark))


def _ended_like(text: str, style: FileStyle, like: bytes) -> str | None:
    """`text` with the line ends of `like` where the lines are the same; None when `like` has only one kind."""
    raw = _characters(like)
    if raw is None or "\r\n" not in raw[0] or raw[0].count("\r\n") == raw[0].count("\n"):
        return None
    old = [line for line in _LINE.findall(raw[0]) if line]
    plain = [line[:-2] + "\n" if line.endswith("\r\n") else line for line in old]
    new = split(text)
    out: list[str] = []
    for op in opcodes(plain, new):
        if op.tag == "equal":
            out.extend(old[op.a_start : op.a_end])
        else:
            out.extend(line.replace("\n", style.eol) for line in new[op.b_start : op.b_end])
    return "".join(out)
