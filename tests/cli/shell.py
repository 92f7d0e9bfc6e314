"""A shell in a project, for tests that go the whole way: command line, daemon, worker, SDK, emulated providers."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daemon_home import REAL, Home, new_home
from emulator.script import Script
from emulator.server import Emulator

BEFORE = "def add(a, b):\n    return a - b\n\n\ndef mul(a, b):\n    return a + b\n"


@dataclass
class Shell:
    """A shell in a project, with the keys of the emulated providers."""

    home: Home
    project: Path
    env: dict[str, str]
    emulator: Emulator

    async def __call__(self, *words: str, code: int = 0) -> Any:
        """Run a verb with `--json`; its JSON. Fails when the exit code is another one."""
        ended = await self.run(*words, "--json")
        assert ended.returncode == code, (ended.returncode, ended.stdout, ended.stderr)
        return json.loads(ended.stdout) if ended.stdout.strip() else None

    async def run(self, *words: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
        """Run the program as a person does who has no terminal."""
        return await asyncio.to_thread(
            subprocess.run,
            [sys.executable, REAL, *words],
            cwd=cwd or self.project,
            env={**self.home.environment, **self.env, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=90,
        )

    async def start(self, *words: str, stdout: int = asyncio.subprocess.PIPE) -> asyncio.subprocess.Process:
        """The same, not waited for."""
        return await asyncio.create_subprocess_exec(
            sys.executable,
            REAL,
            *words,
            cwd=self.project,
            env={**self.home.environment, **self.env},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=stdout,
            stderr=asyncio.subprocess.PIPE,
        )

    def text(self) -> str:
        return (self.project / "calc.py").read_text()


def make_project(folder: Path, files: Mapping[str, str] | None = None) -> Path:
    """A Git project with one commit."""
    folder.mkdir()
    for path, text in (files or {"calc.py": BEFORE}).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    for words in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=T", "-c", "user.email=t@example.org", "commit", "-qm", "first"],
    ):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


@asynccontextmanager
async def open_shell(
    folder: Path, script: Script, config: str = "", files: Mapping[str, str] | None = None, **emulator: Any
) -> AsyncIterator[Shell]:
    """A shell in a new project below `folder`, with providers that play the script."""
    with new_home(REAL) as home:
        if config:
            (home.path / "config.toml").write_text(config)
        async with Emulator(script, **emulator) as emulated:
            yield Shell(home, make_project(folder / "project", files), emulated.env(), emulated)
