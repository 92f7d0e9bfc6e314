"""Journeys with the plugin in a real Neovim: from unsaved text to a verdict, and everything that can come between."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from editors.neovim_world import World, wait_for, world

pytestmark = pytest.mark.editor

LEXER = "def parse():\n    first()\n    a = 1\n    b = 2\n    c = 3\n    last()\n"
RENAME = """
[[scene]]
match = "rename"
[[scene.turn]]
calls = [
    { tool = "edit", arguments = { path = "lexer.py", old = "    first()\\n", new = "    one()\\n" } },
    { tool = "edit", arguments = { path = "lexer.py", old = "    last()\\n", new = "    two()\\n    three()\\n" } },
]
[[scene.turn]]
calls = [{ tool = "finish", arguments = { title = "Rename the calls", summary = "Both calls have new names." } }]
"""
HUNKS = (
    "return require('backburner.review').current() and #vim.api.nvim_buf_get_extmarks(0, "
    "vim.api.nvim_create_namespace('backburner_review'), 0, -1, {})"
)


@pytest.fixture
def w() -> Iterator[World]:
    with world() as made:
        yield made


def test_one_hunk_of_unsaved_text_is_taken_and_one_turned_down(w: World) -> None:
    w.script(RENAME)
    w.file("lexer.py", "")
    e = w.editor("lexer.py")
    e.nvim.current.buffer[:] = LEXER.splitlines()
    e.go(1)
    e.ex("Backburner delegate rename the calls")
    e.until("return package.loaded['backburner.status'] and require('backburner').statusline() == 'bb +1'")
    e.lens("✓ #1 Rename the calls  +3 −2", 1)
    problem = e.lua("return vim.diagnostic.get(0)")[0]
    assert (problem["source"], problem["severity"]) == ("backburner", 3)
    e.nvim.current.buffer.append("# typed meanwhile", 0)
    e.lens("#1", 2)
    e.go(2)
    e.ex("Backburner read")
    e.until(f"{HUNKS} == 4")
    assert e.nvim.current.window.cursor[0] == 3, "the cursor is on the first hunk"
    e.keys("]h")
    e.until("vim.api.nvim_win_get_cursor(0)[1] == 7")
    e.ex("Backburner accept")
    taken = ["# typed meanwhile", *LEXER.splitlines()[:-1], "    two()", "    three()"]
    e.until_text("\n".join(taken) + "\n")
    e.until(f"{HUNKS} == 2")
    e.keys("[h")
    e.until("vim.api.nvim_win_get_cursor(0)[1] == 3")
    e.ex("Backburner reject")
    e.until("require('backburner.review').current() == nil")
    assert e.until_state(1, "accepted")["hunks"][0]["verdict"] == "rejected"
    assert e.text == "\n".join(taken) + "\n"
    assert (w.root / "lexer.py").read_text() == "", "nothing was saved"
    e.until("vim.tbl_isempty(require('backburner.marks').lines(vim.api.nvim_get_current_buf()))")
    assert e.lua("return notes") == []


def test_an_accept_is_one_undo_step_and_undoing_it_takes_it_back(w: World) -> None:
    w.script(RENAME)
    w.file("lexer.py", LEXER)
    e = w.editor("lexer.py")
    e.ex("Backburner delegate rename the calls")
    e.until("require('backburner').status().ready == 1")
    e.ex("Backburner accept 1")
    wait_for(lambda: "three()" in e.text and "one()" in e.text, "both hunks")
    e.until_state(1, "accepted")
    e.nvim.command("undo")
    assert e.text == LEXER
    e.until_state(1, "ready")
    e.ex("Backburner accept 1")
    e.until_state(1, "accepted")
    e.ex("Backburner undo 1")
    e.until_state(1, "ready")
    assert e.text == LEXER
