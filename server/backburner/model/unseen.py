"""Characters that hide what a text says: control characters, and those that turn the direction of text.

A terminal obeys the first, and an editor shows the order that the second ask for in place of the one that a compiler reads.
Letters of other scripts and the joiners of emoji are not among them.
"""

from __future__ import annotations

import re

UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Not the tab and the line feed."""


def added(before: str, after: str) -> bool:
    """Whether the new text has more of them than the old one."""
    return len(UNSEEN.findall(after)) > len(UNSEEN.findall(before))


def visible(text: str) -> str:
    """With each of them written out: `\\x1b`, `\\u202e`."""
    return UNSEEN.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
