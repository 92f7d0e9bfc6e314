"""The types in the Neovim plugin's Lua files hold, against Neovim's own."""

from __future__ import annotations

import subprocess

from editors.programs import REPOSITORY, need


def test_the_types_of_the_lua_files_hold() -> None:
    script = REPOSITORY / "clients/neovim/scripts/types.lua"
    argv = [need("nvim-0.11"), "--clean", "-l", str(script), need("emmylua")]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
