"""A program in a terminal of its own (tmux): keys go in, the screen comes out."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Callable

from editors.programs import need
from editors.world import ENOUGH_S, World


class Terminal:
    """30 lines."""

    def __init__(self, w: World, argv: list[str], columns: int = 110) -> None:
        self._argv = [need("tmux"), "-S", str(w.folder / "tmux"), "-f", "/dev/null"]
        variables = [f"{name}={value}" for name, value in w.home.variables.items()]
        command = shlex.join(["env", *variables, "TERM=screen-256color", *argv])
        self._tmux("new-session", "-d", "-x", str(columns), "-y", "30", "-c", str(w.root), command)
        w.closing.callback(lambda: self._tmux("kill-server"))

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run([*self._argv, *arguments], capture_output=True, text=True, timeout=20, check=False)
        return done.stdout

    def keys(self, *keys: str) -> None:
        """Names as tmux has them: `Enter`, `Escape`, `C-w`."""
        self._tmux("send-keys", *keys)

    def type(self, text: str) -> None:
        self._tmux("send-keys", "-l", text)

    @property
    def screen(self) -> str:
        return self._tmux("capture-pane", "-p")

    @property
    def styled(self) -> str:
        """The screen with its colours, as escape sequences."""
        return self._tmux("capture-pane", "-p", "-e")

    def until(self, words: str) -> str:
        return self.until_any(words)

    def until_any(self, *words: str) -> str:
        """The screen, once one of these is on it."""
        found = ""

        def look() -> bool:
            nonlocal found
            found = self.screen
            return any(word in found for word in words)

        wait_for(look, lambda: f"{words} in\n{found}")
        return found

    def until_gone(self, words: str) -> None:
        wait_for(lambda: words not in self.screen, lambda: f"the end of {words!r} in\n{self.screen}")


def wait_for(fact: Callable[[], object], what: Callable[[], str]) -> None:
    """Look until it holds: a terminal tells nobody when it changed."""
    deadline = time.monotonic() + ENOUGH_S
    while not fact():
        assert time.monotonic() < deadline, f"not within {ENOUGH_S:g} s: {what()}"
        time.sleep(0.05)
