"""Real repositories in temporary folders, with a git configuration of their own."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from backburner.workspace.shadow import Shadow


class Project:
    """A folder of a person, with or without git."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def git(self, *arguments: str, ok: bool = True, stdin: bytes | None = None) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.root, capture_output=True, input=stdin, check=False)
        assert not ok or done.returncode == 0, done.stderr.decode()
        return done.stdout.decode("utf-8", "replace").strip()

    def init(self) -> Project:
        self.git("init", "-q", "-b", "main")
        return self

    def write(self, path: str, data: bytes | str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data.encode() if isinstance(data, str) else data)
        return file

    def commit(self, message: str = "change") -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")


def contents(folder: Path, *, but: Callable[[str], bool] = lambda path: False) -> dict[str, str]:
    """Every file below a folder with a digest of its bytes; links with their target."""
    found: dict[str, str] = {}
    for parent, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            path = os.path.join(parent, name)
            short = os.path.relpath(path, folder)
            if but(short):
                continue
            if os.path.islink(path):
                found[short] = "-> " + os.readlink(path)
            elif os.path.isfile(path):
                with open(path, "rb") as file:
                    found[short] = hashlib.sha1(file.read()).hexdigest()
    return found


def our_pin(path: str) -> bool:
    return "refs/backburner" in path


@pytest.fixture(autouse=True)
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder and a git configuration that nobody else has."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\n\tname = A Person\n\temail = person@localhost\n[gc]\n\tauto = 0\n")
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return home


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "home" / "project").init()


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Callable[[Path], Awaitable[Shadow]]]:
    """Opens shadows in the state folder and closes them at the end; the same folder for every root."""
    shadows: list[Shadow] = []

    async def open_shadow(root: Path, folder: str = "shadow.git") -> Shadow:
        shadow = await Shadow.open(tmp_path / "state" / folder, root)
        shadows.append(shadow)
        return shadow

    yield open_shadow
    for shadow in shadows:
        await shadow.close()
