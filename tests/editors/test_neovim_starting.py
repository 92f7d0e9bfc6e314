"""The first minutes with the plugin in a real Neovim: no agent, practice, a key; what works here, what a project wants."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from editors.neovim import VERSIONS, Neovim, plugin
from editors.pages import block
from editors.programs import need
from editors.terminal import Terminal
from editors.world import BACKBURNER, World, world
from emulator.server import Emulator

pytestmark = pytest.mark.editor

LEXER = "def parse():\n    first()\n    a = 1\n    b = 2\n    c = 3\n    last()\n"
RENAMED = LEXER.replace("first", "one").replace("    last()", "    two()\n    three()")
KEY, MISTYPED = "gsk-test-not-a-real-key-0123456789", "gsk-test-not-a-real-key-0123456798"
PROVIDERS = ("ANTHROPIC", "OPENAI", "GROQ", "CEREBRAS", "OPENROUTER", "DEEPSEEK")
SCRIPT = """
[[scene]]
[[scene.turn]]
calls = [
    { tool = "edit", arguments = { path = "lexer.py", old = "    first()\\n", new = "    one()\\n" } },
    { tool = "edit", arguments = { path = "lexer.py", old = "    last()\\n", new = "    two()\\n    three()\\n" } },
]
[[scene.turn]]
calls = [{ tool = "finish", arguments = { title = "Rename the calls", summary = "New names.", report = "" } }]
"""
NOBODY = "http://127.0.0.1:9"
"""Where nobody answers (the discard port)."""
TELL_ME = """
local channel = ...
vim.api.nvim_create_autocmd('CmdlineEnter', { callback = function() vim.rpcnotify(channel, 'input') end })
"""
NOTED = "local words = ...; for _, note in ipairs(notes) do if note:find(words, 1, true) then return true end end"


def alone(w: World, **more: str) -> dict[str, str]:
    """The environment of a person without any agent: no settings, no key, no program, no server."""
    (w.home.state / "config.toml").write_text("")
    tools = w.home.folder / "tools"
    tools.mkdir()
    for name in ("git", "sh", "sleep"):
        (tools / name).symlink_to(shutil.which(name) or name)
    (tools / "backburner").symlink_to(BACKBURNER)
    found = {"PATH": str(tools), "OLLAMA_BASE_URL": NOBODY}
    for name in PROVIDERS:
        found |= {f"{name}_API_KEY": "", f"{name}_BASE_URL": NOBODY}
    return {**found, **more}


@contextmanager
def emulated() -> Iterator[dict[str, str]]:
    """The addresses of a provider that takes one key only."""
    emulator = Emulator(SCRIPT, key=KEY)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(emulator.__aenter__(), loop).result(10)
        yield {f"{name}_BASE_URL": emulator.env()[f"{name}_BASE_URL"] for name in PROVIDERS}
        asyncio.run_coroutine_threadsafe(emulator.__aexit__(None, None, None), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def type_where_asked(e: Neovim, keys: str) -> None:
    """Neovim waits for what is typed there, so it is not waited for inside Neovim."""
    assert e.nvim.next_message()[1] == "input"
    e.keys(keys)


def give(e: Neovim, key: str) -> None:
    """Type a key where it is asked for; the buffer is served again afterwards."""
    before = e.lua("return client().id")
    type_where_asked(e, f"{key}<CR>")
    e.until("client() and client().initialized and client().id ~= ...", before)


@pytest.mark.parametrize("version", VERSIONS)
def test_without_an_agent_three_ways_stand_at_the_line_and_practice_leads_to_an_accepted_change(
    lonely: World, version: str
) -> None:
    lonely.file("lexer.py", LEXER)
    e = plugin(lonely, "lexer.py", version=version, variables=alone(lonely))
    e.ex("Backburner delegate shorter please")
    e.until_lens("Paste a key | Use Ollama | Practise without a key", 1)
    e.lua("pick = 'Use Ollama'")
    e.ex("Backburner actions")
    e.until(NOTED, f"Ollama does not answer at {NOBODY}")
    e.lua("asked, pick = {}, 'Stop'")
    e.ex("Backburner queue")
    e.until("vim.api.nvim_get_current_line():find('#1', 1, true)")
    e.ex("Backburner actions")
    e.until_state(1, "cancelled")
    assert "Paste a key" in e.lua("return asked"), "what the row has, before the one that is chosen"
    e.keys("q")
    e.until("vim.bo.filetype == 'python'")
    e.ex("Backburner retry 1")
    e.until_lens("Practise without a key", 1)
    e.act("Practise without a key", 1)
    e.until("vim.fn.expand('%:t') == 'practise.py'")
    e.until(NOTED, "backburner: Practise in ")
    assert e.nvim.current.line == "def total(prices):"
    e.attached()
    e.ex("Backburner delegate use sum()")
    e.until_lens("✓ #1 Use sum()", e.nvim.current.window.cursor[0])
    e.ex("Backburner read")
    e.until("require('backburner.review').current() == 1")
    e.ex("Backburner accept")
    e.until("return text():find('    return sum(prices)', 1, true)")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_key_goes_through_the_environment_of_the_server_and_nowhere_else(lonely: World, version: str) -> None:
    lonely.file("lexer.py", LEXER)
    with emulated() as addresses, world(lonely.home) as other:
        variables = alone(lonely, **addresses)
        e = plugin(lonely, "lexer.py", version=version, variables=variables)
        e.lua(TELL_ME, e.nvim.channel_id)
        # Whatever Neovim's own client would write down.
        e.lua("vim.lsp.set_log_level('trace')")
        e.ex("Backburner delegate rename the calls")
        e.until_lens("Paste a key", 1)
        e.lua("pick = 'Groq (GROQ_API_KEY)'")
        e.ex("Backburner key")
        give(e, MISTYPED)
        e.until_lens("× #1 stopped: key refused | Set key", 1)
        assert "Another…" not in e.lua("return asked"), "chosen before it"
        e.lua("asked = {}")
        e.act("#1 Set key", 1)
        give(e, KEY)
        assert not any("Groq (" in item for item in e.lua("return asked")), "whose key it is, is known"
        e.ex("Backburner retry 1")
        e.until_lens("✓ #1 Rename the calls", 1)
        e.ex("Backburner accept 1")
        e.until_text(RENAMED)
        # A project that is opened later has a server of its own.
        there = other.file("lexer.py", LEXER)
        e.nvim.command(f"edit {there}")
        e.attached()
        e.ex("Backburner delegate rename the calls")
        e.until_lens("✓ #1 Rename the calls", 1)
        # What is asked from the side has the key too, and leaves it where it is.
        e.nvim.command("checkhealth backburner")
        assert "agent groq: Groq" in e.text
        e.nvim.command("bwipeout")
        e.ex("Backburner delegate rename the calls again")
        e.until_state(2, "ready")
        seen = [e.seen(), e.lua("return vim.inspect({ vim.env, vim.fn.environ(), vim.lsp.get_clients()[1].config })")]
        seen += [e.nvim.command_output(f"history {kind}") for kind in ("all", ":", "@")]
        seen.append(subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout)
        e.nvim.command("wshada!")
        for key in (KEY, MISTYPED):
            assert not any(key in text for text in seen)
            found = subprocess.run(["grep", "-rlF", key, lonely.home.folder], capture_output=True, text=True)
            assert found.stdout == ""
        log = e.lua("return vim.lsp.get_log_path and vim.lsp.get_log_path() or vim.lsp.log.get_filename()")
        assert Path(log).is_relative_to(lonely.home.folder)
        assert "Starting RPC client" in Path(log).read_text()
        e.quit()


def test_a_key_is_taken_for_any_variable_and_left_without_one(lonely: World) -> None:
    lonely.file("lexer.py", LEXER)
    e = plugin(lonely, "lexer.py", variables=alone(lonely))
    e.lua(TELL_ME, e.nvim.channel_id)
    before = e.lua("return client().id")
    e.lua("pick, words = 'Another…', 'OUR_API_KEY'")
    e.ex("Backburner key")
    for keys in ("<Esc>", "<C-c>", "<CR>", "two words<CR>"):
        type_where_asked(e, keys)
        e.until("vim.fn.mode() == 'n'")
        e.ex("Backburner key OUR_API_KEY")
    assert e.lua("return notes") == ["backburner: a key has no spaces."]
    assert e.lua("return client().id") == before
    give(e, KEY)
    e.ex("Backburner key it")
    e.until(NOTED, "it is no name of a variable")
    e.lua("pick = 'Other ways'")
    e.ex("Backburner key")
    e.until("vim.bo.filetype == 'markdown' and text():find('export ANTHROPIC_API_KEY=…', 1, true)")
    e.keys("q")
    e.until("vim.bo.filetype == 'python'")
    e.keys("qa")
    e.until("vim.fn.reg_recording() == 'a'")
    e.ex("Backburner key OUR_API_KEY")
    e.until(NOTED, "a macro is being recorded")


@pytest.mark.parametrize("version", VERSIONS)
def test_what_the_doctor_and_the_day_say_is_read_in_a_buffer(w: World, version: str) -> None:
    w.file("lexer.py", LEXER)
    e = plugin(w, "lexer.py", version=version)
    for verb, words in (("doctor", "**editor** (ok): Neovim"), ("today", "0 delegated")):
        e.ex(f"Backburner {verb}")
        e.until("text():find(..., 1, true)", words)
        assert e.lua("return { vim.bo.filetype, vim.bo.modifiable }") == ["markdown", False]
        assert e.lua("return vim.api.nvim_win_get_height(0) <= vim.api.nvim_win_text_height(0, {}).all")
        e.keys("q")
        e.until("vim.bo.filetype == 'python'")
    assert e.lua("return notes") == [], "what is shown is not told as well"


@pytest.mark.parametrize("version", VERSIONS)
def test_settings_of_a_project_are_read_before_exactly_they_are_approved(w: World, version: str) -> None:
    w.file("lexer.py", LEXER)
    e = plugin(w, "lexer.py", version=version)
    e.ex("Backburner trust")
    e.until(NOTED, "backburner.toml to approve")
    settings = w.file("backburner.toml", '[check]\ncommand = "true"\n')
    e.lua("notes, pick = {}, 'Not now'")
    e.ex("Backburner trust")
    e.until("#asked == 2 and vim.bo.filetype == 'toml' and not vim.bo.modifiable")
    assert e.text == settings.read_text()
    assert e.ask("trust")["approved"] is False
    e.keys("q")
    e.until("vim.bo.filetype == 'python'")
    e.lua("pick = 'Approve'")
    e.ex("Backburner trust backburner.toml")
    e.until(NOTED, "backburner: Approved backburner.toml as it is now.")
    assert e.ask("trust")["approved"] is True
    e.lua("asked, notes = {}, {}")
    e.ex("Backburner trust")
    e.until(NOTED, "backburner: backburner.toml is approved as it is.")
    assert e.lua("return asked") == []
    settings.write_text('[check]\ncommand = "false"\n')
    e.nvim.command("edit backburner.toml")
    e.act("Backburner: approve these settings", 1)
    e.until(NOTED, "backburner: Approved backburner.toml as it is now.")
    assert e.lua("return #vim.api.nvim_list_wins()") == 2, (
        "its text is on the screen already: the one shown before, and it"
    )
    assert e.lua("return vim.fn.getcompletion('Backburner trust back', 'cmdline')") == ["backburner.toml"]


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_said_while_the_server_starts_is_done_when_it_is_there(w: World, version: str) -> None:
    w.file("lexer.py", LEXER)
    e = plugin(w, "lexer.py", version=version)
    e.nvim.current.buffer[:] = ["# unsaved", *LEXER.splitlines()]
    before = e.lua("return client().id")
    e.lua("vim.cmd('Backburner restart'); vim.cmd('Backburner delegate rename the calls')")
    e.until("client() and client().id ~= ...", before)
    assert e.until_state(1, "ready")["hunks"][0]["line"] == 3
    assert e.lua("return notes") == []


@pytest.mark.parametrize("version", ["0.11", "0.12"])
def test_practice_needs_no_file(w: World, version: str) -> None:
    w.file("lexer.py", LEXER)
    e = plugin(w, "lexer.py", version=version)
    e.nvim.command("enew | bwipeout lexer.py")
    e.lua(
        "client_id = vim.lsp.get_clients({ name = 'backburner' })[1].id; vim.lsp.get_client_by_id(client_id):stop(true)"
    )
    e.until("vim.lsp.get_client_by_id(client_id) == nil")
    e.ex("Backburner practise")
    e.until("vim.fn.expand('%:t') == 'practise.py'")
    e.attached()


def test_what_holds_a_task_back_is_settled_with_a_verb(lonely: World) -> None:
    lonely.file("lexer.py", LEXER)
    variables = alone(lonely)
    e = plugin(lonely, "lexer.py", variables=variables)
    e.ex("Backburner delegate the first")
    e.until_lens("#1", 1)
    e.ex("3Backburner delegate the second")
    e.until_lens("#2", 3)
    e.go(3)
    e.ex("Backburner after 1")
    e.until_view(2, "behind #1", lambda view: view.get("after") == 1)
    e.go(1)
    e.lua("pick = '#2'")
    e.ex("Backburner after")
    e.until(NOTED, "#2 already waits for #1")
    assert not any(item.startswith("#1") for item in e.lua("return asked")), "it cannot wait for itself"
    e.lua("notes = {}")
    e.go(3)
    for words, said in (
        ("raise 1 $3", "#1 may cost up to $3"),
        ("raise $5", "#2 may cost up to $5"),
        ("raise today $250", "Today may cost up to $250"),
        ("raise 1 lots", "lots is no amount"),
        ("allow opus", "opus needs no permission"),
        ("allow", "#2 waits for no permission"),
    ):
        e.ex(f"Backburner {words}")
        e.until(NOTED, said)
    assert len(e.lua("return notes")) == 6, "each is said once"
    claude = Path(variables["PATH"]) / "claude"
    claude.write_text("#!/bin/sh\nsleep 30\n")
    claude.chmod(0o755)
    e.ex("Backburner restart")
    e.until_lens("may claude run? | Let it run", 1)
    assert e.ask("show", task=1)["held"]["reason"] == "unconfirmed"
    e.act("#1 Let claude run", 1)
    e.until(NOTED, "backburner: claude may run")
    assert (lonely.home.state / "config.toml").read_text() == "[agents.claude]\nnetwork = true\n"
    e.ex("Backburner stop 1")


def test_no_sentence_asks_for_enter_in_a_narrow_terminal_and_messages_has_it_whole(lonely: World) -> None:
    lonely.file("lexer.py", LEXER)
    init = lonely.folder / "init.lua"
    init.write_text(block("neovim", "lua", "vim.lsp.enable('backburner') -- 0.11 and newer"))
    variables = [f"{name}={value}" for name, value in alone(lonely).items()]
    (lonely.home.state / "config.toml").write_text('agent = "groq"\n')
    argv = ["env", *variables, need("nvim-0.11"), "--clean", "-n", "-u", str(init), "lexer.py"]
    t = Terminal(lonely, argv, columns=80)
    t.until("def parse")
    for command, begins in (
        ("delegate shorter", "backburner: #1 cannot start"),
        ("ollama", "backburner: Ollama does not"),
        ("no such verb, in many words of which the first does not fit", "backburner: there is no"),
        ("practise", "backburner: Practise in "),
    ):
        t.type(f":Backburner {command}")
        t.keys("Enter")
        assert "Press ENTER" not in t.until(begins)
        t.keys("C-l")
        t.until_gone(begins)
    t.type(":messages")
    t.keys("Enter")
    t.until("Press ENTER")
    whole = t.screen.replace("\n", "")
    for words in (f"Ollama does not answer at {NOBODY}.", "Practise in "):
        assert words in whole
