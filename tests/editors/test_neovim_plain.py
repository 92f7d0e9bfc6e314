"""With nothing but Neovim's own LSP client: every step is a code action, chosen from its own menu; words go into files.

Neovim 0.7 cannot be told to show a document: what the server says about its path is followed, as a person would.
"""

from __future__ import annotations

import re

import pytest

from editors.neovim import Neovim, plain
from editors.pages import block
from editors.world import World

pytestmark = [pytest.mark.editor, pytest.mark.parametrize("version", ["0.7", "0.11", "0.12"])]

LEXER = "def parse():\n    first()\n    a = 1\n    b = 2\n    last()\n    return 1\n"
DROP = """
local original = vim.lsp.handlers['workspace/applyEdit']
vim.lsp.handlers['workspace/applyEdit'] = function(...)
  if _G.told == nil then
    -- The person types between the edit's making and its arrival: Neovim drops it and still says that it applied it.
    vim.api.nvim_buf_set_lines(0, 0, 0, false, { '# typed' })
  end
  local answer = original(...)
  _G.told = answer.applied
  return answer
end
"""
SHOWN = """
local suffix = ...
local name = vim.api.nvim_buf_get_name(0)
if name:sub(-#suffix) == suffix then return name end
local said = vim.api.nvim_exec('messages', true) .. table.concat(notes, '\\n')
return said:find(suffix, 1, true) and said or nil
"""


LENSES = """
for _, namespace in pairs(vim.api.nvim_get_namespaces()) do
  for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(0, namespace, 0, -1, { details = true })) do
    if vim.inspect(mark[4]):find('✓ #1 Return two', 1, true) then return true end
  end
end
"""


def shown(e: Neovim, suffix: str) -> str:
    """The document that the server showed, or whose path it told. Gives its text, as the current buffer."""
    found = e.until(SHOWN, suffix)
    path = re.findall(rf"/\S+{re.escape(suffix)}", found)[-1]
    if not e.nvim.current.buffer.name.endswith(suffix):
        e.nvim.command(f"edit {path}")
    e.attached()
    return e.text


def write(e: Neovim, words: str) -> None:
    """Write into the letter that is shown, and save it twice: only the first counts."""
    e.nvim.current.buffer.append(words)
    e.nvim.command("silent write")
    e.nvim.command("silent write!")
    e.nvim.command("edit! lexer.py")


def test_delegate_read_and_accept_with_code_actions_alone(w: World, version: str) -> None:
    w.file("lexer.py", "")
    lenses = "vim.lsp.codelens.enable(true)" if version == "0.12" else block("neovim", "lua", "codelens.refresh")
    e = plain(w, "lexer.py", version=version, more=lenses)
    e.nvim.current.buffer[:] = LEXER.splitlines()
    e.nvim.command("set hidden")
    e.act("Delegate: implement parse()", 1)
    e.until_problem("Ready: Return two.")
    e.ex("doautocmd CursorHold")
    e.until(LENSES)
    e.act("#1 Read", 1)
    assert "+    return 2" in shown(e, "1.diff")
    e.nvim.command("buffer lexer.py")
    e.act("#1 Accept all", 1)
    e.until_text(LEXER.replace("return 1", "return 2"))
    e.until("#vim.diagnostic.get(0) == 0")
    e.nvim.command("undo")
    assert e.text == LEXER
    assert (w.root / "lexer.py").read_text() == "", "nothing was saved"


def test_an_instruction_is_written_into_a_file_and_judged_hunk_by_hunk_in_the_diff(w: World, version: str) -> None:
    w.file("lexer.py", LEXER)
    e = plain(w, "lexer.py", version=version)
    e.act("Delegate: write instruction", 1)
    assert "# Lines that begin with # are not sent." in shown(e, "instruction-1.md")
    write(e, "rename the calls")
    e.until_problem("Ready: Rename the calls.")
    e.act("#1 Read", 1)
    diff = shown(e, "1.diff").splitlines()
    e.act("#1 Accept this hunk", diff.index("+    one()") + 1)
    e.until_verdicts(1, "accepted", "open")
    e.act("#1 Reject this hunk", diff.index("+    two()") + 1)
    assert [hunk["verdict"] for hunk in e.until_state(1, "accepted")["hunks"]] == ["accepted", "rejected"]
    e.nvim.command("buffer lexer.py")
    assert e.text == LEXER.replace("first", "one")
    assert [row["task"] for row in e.ask("list", all=True)["rows"]] == [1], "saving twice starts one task"


def test_a_running_task_shows_its_draft_and_takes_a_note_from_a_file(w: World, version: str) -> None:
    w.file("lexer.py", LEXER)
    e = plain(w, "lexer.py", version=version)
    e.act("Delegate: write instruction", 1)
    shown(e, "instruction-1.md")
    write(e, "rename slowly")
    e.act("#1 Draft", 1)
    assert "+    one()" in shown(e, "1-draft.diff")
    e.nvim.command("edit lexer.py")
    e.act("#1 Tell it", 1)
    shown(e, "steer-1-1.md")
    write(e, "the last too")
    e.until_problem("Ready: Rename the last call.")
    assert len(e.until_state(1, "ready")["hunks"]) == 2
    e.act("#1 Read", 1)
    shown(e, "1.diff")
    e.nvim.command("edit lexer.py")
    e.act("#1 Reject all", 1)
    e.until_state(1, "rejected")
    e.until("#vim.diagnostic.get(0) == 0")
    assert e.text == LEXER


def test_a_question_is_answered_from_the_menu_and_a_reply_is_written_into_a_file(w: World, version: str) -> None:
    w.file("lexer.py", LEXER)
    e = plain(w, "lexer.py", version=version)
    e.act("Delegate: write instruction", 1)
    shown(e, "instruction-1.md")
    write(e, "rename if you may")
    e.until_problem("Question: keep last()?")
    assert e.lua("return #vim.diagnostic.get(0)") == 1, "the letter's own connection does not say it again"
    e.quit()
    e = plain(w, "lexer.py", version=version)
    e.until_problem("Question: keep last()?")
    e.act("#1 Answer: keep", 1)
    e.until_problem("Ready")
    e.act("#1 Read", 1)
    assert "It stays as it is." in shown(e, "/1.md")
    e.nvim.command("edit lexer.py")
    e.act("#1 Reply", 1)
    shown(e, "reply-1-1.md")
    write(e, "The last too")
    e.until_problem("Ready: Rename the last call.")


def test_an_edit_that_neovim_drops_while_saying_it_applied_it_is_not_taken_as_accepted(w: World, version: str) -> None:
    w.file("lexer.py", LEXER)
    e = plain(w, "lexer.py", version=version, more=DROP)
    e.nvim.current.buffer.append("# mine", 0)
    e.nvim.command("set hidden")
    e.act("Delegate: implement parse()", 2)
    e.until_problem("Ready: Return two.")
    e.act("#1 Read", 2)
    shown(e, "1.diff")
    e.nvim.command("buffer lexer.py")
    e.act("#1 Accept all", 2)
    e.until("_G.told ~= nil")
    assert e.lua("return _G.told"), "this is the lie"
    e.until(
        "(vim.api.nvim_exec('messages', true) .. table.concat(notes)):find("
        "'The editor did not take the change to lexer.py. It is still open.', 1, true)"
    )
    typed = "# typed\n# mine\n" + LEXER
    assert (e.text, e.ask("show", task=1)["state"]) == (typed, "ready")
    e.act("#1 Accept all", 3)
    e.until_text(typed.replace("return 1", "return 2"))
    e.until("#vim.diagnostic.get(0) == 0")
