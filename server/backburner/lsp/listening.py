"""The daemon's listening socket. Imports nothing slow: it listens before everything else is loaded."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

QUEUE = 512
"""Clients that may wait while everything is imported."""


def listen(path: Path) -> socket.socket:
    """A listening socket at `path`. The caller holds the lock, so whatever has the name already is stale."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(QUEUE)
    except OSError:
        listener.close()
        raise
    return listener
