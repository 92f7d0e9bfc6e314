"""How an editor may take an edit other than by doing it: tricks that are played once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from lsp_client import Client


def _drops(client: Client) -> Callable[[Any], Any]:
    def play(_: Any) -> Any:
        client.on_edit = None
        return {"applied": True}

    return play


def _refuses(client: Client) -> Callable[[Any], Any]:
    def play(_: Any) -> Any:
        client.on_edit = None
        return {"applied": False, "failureReason": "the person said no"}

    return play


def _alters(client: Client) -> Callable[[Any], Any]:
    """Applies the edit and, in the same breath, something of its own (format on save)."""

    def play(params: Any) -> Any:
        client.on_edit = None
        client.apply(params["edit"])
        buffer = next(iter(client.buffers.values()))
        client.set_text(buffer.uri.removeprefix(client.root.as_uri() + "/"), buffer.text + "# formatted\n")
        return {"applied": True}

    return play


def _late(client: Client) -> Callable[[Any], Any]:
    """Answers before the change is told."""

    def play(params: Any) -> Any:
        client.on_edit = None
        asyncio.get_running_loop().call_later(0.3, client.apply, params["edit"])
        return {"applied": True}

    return play


EDITORS = {"drops": _drops, "refuses": _refuses, "alters": _alters, "late": _late}
