"""The main journey, once for each recorded client: everything works, and nothing is sent that was not announced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lsp_client import Client, recorded, recorded_names
from lsp_house import house, set_up

SCRIPT = """
[[scene]]
[[scene.turn]]
calls = [{ tool = "edit", arguments = { path = "lexer.py", old = "return 1", new = "return 2" } }]
[[scene.turn]]
calls = [{ tool = "finish", arguments = { title = "Return two", summary = "It returns 2." } }]
"""
TEXT = 'name = "😀"\n\n\ndef parse():\n    return 1\n'


@pytest.mark.parametrize("name", recorded_names())
async def test_delegate_read_accept(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKBURNER_HOME", str(tmp_path / "home"))
    root = set_up(tmp_path, SCRIPT)
    (root / "lexer.py").write_text("")
    found = recorded(name)
    async with house() as home:
        editor = await home.editor(root, found["capabilities"], info=found["clientInfo"])
        editor.open("lexer.py", TEXT)
        titles = [action["title"] for action in await editor.actions("lexer.py", 4)]
        assert titles == ["Delegate: implement parse()", "Delegate: test parse()", "Delegate: write instruction"]
        await editor.act("lexer.py", 4, "Delegate: implement parse()")
        await editor.until(lambda: [p for p in editor.ours("lexer.py") if p["message"].startswith("Ready")], "a result")
        (problem,) = editor.ours("lexer.py")
        assert (problem["source"], problem["code"], problem["severity"]) == ("backburner", "#1", 3)
        assert problem["range"] == {"start": {"line": 3, "character": 4}, "end": {"line": 3, "character": 9}}

        assert [a["title"] for a in await editor.actions("lexer.py", 4, triggerKind=2)] == ["#1 Read", "#1 Run again"]
        hover = await editor.hover("lexer.py", 3, 5)
        assert hover is not None
        assert hover.startswith(
            "**#1 Return two**" if "markdown" in str(found["capabilities"]["textDocument"]["hover"]) else "#1"
        )
        await editor.act("lexer.py", 3, "#1 Read")
        await editor.until(lambda: [p for p in editor.ours("lexer.py") if p["severity"] == 4], "the hints")
        await told_where_it_is(editor)

        if found["capabilities"]["workspace"]["applyEdit"]:
            await editor.act("lexer.py", 3, "#1 Accept all")
            text = editor.buffers[editor.uri("lexer.py")]
            await editor.until(lambda: text.text == TEXT.replace("1", "2"), "the change")
        else:
            await accepted_on_disk(editor)
        await editor.until(lambda: not editor.ours("lexer.py"), "the end of the mark")
        assert (await editor.command("show", {"task": 1}))["state"] == "accepted"
        nothing_unannounced(editor)


async def accepted_on_disk(editor: Client) -> None:
    """A client that takes no edits saves first; then the file is written, and its editor reads it again."""
    await editor.act("lexer.py", 3, "#1 Accept all")
    await editor.until(lambda: "Save it first" in editor.said()[-1], "what to do")
    assert (editor.root / "lexer.py").read_text() == ""
    editor.save("lexer.py")
    await editor.act("lexer.py", 3, "#1 Accept all")
    await editor.until(lambda: not editor.ours("lexer.py"), "the end of the mark")
    assert (editor.root / "lexer.py").read_text() == TEXT.replace("1", "2")


async def told_where_it_is(editor: Client) -> None:
    """The document is opened where the client can; else its path is said."""
    window = editor.capabilities.get("window", {})
    if window.get("showDocument", {}).get("support"):
        await editor.until(lambda: editor.shown, "a document")
        assert editor.shown[-1].endswith("/letters/1.diff")
    else:
        await editor.until(editor.said, "its path")
        assert editor.said()[-1].startswith("#1 is here: ")


def nothing_unannounced(editor: Client) -> None:
    capabilities: Any = editor.capabilities
    workspace, window = capabilities.get("workspace", {}), capabilities.get("window", {})
    allowed = {
        "workspace/applyEdit": workspace.get("applyEdit"),
        "workspace/configuration": workspace.get("configuration"),
        "workspace/codeLens/refresh": workspace.get("codeLens", {}).get("refreshSupport"),
        "window/showDocument": window.get("showDocument", {}).get("support"),
        "window/workDoneProgress/create": window.get("workDoneProgress"),
        "client/registerCapability": workspace.get("didChangeWatchedFiles", {}).get("dynamicRegistration"),
    }
    assert [method for method, _ in editor.asked if not allowed.get(method)] == []
    quiet = {"textDocument/publishDiagnostics", "window/showMessage"} | (
        {"$/progress"} if window.get("workDoneProgress") else set()
    )
    assert {method for method, _ in editor.notifications} <= quiet
    assert not [text for text in editor.said() if "is here" not in text and "takes no edits" not in text]


async def test_what_a_command_shows_and_changes_comes_before_its_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind an answer, in the same chunk, Emacs 28 leaves a message lying until more comes, and lsp-mode loses it."""
    monkeypatch.setenv("BACKBURNER_HOME", str(tmp_path / "home"))
    root = set_up(tmp_path, SCRIPT)
    (root / "lexer.py").write_text(TEXT)
    async with house() as home:
        editor = await home.editor(root)
        editor.open("lexer.py", TEXT)
        await editor.act("lexer.py", 4, "Delegate: implement parse()")
        await editor.until(lambda: [p for p in editor.ours("lexer.py") if p["message"].startswith("Ready")], "a result")
        await editor.command("read", {"task": 1})
        assert editor.said()[-1].startswith("#1 is here: ")
        await editor.command("accept", {"task": 1})
        assert [method for method, _ in editor.asked][-1] == "workspace/applyEdit"
        await editor.until(lambda: not editor.ours("lexer.py"), "the end of the mark")
