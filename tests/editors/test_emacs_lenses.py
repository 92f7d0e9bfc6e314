"""Emacs in a terminal, where lsp-mode draws lenses: they are read there and clicked with the mouse."""

from __future__ import annotations

from pathlib import Path

import pytest

from editors.pages import block
from editors.programs import need
from editors.terminal import Terminal
from editors.world import World

pytestmark = pytest.mark.editor

LEXER = "def parse():\n    first()\n    return 1\n"
SETTINGS = "(progn (setq create-lockfiles nil native-comp-deferred-compilation nil) (xterm-mouse-mode 1))"


def click(t: Terminal, words: str) -> None:
    """With the left button, in the middle of some words."""
    lines = t.until(words).splitlines()
    row = next(number for number, line in enumerate(lines, 1) if words in line)
    column = lines[row - 1].index(words) + len(words) // 2 + 1
    t.type(f"\x1b[<0;{column};{row}M\x1b[<0;{column};{row}m")


def test_lenses_are_drawn_and_can_be_clicked(w: World) -> None:
    w.file("lexer.py", LEXER)
    page = w.folder / "page.el"
    page.write_text(block("emacs", "elisp", "(require 'lsp-mode)"))
    packages = str(Path(__file__).with_name("packages.el"))
    t = Terminal(w, [need("emacs-28"), "-nw", "-Q", "--eval", SETTINGS, "-l", packages, "-l", str(page), "lexer.py"])
    t.until("Import project root")
    t.type("i")
    t.until("💡")  # It knows what is offered here.
    t.keys("M-x")
    t.until("M-x")
    t.type("lsp-execute-code-action")
    t.keys("Enter")
    t.until("Select code action:")
    t.type("D")
    t.keys("Tab")
    t.until("code action: Delegate:")
    t.type("i")
    t.keys("Tab")
    t.until("Delegate: implement parse()")
    t.keys("Enter")
    t.until("def parse(): ✓ #1 Return two  +1 −1|Read")
    click(t, "Read")
    t.until("#1 is here: ")
    t.until("def parse(): ✓ #1 Return two  +1 −1|Accept|Reject|Reply")
    click(t, "Accept")
    t.until("    return 2")
    t.until_gone("#1")
    assert (w.root / "lexer.py").read_text() == LEXER, "nothing was saved"
