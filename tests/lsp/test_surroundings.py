"""What happens around an editor: files on disk, branches, pauses, settings that wait for approval, missing agents."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import pytest

from backburner.lsp.presence import PAUSE_S, SHOWN_S, Presence
from backburner.store import paths
from lsp_client import PLAIN, Client
from lsp_house import GIT, House, house, set_up

SCRIPT = """
[[scene]]
[[scene.turn]]
calls = [{ tool = "edit", arguments = { path = "a.py", old = "return 1", new = "return 2" } }]
[[scene.turn]]
calls = [{ tool = "finish", arguments = { title = "Return two", summary = "It returns 2." } }]
"""
TEXT = "def go():\n    return 1\n"
SHOWS: dict[str, Any] = {**PLAIN, "window": {"showDocument": {"support": True}}}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BACKBURNER_HOME", str(tmp_path / "home"))
    root = set_up(tmp_path, SCRIPT)
    (root / "a.py").write_text(TEXT)
    return root


async def git(root: Path, *words: str) -> None:
    await asyncio.to_thread(subprocess.run, [*GIT, *words], cwd=root, check=True, capture_output=True)


async def ready(home: House, root: Path) -> Client:
    editor = await home.editor(root)
    editor.open("a.py")
    place = {"uri": editor.uri("a.py"), "start_line": 0}
    await editor.command("delegate", {"instruction": "return two", "targets": [place]})
    await editor.command("wait", {"tasks": [1]})
    await editor.until(lambda: [p for p in editor.ours("a.py") if p["message"].startswith("Ready")], "the result")
    return editor


async def test_a_closed_file_that_changes_on_disk_moves_its_mark(root: Path) -> None:
    async with house() as home:
        editor = await ready(home, root)
        editor.close("a.py")
        assert editor.ours("a.py")[0]["range"]["start"]["line"] == 0
        (root / "a.py").write_text("import x\n" + TEXT)
        await editor.until(lambda: editor.ours("a.py")[0]["range"]["start"]["line"] == 1, "the mark to move")


async def test_an_editor_started_in_a_folder_that_is_no_project_reads_and_judges(root: Path) -> None:
    async with house() as home:
        editor = await home.editor(Path("/"))
        file = str(root / "a.py")
        editor.open(file)
        await editor.act(file, 0, "Delegate: implement go()")
        await editor.until(lambda: [p for p in editor.ours(file) if p["message"].startswith("Ready")], "the result")
        await editor.act(file, 0, "#1 Read")
        await editor.act(file, 0, "#1 Accept all")
        await editor.until(lambda: "return 2" in editor.buffers[editor.uri(file)].text, "the change")


async def test_results_of_another_branch_are_parked_until_it_is_back(root: Path) -> None:
    await git(root, "add", "-A")
    await git(root, "commit", "-qm", "a")
    await git(root, "switch", "-q", "-c", "feature")
    async with house() as home:
        editor = await ready(home, root)
        await git(root, "switch", "-q", "main")
        await editor.until(lambda: not editor.ours("a.py"), "the mark to go")
        rows = (await editor.command("list"))["rows"]
        assert [row["title"] for row in rows] == ["1 ready on feature"]
        await git(root, "switch", "-q", "feature")
        await editor.until(lambda: editor.ours("a.py"), "the mark to be back")


async def test_settings_that_wait_for_approval_say_so_in_their_file(root: Path) -> None:
    (root / "backburner.toml").write_text('[check]\ncommand = "make test"\n')
    async with house() as home:
        editor = await home.editor(root)
        editor.open("backburner.toml")
        await editor.until(lambda: editor.ours("backburner.toml"), "the mark")
        (problem,) = editor.ours("backburner.toml")
        assert (problem["message"], problem["code"], problem["severity"]) == (
            "Not used until you approve it: check.command",
            "settings",
            3,
        )
        book = home.service.editors.projects.book
        editor.set_text("backburner.toml", '[check]\ncommand = "make evil"\n')
        assert not [a for a in await editor.actions("backburner.toml", 0) if "approve" in a["title"]]
        editor.set_text("backburner.toml", '[check]\ncommand = "make test"\n')
        assert book.settings(root).check.command == ""
        await editor.act("backburner.toml", 0, "Backburner: approve these settings")
        assert book.settings(root).check.command == "make test"
        await editor.until(lambda: not editor.ours("backburner.toml"), "the mark to go")


async def test_settings_of_an_editor_count_within_the_trust_rules(root: Path) -> None:
    asks = {**PLAIN, "workspace": {**PLAIN["workspace"], "configuration": True}}
    mine = {"diagnostics": "off", "check": {"command": "make evil"}, "limits": {"day_usd": 1000, "unread_results": 3}}
    async with house() as home:
        editor = await home.editor(root, asks, settings=mine)
        editor.open("a.py")
        place = {"uri": editor.uri("a.py"), "start_line": 0}
        await editor.command("delegate", {"instruction": "return two", "targets": [place]})
        await editor.command("wait", {"tasks": [1]})
        settings = home.service.editors.projects.book.settings(root)
        assert (settings.check.command, settings.limits.day_usd, settings.limits.unread_results) == ("", 10.0, 3)
        assert "#1 Read" in [action["title"] for action in await editor.actions("a.py", 1)]
        assert editor.ours("a.py") == []
        editor.notify("workspace/didChangeConfiguration", {"settings": {"backburner": {"diagnostics": "calm"}}})
        await editor.until(lambda: editor.ours("a.py"), "the mark")


async def test_an_unknown_setting_is_said_with_the_nearest_one(root: Path) -> None:
    (root / "backburner.toml").write_text('agnet = "opus"\n')
    async with house() as home:
        editor = await home.editor(root)
        editor.open("backburner.toml")
        await editor.until(lambda: editor.ours("backburner.toml"), "the mark")
        message = editor.ours("backburner.toml")[0]["message"]
        assert message == "backburner.toml: there is no setting agnet. Did you mean agent?"


async def test_without_an_agent_it_is_said_once_with_what_to_do(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GROQ_API_KEY", "CEREBRAS_API_KEY", "OPENROUTER_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    (paths.config_file()).write_text("")
    async with house() as home:
        editor = await home.editor(root)
        editor.open("a.py")
        place = {"uri": editor.uri("a.py"), "start_line": 0}
        for _ in range(2):
            await editor.command("delegate", {"instruction": "return two", "targets": [place]})
        await editor.until(editor.said, "the message")
        assert editor.said() == [
            "2 tasks cannot start: No agent yet. Paste a key, use Ollama, or practise without a key."
        ]
        titles = [action["title"] for action in await editor.actions("a.py", 0)]
        assert "Practise without a key" in titles


async def test_practise_makes_a_project_that_needs_no_key(root: Path) -> None:
    async with house() as home:
        editor = await home.editor(root, SHOWS)
        answer = await editor.command("practise")
        assert editor.shown == [answer["uri"]]
        editor.open(answer["uri"])
        place = {"uri": answer["uri"], "start_line": answer["line"]}
        (task,) = (await editor.command("delegate", {"instruction": "use sum()", "targets": [place]}))["tasks"]
        view = await editor.command("show", {"task": task, "uri": answer["uri"]})
        assert view["state"] in ("queued", "running")
        assert view["waits"] in ("", "queued", "waits: its copy of your files")
        await editor.command("stop", {"task": task, "uri": answer["uri"]})


async def test_doctor_says_what_works_and_what_is_next(root: Path) -> None:
    async with house() as home:
        editor = await home.editor(root)
        answer = await editor.command("doctor")
        rows = {row["name"]: row for row in answer["checks"]}
        assert {"git", "agent scripted", "worker", "sandbox", "project", "backburner", "editor"} <= set(rows)
        assert not [row for row in answer["checks"] if row["state"] == "broken"]
        assert "unnamed, takes edits" in answer["text"]


async def test_a_letter_saved_without_being_attached_starts_too(root: Path) -> None:
    async with house() as home:
        editor = await home.editor(root, SHOWS)
        editor.open("a.py")
        await editor.act("a.py", 1, "Delegate: write instruction")
        await editor.until(lambda: editor.shown, "the letter")
        letter = Path(editor.shown[0].removeprefix("file://"))
        letter.write_text(letter.read_text() + "return two\n")
        engine = home.service.editors.sessions[0].engines[root]
        await editor.until(lambda: engine.state.tasks, "the task")
        assert engine.state.tasks[1].instruction == "return two"


def test_a_pause_is_told_for_a_while_after_the_return(root: Path) -> None:
    paths.make_project_dir(root)
    start = 1_800_000_000.0
    person = Presence(root, start)
    person.active(start + 60)
    assert person.since(start + 60) == 0.0
    back = start + 60 + PAUSE_S + 1
    person.active(back)
    assert person.since(back) == start + 60
    assert person.since(back + SHOWN_S) == 0.0
    person.write()
    after_restart = Presence(root, back + 10 * PAUSE_S)
    after_restart.active(back + 10 * PAUSE_S)
    assert after_restart.since(back + 10 * PAUSE_S) == back
