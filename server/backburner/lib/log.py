"""Logging to a file and to stderr (stdout belongs to the protocol), with secrets redacted at this one place."""

from __future__ import annotations

import logging
import re
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path

KEY_SHAPES = re.compile(
    r"\b(?:sk-[A-Za-z0-9_-]{12,}|gsk_[A-Za-z0-9]{12,}|csk-[A-Za-z0-9]{12,}|gh[pousr]_[A-Za-z0-9]{16,}"
    r"|AKIA[0-9A-Z]{16}|xox[abprs]-[A-Za-z0-9-]{10,})\b"
    r"|(?i:bearer\s+)[A-Za-z0-9._~+/=-]{8,}"
)
HIDDEN = "[secret]"


class Secrets:
    """Values that must never be written anywhere: exact ones that were registered, and key-shaped strings."""

    def __init__(self) -> None:
        self._values: set[str] = set()

    def add(self, value: str) -> None:
        if len(value) >= 6:
            self._values.add(value)

    def redact(self, text: str) -> str:
        return KEY_SHAPES.sub(HIDDEN, self.hide(text))

    def hide(self, text: str) -> str:
        """Without the registered values only: what merely looks like a key may be code that somebody writes."""
        for value in self._values:
            if value in text:
                text = text.replace(value, HIDDEN)
        return text


SECRETS = Secrets()


class RedactingFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return SECRETS.redact(super().format(record))


def set_up(file: Path | None, *, level: int = logging.INFO, stderr: bool = True) -> None:
    """Log to `file` (rotated at 5 MB, three kept, owner only) and to stderr. Called once, by the front door."""
    root = logging.getLogger()
    root.setLevel(level)
    formatter = RedactingFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handlers: list[logging.Handler] = []
    if stderr:
        handlers.append(logging.StreamHandler(sys.stderr))
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handlers.append(RotatingFileHandler(file, maxBytes=5_000_000, backupCount=3))
        file.chmod(0o600)
    for handler in handlers:
        handler.setFormatter(formatter)
    root.handlers[:] = handlers
    # pygls logs whole messages, source text included, at INFO.
    for name in ("pygls", "httpx2", "httpx", "anthropic", "openai", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)
