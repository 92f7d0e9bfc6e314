"""Hover, `show`, the report and the head of the diff document say the same about a result, however its text moved on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lsp_client import PLAIN, Client
from lsp_house import house, set_up

TEXT = "def parse():\n    first()\n    a = 1\n    b = 2\n    last()\n    return a + b\n"
OURS: dict[str, Any] = {**PLAIN, "experimental": {"backburner": {"status": True}}}
CALLS = [
    {"tool": "edit", "arguments": {"path": "a.py", "old": "    first()\n", "new": "    one()\n"}},
    {"tool": "edit", "arguments": {"path": "a.py", "old": "    last()\n", "new": "    two()\n    three()\n"}},
    {"tool": "write", "arguments": {"path": "pyproject.toml", "content": "[project]\n"}},
]
FINISH = {"tool": "finish", "arguments": {"title": "Rename the calls", "summary": "It renames both calls"}}
SCRIPT = json.dumps({"scene": [{"turn": [{"calls": CALLS}, {"calls": [FINISH]}]}]})

MOMENTS = {
    "as it was": TEXT,
    "lines above": "import re\n\n\n" + TEXT,
    "an edit that overlaps": TEXT.replace("first()", "first(mine)"),
    "one place gone": TEXT.replace("    first()\n    a = 1\n    b = 2\n", "    pass\n"),
    "all of it gone": "x = 1\n",
}


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKBURNER_HOME", str(tmp_path / "home"))


async def hovered(editor: Client) -> list[str]:
    """The hover's lines, found wherever the mark is; without title and actions."""
    mark = await editor.until(lambda: next((p for p in editor.ours("a.py") if p["message"].startswith("Ready")), None))
    text = await editor.hover("a.py", mark["range"]["start"]["line"], mark["range"]["start"]["character"])
    assert text is not None
    return [line.strip() for line in text.split("\n")][1:-1]


@pytest.mark.parametrize("moment", MOMENTS)
async def test_they_agree(tmp_path: Path, moment: str) -> None:
    root = set_up(tmp_path, SCRIPT, '[check]\ncommand = "true"\n')
    (root / "a.py").write_text(TEXT)
    async with house() as home:
        editor = await home.editor(root, OURS)
        editor.open("a.py")
        place = {"uri": editor.uri("a.py"), "start_line": 0}
        await editor.command("delegate", {"instruction": "rename", "targets": [place]})
        await editor.command("wait", {"tasks": [1]})
        await editor.command("read", {"task": 1})
        editor.set_text("a.py", MOMENTS[moment])
        editor.save("a.py")
        # Asking for actions is looking: what is shown is true then.
        await editor.actions("a.py", 0)
        view = await editor.command("show", {"task": 1})

        def is_shown() -> bool:
            hunks = [problem for problem in editor.ours("a.py") if problem["message"].startswith("Hunk")]
            placed = [hunk for hunk in view["hunks"] if hunk["path"] == "a.py" and hunk["line"]]
            return sorted(p["range"]["start"]["line"] + 1 for p in hunks) == sorted(hunk["line"] for hunk in placed)

        await editor.until(is_shown, "marks in the new text")
        head = await hovered(editor)
        document = (await editor.command("diff", {"task": 1}))["text"].split("\n")
        report = (await editor.command("show", {"task": 1}))["report"]
        assert document[0] == f"#1 {view['title']}"
        assert document[1 : 1 + len(head)] == head
        assert head[0] == "It renames both calls."
        assert head[1].startswith("passed: `true`"), "what was run, and how it ended"
        assert view["evidence"][0]["passed"]
        assert head[2].startswith("+4 −2 in 2 files · scripted")
        assert sum(file["added"] for file in view["files"]) == 4
        assert [f"! {risk}" for risk in view["risks"]] == [line for line in head if line.startswith("! ")]
        assert "touches pyproject.toml" in " ".join(view["risks"])
        placements = [hunk["placement"] for hunk in view["hunks"]]
        moved, lost = placements.count("moved"), placements.count("stale")
        overlapping = placements.count("conflicts")
        assert (f"{moved} of 3 moved" in head[-1]) == bool(moved)
        assert (f"{overlapping} of 3 overlap" in head[-1]) == bool(overlapping)
        assert (f"{lost} of 3 lost" in head[-1]) == bool(lost and not overlapping)
        assert report == ""
