"""What can come between with the plugin in a real Neovim: a draft, a note, a question, a second editor, an end, a return."""

from __future__ import annotations

import pytest

from editors.neovim import VERSIONS, plugin
from editors.world import World, world

pytestmark = pytest.mark.editor

LEXER = "def parse():\n    first()\n    a = 1\n    b = 2\n    c = 3\n    last()\n"
RENAMED = LEXER.replace("first", "one").replace("    last()", "    two()\n    three()")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_running_task_shows_its_draft_and_takes_a_note(w: World, version: str) -> None:
    w.file("lexer.py", LEXER)
    e = plugin(w, "lexer.py", version=version)
    e.ex("Backburner delegate rename slowly")
    e.until_lens("◌ #1", 1)
    e.ex("Backburner queue")
    e.until("vim.api.nvim_get_current_line():find('#1', 1, true)")
    e.ask(
        "delegate", instruction="rename if you may", targets=[{"uri": (w.root / "lexer.py").as_uri(), "start_line": 5}]
    )
    e.until("text():find('Asks you', 1, true)")
    assert "#1" in e.nvim.current.line, "rows came above it"
    e.keys("d")
    e.until("text():find('+    one()', 1, true)")
    assert e.lua("return { vim.bo.filetype, vim.bo.modifiable }") == ["diff", False]
    e.ex("Backburner steer the last too")
    view = e.until_state(1, "ready")
    assert (view["title"], len(view["hunks"]), view["direction"]) == ("Rename the last call", 2, "two calls")
    e.keys("q")
    e.until("vim.api.nvim_buf_get_name(0) == 'backburner://queue'")
    e.keys("q")
    e.until("vim.api.nvim_buf_get_name(0):find('lexer.py$')")
    assert e.text == LEXER
    assert e.lua("return notes") == []


@pytest.mark.parametrize("version", VERSIONS)
def test_a_question_is_answered_from_a_list_and_a_reply_is_written_in_a_buffer(w: World, version: str) -> None:
    w.file("lexer.py", LEXER)
    e = plugin(w, "lexer.py", version=version)
    e.ex("Backburner delegate rename if you may")
    e.until("require('backburner').statusline() == 'bb ?1'")
    e.until_lens("? #1 keep last()?", 1)
    e.lua("pick = 'Keep'")
    e.ex("Backburner queue")
    e.until("vim.api.nvim_get_current_line():find('#1', 1, true)")
    e.keys("R")
    e.until_state(1, "ready")
    assert e.lua("return asked") == ["Keep"]
    e.keys("q")
    e.until("vim.bo.filetype == 'python'")
    e.ex("Backburner read 1")
    e.until("vim.bo.filetype == 'markdown' and text():find('It stays as it is.', 1, true)")
    e.keys("q")
    e.until("vim.bo.filetype == 'python'")
    e.ex("Backburner reply 1")
    e.until("vim.bo.buftype == 'acwrite'")
    e.keys("iThe last<Esc>q")
    e.until("vim.bo.filetype == 'python'")
    e.ex("Backburner reply 1")
    e.until("vim.bo.buftype == 'acwrite' and text() == 'The last\\n'")
    e.keys("A too<C-s>")
    e.until("require('backburner').status().ready == 1 and vim.bo.filetype == 'python'")
    e.until("vim.fn.mode() == 'n'")
    e.until_view(1, "replied to", lambda view: view["title"] == "Rename the last call")
    e.ex("Backburner steer 1")
    e.until("vim.bo.buftype == 'acwrite'")
    e.keys("itoo late<C-s>")
    e.until("notes[1] and notes[1]:find('#1 is not running any more', 1, true)")
    assert e.text == "too late\n", "what is not taken is not lost"


@pytest.mark.parametrize("version", VERSIONS)
def test_two_editors_keep_their_own_unsaved_text(w: World, version: str) -> None:
    w.file("lexer.py", LEXER)
    first, second = plugin(w, "lexer.py", version=version), plugin(w, "lexer.py", version=version)
    first.nvim.current.buffer.append("# yours", 6)
    second.nvim.current.buffer.append("# mine", 0)
    first.ex("Backburner delegate rename the calls")
    first.until_lens("✓ #1", 1)
    second.until_lens("✓ #1", 2)
    second.ex("Backburner accept 1")
    second.until_text("# mine\n" + RENAMED)
    first.until("require('backburner').statusline() == ''")
    assert first.text == LEXER + "# yours\n"
    assert (w.root / "lexer.py").read_text() == LEXER


def test_two_projects_in_one_editor_keep_status_queue_and_numbers_apart(w: World) -> None:
    w.file("lexer.py", LEXER)
    with world(w.home) as other:
        there = other.file("lexer.py", LEXER)
        e = plugin(w, "lexer.py")
        e.ex("Backburner delegate rename the calls")
        e.until_state(1, "ready")
        e.ex("Backburner queue")
        e.until("vim.api.nvim_get_current_line():find('#1 Rename', 1, true)")
        e.nvim.command(f"wincmd p | vsplit {there}")
        e.attached()
        assert e.lua("return require('backburner').statusline()") == ""
        e.ex("Backburner delegate test it")
        e.until("require('backburner').statusline() == 'bb +1'")
        e.nvim.command("wincmd b")
        assert "#1 Rename" in e.nvim.current.line
        e.keys("x")
        e.until("text():find('rejected', 1, true) and require('backburner').statusline() == ''")
        e.ex("Backburner undo")
        e.until("text():find('Ready', 1, true) and require('backburner').statusline() == 'bb +1'")
        e.nvim.command("wincmd t")
        assert e.ask("show", task=1)["state"] == "ready", "of the other project"
        e.quit()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_task_goes_on_while_no_editor_is_there(w: World, version: str) -> None:
    w.file("lexer.py", LEXER)
    e = plugin(w, "lexer.py", version=version)
    e.ex("Backburner delegate rename slowly")
    e.until_lens("◌ #1", 1)
    e.quit()
    e = plugin(w, "lexer.py", version=version)
    e.until_lens("#1", 1)
    e.until_state(1, "ready")
    e.until_lens("✓ #1 Rename one call", 1)
    assert e.lua("return notes") == [], "coming back is quiet"


def test_a_daemon_that_was_killed_is_started_again_with_the_buffers_attached(lonely: World) -> None:
    lonely.file("lexer.py", LEXER)
    e = plugin(lonely, "lexer.py")
    e.ex("Backburner delegate rename slowly")
    e.until_lens("◌ #1", 1)
    lonely.home.kill_daemon()
    e.nvim.current.buffer.append("# typed while it was away", 0)
    e.until("require('backburner').status().ready == 1")
    e.until_lens("✓ #1 Rename one call", 2)
    e.ex("Backburner accept 1")
    e.until_text("# typed while it was away\n" + LEXER.replace("first", "one"))


def test_a_cause_that_stops_tasks_is_said_once(lonely: World) -> None:
    lonely.file("lexer.py", LEXER)
    e = plugin(lonely, "lexer.py", more="require('backburner').setup({ ascii = true })")
    e.lua(
        "vim.api.nvim_create_autocmd('User', { pattern = 'BackburnerFailed', callback = function() failed = true end })"
    )
    e.ex("Backburner delegate work without a key")
    e.until("failed and #notes > 0")
    e.ex("Backburner delegate work again without a key")
    e.until("require('backburner').status().failed == 2")
    e.until_lens("x #1 stopped", 1)
    assert e.lua("return require('backburner.marks').lines(1)[0]").isascii()
    signs = "vim.api.nvim_buf_get_extmarks(0, -1, 0, -1, { details = true, type = 'sign' })"
    assert e.lua(f"return vim.trim({signs}[1][4].sign_text)") == ">"
    lonely.home.kill_daemon()
    e.until("client() == nil")
    e.until("require('backburner').status().failed == 2")
    said = [note for note in e.lua("return notes") if "refused the key" in note]
    assert len(said) == 1, "not again when it comes back"
    e.quit()
    e = plugin(lonely, "lexer.py")
    e.until_lens("× #1 stopped", 1)
