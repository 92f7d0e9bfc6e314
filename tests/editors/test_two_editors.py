"""Two different editors without a plugin on one project, each with other unsaved text: Helix, and Neovim 0.7 that tells its
changes a second and a half late, so after the answer to an edit."""

from __future__ import annotations

import pytest

from editors.helix import Helix
from editors.neovim import plain
from editors.world import World

pytestmark = pytest.mark.editor

LEXER = "def parse():\n    first()\n    a = 1\n    last()\n    return 1\n"
LATE = """
local start = vim.lsp.start_client
vim.lsp.start_client = function(config)
  config.flags = { debounce_text_changes = 1500 }
  return start(config)
end
"""


def test_each_keeps_its_unsaved_text_and_a_verdict_in_one_takes_the_mark_from_the_other(w: World) -> None:
    w.file("lexer.py", LEXER)
    helix = Helix(w, "25.01", "lexer.py")
    helix.insert("O", "# in Helix")
    neovim = plain(w, "lexer.py", version="0.7", more=LATE)
    neovim.nvim.current.buffer.append("# in Neovim", 5)

    helix.go("lexer.py:2:5")
    helix.act("Delegate: implement parse()")
    helix.until("Ready: Return two.")
    neovim.until_problem("Ready: Return two.")
    neovim.act("#1 Read", 1)
    neovim.act("#1 Accept all", 1)
    neovim.until_text(LEXER.replace("return 1", "return 2") + "# in Neovim\n")
    helix.until_gone("●")
    neovim.until("#vim.diagnostic.get(0) == 0")
    assert neovim.ask("show", task=1)["state"] == "accepted"
    assert [words in helix.screen for words in ("# in Helix", "return 1", "# in Neovim")] == [True, True, False]
    assert (w.root / "lexer.py").read_text() == LEXER, "nothing was saved"
