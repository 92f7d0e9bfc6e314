"""One instruction over the matches of a search."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lsp_client import Refused
from lsp_house import GIT, house, set_up

TEXT = "def one():\n    old_name()\n    return old_name()\n\n\nold_name()\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BACKBURNER_HOME", str(tmp_path / "home"))
    root = set_up(tmp_path, "")
    (root / "a.py").write_text(TEXT)
    (root / "sub").mkdir()
    (root / "sub" / "b ü.py").write_text("x = 1\nold_name(1)  # -- [a-z]\n")
    (root / "out.log").write_text("old_name()\n")
    (root / ".gitignore").write_text("*.log\n")
    (root / "two\nlines.py").write_text("old_name()\n")
    (root / "image.bin").write_bytes(b"\0old_name")
    subprocess.run([*GIT, "add", "a.py"], cwd=root, check=True)
    return root


async def test_matches_are_what_the_person_sees(root: Path) -> None:
    async with house() as home:
        editor = await home.editor(root)
        editor.open("a.py")
        editor.set_text("a.py", "def one():\n    return 2\n\n\nold_name()\n")
        found = await editor.command("search", {"text": "old_name("})
        assert found["more"] == 0
        assert [(row["detail"], row["title"]) for row in found["places"]] == [
            ("a.py:5", "old_name()"),
            ("sub/b ü.py:2", "old_name(1) # -- [a-z]"),
        ]
        assert (await editor.command("search", {"text": "[a-z]"}))["places"][0]["place"]["start_line"] == 1
        assert (await editor.command("search", {"text": "-- nowhere"}))["places"] == []


async def test_matches_in_one_function_are_one_task(root: Path) -> None:
    async with house() as home:
        editor = await home.editor(root)
        found = (await editor.command("search", {"text": "old_name"}))["places"]
        assert [row["detail"] for row in found] == ["a.py:2", "a.py:3", "a.py:6", "sub/b ü.py:2"]
        places = [row["place"] for row in found]
        answer = await editor.command("delegate", {"instruction": "use new_name", "targets": places})
        assert answer["tasks"] == [1, 2, 3]
        views = [await editor.command("show", {"task": task}) for task in answer["tasks"]]
        assert [view["target"] for view in views] == ["a.py:1-3", "a.py:6-6", "sub/b ü.py:2-2"]


@pytest.mark.parametrize("text", ["", "  ", "a\nb"])
async def test_a_search_is_for_one_line(root: Path, text: str) -> None:
    async with house() as home:
        editor = await home.editor(root)
        with pytest.raises(Refused, match="Search for a text of one line"):
            await editor.command("search", {"text": text})
