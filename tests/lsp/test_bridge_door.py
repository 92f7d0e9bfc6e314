"""The front door: what a verb imports, how it is found, and the real daemon or `--alone` behind it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backburner import __version__
from daemon_home import REAL, Home, new_home

NEXT_TO_NOTHING = {"backburner", "backburner.lib", "backburner.lib.handshake", "backburner.lib.reach", "backburner.lsp"}
NEXT_TO_NOTHING |= {"backburner.lsp.bridge", "_socket", "select", "posix", "math", "time"}


@pytest.fixture
async def home() -> AsyncIterator[Home]:
    with new_home(REAL) as home:
        yield home
        await home.end_bridges()


def run(home: Home, *arguments: str, python: tuple[str, ...] = (), **options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *python, REAL, *arguments],
        env=home.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        cwd=options.get("cwd"),
    )


def test_the_bridge_imports_next_to_nothing(home: Home) -> None:
    # Where no socket can be it ends before it needs a daemon, and has imported everything it ever does.
    (home.path / "run").touch()
    ended = run(home, "lsp", python=("-I", "-S", "-X", "importtime"))
    names = [line.rpartition("|")[2].strip() for line in ended.stderr.splitlines() if line.startswith("import time:")]
    start = run(home, "--version", python=("-I", "-S", "-X", "importtime"))
    always = {line.rpartition("|")[2].strip() for line in start.stderr.splitlines() if line.startswith("import time:")}
    assert "backburner.lsp.bridge" in names
    assert set(names) - always <= NEXT_TO_NOTHING


def test_every_way_to_start_it_works(home: Home, tmp_path: Path) -> None:
    """By path, without the site's packages, as a module, in a folder with files named like our imports."""
    (tmp_path / "select.py").write_text("raise SystemExit('imported from the project')")
    (tmp_path / "backburner").mkdir()
    (tmp_path / "backburner" / "__init__.py").write_text("raise SystemExit('imported from the project')")
    for python in ((), ("-I",), ("-I", "-S"), ("-P",)):
        ended = run(home, "--version", python=python, cwd=str(tmp_path))
        assert (ended.returncode, ended.stdout) == (0, f"backburner {__version__}\n")
    module = subprocess.run(
        [sys.executable, "-m", "backburner", "--version"], capture_output=True, text=True, timeout=30
    )
    assert module.stdout == f"backburner {__version__}\n"


def test_wrong_usage_is_one_line_and_exit_code_2(home: Home) -> None:
    for arguments in (("lsp", "--dance"), ("daemon", "dance"), ("daemon", "run", "now")):
        ended = run(home, *arguments)
        assert ended.returncode == 2
        assert ended.stderr.count("\n") == 1
        assert ended.stdout == ""
    assert run(home, "lsp", "--help").returncode == 0
    assert "usage" in run(home, "daemon", "--help").stdout


async def test_the_real_daemon_serves_an_editor_through_its_bridge(home: Home) -> None:
    client = await home.bridge()
    result = await client.initialize()
    assert result["serverInfo"] == {"name": "backburner", "version": __version__}
    assert "backburner.delegate" in result["capabilities"]["executeCommandProvider"]["commands"]
    error = await client.error("workspace/executeCommand", {"command": "backburner.show", "arguments": [{"task": "x"}]})
    assert error["code"] == -32602
    await client.request("shutdown")
    client.notify("exit")
    assert await home.bridge_end() == (0, "")


async def test_alone_serves_one_editor_and_ends_with_it(home: Home) -> None:
    client = await home.bridge("--alone")
    result = await client.initialize()
    assert result["serverInfo"]["name"] == "backburner"
    await client.request("shutdown")
    client.notify("exit")
    code, error = await home.bridge_end()
    assert code == 0, error
    assert await client.reader.read() == b""
    assert not home.is_running()


async def test_alone_ends_with_1_when_the_editor_just_goes(home: Home) -> None:
    client = await home.bridge("--alone")
    await client.initialize()
    client.writer.close()
    code, _ = await home.bridge_end()
    assert code == 1
