"""The configurations of `docs/editors`, as a person would paste them."""

from __future__ import annotations

import re

from editors.programs import REPOSITORY


def block(page: str, language: str, containing: str) -> str:
    """The one code block of a page that holds these words."""
    text = (REPOSITORY / f"docs/editors/{page}.md").read_text()
    found = [body for body in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL) if containing in body]
    assert len(found) == 1, f"{len(found)} blocks of {language} with {containing!r} in docs/editors/{page}.md"
    return found[0].replace("/path/to/backburner", str(REPOSITORY))
