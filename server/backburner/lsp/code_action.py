"""The code action request: decode, `actions.offers`, encode."""

from __future__ import annotations

from collections.abc import Awaitable

from lsprotocol import types
from msgspec.structs import replace

from backburner.lsp import to_lsp
from backburner.lsp.actions import Asked, offers
from backburner.lsp.from_lsp import line_range
from backburner.lsp.session import Session

Actions = list[types.CodeAction | types.Command]


def code_action(session: Session, params: types.CodeActionParams) -> Actions | Awaitable[Actions]:
    """Plain function: sees the text that the client had when it asked. A person who asks sees what is true now."""
    uri = params.text_document.uri
    document = session.documents.get(uri)
    if document is None:
        return []
    ours = session.roots.owner(uri) is not None and not session.letters.has(uri) and not document.doubtful
    asked = Asked(
        uri=uri,
        lines=document.lines,
        span=line_range(params.range),
        range=params.range,
        diagnostics=params.context.diagnostics,
        only=tuple(str(getattr(kind, "value", kind)) for kind in params.context.only or ()),
        automatic=params.context.trigger_kind == types.CodeActionTriggerKind.Automatic,
        ours=ours,
    )
    if asked.automatic or not session.is_behind(uri):
        if not asked.automatic:
            session.publisher.look()
        return _offered(session, asked)
    return _look(session, replace(asked, lines=tuple(document.lines)))


async def _look(session: Session, asked: Asked) -> Actions:
    await session.catch_up(asked.uri)
    session.publisher.look()
    return _offered(session, asked)


def _offered(session: Session, asked: Asked) -> Actions:
    asked = replace(asked, marks=session.publisher.marks_of(asked.uri))
    return to_lsp.code_actions(offers(asked, session.client), session.client)


def resolve_code_action(_: Session, action: types.CodeAction) -> types.CodeAction:
    """Everything was there from the beginning. Some clients resolve all the same and drop what fails."""
    return action
