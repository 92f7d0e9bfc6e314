"""Hover: only on a mark itself, never over the whole target."""

from __future__ import annotations

from collections.abc import Awaitable

from lsprotocol import types

from backburner.lsp import to_lsp
from backburner.lsp.positions import from_units
from backburner.lsp.session import Session


def hover(session: Session, params: types.HoverParams) -> types.Hover | Awaitable[types.Hover | None] | None:
    """What stands over the mark under the cursor. The person looks: it is what is true now."""
    uri = params.text_document.uri
    if not session.is_behind(uri):
        return _over(session, params)

    async def look() -> types.Hover | None:
        await session.catch_up(uri)
        session.publisher.look()
        return _over(session, params)

    return look()


def _over(session: Session, params: types.HoverParams) -> types.Hover | None:
    uri, position = params.text_document.uri, params.position
    document = session.documents.get(uri)
    if document is None:
        return None
    column = from_units(document.line(position.line), position.character, session.client.encoding)
    for mark in session.publisher.marks_of(uri):
        if mark.hover and mark.line == position.line and mark.start <= column <= max(mark.end, mark.start + 1):
            where = to_lsp.one_line(mark.line, mark.start, mark.end, document.line, session.client.encoding)
            return to_lsp.hover(mark.hover, where, session.client)
    return None
