"""Which bytes of which project files the person approved.

Approval is for exact bytes: a changed file is an unapproved one again. Kept as one small JSON file, path to SHA-256.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from backburner.lib.files import atomic_replace, read_ordinary

LARGEST = 1_000_000
"""Bytes of a file that a project may have us read as settings or as a recipe."""


class Untrusted(Struct, frozen=True, kw_only=True):
    """A project file that wants more than a project may have without approval."""

    path: str
    sha256: str
    """Of its bytes now."""
    wants: tuple[str, ...]
    """The settings that wait for approval."""


class TrustFile:
    """The person's approvals."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def is_approved(self, path: Path, data: bytes) -> bool:
        return self._read().get(str(path.resolve())) == digest(data)

    def approve(self, path: Path, sha256: str) -> bool:
        """Approve the file if its bytes are still those that were shown; False when they are not."""
        if digest(read_ordinary(path, LARGEST)) != sha256:
            return False
        approvals = {**self._read(), str(path.resolve()): sha256}
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        atomic_replace(self.path, json.dumps(approvals, indent=1, sort_keys=True).encode() + b"\n", mode=0o600)
        return True

    def _read(self) -> Mapping[str, str]:
        try:
            approvals: object = json.loads(self.path.read_bytes())
        except (FileNotFoundError, ValueError):
            # An unreadable file approves nothing; the next approval replaces it.
            return {}
        return {str(key): str(value) for key, value in approvals.items()} if isinstance(approvals, dict) else {}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
