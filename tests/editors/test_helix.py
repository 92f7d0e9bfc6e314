"""Helix in a terminal, configured as its page says: delegate, see the problem, read, accept; all by `space a`."""

from __future__ import annotations

import re

import pytest

from editors.pages import block
from editors.programs import need
from editors.terminal import Terminal, wait_for
from editors.world import World

pytestmark = pytest.mark.editor

LEXER = "def parse():\n    first()\n    return 1\n"
ACTION = re.compile(r"(#\d+ (?:Read|Accept|Reject|Reply|Run|Answer|Draft|Tell|Stop)|Delegate: )")


def act(t: Terminal, title: str) -> None:
    """Choose from the menu of code actions, as soon as it offers this."""

    def offered() -> bool:
        t.keys("Space")
        t.until("Perform code action")  # Its own menu of keys.
        t.keys("a")
        if title in t.until_any("Delegate: write", "supports code actions", "No code actions"):
            return True
        t.keys("Escape")
        t.until_gone("Delegate: write")
        return False

    wait_for(offered, lambda: f"the action {title!r} in\n{t.screen}")
    rows = [line for line in t.screen.splitlines() if ACTION.search(line)]
    for _ in range(next(index for index, row in enumerate(rows) if title in row)):
        t.keys("Down")
    t.keys("Enter")


def test_delegate_read_and_accept(w: World) -> None:
    helix = w.home.folder / "config/helix"
    helix.mkdir(parents=True, exist_ok=True)
    (helix / "languages.toml").write_text(block("helix", "toml", "[language-server.backburner]"))
    (helix / "config.toml").write_text(block("helix", "toml", "[editor.lsp]"))
    w.file("lexer.py", LEXER)
    t = Terminal(w, [need("helix"), "lexer.py"])
    t.until("return 1")
    t.type("O# not saved")
    t.until("not saved")
    t.keys("Escape")
    t.until(" NOR ")
    t.type(":2")
    t.keys("Enter")
    act(t, "Delegate: implement parse()")
    act(t, "#1 Read")
    t.until("#1 is here: ")
    t.until("/1.diff")
    t.keys("Space")
    t.until("Open diagnostic picker")
    t.keys("d")
    t.until("Ready: Return two.")
    t.keys("Escape")
    t.until_gone("Ready: Return two.")
    act(t, "#1 Accept all")
    t.until("return 2")
    t.until_gone("●")
    assert "# not saved" in t.screen
    assert (w.root / "lexer.py").read_text() == LEXER, "nothing was saved"
