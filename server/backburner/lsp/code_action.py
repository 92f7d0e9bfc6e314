"""The code action request: decode, `actions.offers`, encode."""

from __future__ import annotations

from lsprotocol import types

from backburner.lsp import to_lsp
from backburner.lsp.actions import Asked, offers
from backburner.lsp.from_lsp import line_range
from backburner.lsp.session import Session


def code_action(session: Session, params: types.CodeActionParams) -> list[types.CodeAction | types.Command]:
    """Plain function: sees the text that the client had when it asked."""
    uri = params.text_document.uri
    document = session.documents.get(uri)
    if document is None:
        return []
    automatic = params.context.trigger_kind == types.CodeActionTriggerKind.Automatic
    if not automatic:
        session.publisher.look()
    asked = Asked(
        uri=uri,
        lines=document.lines,
        span=line_range(params.range),
        range=params.range,
        diagnostics=params.context.diagnostics,
        marks=session.publisher.marks_of(uri),
        only=tuple(str(getattr(kind, "value", kind)) for kind in params.context.only or ()),
        automatic=automatic,
        ours=session.roots.owner(uri) is not None and not session.letters.has(uri) and not document.doubtful,
    )
    return to_lsp.code_actions(offers(asked, session.client), session.client)


def resolve_code_action(_: Session, action: types.CodeAction) -> types.CodeAction:
    """Everything was there from the beginning. Some clients resolve all the same and drop what fails."""
    return action
