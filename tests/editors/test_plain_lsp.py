"""The same with nothing but Neovim's own LSP client: every step is a code action, chosen from its own menu."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from editors.neovim_world import ENOUGH_S, Editor, World, wait_for, world

pytestmark = pytest.mark.editor

LEXER = "def parse():\n    first()\n    return 1\n"
RETURN_TWO = """
[[scene]]
[[scene.turn]]
calls = [{ tool = "edit", arguments = { path = "lexer.py", old = "return 1", new = "return 2" } }]
[[scene.turn]]
calls = [{ tool = "finish", arguments = { title = "Return two", summary = "It returns 2." } }]
"""
DROP = """
local original = vim.lsp.handlers['workspace/applyEdit']
vim.lsp.handlers['workspace/applyEdit'] = function(err, edit, context)
  if _G.dropped == nil then
    -- The person types between the edit's making and its arrival: Neovim drops it and still says that it applied it.
    _G.dropped = true
    vim.api.nvim_buf_set_lines(0, -1, -1, false, { '# typed' })
  end
  local answer = original(err, edit, context)
  _G.told = answer.applied
  return answer
end
"""


@pytest.fixture
def w() -> Iterator[World]:
    with world() as made:
        yield made


def act(e: Editor, title: str, line: int) -> None:
    """Choose from the menu of code actions, as soon as it offers this."""

    def offered() -> bool:
        e.go(line)
        e.lua("asked, pick = {}, ...", title)
        e.lua("vim.schedule(vim.lsp.buf.code_action)")
        e.until("#asked > 0 or vim.fn.execute('messages'):find('No code actions')", timeout_s=5)
        return any(title in item for item in e.lua("return asked"))

    wait_for(offered, lambda: f"the action {title!r}; {e.seen()}", ENOUGH_S)


def test_delegate_read_and_accept_with_code_actions_alone(w: World) -> None:
    w.script(RETURN_TWO)
    w.file("lexer.py", "")
    e = w.editor("lexer.py", plain=True)
    e.nvim.current.buffer[:] = LEXER.splitlines()
    act(e, "Delegate: implement parse()", 1)
    e.until("#vim.diagnostic.get(0) > 0 and vim.diagnostic.get(0)[1].message:find('Ready: Return two.', 1, true)")
    act(e, "#1 Read", 1)
    e.until("vim.api.nvim_buf_get_name(0):find('1.diff$')")
    assert "+    return 2" in e.text
    e.nvim.command("edit lexer.py" if "lexer.py" in e.nvim.current.buffer.name else "buffer lexer.py")
    act(e, "#1 Accept all", 1)
    e.until_text(LEXER.replace("1", "2"))
    e.until("#vim.diagnostic.get(0) == 0")
    e.nvim.command("undo")
    assert e.text == LEXER


def test_an_edit_that_neovim_drops_while_saying_it_applied_it_is_not_taken_as_accepted(w: World) -> None:
    w.script(RETURN_TWO)
    w.file("lexer.py", LEXER)
    e = w.editor("lexer.py", plain=True, more=DROP)
    e.nvim.current.buffer.append("# mine")
    act(e, "Delegate: implement parse()", 1)
    e.until("#vim.diagnostic.get(0) > 0 and vim.diagnostic.get(0)[1].message:find('Ready: Return two.', 1, true)")
    act(e, "#1 Read", 1)
    e.until("vim.api.nvim_buf_get_name(0):find('1.diff$')")
    e.nvim.command("buffer lexer.py")
    act(e, "#1 Accept all", 1)
    e.until("_G.told ~= nil")
    assert e.lua("return _G.told"), "this is the lie"
    e.until("vim.fn.execute('messages'):find('newer than edits')")
    e.until(
        "vim.fn.execute('messages'):find('The editor did not take the change to lexer.py. It is still open.', 1, true)"
    )
    typed = LEXER + "# mine\n# typed\n"
    assert (e.text, e.ask("show", task=1)["state"]) == (typed, "ready")
    act(e, "#1 Accept all", 1)
    e.until_text(typed.replace("return 1", "return 2"))
    e.until("#vim.diagnostic.get(0) == 0")
