"""Helix in a terminal: delegate, read, judge, undo, answer and reply, with nothing but its own menu of code actions."""

from __future__ import annotations

import pytest

from editors.helix import Helix
from editors.world import World

pytestmark = pytest.mark.editor

LEXER = "def parse():\n    first()\n    a = 1\n    last()\n    return 1\n"
PARSE = "lexer.py:2:5"


@pytest.mark.parametrize("version", ["25.01", "25.07"])
def test_delegate_read_judge_undo_answer_and_reply(w: World, version: str) -> None:
    w.file("lexer.py", LEXER)
    h = Helix(w, version, "lexer.py")
    h.insert("O", "# not saved")

    h.go(PARSE)
    h.act("Delegate: implement parse()")
    h.act("#1 Read")
    assert "+    return 2" in h.shown("/1.diff")
    h.go(PARSE)
    h.keys("Space")
    h.until("Open diagnostic picker")
    h.keys("d")
    h.until("#1   Ready: Return two.")
    h.keys("Escape")
    h.until_gone("#1   Ready: Return two.")
    h.act("#1 Accept all")
    h.until("return 2")
    h.until_gone("●")
    h.type("u")
    h.until("return 1")
    h.go(PARSE)
    h.act("#1 Reject all")
    h.until_gone("●")

    h.act("Delegate: write instruction")
    h.shown("/instruction-1.md")
    h.write("rename the calls")
    h.go(PARSE)
    h.act("#2 Read")
    h.shown("/2.diff")
    h.find("one")
    h.act("#2 Accept this hunk")
    h.find("two")
    h.act("#2 Reject this hunk")
    h.go(PARSE)
    h.until_gone("●")
    assert "# not saved" in h.screen
    assert "one()" in h.screen
    assert "last()" in h.screen

    h.act("Delegate: write instruction")
    h.shown("/instruction-2.md")
    h.write("rename if you may")
    h.go(PARSE)
    h.act("#3 Answer: keep")
    h.act("#3 Read")
    assert "It stays as it is." in h.shown("/3.md")
    h.go(PARSE)
    h.act("#3 Reply")
    h.shown("/reply-3-1.md")
    h.write("The last too")
    h.go(PARSE)
    h.until("Ready: Rename the last call.")
    h.act("#3 Read")
    assert "+    two()" in h.shown("/3.diff")
    assert (w.root / "lexer.py").read_text() == LEXER, "nothing was saved"
