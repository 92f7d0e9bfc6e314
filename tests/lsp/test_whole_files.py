"""Accepting and undoing what concerns a file as a whole: new, deleted, renamed, executable; open and closed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lsp_client import PLAIN, Client, Refused
from lsp_house import House, house, set_up

TEXT = "def go():\n    return 1\n"
OURS: dict[str, Any] = {**PLAIN, "experimental": {"backburner": {"status": True}}}
ABLE: dict[str, Any] = {
    **OURS,
    "workspace": {
        **PLAIN["workspace"],
        "workspaceEdit": {"documentChanges": True, "resourceOperations": ["create", "rename", "delete"]},
    },
}


def script(calls: Sequence[dict[str, Any]]) -> str:
    finish = {"tool": "finish", "arguments": {"title": "Done", "summary": "Done."}}
    return json.dumps({"scene": [{"turn": [{"calls": list(calls)}, {"calls": [finish]}]}]})


async def ready(
    home: House, tmp_path: Path, calls: Sequence[dict[str, Any]], capabilities: dict[str, Any] = OURS
) -> Client:
    root = set_up(tmp_path, script(calls))
    (root / "a.py").write_text(TEXT)
    (root / "b.py").write_text("x = 1\n")
    editor = await home.editor(root, capabilities)
    editor.open("a.py")
    place = {"uri": editor.uri("a.py"), "start_line": 0}
    await editor.command("delegate", {"instruction": "do it", "targets": [place]})
    await editor.command("wait", {"tasks": [1]})
    await editor.command("read", {"task": 1})
    return editor


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKBURNER_HOME", str(tmp_path / "home"))


async def state(editor: Client) -> str:
    return (await editor.command("show", {"task": 1}))["state"]


async def test_a_closed_file_is_deleted_and_comes_back(tmp_path: Path) -> None:
    async with house() as home:
        editor = await ready(home, tmp_path, [{"tool": "delete", "arguments": {"path": "b.py"}}])
        await editor.command("accept", {"task": 1})
        assert not (editor.root / "b.py").exists()
        await editor.command("undo", {"task": 1})
        assert (editor.root / "b.py").read_text() == "x = 1\n"
        assert await state(editor) == "ready"


async def test_a_deleted_file_that_changed_since_is_kept(tmp_path: Path) -> None:
    async with house() as home:
        editor = await ready(home, tmp_path, [{"tool": "delete", "arguments": {"path": "b.py"}}])
        (editor.root / "b.py").write_text("x = 2\n")
        with pytest.raises(Refused, match=r"b\.py: you changed it since"):
            await editor.command("accept", {"task": 1})
        assert (editor.root / "b.py").read_text() == "x = 2\n"


async def test_an_open_file_is_deleted_by_an_editor_that_can(tmp_path: Path) -> None:
    async with house() as home:
        editor = await ready(home, tmp_path, [{"tool": "delete", "arguments": {"path": "b.py"}}], ABLE)
        editor.open("b.py")
        await editor.command("accept", {"task": 1})
        (edit,) = [params["edit"] for method, params in editor.asked if method == "workspace/applyEdit"]
        assert edit["documentChanges"] == [{"kind": "delete", "uri": editor.uri("b.py")}]
        assert not (editor.root / "b.py").exists()
        assert await state(editor) == "accepted"


async def test_a_deletion_that_the_editor_does_not_do_is_not_accepted(tmp_path: Path) -> None:
    async with house() as home:
        editor = await ready(home, tmp_path, [{"tool": "delete", "arguments": {"path": "b.py"}}], ABLE)
        editor.open("b.py")
        editor.on_edit = lambda _: {"applied": True}
        answer = await editor.command("accept", {"task": 1})
        assert [item["reason"] for item in answer["left"]] == ["The editor did not delete b.py (no reason given)."]
        assert await state(editor) == "ready"


async def test_unsaved_changes_keep_a_file_from_being_deleted(tmp_path: Path) -> None:
    async with house() as home:
        editor = await ready(home, tmp_path, [{"tool": "delete", "arguments": {"path": "b.py"}}], ABLE)
        editor.open("b.py")
        (editor.root / "b.py").write_text("x = 3\n")
        with pytest.raises(Refused, match="has unsaved changes"):
            await editor.command("accept", {"task": 1})
        assert (editor.root / "b.py").read_text() == "x = 3\n"


async def test_an_undo_that_the_editor_does_not_do_is_a_sentence(tmp_path: Path) -> None:
    edit = {"path": "a.py", "old": "return 1", "new": "return 2"}
    async with house() as home:
        editor = await ready(home, tmp_path, [{"tool": "edit", "arguments": edit}])
        await editor.command("accept", {"task": 1})
        editor.on_edit = lambda _: {"applied": False, "failureReason": "it is read only"}
        with pytest.raises(Refused, match=r"a\.py .*it is read only"):
            await editor.command("undo", {"task": 1})
        assert await state(editor) == "accepted"


MOVE = [{"tool": "move", "arguments": {"path": "b.py", "to": "lib/c.py"}}]


async def test_a_closed_file_is_renamed_and_back(tmp_path: Path) -> None:
    async with house() as home:
        editor = await ready(home, tmp_path, MOVE)
        await editor.command("accept", {"task": 1})
        assert (editor.root / "lib/c.py").read_text() == "x = 1\n"
        assert not (editor.root / "b.py").exists()
        assert await state(editor) == "accepted"
        await editor.command("undo", {"task": 1})
        assert (editor.root / "b.py").read_text() == "x = 1\n"
        assert not (editor.root / "lib/c.py").exists()


async def test_a_rename_never_overwrites(tmp_path: Path) -> None:
    async with house() as home:
        editor = await ready(home, tmp_path, MOVE)
        (editor.root / "lib").mkdir()
        (editor.root / "lib/c.py").write_text("mine\n")
        with pytest.raises(Refused, match=r"lib/c\.py exists already"):
            await editor.command("accept", {"task": 1})
        assert (editor.root / "lib/c.py").read_text() == "mine\n"
        assert (editor.root / "b.py").exists()


async def test_an_open_file_is_renamed_by_an_editor_that_can(tmp_path: Path) -> None:
    async with house() as home:
        editor = await ready(home, tmp_path, MOVE, ABLE)
        editor.open("b.py")
        (editor.root / "lib").mkdir()
        await editor.command("accept", {"task": 1})
        (edit,) = [params["edit"] for method, params in editor.asked if method == "workspace/applyEdit"]
        assert edit["documentChanges"] == [
            {"kind": "rename", "oldUri": editor.uri("b.py"), "newUri": editor.uri("lib/c.py")}
        ]
        assert (editor.root / "lib/c.py").exists()


async def test_a_renamed_file_takes_its_results_along(tmp_path: Path) -> None:
    edit = {"tool": "edit", "arguments": {"path": "a.py", "old": "return 1", "new": "return 2"}}
    async with house() as home:
        editor = await ready(home, tmp_path, [edit])
        (editor.root / "a.py").rename(editor.root / "z.py")
        editor.close("a.py")
        files = [{"oldUri": editor.uri("a.py"), "newUri": editor.uri("z.py")}]
        editor.notify("workspace/didRenameFiles", {"files": files})
        editor.open("z.py")
        await editor.until(lambda: editor.ours("z.py"), "the mark in the new place")
        await editor.command("accept", {"task": 1})
        assert editor.buffers[editor.uri("z.py")].text == TEXT.replace("1", "2")


async def test_a_link_is_never_written_through(tmp_path: Path) -> None:
    edit = {"tool": "edit", "arguments": {"path": "b.py", "old": "x = 1", "new": "x = 2"}}
    async with house() as home:
        editor = await ready(home, tmp_path, [edit])
        outside = tmp_path / "outside.py"
        outside.write_text("x = 1\n")
        (editor.root / "b.py").unlink()
        (editor.root / "b.py").symlink_to(outside)
        with pytest.raises(Refused, match="is a link"):
            await editor.command("accept", {"task": 1})
        assert outside.read_text() == "x = 1\n"


async def test_the_mode_of_a_closed_file_is_kept(tmp_path: Path) -> None:
    edit = {"tool": "edit", "arguments": {"path": "b.py", "old": "x = 1", "new": "x = 2"}}
    async with house() as home:
        editor = await ready(home, tmp_path, [edit])
        (editor.root / "b.py").chmod(0o750)
        await editor.command("accept", {"task": 1})
        assert (editor.root / "b.py").read_text() == "x = 2\n"
        assert (editor.root / "b.py").stat().st_mode & 0o777 == 0o750


@pytest.mark.parametrize(
    "call",
    [
        {"tool": "edit", "arguments": {"path": "b.py", "old": "x = 1", "new": "x = 2"}},
        {"tool": "delete", "arguments": {"path": "b.py"}},
    ],
)
async def test_a_closed_file_that_is_read_only_stays(tmp_path: Path, call: dict[str, Any]) -> None:
    async with house() as home:
        editor = await ready(home, tmp_path, [call])
        (editor.root / "b.py").chmod(0o444)
        left = (await editor.command("accept", {"task": 1}))["left"]
        assert [item["reason"] for item in left] == [
            "b.py was not changed: the file is read-only; make it writable first."
        ]
        assert (editor.root / "b.py").read_text() == "x = 1\n"
        (editor.root / "b.py").chmod(0o644)
        await editor.command("accept", {"task": 1})
        assert await state(editor) == "accepted"


async def test_an_editor_that_takes_no_edits_keeps_what_is_not_saved(tmp_path: Path) -> None:
    edit = {"tool": "edit", "arguments": {"path": "a.py", "old": "return 1", "new": "return 2"}}
    unable = {**OURS, "workspace": {}}
    async with house() as home:
        editor = await ready(home, tmp_path, [edit], unable)
        editor.set_text("a.py", TEXT + "# typed\n")
        with pytest.raises(Refused, match=r"takes no edits, and a\.py has unsaved changes"):
            await editor.command("accept", {"task": 1})
        editor.set_text("a.py", TEXT)
        await editor.command("accept", {"task": 1})
        assert (editor.root / "a.py").read_text() == TEXT.replace("1", "2")


async def test_what_the_server_announces(tmp_path: Path) -> None:
    async with house() as home:
        editor = await ready(home, tmp_path, [])
        announced = editor.server["capabilities"]
        assert announced["codeActionProvider"] == {
            "codeActionKinds": ["quickfix", "refactor.rewrite"],
            "resolveProvider": True,
        }
        assert "diagnosticProvider" not in announced
        assert not [name for name in announced["executeCommandProvider"]["commands"] if ".ui." in name]
        for action in await editor.actions("a.py", 0):
            assert await editor.request("codeAction/resolve", action) == action
            assert "isPreferred" not in action
            assert "edit" not in action
