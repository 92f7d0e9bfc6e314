"""Where the editors are that the tests drive, and what a test does when its editor is not there.

Pinned editors come with `scripts/install-test-tools`; in CI it is a failure when one is missing. The others come from other
Debian releases (`scripts/get-editors`) and may be out of reach; their tests are skipped and say which editor is missing.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
FETCHED = REPOSITORY / ".editors"


@dataclass(frozen=True)
class Program:
    title: str
    path: str
    version: str
    """What `--version` must say in its first line."""
    pinned: bool


PROGRAMS = {
    "nvim-0.7": Program("Neovim 0.7 (Debian)", shutil.which("nvim") or "nvim", r"NVIM v0\.7\.", pinned=True),
    "nvim-0.10": Program("Neovim 0.10", str(FETCHED / "nvim-0.10"), r"NVIM v0\.10\.", pinned=False),
    "nvim-0.11": Program("Neovim 0.11", str(FETCHED / "nvim-0.11/bin/nvim"), r"NVIM v0\.11\.4", pinned=True),
    "nvim-0.12": Program("Neovim 0.12", str(FETCHED / "nvim-0.12"), r"NVIM v0\.1[2-9]\.", pinned=False),
    "emacs-28": Program("Emacs 28 (Debian)", shutil.which("emacs") or "emacs", r"GNU Emacs 28\.", pinned=True),
    "emacs-30": Program("Emacs 30", str(FETCHED / "emacs-30"), r"GNU Emacs 3\d\.", pinned=False),
    "helix-25.01": Program("Helix 25.01", str(FETCHED / "hx-25.01"), r"helix 25\.01", pinned=False),
    "helix-25.07": Program("Helix 25.07", str(FETCHED / "hx-25.07"), r"helix (25\.0[7-9]|25\.1|2[6-9])", pinned=False),
    "vim": Program("Vim 9 with ALE (Debian)", shutil.which("vim") or "vim", r"VIM - Vi IMproved 9\.", pinned=True),
    "tmux": Program("tmux", shutil.which("tmux") or "tmux", r"tmux \d", pinned=True),
    "emmylua": Program("EmmyLua", str(FETCHED / "emmylua/emmylua_ls"), r"emmylua_ls \d", pinned=True),
}


def need(name: str) -> str:
    """The path of a program; without it the test is skipped, and fails in CI when it is a pinned one."""
    program = PROGRAMS[name]
    said = _version(program.path, "-V" if name == "tmux" else "--version")
    if re.match(program.version, said):
        return program.path
    script = "scripts/install-test-tools" if program.pinned else "scripts/get-editors"
    reason = f"{program.title} is missing ({said}): {script} gets it where it can be had."
    if program.pinned and os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@cache
def _version(path: str, flag: str) -> str:
    try:
        done = subprocess.run([path, flag], capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return f"no {path}"
    return (done.stdout or done.stderr).partition("\n")[0]
