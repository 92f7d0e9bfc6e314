"""A real, headless Neovim (0.7 to 0.12), driven over its own standard input and output, with the configuration of its page.

Waiting is done inside Neovim: it looks again whenever anything happened there, and nothing is polled from here.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any

import pynvim

from editors.pages import block
from editors.programs import need
from editors.world import ENOUGH_S, World

NOTHING: Mapping[str, str] = {}
VERSIONS = ("0.11", "0.10", "0.12")
"""Of the plugin; the first is the one in which every journey runs."""

COMMON = """
vim.o.swapfile = false
vim.o.shadafile = 'NONE'
_G.notes, _G.asked, _G.pick, _G.words = {}, {}, '', ''
vim.notify = function(text, level) table.insert(_G.notes, text) end
vim.ui.input = function(options, done) table.insert(_G.asked, options.prompt); done(_G.words) end
vim.ui.select = function(items, options, done)
  for index, item in ipairs(items) do
    local title = (options.format_item or tostring)(item)
    table.insert(_G.asked, title)
    if title:find(_G.pick, 1, true) then return done(item, index) end
  end
  done(nil, nil)
end
_G.client = function()
  for _, client in ipairs((vim.lsp.get_clients or vim.lsp.get_active_clients)()) do
    if client.name == 'backburner' and vim.lsp.buf_is_attached(0, client.id) then return client end
  end
end
_G.text = function() return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\\n') .. '\\n' end
"""
UNTIL = """
local code, milliseconds, arguments = ...
local look, found = assert(loadstring(code)), nil
vim.wait(milliseconds, function()
  found = look(unpack(arguments))
  return found
end, 20)
return found
"""
ASK = """
local name, argument = ...
local client = _G.client() or vim.lsp.get_clients({ name = 'backburner' })[1]
local params = { command = 'backburner.' .. name, arguments = { argument } }
local answer, problem
if vim.fn.has('nvim-0.11') == 1 then
  answer, problem = client:request_sync('workspace/executeCommand', params, 20000)
else
  answer, problem = client.request_sync('workspace/executeCommand', params, 20000, vim.api.nvim_get_current_buf())
end
if not answer then return { problem = problem or 'no answer' } end
return { problem = answer.err and answer.err.message or nil, result = answer.result }
"""
SEEN = """
local marks = package.loaded['backburner.marks']
return {
  name = vim.api.nvim_buf_get_name(0),
  text = vim.api.nvim_buf_get_lines(0, 0, -1, false),
  notes = notes,
  asked = asked,
  messages = vim.api.nvim_exec('messages', true),
  problems = vim.tbl_map(function(problem) return problem.message end, vim.diagnostic.get()),
  lenses = marks and vim.inspect(marks.lines(vim.api.nvim_get_current_buf())),
}
"""


class Neovim:
    """One Neovim with a file open, attached to the server."""

    def __init__(self, w: World, version: str, init: str, file: str, more: Mapping[str, str]) -> None:
        number = len(list(w.folder.glob("init*.lua")))
        path = w.folder / f"init{number}.lua"
        path.write_text(init)
        variables = [f"{name}={value}" for name, value in {**w.home.variables, **more}.items()]
        argv = ["env", "-C", str(w.root), *variables, need(f"nvim-{version}"), "--clean", "--embed", "--headless"]
        self.w = w
        self.nvim = pynvim.attach("child", argv=[*argv, "-u", str(path), file])
        self.pid: int = self.nvim.call("getpid")
        self.ended = os.pidfd_open(self.pid)
        w.closing.callback(self.quit)
        self.attached()

    # Acting.

    def lua(self, code: str, *arguments: Any) -> Any:
        return self.nvim.exec_lua(code, *arguments)

    def ex(self, command: str) -> None:
        """An Ex command, scheduled: one that asks something would block the channel."""
        self.lua("local c = ...; vim.schedule(function() vim.cmd(c) end)", command)

    def keys(self, keys: str) -> None:
        self.nvim.input(keys)

    def go(self, line: int) -> None:
        self.nvim.current.window.cursor = (line, 0)

    def act(self, title: str, line: int) -> None:
        """Choose from Neovim's own menu of code actions, as soon as it offers this."""
        deadline = time.monotonic() + ENOUGH_S
        while True:
            self.go(line)
            self.lua("asked, notes, pick = {}, {}, ...", title)
            self.lua("vim.schedule(vim.lsp.buf.code_action)")
            self.until("#asked > 0 or vim.tbl_contains(notes, 'No code actions available')")
            offered = self.lua("return asked")
            assert offered, "there is always something that can be done; the server waits for its project"
            if any(title in item for item in offered):
                return
            assert time.monotonic() < deadline, f"the action {title!r}; {self.seen()}"
            # What is offered changes with the server; let Neovim go on until it has said something, or for a moment.
            self.lua("vim.wait(100, function() return #notes > 1 end)")

    def quit(self) -> None:
        if select.select([self.ended], [], [], 0)[0]:
            return
        with contextlib.suppress(Exception):
            self.nvim.command("qa!", async_=True)
        if not select.select([self.ended], [], [], 10)[0]:
            os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(Exception):
            self.nvim.close()

    # Looking.

    @property
    def text(self) -> str:
        return "\n".join(self.nvim.current.buffer[:]) + "\n"

    def until(self, code: str, *arguments: Any, timeout_s: float = ENOUGH_S) -> Any:
        """The first true value of a Lua expression."""
        code = code if "return" in code else f"return {code}"
        deadline = time.monotonic() + timeout_s
        # Keys that were typed are only read between two of these.
        while not (found := self.lua(UNTIL, code, 250, list(arguments))):
            assert time.monotonic() < deadline, f"not within {timeout_s:g} s: {code} {arguments}; {self.seen()}"
        return found

    def until_text(self, text: str) -> None:
        self.until("text() == ...", text)

    def until_problem(self, text: str) -> None:
        """Wait for one of our problems with these words in it."""
        self.until(
            "local wanted = ...; for _, problem in ipairs(vim.diagnostic.get(0)) do "
            "if problem.message:find(wanted, 1, true) then return true end end",
            text,
        )

    def until_lens(self, wanted: str, line: int) -> None:
        """Wait until a line shows this lens text (plugin)."""
        self.until(
            "local line, wanted = ...; local t = require('backburner.marks').lines(vim.api.nvim_get_current_buf())[line]; "
            "return t and t:find(wanted, 1, true) ~= nil",
            line - 1,
            wanted,
        )

    def ask(self, name: str, **argument: Any) -> Any:
        """A command of the server, as the editor would send it."""
        answer = self.lua(ASK, name, argument)
        assert not answer.get("problem"), answer["problem"]
        return answer.get("result")

    def until_view(self, task: int, what: str, fact: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The server's view of a task, once this holds for it."""
        deadline = time.monotonic() + ENOUGH_S
        while True:
            view: dict[str, Any] = self.lua(ASK, "show", {"task": task}).get("result") or {}
            if view and fact(view):
                return view
            assert time.monotonic() < deadline, f"#{task} {what}, it is {view}; {self.seen()}"
            self.lua("vim.wait(100)")

    def until_state(self, task: int, state: str) -> dict[str, Any]:
        return self.until_view(task, state, lambda view: view["state"] == state)

    def until_verdicts(self, task: int, *verdicts: str) -> None:
        """Wait until the hunks of a result have these verdicts, in the order of the text."""

        def fact(view: dict[str, Any]) -> bool:
            return [hunk["verdict"] for hunk in view["hunks"]] == list(verdicts)

        self.until_view(task, f"with hunks {verdicts}", fact)

    def attached(self) -> None:
        self.until("client() and client().initialized")

    def seen(self) -> str:
        with contextlib.suppress(Exception):
            return str(self.lua(SEEN))
        return "Neovim does not answer"


def plugin(
    w: World, file: str, *, version: str = VERSIONS[0], more: str = "", variables: Mapping[str, str] = NOTHING
) -> Neovim:
    """With our plugin, installed as the page says. `variables`: of its environment, beside those of the home."""
    init = block("neovim", "lua", "vim.lsp.enable('backburner') -- 0.11 and newer")
    if version == "0.10":
        init = init.replace("vim.lsp.enable", "-- vim.lsp.enable").replace(
            "-- require('backburner')", "require('backburner')"
        )
    return Neovim(w, version, COMMON + init + more, file, variables)


def plain(w: World, file: str, *, version: str = "0.11", more: str = "") -> Neovim:
    """With nothing but Neovim's own LSP client, configured as the page says."""
    old = version in ("0.7", "0.10")
    config = block("neovim", "lua", "start_client" if old else "vim.lsp.config(")
    return Neovim(w, version, COMMON + config + more, file, NOTHING)
