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
    "return require('backburner.review').current() and #vim.iter(vim.api.nvim_buf_get_extmarks(0, "
    "vim.api.nvim_create_namespace('backburner_review'), 0, -1, { details = true }))"
    ":filter(function(mark) return mark[4].virt_lines end):totable()"
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
    e.until(f"{HUNKS} == 2")
    assert e.nvim.current.window.cursor[0] == 3, "the cursor is on the first hunk"
    e.keys("]h")
    e.until("vim.api.nvim_win_get_cursor(0)[1] == 7")
    e.ex("Backburner accept")
    taken = ["# typed meanwhile", *LEXER.splitlines()[:-1], "    two()", "    three()"]
    e.until_text("\n".join(taken) + "\n")
    e.until(f"{HUNKS} == 1")
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


SLOW = """
[[scene]]
match = "rename"
[[scene.turn]]
calls = [
    { tool = "plan", arguments = { direction = "two calls" } },
    { tool = "edit", arguments = { path = "lexer.py", old = "    first()\\n", new = "    one()\\n" } },
]
[[scene.turn]]
wait_s = 5.0
calls = [{ tool = "read", arguments = { path = "lexer.py" } }]
[[scene.turn]]
calls = [{ tool = "finish", arguments = { title = "Rename the calls", summary = "One call." } }]
[[scene]]
match = "the last too"
[[scene.turn]]
calls = [{ tool = "edit", arguments = { path = "lexer.py", old = "    last()\\n", new = "    two()\\n" } }]
[[scene.turn]]
calls = [{ tool = "finish", arguments = { title = "Rename both calls", summary = "Both calls have new names." } }]
"""
ASKING = """
[[scene]]
match = "rename"
[[scene.turn]]
[[scene.turn.calls]]
tool = "ask"
[scene.turn.calls.arguments]
question = "keep last()?"
default = "keep"
choices = [{ answer = "keep", title = "Keep" }, { answer = "remove", title = "Remove" }]
[[scene.turn]]
calls = [{ tool = "finish", arguments = { title = "Nothing to do", summary = "It stays.", report = "It stays as it is." } }]
[[scene]]
match = "the last too"
[[scene.turn]]
calls = [{ tool = "edit", arguments = { path = "lexer.py", old = "    last()\\n", new = "    two()\\n" } }]
[[scene.turn]]
calls = [{ tool = "finish", arguments = { title = "Rename the last call", summary = "It has a new name." } }]
"""
LINES = "table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\\n'):find(..., 1, true)"


def test_a_running_task_shows_its_draft_and_takes_a_note(w: World) -> None:
    w.script(SLOW)
    w.file("lexer.py", LEXER)
    e = w.editor("lexer.py")
    e.ex("Backburner delegate rename the calls")
    e.lens("◌ #1", 1)
    e.ex("Backburner draft 1")
    e.until(f"return {LINES}", "+    one()")
    assert e.lua("return { vim.bo.filetype, vim.bo.modifiable }") == ["diff", False]
    e.ex("Backburner steer the last too")
    view = e.until_state(1, "ready")
    assert (view["title"], len(view["hunks"]), view["direction"]) == ("Rename both calls", 2, "two calls")
    e.keys("q")
    e.until("vim.api.nvim_buf_get_name(0):find('lexer.py$')")
    assert e.text == LEXER
    assert e.lua("return notes") == []


def test_a_question_is_answered_from_a_list_and_a_reply_is_written_in_a_buffer(w: World) -> None:
    w.script(ASKING)
    w.file("lexer.py", LEXER)
    e = w.editor("lexer.py")
    e.ex("Backburner delegate rename the calls")
    e.until("require('backburner').statusline() == 'bb ?1'")
    e.lens("? #1 keep last()?", 1)
    e.lua("pick = 'Keep'")
    e.ex("Backburner answer")
    e.until_state(1, "ready")
    e.ex("Backburner read 1")
    e.until(f"return vim.bo.filetype == 'markdown' and {LINES}", "It stays as it is.")
    e.keys("q")
    e.until("vim.bo.filetype == 'python'")
    e.ex("Backburner reply 1")
    e.until("vim.bo.buftype == 'acwrite'")
    e.keys("iRename the last too<Esc>:w<CR>")
    e.until("require('backburner').status().ready == 1 and vim.bo.filetype == 'python'")
    assert e.until_state(1, "ready")["title"] == "Rename the last call"


def test_problems_of_other_servers_are_delegated_and_ours_never(w: World) -> None:
    w.script(RENAME)
    w.file("lexer.py", LEXER)
    e = w.editor("lexer.py")
    e.lua(
        "vim.diagnostic.set(vim.api.nvim_create_namespace('other'), 0, {{ lnum = 1, col = 4, end_col = 9, "
        "severity = 1, source = 'ruff', code = 'F821', message = \"please rename first\" }})"
    )
    e.go(2)
    e.lua("pick = 'Delegate: fix'")
    e.ex("Backburner actions")
    e.until("require('backburner').status().ready == 1")
    assert e.ask("show", task=1)["recipe"] == "fix"
    e.until("#vim.diagnostic.get(0) == 2")
    place = e.lua("return require('backburner.delegate').place(0, 5)")
    assert [problem["source"] for problem in place["diagnostics"]] == ["ruff"]


def test_the_queue_the_quickfix_list_and_the_two_sides_show_one_result(w: World) -> None:
    w.script(RENAME)
    w.file("lexer.py", LEXER)
    e = w.editor("lexer.py")
    e.ex("Backburner queue")
    e.until(f"return {LINES}", "Nothing cooking.")
    e.keys("q")
    e.until("vim.bo.filetype == 'python'")
    e.ex("Backburner delegate rename the calls")
    e.until("require('backburner').status().ready == 1")
    e.ex("Backburner queue")
    e.until(f"return {LINES}", "#1 Rename the calls")
    assert e.nvim.current.buffer[:2] == ["Ready", "  #1 Rename the calls  lexer.py · +3 −2"]
    e.keys("q:Backburner qf<CR>")
    e.until("vim.bo.filetype == 'qf'")
    assert [item["lnum"] for item in e.lua("return vim.fn.getqflist()")] == [2, 6]
    e.nvim.command("cclose")
    e.ex("Backburner review 1")
    e.until("#vim.api.nvim_list_tabpages() == 2 and #vim.api.nvim_tabpage_list_wins(0) == 2")
    e.nvim.command("wincmd l")
    merged = LEXER.replace("first", "one").replace("    last()", "    two()\n    three()")
    e.until_text(merged)
    e.nvim.current.buffer[1] = "    won()"
    e.ex("write")
    e.until("not vim.bo.modified")
    assert e.text == merged.replace("one", "won")
    e.nvim.command("wincmd h")
    assert e.text == LEXER, "only accepting accepts"
    e.nvim.command("tabclose")
    e.until("#vim.api.nvim_list_wins() == 1")
    e.ex("Backburner accept 1")
    e.until_text(merged.replace("one", "won"))
    e.until_state(1, "accepted")


def test_two_editors_keep_their_own_unsaved_text(w: World) -> None:
    w.script(RENAME)
    w.file("lexer.py", LEXER)
    first, second = w.editor("lexer.py"), w.editor("lexer.py")
    second.nvim.current.buffer.append("# mine", 0)
    first.ex("Backburner delegate rename the calls")
    first.lens("✓ #1", 1)
    second.lens("✓ #1", 2)
    second.ex("Backburner accept 1")
    second.until_text("# mine\n" + LEXER.replace("first", "one").replace("    last()", "    two()\n    three()"))
    first.until("require('backburner').statusline() == ''")
    assert first.text == LEXER
    assert (w.root / "lexer.py").read_text() == LEXER


def test_a_task_goes_on_while_no_editor_is_there(w: World) -> None:
    w.script(SLOW)
    w.file("lexer.py", LEXER)
    e = w.editor("lexer.py")
    e.ex("Backburner delegate rename the calls")
    e.lens("◌ #1", 1)
    e.quit()
    e = w.editor("lexer.py")
    e.lens("#1", 1)
    e.until_state(1, "ready")
    e.lens("✓ #1 Rename the calls", 1)


def test_a_daemon_that_was_killed_is_started_again_with_the_buffers_attached(w: World) -> None:
    w.script(SLOW)
    w.file("lexer.py", LEXER)
    e = w.editor("lexer.py")
    e.ex("Backburner delegate rename the calls")
    e.lens("◌ #1", 1)
    w.kill_daemon()
    e.nvim.current.buffer.append("# typed while it was away", 0)
    e.until("require('backburner').status().ready == 1")
    e.lens("✓ #1 Rename the calls", 2)
    e.ex("Backburner accept 1")
    e.until_text("# typed while it was away\n" + LEXER.replace("first", "one"))


def test_a_new_file_is_read_as_a_document_and_made_by_accepting(w: World) -> None:
    w.script(
        """
[[scene]]
[[scene.turn]]
calls = [{ tool = "write", arguments = { path = "test_lexer.py", content = "import lexer\\n" } }]
[[scene.turn]]
calls = [{ tool = "finish", arguments = { title = "A test", summary = "It imports." } }]
"""
    )
    w.file("lexer.py", LEXER)
    e = w.editor("lexer.py")
    e.ex("Backburner delegate test it")
    e.until("require('backburner').status().ready == 1")
    e.ex("Backburner next")
    e.until(f"return vim.bo.filetype == 'diff' and {LINES}", "+import lexer")
    e.ex("Backburner accept")
    e.until_state(1, "accepted")
    e.until("return vim.fn.bufloaded('test_lexer.py') == 1 or vim.fn.filereadable('test_lexer.py') == 1")


def test_the_operator_takes_a_motion_and_repeats_with_a_dot(w: World) -> None:
    w.script(RENAME)
    w.file("lexer.py", LEXER + "\n\ndef other():\n    pass\n")
    e = w.editor("lexer.py", more="vim.keymap.set('n', 'gz', '<Plug>(backburner-delegate)')")
    e.lua("words = 'rename it'")
    e.go(1)
    e.keys("gzip")
    e.until("require('backburner.status').get().ready == 1")
    e.keys("Gk")
    e.until("vim.api.nvim_win_get_cursor(0)[1] == 9")
    e.keys(".")
    e.until_state(2, "ready")
    assert e.ask("show", task=2)["target"] == "lexer.py:9-10"
    assert len(e.lua("return asked")) == 1, "repeating does not ask again"
    assert e.lua("return asked[1]").startswith("What should be done to ")


def test_a_cause_that_stops_tasks_is_said_once(w: World) -> None:
    w.script('[[scene]]\n[[scene.turn]]\nerror = "bad_key"\n')
    w.file("lexer.py", LEXER)
    e = w.editor("lexer.py")
    e.lua(
        "vim.api.nvim_create_autocmd('User', { pattern = 'BackburnerFailed', callback = function() failed = true end })"
    )
    e.ex("Backburner delegate rename the calls")
    e.until("failed and #notes > 0")
    e.ex("Backburner delegate rename them again")
    e.until("require('backburner').status().failed == 2")
    assert len(e.lua("return notes")) == 1


def test_health_says_what_works(w: World) -> None:
    w.file("lexer.py", LEXER)
    e = w.editor("lexer.py")
    e.nvim.command("checkhealth backburner")
    assert "attached to 1 buffer" in e.text
    assert "git: git version" in e.text
    assert "ERROR" not in e.text


def test_neovims_own_code_actions_ask_for_words_and_read_in_the_code(w: World) -> None:
    w.script(RENAME)
    w.file("lexer.py", LEXER)
    e = w.editor("lexer.py")
    e.lua("pick, words = 'Delegate…', 'rename the calls'")
    e.lua("vim.schedule(vim.lsp.buf.code_action)")
    e.lens("✓ #1 Rename the calls", 1)
    assert "parse()" in e.lua("return asked[#asked]"), "the prompt says what it is about"
    e.lua("pick = '#1 Read'")
    e.lua("vim.schedule(vim.lsp.buf.code_action)")
    e.until(f"{HUNKS} == 2")
    assert e.lua("return #vim.api.nvim_list_wins()") == 1
