"""Code lenses: the marks of a file, or the hunks of a document of ours."""

from __future__ import annotations

from lsprotocol import types

from backburner.lsp.session import Session


def code_lens(session: Session, params: types.CodeLensParams) -> list[types.CodeLens]:
    """Plain function: sees the text that the client had when it asked."""
    uri = params.text_document.uri
    if not session.has_lens:
        # Now it is known that lenses show here; running tasks need no problem any more.
        session.has_lens = True
        session.publisher.look()
    return session.publisher.lenses(uri)
