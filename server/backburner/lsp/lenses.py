"""Code lenses: the marks of a file, or the hunks of a document of ours."""

from __future__ import annotations

from collections.abc import Awaitable

from lsprotocol import types

from backburner.lsp.session import Session

Lenses = list[types.CodeLens]


def code_lens(session: Session, params: types.CodeLensParams) -> Lenses | Awaitable[Lenses]:
    """Plain function: sees the text that the client had when it asked.

    The first that asks waits for the project, but not where lenses are fetched again when we ask: VS Code waits before it
    fetches again for as long as it had to wait before.
    """
    uri = params.text_document.uri
    if not session.has_lens:
        # Now it is known that lenses show here; running tasks need no problem any more.
        session.has_lens = True
        session.publisher.look()
    if session.client.lens_refresh or session.is_loaded(uri):
        return session.publisher.lenses(uri)

    async def later() -> Lenses:
        await session.catch_up(uri)
        return session.publisher.lenses(uri)

    return later()
