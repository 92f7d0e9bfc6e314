"""Every text file beside this one is a case, played against the real server over standard streams. See README.md."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from emulator.server import Emulator
from lsp_client import PLAIN, Client, started
from lsp_house import house
from scenarios.archive import Archive, read
from scenarios.day import Day
from scenarios.runner import Scenario

HERE = Path(__file__).parent
CASES = sorted(HERE.glob("*.txt"))
OURS = {"experimental": {"backburner": {"status": True}}, "window": {"showDocument": {"support": True}}}
GIT = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]


@pytest.mark.parametrize("case", CASES, ids=[case.stem for case in CASES])
async def test_scenario(
    case: Path, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKBURNER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path))
    updating = bool(request.config.getoption("--update"))
    archive, expected = read(case), read(case)
    providers = [section.body for section in archive.sections if section.name == "emulator"]
    try:
        async with AsyncExitStack() as emulated:
            for script in providers:
                emulator = await emulated.enter_async_context(Emulator(script))
                for name, value in emulator.env().items():
                    monkeypatch.setenv(name, value)
            await play(archive, tmp_path, updating=updating)
    finally:
        if updating:
            archive.write()
    if updating:
        return
    for section, wanted in zip(archive.sections, expected.sections, strict=True):
        assert section.body == wanted.body, f"{case.name}:{wanted.line} {wanted.name}"


async def play(archive: Archive, folder: Path, *, updating: bool = False) -> None:
    """Set up home and project, connect an editor, play."""
    home, root = folder / "home", folder / "project"
    home.mkdir()
    root.mkdir()
    part = {section.name: section.body for section in archive.sections}
    (home / "script.toml").write_text(part.get("script", ""))
    own = 'agent = "scripted"\n[agents.scripted]\nprovider = "script"\n' + f'script = "{home / "script.toml"}"\n'
    (home / "config.toml").write_text(part.get("settings", "") + own + part.get("config", ""))
    first = next(index for index, section in enumerate(archive.sections) if section.name == "do")
    files = archive.sections[:first]
    if not any(section.flag == "nogit" for section in files):
        make_repository(root)
    argv = [sys.executable, "-m", "backburner", "lsp", "--alone"]
    capabilities = PLAIN if part.get("client", "").strip() == "plain" else {**PLAIN, **OURS}
    clock = Day(part["clock"].strip()) if "clock" in part else None
    async with AsyncExitStack() as connected:

        async def start(at: Path) -> Client:
            """Another server of its own, once the last one has ended; in this process where the clock is wound by hand."""
            await connected.aclose()
            if clock is not None:
                return await (await connected.enter_async_context(house(clock))).editor(at, capabilities)
            client = await connected.enter_async_context(started(argv, os.environ, at, capabilities=capabilities))
            await client.initialize()
            return client

        await Scenario(archive, await start(root), start, clock=clock, updating=updating).play()


def make_repository(root: Path) -> None:
    subprocess.run([*GIT, "init", "-q"], cwd=root, check=True)
    subprocess.run([*GIT, "commit", "-q", "--allow-empty", "-m", "start"], cwd=root, check=True)
