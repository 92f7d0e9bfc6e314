"""The help of the Neovim plugin is what its tables say."""

from __future__ import annotations

import subprocess

from editors.neovim_world import NVIM, PLUGIN, nvim_or_skip


def test_the_help_is_generated_from_the_options_and_verbs() -> None:
    nvim_or_skip()
    argv = [str(NVIM), "--clean", "-l", str(PLUGIN / "scripts/help.lua"), "-"]
    said = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=20).stdout
    assert said == (PLUGIN / "doc/backburner.txt").read_text(), "run scripts/neovim-help"
