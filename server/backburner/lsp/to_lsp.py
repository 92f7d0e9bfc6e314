"""From the domain to the protocol: marks to problems and lenses, offers to code actions, texts to minimal edits.

Only what the client announced is in what comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from lsprotocol import types

from backburner.lsp.actions import Offer
from backburner.lsp.capabilities import Client, Encoding
from backburner.lsp.from_lsp import SOURCE
from backburner.lsp.positions import to_units
from backburner.model.mark import Action, Mark
from backburner.model.result import Severity
from backburner.model.text import opcodes

SEVERITIES: dict[Severity, types.DiagnosticSeverity] = {
    "error": types.DiagnosticSeverity.Error,
    "warning": types.DiagnosticSeverity.Warning,
    "information": types.DiagnosticSeverity.Information,
    "hint": types.DiagnosticSeverity.Hint,
}
LineOf = Callable[[int], str]
"""The text of a line of the file that is being encoded."""


def problem(mark: Mark, line_of: LineOf, client: Client) -> types.Diagnostic | None:
    """The problem of a mark; None when it has none."""
    if mark.severity is None:
        return None
    found = types.Diagnostic(
        range=one_line(mark.line, mark.start, mark.end, line_of, client.encoding),
        severity=SEVERITIES[mark.severity],
        code=f"#{mark.task}" if mark.task else "settings",
        source=SOURCE,
        message=mark.message,
    )
    if client.diagnostic_data:
        found.data = {"task": mark.task, "item": mark.item}
    return found


def one_line(line: int, start: int, end: int, line_of: LineOf, encoding: Encoding) -> types.Range:
    """A range on one line from columns in characters."""
    text = line_of(line)
    return types.Range(
        types.Position(line, to_units(text, start, encoding)),
        types.Position(line, to_units(text, max(start, end), encoding)),
    )


def lenses(marks: Iterable[Mark]) -> list[types.CodeLens]:
    """One row for each mark that has a lens: its title, then each action its own lens.

    The title runs the first action, because some clients show a lens without a command as nothing at all.
    """
    found: list[types.CodeLens] = []
    for mark in marks:
        if not mark.lens:
            continue
        place = types.Range(types.Position(mark.line, 0), types.Position(mark.line, 0))
        first = mark.actions[0] if mark.actions else None
        found.append(types.CodeLens(range=place, command=_title(mark.lens, first)))
        found.extend(
            types.CodeLens(range=place, command=command(action.lens, action.command, dict(action.arguments)))
            for action in mark.actions
            if action.lens
        )
    return found


def code_actions(offers: Iterable[Offer], client: Client) -> list[types.CodeAction | types.Command]:
    """Actions that carry a command only: every client takes those."""
    found: list[types.CodeAction | types.Command] = []
    for offer in offers:
        what = command(offer.title, offer.command, dict(offer.argument))
        if not client.action_literals:
            found.append(what)
            continue
        problems = list(offer.diagnostics) or None
        found.append(types.CodeAction(title=offer.title, kind=offer.kind, diagnostics=problems, command=what))
    return found


def command(title: str, name: str, argument: object) -> types.Command:
    return types.Command(title=title, command=name, arguments=[argument])


def hover(markdown: str, range: types.Range, client: Client) -> types.Hover:
    kind = types.MarkupKind.Markdown if client.markdown_hover else types.MarkupKind.PlainText
    text = markdown if client.markdown_hover else plain(markdown)
    return types.Hover(contents=types.MarkupContent(kind=kind, value=text), range=range)


def plain(markdown: str) -> str:
    """Markdown of ours without its marks, for clients that show it as it is."""
    return markdown.replace("**", "").replace("`", "").replace("  \n", "\n").replace("!\\[", "![")


def edits(before: str, after: str, encoding: Encoding, eol: str = "\n") -> list[types.TextEdit]:
    """The smallest edits by lines that make `after` of `before`, both with LF ends. Never the whole document.

    All ranges count in `before`, as the protocol wants it. `eol` is the line end of the client's own text: some editors
    change the ends of what they insert, others do not.
    """
    old, new = before.split("\n"), after.split("\n")
    found: list[types.TextEdit] = []
    for op in opcodes([f"{line}\n" for line in old], [f"{line}\n" for line in new]):
        if op.tag == "equal":
            continue
        edit = _edit(old, new, op.a_start, op.a_end, op.b_start, op.b_end, encoding)
        if eol != "\n":
            edit.new_text = edit.new_text.replace("\n", eol)
        found.append(edit)
    return found


def _edit(
    old: Sequence[str], new: Sequence[str], a_start: int, a_end: int, b_start: int, b_end: int, encoding: Encoding
) -> types.TextEdit:
    """Whole lines with their ends, so that an editor's own line end is used; the last line has none to take along."""
    text = "\n".join(new[b_start:b_end])
    last = len(old)
    if a_end < last:
        start, end = types.Position(a_start, 0), types.Position(a_end, 0)
        return types.TextEdit(types.Range(start, end), text + "\n" if b_end > b_start else "")
    end = types.Position(last - 1, to_units(old[-1], len(old[-1]), encoding))
    if a_start == 0:
        return types.TextEdit(types.Range(types.Position(0, 0), end), text)
    # The lines at the very end: the end of the line before goes with them.
    before = old[a_start - 1]
    start = types.Position(a_start - 1, to_units(before, len(before), encoding))
    return types.TextEdit(types.Range(start, end), "\n" + text if b_end > b_start else "")


def _title(title: str, action: Action | None) -> types.Command:
    if action is None:
        return types.Command(title=title, command="")
    return command(title, action.command, dict(action.arguments))
