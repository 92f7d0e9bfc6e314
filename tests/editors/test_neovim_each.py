"""Delegating every entry of a list with the plugin in a real Neovim: a search, a list of problems, what a compiler said."""

from __future__ import annotations

import pytest

from editors.neovim import VERSIONS, plugin
from editors.world import World, world

pytestmark = [pytest.mark.editor, pytest.mark.parametrize("version", VERSIONS)]

LEXER = "def parse():\n    first()\n    a = 1\n    first()\n    last()\n\n\ndef show():\n    first()\n"
TOOLS = "first()\n"
UNUSED = """
vim.diagnostic.set(vim.api.nvim_create_namespace('other'), 0, {
  { lnum = 2, col = 4, end_col = 5, severity = 2, source = 'ruff', code = 'F841', message = 'a is never used' },
  { lnum = 7, col = 4, severity = 4, source = 'ruff', code = 'D103', message = 'd is never used' },
})
"""


def test_the_matches_of_a_search_are_one_group_with_one_task_for_each_function(w: World, version: str) -> None:
    w.file("lexer.py", LEXER)
    w.file("tools.py", TOOLS)
    e = plugin(w, "lexer.py", version=version)
    e.ex("Backburner each")
    e.until("notes[1] == 'backburner: the quickfix list leads to no file.'")
    e.nvim.command("set grepprg=grep\\ -Hn grepformat=%f:%l:%m")
    e.nvim.command("silent grep! first lexer.py tools.py")
    e.nvim.command("caddexpr ['a line of no file', 'gone.py:1:first']")
    e.nvim.current.buffer[:0] = ["# not saved"]
    e.lua("words = 'rename the calls'")
    e.ex("Backburner each")
    for task, place in ((1, "lexer.py:2-6"), (2, "lexer.py:9-10"), (3, "tools.py:1-1")):
        assert e.until_state(task, "ready")["target"] == place
    assert e.lua("return asked") == ["What should be done to these 4 places? "]
    assert [e.ask("show", task=task)["group"] for task in (2, 3)] == [e.ask("show", task=1)["group"]] * 2
    e.nvim.command("copen")
    e.ex("4Backburner each rename the calls again")
    assert e.until_state(4, "ready")["target"] == "tools.py:1-1"
    e.nvim.command("cclose")
    e.lua("notes = {}")
    e.ex("1Backburner each rename the calls")
    e.until("notes[1] and notes[1]:find('a range chooses entries in the window of the list', 1, true)")


def test_a_list_of_problems_is_delegated_with_them_and_ours_are_left_out(w: World, version: str) -> None:
    w.file("lexer.py", LEXER)
    e = plugin(w, "lexer.py", version=version)
    e.ex("2Backburner delegate rename if you may")
    e.until_state(1, "asking")
    e.until_problem("keep last()?")
    e.lua(UNUSED)
    e.nvim.command("lua vim.diagnostic.setloclist({ open = false })")
    assert len(e.nvim.call("getloclist", 0)) == 3
    e.ex("Backburner each! drop it")
    assert e.until_state(2, "ready")["title"] == "Drop a", "it was told the problem"
    assert e.until_state(3, "ready")["group"] == e.ask("show", task=2)["group"]
    e.nvim.command("lopen")
    e.nvim.command("set errorformat=%f:%l:%c:\\ %trror:\\ %m")
    e.nvim.command("lgetexpr ['lexer.py:3:5: error: a is never used', 'lexer.py:2:5: first']")
    e.ex("Backburner each drop it as well")
    assert e.until_state(4, "ready")["title"] == "Drop a", "what a compiler said"


def test_hunks_of_results_are_not_delegated_by_accident(w: World, version: str) -> None:
    w.file("lexer.py", LEXER)
    e = plugin(w, "lexer.py", version=version)
    e.ex("Backburner delegate rename the calls")
    e.until_state(1, "ready")
    e.ex("Backburner qf")
    e.until("vim.bo.buftype == 'quickfix'")
    e.ex("Backburner each drop it")
    e.until("notes[1] and notes[1]:find('these are hunks of results', 1, true)")


def test_matches_in_two_projects_go_to_the_server_of_each(w: World, version: str) -> None:
    w.file("lexer.py", LEXER)
    e = plugin(w, "lexer.py", version=version)
    with world(w.home) as other:
        there = other.file("lexer.py", LEXER)
        e.nvim.command(f"split {there}")
        e.attached()
        e.nvim.current.buffer[:0] = ["# not saved"]
        e.nvim.command(f"silent vimgrep /parse/j {w.root}/lexer.py {there}")
        e.ex("Backburner each rename the calls")
        assert e.until_state(1, "ready")["target"] == "lexer.py:2-6", "as it is on the screen"
        e.until("require('backburner').statusline() == 'bb +1'")
        e.ex("Backburner queue")
        e.until("vim.api.nvim_get_current_line():find('#1', 1, true)")
        e.keys("q")
        e.until("vim.api.nvim_buf_get_name(0) == ...", str(there))
        e.ex("Backburner reply 1")
        e.until("vim.bo.buftype == 'acwrite'")
        e.keys("q")
        e.until("vim.api.nvim_buf_get_name(0) == ...", str(there))
        e.nvim.command("wincmd w")
        assert e.until_state(1, "ready")["target"] == "lexer.py:1-5"
        e.until("require('backburner').statusline() == 'bb +1'")
