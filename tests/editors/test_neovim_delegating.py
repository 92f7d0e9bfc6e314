"""Delegating with the plugin in a real Neovim: other servers' problems, a sweep, the operator; what says how it stands."""

from __future__ import annotations

import subprocess

import pytest

from editors.neovim import VERSIONS, Neovim, plugin
from editors.pages import block
from editors.world import BACKBURNER, World

pytestmark = [pytest.mark.editor, pytest.mark.parametrize("version", VERSIONS)]

LEXER = "def parse():\n    first()\n    a = 1\n    b = 2\n    c = 3\n    last()\n"
UNUSED = "def parse():\n    a = 1\n    x()\n    b = 2\n    y()\n    c = 3\n    z()\n    d = 4\n    return x()\n"
# lualine itself is not at hand: its place is taken by a table that keeps what it is given.
LUALINE = """
package.preload['lualine'] = function()
  return { setup = function(options) _G.lualine = options.sections.lualine_x[1] end }
end
"""
PROBLEMS = """
local problems = {}
for line, text in ipairs(vim.api.nvim_buf_get_lines(0, 0, -1, false)) do
  local name = text:match('^    (%l) = ')
  if name then
    table.insert(problems, { lnum = line - 1, col = 4, end_col = 5, severity = 2, source = 'ruff', code = 'F841',
      message = name .. ' is never used' })
  end
end
vim.diagnostic.set(vim.api.nvim_create_namespace('other'), 0, problems)
"""


def with_problems(w: World, text: str, version: str) -> Neovim:
    """An editor in which another server has found something."""
    w.file("lexer.py", text)
    e = plugin(w, "lexer.py", version=version)
    e.lua(PROBLEMS)
    return e


def test_problems_of_other_servers_are_delegated_and_ours_never(w: World, version: str) -> None:
    e = with_problems(w, LEXER, version)
    e.go(3)
    e.lua("pick = 'Delegate: fix'")
    e.ex("Backburner actions")
    e.until("require('backburner').status().ready == 1")
    view = e.ask("show", task=1)
    assert (view["recipe"], view["title"]) == ("fix", "Drop a")
    e.until("#vim.diagnostic.get(0) == 4")
    place = e.lua("return require('backburner.delegate').place(0, 5)")
    assert [problem["source"] for problem in place["diagnostics"]] == ["ruff"] * 3


def test_a_sweep_is_judged_by_reading_two_and_accepting_the_rest(w: World, version: str) -> None:
    w.file("backburner.toml", '[check]\ncommand = "true"\n')
    argv = [str(BACKBURNER), "trust", "--yes", "backburner.toml"]
    subprocess.run(argv, cwd=w.root, env=w.environment, check=True, capture_output=True)
    e = with_problems(w, UNUSED, version)
    e.go(4)
    e.lua("pick = 'Delegate: fix all 4 like this'")
    e.ex("Backburner actions")
    for task in (1, 2, 3, 4):
        e.until_state(task, "ready")
    e.ex("Backburner rest 1")
    e.until("vim.tbl_contains(notes, 'backburner: Read 2 of them first; you have read 0.')")
    for task, line in ((1, "    a = 1\n"), (2, "    b = 2\n")):
        e.ex(f"Backburner read {task}")
        e.until("require('backburner.review').current() == ...", task)
        e.ex(f"Backburner accept {task}")
        e.until_state(task, "accepted")
        assert line not in e.text
    e.lua("notes = {}")
    e.ex("Backburner rest 1")
    e.until_state(4, "accepted")
    e.until("vim.tbl_contains(notes, 'backburner: #3 also touches notes.md')")
    assert e.text == "def parse():\n    x()\n    y()\n    c = 3\n    z()\n    return x()\n"
    assert e.ask("show", task=3)["state"] == "ready", "it also makes a file"
    e.until("require('backburner').statusline() == 'bb +1'")


def test_the_operator_takes_a_motion_and_repeats_with_a_dot(w: World, version: str) -> None:
    w.file("lexer.py", LEXER + "\n\ndef other():\n    pass\n")
    keys = block("neovim", "lua", "local map = vim.keymap.set").replace("<leader>ad", "gz")
    e = plugin(w, "lexer.py", version=version, more=keys)
    e.go(1)
    e.keys("gzip")
    e.until("#asked == 1")
    e.lua("words = 'rename the calls'")
    e.keys(".")
    e.until_state(1, "ready")
    e.ex("3Backburner delegate rename if you may")
    e.until_state(2, "asking")
    assert e.ask("show", task=2)["target"] == "lexer.py:3-3"
    e.keys("Gk")
    e.until("vim.api.nvim_win_get_cursor(0)[1] == 9")
    e.keys(".")
    e.until_state(3, "ready")
    view = e.ask("show", task=3)
    assert (view["target"], view["instruction"]) == ("lexer.py:9-10", "rename the calls"), "what the operator was told"
    assert len(e.lua("return asked")) == 2, "repeating asks only while there are no words"
    assert e.lua("return asked[1]").startswith("What should be done to ")
    e.lua("pick = 'rename the calls'")
    e.ex("Backburner recent")
    e.until_state(4, "ready")
    e.keys("Vjgz")
    assert e.until_state(5, "ready")["target"] == "lexer.py:9-10"
    assert e.lua("return vim.fn.getcompletion(\"'<,'>Backburner de\", 'cmdline')") == ["delegate"]


def test_the_recipes_of_the_page_show_how_it_stands_and_nothing_when_idle(w: World, version: str) -> None:
    w.file("lexer.py", LEXER)
    e = plugin(w, "lexer.py", version=version, more=LUALINE + block("neovim", "lua", "require('lualine')"))
    e.lua("events = {}")
    for name in ("Status", "Ready", "Asks", "Failed"):
        e.lua(
            "local name = ...; vim.api.nvim_create_autocmd('User', { pattern = name, "
            "callback = function(event) table.insert(events, name .. (event.data.count or '')) end })",
            f"Backburner{name}",
        )
    shown = "vim.api.nvim_eval_statusline(vim.o.statusline, {}).str"
    assert e.lua(f"return {{ lualine[1](), lualine.cond(), {shown}:find('bb') ~= nil }}") == ["", False, False]
    e.ex("Backburner delegate rename the calls")
    e.until("lualine.cond() and lualine[1]() == 'bb +1'")
    assert "bb +1" in e.lua(f"return {shown}")
    assert e.lua("return vim.g.backburner_status") == "bb +1"
    assert e.lua("return vim.g.backburner_status_dict.ready") == 1
    assert "BackburnerReady1" in e.lua("return events")
    e.until("vim.deep_equal(vim.b.backburner_tasks, { 1 })")
    e.ex("Backburner reject 1")
    e.until("not lualine.cond() and vim.g.backburner_status == ''")


def test_health_says_what_works(w: World, version: str) -> None:
    w.file("LICENSING", "Neovim knows no kind of this file.\n")
    e = plugin(w, "LICENSING", version=version)
    e.nvim.command("checkhealth backburner")
    assert "attached to 1 buffer" in e.text
    assert "git: git version" in e.text
    assert "ERROR" not in e.text
