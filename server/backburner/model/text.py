"""Texts: bytes to text, lines, differences, merges, hunks. The only diff code we have.

A text is a `str` with LF ends; lines keep their ends (`"a\\n"`). Pure functions, no I/O. This is the entry; the parts are
`encoding.py` (bytes), `diff.py` (two texts), `merge.py` (three texts), `fit.py` (a proposal and the text as it is now).
"""

from __future__ import annotations

from backburner.model.diff import LineMap, Op, changes, count, hunks, opcodes, split, unified
from backburner.model.encoding import Decoded, decode, encode
from backburner.model.fit import Applied, Fitted, apply, fit
from backburner.model.merge import Conflict, Merge, merge

__all__ = [
    "Applied",
    "Conflict",
    "Decoded",
    "Fitted",
    "LineMap",
    "Merge",
    "Op",
    "apply",
    "changes",
    "count",
    "decode",
    "encode",
    "fit",
    "hunks",
    "merge",
    "opcodes",
    "split",
    "unified",
]
