"""Write into the person's `config.toml` that an agent's program may run, and nothing else."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from backburner.lib.files import atomic_replace


class CannotWrite(Exception):
    """The file is not written so that one line can be added; the message says which line to add."""


def allow_program(config: Path, agent: str) -> None:
    """Put `network = true` under `[agents.NAME]`. Raises `CannotWrite`; every other setting stays as it is."""
    old = config.read_text("utf-8") if config.exists() else ""
    try:
        wanted = tomllib.loads(old)
        wanted.setdefault("agents", {}).setdefault(agent, {})["network"] = True
        new = old if wanted == tomllib.loads(old) else _with_line(old, agent)
        # Read back, so that no way of writing tables that we did not think of is damaged.
        if tomllib.loads(new) != wanted:
            raise ValueError("another table than was thought")
    except (ValueError, TypeError, AttributeError) as error:
        raise CannotWrite(f"Write `network = true` under `[agents.{agent}]` in {config}.") from error
    if new != old:
        config.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        atomic_replace(config.resolve(), new.encode())


def _with_line(text: str, agent: str) -> str:
    """The text with the line in its table, as far as a search can tell."""
    header = re.search(rf"^[ \t]*\[[ \t]*agents[ \t]*\.[ \t]*\"?{re.escape(agent)}\"?[ \t]*\].*$", text, re.MULTILINE)
    if header is not None:
        return f"{text[: header.end()]}\nnetwork = true{text[header.end() :]}"
    gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
    return f"{text}{gap}[agents.{agent}]\nnetwork = true\n"
