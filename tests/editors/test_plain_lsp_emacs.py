"""Emacs with Eglot in batch: a change is delegated from unsaved text, read and accepted by code actions alone."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from editors.neovim_world import world

pytestmark = pytest.mark.editor

RETURN_TWO = """
[[scene]]
[[scene.turn]]
calls = [{ tool = "edit", arguments = { path = "lexer.py", old = "return 1", new = "return 2" } }]
[[scene.turn]]
calls = [{ tool = "finish", arguments = { title = "Return two", summary = "It returns 2." } }]
"""


def test_delegate_read_and_accept_with_eglot() -> None:
    emacs = shutil.which("emacs")
    if emacs is None:
        reason = "Emacs is not here: scripts/install-test-tools gets it."
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with world() as w:
        w.script(RETURN_TWO)
        w.file("lexer.py", "def parse():\n    return 1\n")
        argv = [emacs, "-Q", "--batch", "-l", str(Path(__file__).with_name("plain_lsp_eglot.el"))]
        done = subprocess.run(argv, cwd=w.root, env=w.environment, capture_output=True, text=True, timeout=90)
        said = done.stdout + done.stderr
        assert done.returncode == 0, said
        assert 'TEXT "# not saved\ndef parse():\n    return 2\n"' in done.stdout, said
        assert done.stdout.rstrip().endswith("DONE"), said
        assert (w.root / "lexer.py").read_text() == "def parse():\n    return 1\n", "nothing was saved"
