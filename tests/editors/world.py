"""A person at a machine: a home with a daemon, projects, and editors that are closed when the test is over.

One home serves all tests of a process, so that its daemon and worker are started once; each test has a project of its own.
A test that breaks things (kills the daemon) takes a home for itself. The agent plays `script.toml`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

BACKBURNER = Path(sys.executable).with_name("backburner")
ENOUGH_S = 30.0
GIT = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
CONFIG = """
agent = "scripted"
[agents.scripted]
provider = "script"
script = "{script}"
"""


class Home:
    """A person's home. Short paths: a socket's is limited."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="bb", dir="/tmp"))
        self.state = self.folder / "home"
        self.state.mkdir(mode=0o700)
        (self.state / "config.toml").write_text(CONFIG.format(script=Path(__file__).with_name("script.toml")))
        self.projects = 0

    @property
    def variables(self) -> dict[str, str]:
        """What differs from this process's own environment; `backburner` is on PATH, as an editor's page expects."""
        places = {f"XDG_{name}_HOME": str(self.folder / name.lower()) for name in ("CONFIG", "STATE", "DATA", "CACHE")}
        path = f"{BACKBURNER.parent}{os.pathsep}{os.environ['PATH']}"
        return {**places, "HOME": str(self.folder), "BACKBURNER_HOME": str(self.state), "PATH": path}

    def kill_daemon(self) -> None:
        os.kill(int((self.state / "state/lock").read_text()), signal.SIGKILL)

    def close(self) -> None:
        argv = [str(BACKBURNER), "daemon", "stop"]
        subprocess.run(argv, env={**os.environ, **self.variables}, capture_output=True, timeout=30, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


class World:
    """One project in a home, and the editors that look at it."""

    def __init__(self, home: Home) -> None:
        self.home = home
        home.projects += 1
        self.folder = home.folder / str(home.projects)
        self.root = self.folder / "project"
        self.root.mkdir(parents=True)
        subprocess.run([*GIT, "init", "-q"], cwd=self.root, check=True)
        subprocess.run([*GIT, "commit", "-q", "--allow-empty", "-m", "start"], cwd=self.root, check=True)
        self.closing = contextlib.ExitStack()

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, **self.home.variables}

    def file(self, name: str, text: str) -> Path:
        path = self.root / name
        path.write_text(text)
        return path


@contextlib.contextmanager
def home() -> Iterator[Home]:
    made = Home()
    try:
        yield made
    finally:
        made.close()


@contextlib.contextmanager
def world(home: Home) -> Iterator[World]:
    made = World(home)
    with made.closing:
        yield made
