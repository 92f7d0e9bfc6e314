"""Vim with ALE in a terminal, configured as its page says: all by `:ALECodeAction`, and by files that are saved."""

from __future__ import annotations

import re
import subprocess

import pytest

from editors.pages import block
from editors.programs import need
from editors.terminal import Terminal, wait_for
from editors.world import BACKBURNER, World

pytestmark = pytest.mark.editor

LEXER = "def parse():\n    first()\n    last()\n    return 1\n"
PROMPT = "Type number and <Enter> (empty cancels)"
NOT_FOUND = 3


def vim(w: World) -> Terminal:
    """With a line that is not saved, and the cursor in `parse`."""
    (w.home.folder / ".vimrc").write_text(block("vim", "vim", "packadd! ale"))
    w.file("lexer.py", LEXER)
    t = Terminal(w, [need("vim"), "lexer.py"])
    t.until("return 1")
    t.type("O# not saved")
    t.until("not saved")
    t.keys("Escape")
    ex(t, "3")
    return t


def ex(t: Terminal, command: str) -> None:
    t.type(f":{command}")
    t.keys("Enter")


def choose(t: Terminal, title: str) -> None:
    """Ask for the menu of code actions until it offers this, and type its number."""

    def offered() -> bool:
        ex(t, "ALECodeAction")
        row = re.search(rf"^(\d+)\) {re.escape(title)}", t.until(PROMPT), re.MULTILINE)
        if row is not None:
            t.type(row[1])
            return True
        t.keys("Enter")
        t.until_gone(PROMPT)
        return False

    wait_for(offered, lambda: f"the action {title!r} in\n{t.screen}")


def act(t: Terminal, title: str) -> None:
    choose(t, title)
    t.keys("Enter")
    t.until_gone(PROMPT)


def open_told(t: Terminal, words: str, path: str) -> None:
    """Open the document whose path is told."""
    assert path in t.until(words)
    ex(t, "BackburnerOpen")
    t.until_gone(words)


def write(t: Terminal, words: str) -> None:
    """Write into the file that is told, save it twice, leave it."""
    open_told(t, "and save it: ", "/letters/")
    t.type(f"Go{words}")
    t.keys("Escape")
    ex(t, "w")
    ex(t, "wq")
    t.until_gone(words)


def backburner(w: World, *words: str) -> int:
    """The same in a terminal beside it."""
    argv = [str(BACKBURNER), *words]
    return subprocess.run(argv, cwd=w.root, env=w.environment, capture_output=True, timeout=30, check=False).returncode


def test_delegate_read_save_accept_and_undo(w: World) -> None:
    t = vim(w)
    act(t, "Delegate: implement parse()")
    t.until("> Ready: Return two.")
    act(t, "#1 Read")
    open_told(t, "#1 is here: ", "/1.diff")
    t.until("@@ -2,4 +2,4 @@")  # From the second line on: the agent saw the one that was not saved.
    ex(t, "q")
    t.until_gone("1.diff")
    act(t, "#1 Accept all")
    t.until("This editor takes no edits, and lexer.py has unsaved changes. Save it first.")
    assert (w.root / "lexer.py").read_text() == LEXER
    ex(t, "w")
    act(t, "#1 Accept all")
    t.until("return 2")
    t.until_gone("> Ready")
    assert (w.root / "lexer.py").read_text() == "# not saved\n" + LEXER.replace("return 1", "return 2")
    t.type("u")
    t.until("> Ready: Return two.")
    assert "return 1" in t.screen


def test_instruction_draft_note_and_one_hunk(w: World) -> None:
    t = vim(w)
    act(t, "Delegate: write instruction")
    write(t, "rename very slowly")
    act(t, "#1 Draft")
    open_told(t, "The draft of #1 is here: ", "/1-draft.diff")
    t.until("+    one()")
    ex(t, "q")
    t.until_gone("draft.diff")
    act(t, "#1 Tell it…")
    write(t, "The last too")
    t.until("> Ready: Rename the last call.")
    ex(t, "w")
    act(t, "#1 Read")
    open_told(t, "#1 is here: ", "/1.diff")
    t.until("Hunk 1 of 1")
    ex(t, "/two")
    act(t, "#1 Accept this hunk")
    ex(t, "q")
    t.until_gone("1.diff")
    t.until("two()")
    assert backburner(w, "show", "2") == NOT_FOUND, "saving twice started one task"
    accepted = "# not saved\n" + LEXER.replace("first()", "one()").replace("last()", "two()")
    assert (w.root / "lexer.py").read_text() == accepted


def test_question_report_reply_and_refusal(w: World) -> None:
    t = vim(w)
    act(t, "Delegate: write instruction")
    write(t, "rename if you may")
    act(t, "#1 Answer: keep")
    t.until("> Ready: no change needed.")
    act(t, "#1 Read")
    open_told(t, "#1 is here: ", "/1.md")
    t.until("It stays as it is.")
    ex(t, "q")
    act(t, "#1 Reply…")
    write(t, "The last too")
    t.until("> Ready: Rename the last call.")
    act(t, "#1 Read")
    choose(t, "#1 Reject all")
    assert backburner(w, "reject", "1") == 0
    t.keys("Enter")
    t.until("Everything of #1 is decided already.")
    t.until_gone("> Ready")
    assert (w.root / "lexer.py").read_text() == LEXER
