"""What goes out: problems, lenses, edits."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types

from backburner.lsp import to_lsp
from backburner.lsp.actions import Offer
from backburner.lsp.capabilities import Client, Encoding
from backburner.lsp.documents import ContentChange, Documents, Position, Range
from backburner.model.mark import Action, Mark

LINES = st.lists(st.sampled_from(["", "a", "b", "ä😀", "  x = 1"]), min_size=1, max_size=12)


def applied(text: str, edits: list[types.TextEdit], encoding: Encoding) -> str:
    """What a client makes of edits that all count in the old text: the last one first."""
    documents = Documents()
    documents.encoding = encoding
    document = documents.open("file:///a", text)
    for edit in reversed(edits):
        start, end = edit.range.start, edit.range.end
        where = Range(Position(start.line, start.character), Position(end.line, end.character))
        documents.change("file:///a", None, [ContentChange(edit.new_text, where)])
    return document.text


@given(LINES, LINES, st.sampled_from(["utf-8", "utf-16", "utf-32"]), st.sampled_from(["\n", "\r\n"]))
def test_edits_make_the_new_text_of_the_old(before: list[str], after: list[str], encoding: Encoding, eol: str) -> None:
    old, new = "\n".join(before), "\n".join(after)
    edits = to_lsp.edits(old, new, encoding, eol)
    assert applied(old, edits, encoding) == new
    assert (edits == []) == (old == new)
    for first, second in itertools.pairwise(edits):
        assert (first.range.end.line, first.range.end.character) <= (
            second.range.start.line,
            second.range.start.character,
        )


def test_an_edit_touches_only_the_lines_that_change() -> None:
    before = "".join(f"line {number}\n" for number in range(100))
    after = before.replace("line 50\n", "new 50\nand more\n").replace("line 70\n", "")
    edits = to_lsp.edits(before, after, "utf-16")
    assert [(edit.range.start.line, edit.range.end.line, edit.new_text) for edit in edits] == [
        (50, 51, "new 50\nand more\n"),
        (70, 71, ""),
    ]


MARK = Mark(
    path="a.py",
    line=1,
    start=8,
    end=9,
    span_end=3,
    task=12,
    state="ready",
    lens="✓ #12 Iterative lexer",
    severity="information",
    message="Ready: Iterative lexer. +24 −3.",
    actions=(
        Action(command="backburner.read", lens="Read", title="#12 Read", arguments={"task": 12}),
        Action(command="backburner.retry", lens="", title="#12 Run again", arguments={"task": 12}),
    ),
)
TEXT = ["", 's = "ä😀" + x']


def line_of(line: int) -> str:
    return TEXT[line]


def test_a_problem_counts_columns_as_the_client_does() -> None:
    for encoding, start in (("utf-8", 12), ("utf-16", 9), ("utf-32", 8)):
        found = to_lsp.problem(MARK, line_of, Client(encoding=encoding, diagnostic_data=True))
        assert found is not None
        assert found.range.start == types.Position(1, start)
        assert (found.source, found.code, found.data) == ("backburner", "#12", {"task": 12, "item": ""})
    assert to_lsp.problem(MARK, line_of, Client()).data is None  # type: ignore[union-attr]


def test_each_action_of_a_row_is_its_own_lens() -> None:
    rows = to_lsp.lenses([MARK])
    assert [lens.command.title for lens in rows if lens.command] == ["✓ #12 Iterative lexer", "Read"]
    assert {lens.range.start.line for lens in rows} == {1}
    assert all(lens.command and lens.command.command == "backburner.read" for lens in rows)


def test_a_client_without_literals_gets_commands() -> None:
    offer = Offer(title="#12 Read", kind="quickfix", command="backburner.read", argument={"task": 12})
    assert isinstance(to_lsp.code_actions([offer], Client())[0], types.Command)
    action = to_lsp.code_actions([offer], Client(action_literals=True))[0]
    assert isinstance(action, types.CodeAction)
    assert (action.edit, action.is_preferred, action.kind) == (None, None, "quickfix")
    assert action.command is not None
    assert action.command.arguments == [{"task": 12}]
