"""Columns: characters on our side, UTF-8, UTF-16 or UTF-32 units on the wire, as negotiated.

Never fails: a column past the end of its line is the end, as the protocol wants it.
"""

from __future__ import annotations

from backburner.lsp.capabilities import Encoding


def units(text: str, encoding: Encoding) -> int:
    """How long `text` is on the wire."""
    if encoding == "utf-32" or text.isascii():
        return len(text)
    if encoding == "utf-16":
        return len(text) + sum(character > "\uffff" for character in text)
    return len(text.encode("utf-8", "surrogatepass"))


def to_units(line: str, characters: int, encoding: Encoding) -> int:
    """The column on the wire of the place before `line[characters]`."""
    return units(line.rstrip("\r\n")[: max(0, characters)], encoding)


def from_units(line: str, column: int, encoding: Encoding) -> int:
    """The index in `line` of a column on the wire; inside a character counts as after it."""
    line = line.rstrip("\r\n")
    if column <= 0:
        return 0
    if encoding == "utf-32" or line.isascii():
        return min(column, len(line))
    width = 0
    for index, character in enumerate(line):
        if width >= column:
            return index
        width += units(character, encoding)
    return len(line)
