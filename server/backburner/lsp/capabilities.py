"""What one client can do, read once from its `initialize` request into plain booleans.

Nothing that a client did not announce is ever sent to it. Whether lenses *show* is not announced by anybody (Neovim draws
none until told to): that a client asks for them is what counts, see `Session.has_lens`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

from lsprotocol import types
from msgspec import Struct

Encoding = Literal["utf-8", "utf-16", "utf-32"]


FLAGS = ("status", "input", "review", "commandLine")
"""What a client of ours announces about itself, beside its settings or among them."""


class Client(Struct, frozen=True, kw_only=True):
    """One client's abilities."""

    name: str = ""
    version: str = ""
    encoding: Encoding = "utf-16"
    apply_edit: bool = False
    document_changes: bool = False
    """Takes versioned edits. Clients that announce resource operations do, whether they say so or not (Neovim)."""
    creates: bool = False
    renames: bool = False
    deletes: bool = False
    action_literals: bool = False
    """Takes code actions rather than bare commands."""
    disabled_actions: bool = False
    lens_refresh: bool = False
    markdown_hover: bool = False
    related_information: bool = False
    diagnostic_data: bool = False
    diagnostic_version: bool = False
    code_description: bool = False
    show_document: bool = False
    progress: bool = False
    configuration: bool = False
    watched_files: bool = False
    """Takes a dynamic registration for file watching."""
    status: bool = False
    """Wants `backburner/status`."""
    input: bool = False
    """Can ask the person for a line of text (our own clients): `Delegate...` makes sense."""
    review: bool = False
    """Shows results and their sides by itself: `read` only answers where the document is."""
    command_line: bool = False
    """Our command line: commands answer when they are done, and there is no person looking at marks."""


def resolve(params: types.InitializeParams, encoding: str) -> Client:
    """The client behind an `initialize` request; `encoding` is the one that was negotiated."""
    capabilities = params.capabilities
    workspace = capabilities.workspace or types.WorkspaceClientCapabilities()
    document = capabilities.text_document or types.TextDocumentClientCapabilities()
    window = capabilities.window or types.WindowClientCapabilities()
    edit = workspace.workspace_edit or types.WorkspaceEditClientCapabilities()
    action = document.code_action or types.CodeActionClientCapabilities()
    problems = document.publish_diagnostics or types.PublishDiagnosticsClientCapabilities()
    operations = {str(getattr(kind, "value", kind)) for kind in edit.resource_operations or ()}
    formats = (document.hover.content_format if document.hover else None) or ()
    ours = _ours(capabilities.experimental) | _ours(params.initialization_options)
    return Client(
        name=params.client_info.name if params.client_info else "",
        version=(params.client_info.version or "") if params.client_info else "",
        encoding=encoding if encoding in ("utf-8", "utf-16", "utf-32") else "utf-16",
        apply_edit=bool(workspace.apply_edit),
        document_changes=bool(edit.document_changes) or bool(operations),
        creates="create" in operations,
        renames="rename" in operations,
        deletes="delete" in operations,
        action_literals=action.code_action_literal_support is not None,
        disabled_actions=bool(action.disabled_support),
        lens_refresh=bool(workspace.code_lens and workspace.code_lens.refresh_support),
        markdown_hover=bool(formats) and formats[0] == types.MarkupKind.Markdown,
        related_information=bool(problems.related_information),
        diagnostic_data=bool(problems.data_support),
        diagnostic_version=bool(problems.version_support),
        code_description=bool(problems.code_description_support),
        show_document=bool(window.show_document and window.show_document.support),
        progress=bool(window.work_done_progress),
        configuration=bool(workspace.configuration),
        watched_files=bool(
            workspace.did_change_watched_files and workspace.did_change_watched_files.dynamic_registration
        ),
        status=ours.get("status") is True,
        input=ours.get("input") is True,
        review=ours.get("review") is True,
        command_line=ours.get("commandLine") is True,
    )


def _ours(options: object) -> dict[str, Any]:
    """The object `backburner` inside what a client sent, whatever shape it has; `true` means status and input."""
    if not isinstance(options, Mapping):
        return {}
    ours = cast(Mapping[str, Any], options).get("backburner")
    if ours is True:
        return {"status": True, "input": True}
    return dict(cast(Mapping[str, Any], ours)) if isinstance(ours, Mapping) else {}
