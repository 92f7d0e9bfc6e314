"""What a model gets to see of a tool's output: capped, head and tail, and never a secret. And what a person gets to see of
a model's words."""

from __future__ import annotations

from backburner.lib.log import SECRETS
from backburner.model.unseen import visible

CAP = 40_000
"""Characters: about 10,000 tokens."""
LINE_CAP = 2_000


def shown(text: str, cap: int = CAP) -> str:
    """Redacted; of a long text the first and the last half of `cap` characters, with a count of what is between."""
    text = SECRETS.redact(text)
    if len(text) <= cap:
        return text
    half = cap // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters left out …]\n{text[-half:]}"


def said(text: str) -> str:
    """A model's words on one line, without secrets, and with nothing in them that would hide or turn the rest."""
    return visible(SECRETS.redact(" ".join(text.split())))


def numbered(lines: list[str], first: int) -> str:
    """Lines (without ends) with their numbers, `first` is the number of the first; long lines are cut."""
    return "\n".join(f"{number:>6}\t{_cut(line)}" for number, line in enumerate(lines, first))


def _cut(line: str) -> str:
    return line if len(line) <= LINE_CAP else f"{line[:LINE_CAP]} [… {len(line) - LINE_CAP} characters]"
