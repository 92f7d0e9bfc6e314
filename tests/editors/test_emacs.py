"""Emacs in batch, with Eglot and lsp-mode as their page configures them: everything by code actions and files."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from editors.pages import block
from editors.programs import need
from editors.world import World

pytestmark = pytest.mark.editor

LEXER = "def parse():\n    first()\n    a = 1\n    last()\n    return 1\n"


@pytest.mark.parametrize(("emacs", "client"), [("28", "eglot"), ("28", "lsp-mode"), ("30", "eglot")])
def test_delegate_steer_answer_reply_and_judge(w: World, emacs: str, client: str) -> None:
    w.file("lexer.py", LEXER)
    page = w.folder / "page.el"
    page.write_text(block("emacs", "elisp", "(require 'eglot)" if client == "eglot" else "(require 'lsp-mode)"))
    variables = {**w.environment, "BACKBURNER_CLIENT": client, "BACKBURNER_PAGE": str(page)}
    argv = [need(f"emacs-{emacs}"), "-Q", "--batch", "-l", str(Path(__file__).with_name("journey.el"))]
    done = subprocess.run(argv, cwd=w.root, env=variables, capture_output=True, text=True, timeout=110, check=False)
    said = dict(line.partition(" ")[::2] for line in done.stdout.splitlines())
    assert done.returncode == 0, done.stdout + done.stderr
    accepted = "# not saved\n" + LEXER.replace("return 1", "return 2")
    texts = {name: json.loads(text) for name, text in said.items() if text}
    assert texts == {
        "ACCEPTED": accepted,
        "REJECTED": accepted,
        "HUNK": accepted.replace("last()", "two()"),
    }
    assert {"DRAFT", "STEERED", "ANSWERED", "DONE"} <= said.keys()
    assert (w.root / "lexer.py").read_text() == LEXER, "nothing was saved"
