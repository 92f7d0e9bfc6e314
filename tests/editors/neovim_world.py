"""A person with a real, headless Neovim: a home and a project of their own, the real daemon, an agent that plays a script.

Nothing here sleeps for a fixed time: `until` polls for a fact and fails with what was seen when the deadline has passed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket as socket_of
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pynvim
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
NVIM = REPOSITORY / ".editors/nvim-0.11/bin/nvim"
PLUGIN = REPOSITORY / "clients/neovim"
BACKBURNER = Path(sys.executable).with_name("backburner")
ENOUGH_S = 20.0
GIT = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]

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
"""
WITH_PLUGIN = """
vim.opt.runtimepath:prepend(vim.env.BACKBURNER_PLUGIN)
vim.lsp.config('backburner', { cmd = { vim.env.BACKBURNER_PROGRAM, 'lsp' } })
vim.lsp.enable('backburner')
"""
PLAIN = """
vim.lsp.config('backburner', { cmd = { vim.env.BACKBURNER_PROGRAM, 'lsp' }, root_markers = { '.git' } })
vim.lsp.enable('backburner')
"""
ASK = """
local name, argument = ...
local client = vim.lsp.get_clients({ name = 'backburner' })[1]
local answer, problem = client:request_sync('workspace/executeCommand',
  { command = 'backburner.' .. name, arguments = { argument } }, 10000)
if problem then return { problem = problem } end
return { problem = answer.err and answer.err.message or nil, result = answer.result }
"""

SEEN = """
local marks = package.loaded['backburner.marks']
return {
  text = vim.api.nvim_buf_get_lines(0, 0, -1, false),
  notes = notes,
  asked = asked,
  messages = vim.fn.execute('messages'),
  lenses = marks and vim.inspect(marks.lines(vim.api.nvim_get_current_buf())),
}
"""


def nvim_or_skip() -> None:
    """Skip with the reason when Neovim is not here; in CI that is a failure."""
    if NVIM.exists():
        return
    reason = "Neovim is not here: scripts/install-test-tools gets it."
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


class Editor:
    """One Neovim, driven over its socket."""

    def __init__(self, process: subprocess.Popen[bytes], socket: Path, init: Path) -> None:
        self.process = process
        self.init = init
        wait_for(lambda: listens(socket), "the socket of Neovim")
        self.nvim = pynvim.attach("socket", path=str(socket))

    def lua(self, code: str, *arguments: Any) -> Any:
        return self.nvim.exec_lua(code, *arguments)

    def ex(self, command: str) -> None:
        """An Ex command, scheduled: one that asks something would block the channel."""
        self.lua("local c = ...; vim.schedule(function() vim.cmd(c) end)", command)

    def keys(self, keys: str) -> None:
        self.nvim.input(keys)

    @property
    def text(self) -> str:
        return "\n".join(self.nvim.current.buffer[:]) + "\n"

    def go(self, line: int) -> None:
        self.nvim.current.window.cursor = (line, 0)

    def until(self, code: str, *arguments: Any, timeout_s: float = ENOUGH_S) -> Any:
        """The first true value of a Lua expression."""
        found: Any = None

        def look() -> bool:
            nonlocal found
            found = self.lua(code if "return" in code else f"return {code}", *arguments)
            return bool(found)

        wait_for(look, lambda: f"{code} {arguments}; {self.seen()}", timeout_s)
        return found

    def until_text(self, text: str) -> None:
        wait_for(lambda: self.text == text, lambda: f"the text {text!r}; {self.seen()}")

    def ask(self, name: str, **argument: Any) -> Any:
        """A command of the server, as the editor would send it."""
        answer = self.lua(ASK, name, argument)
        assert not answer.get("problem"), answer["problem"]
        return answer.get("result")

    def until_state(self, task: int, state: str) -> dict[str, Any]:
        view: dict[str, Any] = {}

        def look() -> bool:
            view.clear()
            view.update(self.lua(ASK, "show", {"task": task}).get("result") or {})
            return view.get("state") == state

        wait_for(look, lambda: f"#{task} {state}, it is {view}; {self.seen()}")
        return view

    def attached(self) -> None:
        self.until("#vim.lsp.get_clients({ name = 'backburner', bufnr = 0 }) > 0")
        self.until("vim.lsp.get_clients({ name = 'backburner', bufnr = 0 })[1].initialized")

    def lens(self, wanted: str, line: int) -> None:
        """Wait until a line shows this lens text."""
        self.until(
            "local line, wanted = ...; local t = require('backburner.marks').lines(vim.api.nvim_get_current_buf())[line]; "
            "return t and t:find(wanted, 1, true) ~= nil",
            line - 1,
            wanted,
        )

    def seen(self) -> str:
        with contextlib.suppress(Exception):
            return str(self.lua(SEEN))
        return "Neovim does not answer"

    def quit(self) -> None:
        with contextlib.suppress(Exception):
            self.nvim.command("qa!", async_=True)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        with contextlib.suppress(Exception):
            self.nvim.close()


class World:
    """Home, project and everything that was started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home, self.root = folder / "home", folder / "project"
        self.home.mkdir(mode=0o700)
        self.root.mkdir()
        subprocess.run([*GIT, "init", "-q"], cwd=self.root, check=True)
        subprocess.run([*GIT, "commit", "-q", "--allow-empty", "-m", "start"], cwd=self.root, check=True)
        self.editors: list[Editor] = []
        self.script("")

    def script(self, scenes: str) -> None:
        """What the agent does, as `providers/scripted.py` has it."""
        path = self.home / "script.toml"
        path.write_text(scenes)
        (self.home / "config.toml").write_text(
            f'agent = "scripted"\n[agents.scripted]\nprovider = "script"\nscript = "{path}"\n'
        )

    @property
    def environment(self) -> dict[str, str]:
        places = {f"XDG_{name}_HOME": str(self.folder / name.lower()) for name in ("CONFIG", "STATE", "DATA", "CACHE")}
        return {
            **os.environ,
            **places,
            "HOME": str(self.folder),
            "BACKBURNER_HOME": str(self.home),
            "BACKBURNER_PLUGIN": str(PLUGIN),
            "BACKBURNER_PROGRAM": str(BACKBURNER),
        }

    def file(self, name: str, text: str) -> Path:
        path = self.root / name
        path.write_text(text)
        return path

    def editor(self, name: str, *, plain: bool = False, more: str = "") -> Editor:
        nvim_or_skip()
        number = len(self.editors)
        init, socket = self.folder / f"init{number}.lua", self.folder / f"nvim{number}"
        init.write_text(COMMON + (PLAIN if plain else WITH_PLUGIN) + more)
        argv = [str(NVIM), "--clean", "--headless", "-u", str(init), "--listen", str(socket), name]
        process = subprocess.Popen(
            argv, cwd=self.root, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        editor = Editor(process, socket, init)
        self.editors.append(editor)
        editor.attached()
        return editor

    def kill_daemon(self) -> None:
        os.kill(int((self.home / "state/lock").read_text()), signal.SIGKILL)

    def close(self) -> None:
        for editor in self.editors:
            editor.quit()
        argv = [str(BACKBURNER), "daemon", "stop"]
        subprocess.run(argv, env=self.environment, capture_output=True, timeout=20, check=False)


@contextlib.contextmanager
def world() -> Iterator[World]:
    """Short paths: a socket's is limited."""
    folder = Path(tempfile.mkdtemp(prefix="bb", dir="/tmp"))
    made = World(folder)
    try:
        yield made
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)


def listens(path: Path) -> bool:
    """Whether somebody answers at a socket: its file is there a moment earlier."""
    with socket_of.socket(socket_of.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def wait_for(fact: Callable[[], object], what: str | Callable[[], str], timeout_s: float = ENOUGH_S) -> None:
    """Poll until it holds."""
    deadline = time.monotonic() + timeout_s
    while not fact():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s:g} s: {what if isinstance(what, str) else what()}")
        time.sleep(0.03)
