"""The help of the Neovim plugin is what its tables say."""

from __future__ import annotations

import subprocess

from editors.programs import REPOSITORY, need

PLUGIN = REPOSITORY / "clients/neovim"


def test_the_help_is_generated_from_the_options_and_verbs() -> None:
    argv = [need("nvim-0.11"), "--clean", "-l", str(PLUGIN / "scripts/help.lua"), "-"]
    said = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=20).stdout
    assert said == (PLUGIN / "doc/backburner.txt").read_text(), "run scripts/neovim-help"
