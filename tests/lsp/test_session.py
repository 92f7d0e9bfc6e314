"""One and several editors on one server: what is shown when, documents of ours, accepts that meet."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any

import pytest

from backburner.lib.clock import HandClock
from backburner.lsp.publish import IDLE_S, LENS_TRIES, QUIET_S
from backburner.store.trust import digest
from lsp_client import PLAIN, Client, Refused
from lsp_house import House, house, make_project, set_up

TWO = """
[[scene]]
match = "never ends"
[[scene.turn]]
calls = [{ tool = "plan", arguments = { direction = "think for long" } }]
[[scene.turn]]
wait_s = 600.0
[[scene]]
match = "elsewhere"
[[scene.turn]]
calls = [{ tool = "edit", arguments = { path = "b.py", old = "first", new = "one" } }]
[[scene.turn]]
calls = [{ tool = "finish", arguments = { title = "New name", summary = "It has a new name." } }]
[[scene]]
[[scene.turn]]
calls = [
    { tool = "edit", arguments = { path = "a.py", old = "first", new = "one" } },
    { tool = "edit", arguments = { path = "a.py", old = "last", new = "two" } },
]
[[scene.turn]]
calls = [{ tool = "finish", arguments = { title = "New names", summary = "Both have new names." } }]
"""
TEXT = "def go():\n    first()\n    a = 1\n    b = 2\n    c = 3\n    last()\n"
DONE = TEXT.replace("first", "one").replace("last", "two")
OURS: dict[str, Any] = {**PLAIN, "experimental": {"backburner": {"status": True}}}
SHOWS: dict[str, Any] = {**PLAIN, "window": {"showDocument": {"support": True}}}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BACKBURNER_HOME", str(tmp_path / "home"))
    root = set_up(tmp_path, TWO)
    (root / "a.py").write_text(TEXT)
    return root


async def delegated(editor: Client, text: str = "new names", **more: Any) -> int:
    place = {"uri": editor.uri("a.py"), "start_line": 0}
    answer = await editor.command("delegate", {"instruction": text, "targets": [place], **more})
    return answer["tasks"][0]


async def ready(home: House, root: Path, capabilities: dict[str, Any] = OURS) -> Client:
    """An editor with the file open and a result that was read."""
    editor = await home.editor(root, capabilities)
    editor.open("a.py")
    task = await delegated(editor)
    await editor.command("wait", {"tasks": [task]})
    await editor.command("read", {"task": task})
    return editor


def text(editor: Client) -> str:
    return editor.buffers[editor.uri("a.py")].text


async def state(editor: Client, task: int = 1) -> str:
    return (await editor.command("show", {"task": task}))["state"]


async def test_nothing_moves_while_the_person_types(root: Path) -> None:
    async with house() as home:
        editor = await home.editor(root)
        editor.open("a.py")
        await editor.until(lambda: home.service.editors.sessions[0].engines, "the project")
        clock = home.service.editors.clock = HandClock()
        session = home.service.editors.sessions[0]
        await delegated(editor)
        clock.wind(1.0)
        await editor.until(lambda: editor.ours("a.py"), "the mark of one's own delegation")
        before = editor.ours("a.py")
        editor.set_text("a.py", "import x\n" + TEXT)
        await editor.command("wait", {"tasks": [1]})
        for _ in range(5):
            clock.wind(IDLE_S / 2)
            editor.set_text("a.py", text(editor) + "\n")
            await editor.command("show", {"task": 1})
        assert editor.ours("a.py") == before
        assert session.last_edit > 0
        clock.wind(IDLE_S)
        await editor.command("show", {"task": 1})
        clock.wind(QUIET_S)
        await editor.until(lambda: [p for p in editor.ours("a.py") if p["message"].startswith("Ready")], "the result")


async def test_counts_change_while_the_person_types(root: Path) -> None:
    async with house() as home:
        editor = await home.editor(root, OURS)
        editor.open("a.py")
        await delegated(editor)
        session = home.service.editors.sessions[0]

        def typed() -> list[Any]:
            editor.set_text("a.py", text(editor) + "\n")
            return [p for m, p in editor.notifications if m == "backburner/status" and p["ready"]]

        await editor.until(typed, "the count")
        assert session.clock.monotonic() - session.last_edit < IDLE_S
        assert not [p for p in editor.ours("a.py") if p["message"].startswith("Ready")]


async def test_saving_is_a_moment_to_look(root: Path) -> None:
    async with house() as home:
        editor = await home.editor(root)
        editor.open("a.py")
        await delegated(editor)
        editor.set_text("a.py", "import x\n" + TEXT)
        await editor.command("wait", {"tasks": [1]})
        editor.save("a.py")
        await editor.until(lambda: [p for p in editor.ours("a.py") if p["message"].startswith("Ready")], "the result")
        assert editor.ours("a.py")[0]["range"]["start"]["line"] == 1


async def test_titles_of_running_tasks_hold_still(root: Path) -> None:
    async with house() as home:
        editor = await home.editor(root)
        editor.open("a.py")
        await editor.lenses("a.py")
        task = await delegated(editor, "never ends")
        await editor.until(lambda: home.service.editors.sessions[0].engines[root].state.tasks[task].state == "running")
        publisher = home.service.editors.sessions[0].publisher
        seen: set[str] = set()

        async def look() -> list[str]:
            publisher.look()
            await editor.actions("a.py", 0)
            return (await editor.lenses("a.py"))[:1]

        for _ in range(20):
            seen.update(title for title in await look() if title.startswith("◌"))
            await editor.news(0.05)
        assert len(seen) == 1, seen
        await editor.command("stop", {"task": task})


@pytest.mark.parametrize("began", [True, False])
async def test_a_client_that_fetches_no_lenses_is_asked_again_but_not_for_ever(root: Path, began: bool) -> None:
    workspace = {**PLAIN["workspace"], "codeLens": {"refreshSupport": True}}
    async with house() as home:
        editor = await home.editor(root, {**PLAIN, "workspace": workspace})
        editor.open("a.py")
        if began:
            assert await editor.lenses("a.py") == []
        await delegated(editor)
        await editor.command("wait", {"tasks": [1]})

        def asked() -> int:
            return sum(method == "workspace/codeLens/refresh" for method, _ in editor.asked)

        await editor.until(lambda: home.service.editors.sessions[0].publisher.gave_up, "the last time")
        assert asked() >= LENS_TRIES
        before = asked()
        home.service.editors.sessions[0].publisher.look()
        await editor.command("show", {"task": 1})
        await editor.news(QUIET_S)
        assert asked() == before
        await editor.lenses("a.py")
        await editor.command("reject", {"task": 1})
        await editor.until(lambda: asked() > before, "what changed since")


async def test_files_of_a_result_are_watched_although_the_person_looked_first(root: Path) -> None:
    """What a code action brings up to date, no later round finds to be news."""
    (root / "b.py").write_text(TEXT)
    clock = HandClock()

    async with house(clock) as home:
        editor = await home.editor(root, OURS)

        def says(message: str) -> bool:
            clock.wind(1.0)
            return [problem["message"] for problem in editor.ours("a.py")] == [message]

        editor.open("a.py")
        await editor.command("wait", {"tasks": [await delegated(editor, "elsewhere")]})
        await editor.actions("a.py", 0)
        await editor.until(lambda: says("Ready: New name. +1 −1."))
        for _ in range(5):
            clock.wind(QUIET_S)
            await editor.command("today")
        (root / "b.py").write_text(TEXT.replace("first()", "mine()"))
        await editor.until(lambda: says("The code this changed is gone. Run again or read it."))


async def test_running_is_a_hint_only_where_no_lenses_show(root: Path) -> None:
    async with house() as home:
        bare, with_lenses = await home.editor(root), await home.editor(root)
        for editor in (bare, with_lenses):
            editor.open("a.py")
        await with_lenses.lenses("a.py")
        task = await delegated(bare, "never ends")
        await bare.until(lambda: [p for p in bare.ours("a.py") if p["message"].startswith("Running")], "the hint")
        assert bare.ours("a.py")[0]["severity"] == 4
        await with_lenses.until(lambda: home.service.editors.sessions[1].publisher.marks_of(with_lenses.uri("a.py")))
        assert with_lenses.ours("a.py") == []
        await bare.command("stop", {"task": task})


async def test_status_comes_when_it_changed_and_progress_is_for_the_others(root: Path) -> None:
    progress = {**PLAIN, "window": {"workDoneProgress": True}}
    async with house() as home:
        ours, other = await home.editor(root, OURS), await home.editor(root, progress)
        task = await delegated(ours, "never ends")
        await ours.until(lambda: [p for m, p in ours.notifications if m == "backburner/status" and p["running"] == 1])
        await other.until(lambda: [p for m, p in other.notifications if m == "$/progress"], "progress")
        await ours.command("stop", {"task": task})
        await other.until(
            lambda: [p for m, p in other.notifications if m == "$/progress" and p["value"]["kind"] == "end"], "its end"
        )
        statuses = [params for method, params in ours.notifications if method == "backburner/status"]
        assert all(before != after for before, after in itertools.pairwise(statuses))
        assert statuses[-1]["text"] == ""
        assert {method for method, _ in ours.notifications}.isdisjoint({"$/progress"})
        assert {method for method, _ in other.notifications}.isdisjoint({"backburner/status"})
        assert ours.said() == other.said() == []


async def test_the_diff_document_judges_hunks_wherever_it_lies(root: Path) -> None:
    async with house() as home:
        editor = await ready(home, root, SHOWS)
        await editor.until(lambda: editor.shown, "the document")
        document = editor.open(editor.shown[0])
        line = next(n for n, row in enumerate(document.text.split("\n")) if row.endswith("a.py:2"))
        await editor.until(lambda: editor.problems.get(document.uri), "marks in the document")
        assert [p["range"]["start"]["line"] for p in editor.problems[document.uri]][-1] == line
        titles = [action["title"] for action in await editor.actions(document.uri, line)]
        assert titles[:2] == ["#1 Accept this hunk", "#1 Reject this hunk"]
        assert not [title for title in titles if title.startswith("Delegate")]
        assert [title for title in await editor.lenses(document.uri) if title.startswith("✓ #1 hunk 2 of 2")]
        await editor.act(document.uri, line, "#1 Accept this hunk")
        await editor.until(lambda: text(editor) == TEXT.replace("last", "two"), "the change")
        path = Path(document.uri.removeprefix("file://"))
        await editor.until(lambda: "a.py:2" not in path.read_text(), "the document to follow")
        assert "1 of 2 left." in path.read_text()
        assert path.stat().st_mode & 0o222 == 0


async def test_the_first_thing_that_is_asked_about_a_text_waits_for_its_project(root: Path) -> None:
    """Neovim opens our documents over a connection of their own, and a person may ask before anything is loaded there."""
    async with house() as home:
        editor = await ready(home, root, SHOWS)
        await editor.until(lambda: editor.shown, "the document")
    for text in (editor.shown[0], editor.uri("a.py")):
        for has_lenses in (False, True):
            async with house() as home:
                other = await home.editor(root, initialize={"rootUri": None, "workspaceFolders": None})
                other.open(text)
                if has_lenses:
                    titles = await other.lenses(text)
                else:
                    titles = [action["title"] for action in await other.actions(text, 0)]
                assert [title for title in titles if "#1" in title], text


async def test_an_instruction_is_written_and_saving_starts_it_once(root: Path) -> None:
    async with house() as home:
        editor = await home.editor(root, SHOWS)
        editor.open("a.py")
        await editor.act("a.py", 1, "Delegate: write instruction")
        await editor.until(lambda: editor.shown, "the letter")
        letter = editor.open(editor.shown[0])
        assert letter.text.startswith("# What should be done to go()?  scripted · up to $2\n")
        editor.notify("textDocument/didSave", {"textDocument": {"uri": letter.uri}})
        editor.set_text("a.py", "import x\n" + TEXT)
        change = {"uri": letter.uri, "version": 2}
        editor.notify(
            "textDocument/didChange",
            {"textDocument": change, "contentChanges": [{"text": letter.text + "new names\n"}]},
        )
        for _ in range(2):
            editor.notify("textDocument/didSave", {"textDocument": {"uri": letter.uri}})
        session = home.service.editors.sessions[0]
        await editor.until(lambda: session.engines[root].state.tasks, "the task")
        await editor.command("wait", {"tasks": [1]})
        (task,) = session.engines[root].state.tasks.values()
        assert task.instruction == "new names"
        assert (task.target.anchor.symbol, task.target.anchor.name_line) == ("go", 1)
        assert editor.said() == []


async def test_a_reply_without_words_is_written_too(root: Path) -> None:
    async with house() as home:
        editor = await ready(home, root, SHOWS)
        await editor.act("a.py", 0, "#1 Reply…")
        await editor.until(lambda: editor.shown[1:], "the letter")
        letter = editor.open(editor.shown[-1])
        assert letter.text.startswith("# Reply to #1 New names\n")
        change = {"uri": letter.uri, "version": 2}
        editor.notify("textDocument/didChange", {"textDocument": change, "contentChanges": [{"text": "other names\n"}]})
        editor.notify("textDocument/didSave", {"textDocument": {"uri": letter.uri}})
        engine = home.service.editors.sessions[0].engines[root]
        await editor.until(lambda: len(engine.state.tasks[1].runs) == 2, "a second run")


async def test_a_file_open_in_another_editor_is_changed_there(root: Path) -> None:
    async with house() as home:
        editor = await ready(home, root)
        shell = await home.editor(root, {"experimental": {"backburner": {"commandLine": True}}})
        await shell.command("accept", {"task": 1})
        assert text(editor) == DONE
        assert (root / "a.py").read_text() == TEXT
        assert await state(shell) == "accepted"


async def test_differing_buffers_are_refused_by_name(root: Path) -> None:
    async with house() as home:
        first = await ready(home, root)
        second = await home.editor(root, info={"name": "Vim"})
        second.open("a.py", TEXT + "# mine\n")
        shell = await home.editor(root, {"experimental": {"backburner": {"commandLine": True}}})
        await shell.command("list")
        with pytest.raises(Refused, match=r"a\.py is open with different texts in an editor and Vim") as caught:
            await shell.command("accept", {"task": 1})
        assert caught.value.reason == "differing"
        assert (text(first), text(second), await state(first)) == (TEXT, TEXT + "# mine\n", "ready")


async def test_two_editors_accepting_the_same_hunk_apply_it_once(root: Path) -> None:
    async with house() as home:
        first = await ready(home, root)
        second = await home.editor(root, OURS)
        answers = await asyncio.gather(
            first.command("accept", {"task": 1}), second.command("accept", {"task": 1}), return_exceptions=True
        )
        refused = [answer for answer in answers if isinstance(answer, Refused)]
        assert len(refused) == 1
        assert refused[0].reason in ("busy", "already_decided")
        assert text(first) == DONE
        assert await state(first) == "accepted"


async def test_an_editor_that_goes_away_in_between_leaves_it_to_be_settled(root: Path) -> None:
    """The accept was journalled, the proof never came: the text that the next editor brings decides."""
    for kept, expected in ((DONE, "accepted"), (TEXT, "ready")):
        async with house() as home:
            editor = await ready(home, root) if expected == "accepted" else await again(home, root)
            task = max(home.service.editors.sessions[0].engines[root].state.tasks)
            editor.on_edit = lambda _, gone=editor: gone.writer.close() or {"applied": True}
            with pytest.raises(ConnectionError):
                await editor.command("accept", {"task": task})
            following = await home.editor(root, OURS)
            engine = home.service.editors.projects.loaded[root]
            assert engine.state.tasks[task].accepting
            following.open("a.py", kept)
            await following.until(
                lambda task=task, engine=engine: not engine.state.tasks[task].accepting, "it to settle"
            )
            assert engine.state.tasks[task].state == expected


async def again(home: House, root: Path) -> Client:
    editor = await home.editor(root, OURS)
    editor.open("a.py", TEXT)
    task = await delegated(editor)
    await editor.command("wait", {"tasks": [task]})
    await editor.command("read", {"task": task})
    return editor


async def test_a_buffer_closed_in_between_is_judged_by_the_disk(root: Path) -> None:
    async with house() as home:
        editor = await ready(home, root)

        def close(params: Any) -> Any:
            editor.on_edit = None
            editor.close("a.py")
            return {"applied": True}

        editor.on_edit = close
        answer = await editor.command("accept", {"task": 1})
        assert [item["reason"] for item in answer["left"]] == [
            "The editor did not take the change to a.py. It is still open."
        ]
        assert (await state(editor), (root / "a.py").read_text()) == ("ready", TEXT)


async def test_projects_of_one_window_keep_their_numbers_apart(tmp_path: Path, root: Path) -> None:
    other = make_project(tmp_path / "other")
    (other / "a.py").write_text(TEXT)
    folders = [{"uri": folder.as_uri(), "name": folder.name} for folder in (root, other)]
    async with house() as home:
        editor = await home.editor(root, OURS, initialize={"workspaceFolders": folders})
        uris = [(folder / "a.py").as_uri() for folder in (root, other)]
        for uri in uris:
            editor.open(uri)
            place = {"uri": uri, "start_line": 0}
            answer = await editor.command("delegate", {"instruction": "new names", "targets": [place]})
            assert answer["tasks"] == [1]
            await editor.command("wait", {"tasks": [1], "uri": uri})
        await editor.act(uris[1], 0, "#1 Read")
        await editor.act(uris[1], 0, "#1 Accept all")
        await editor.until(lambda: editor.buffers[uris[1]].text == DONE, "the change")
        assert editor.buffers[uris[0]].text == TEXT
        rows = (await editor.command("list", {"uri": root.as_uri()}))["rows"]
        assert all(action["arguments"]["uri"] == root.as_uri() for action in rows[0]["actions"])
        rows = (await editor.command("list", {"projects": True}))["rows"]
        assert [(row["section"], row["project"], row["detail"].split(" ")[0]) for row in rows] == [
            ("Ready", root.as_uri(), "project/a.py"),
            ("Earlier", other.as_uri(), "other/a.py"),
        ]


async def test_what_the_person_sees_is_frozen_at_the_key_press(root: Path) -> None:
    """A change right behind the command is not in what the agent gets."""
    async with house() as home:
        editor = await home.editor(root, OURS)
        editor.open("a.py", TEXT.replace("a = 1", "a = 100"))
        asking = asyncio.ensure_future(delegated(editor))
        await asyncio.sleep(0)
        editor.set_text("a.py", TEXT.replace("a = 1", "a = 200"))
        await editor.command("wait", {"tasks": [await asking]})
        engine = home.service.editors.sessions[0].engines[root]
        snapshot = engine.state.tasks[1].snapshot
        assert snapshot is not None
        _, seen = await engine.shadow.file_at(snapshot.commit, "a.py") or (0, b"")
        assert b"a = 100" in seen
        (file,) = (await editor.command("proposal", {"task": 1}))["files"]
        assert "a = 200" in file["merged"]
        assert "one()" in file["merged"]


async def test_an_edited_proposal_is_what_is_accepted(root: Path) -> None:
    async with house() as home:
        editor = await ready(home, root)
        (file,) = (await editor.command("proposal", {"task": 1}))["files"]
        assert file["merged"] == DONE
        assert [hunk["merged"] for hunk in file["hunks"]] == [[1, 2], [5, 6]]
        await editor.command("proposal", {"task": 1, "path": "a.py", "text": DONE.replace("one()", "eins()")})
        (file,) = (await editor.command("proposal", {"task": 1}))["files"]
        assert [hunk["id"] for hunk in file["hunks"]] == ["1.1/a.py:1", "1.1/a.py:2"]
        assert text(editor) == TEXT
        await editor.command("accept", {"task": 1})
        assert text(editor) == DONE.replace("one()", "eins()")


async def test_a_hunk_that_only_adds_lines_is_where_they_are_in_the_merged_text(root: Path) -> None:
    async with house() as home:
        editor = await ready(home, root)
        await editor.command("proposal", {"task": 1, "path": "a.py", "text": "# new\n" + DONE})
        (file,) = (await editor.command("proposal", {"task": 1}))["files"]
        spans = sorted((hunk["live"], hunk["merged"]) for hunk in file["hunks"])
        assert spans == [([0, 0], [0, 1]), ([1, 2], [2, 3]), ([5, 6], [6, 7])]


async def test_what_an_accept_changed_is_kept_before_the_verdict_counts(root: Path) -> None:
    """Else an undo behind it, or after a crash, has nothing to go back to."""
    async with house() as home:
        editor = await ready(home, root)
        engine = home.service.editors.sessions[0].engines[root]
        missing: list[list[str]] = []

        def look(*_: object) -> None:
            for accept in engine.state.tasks[1].accepts:
                missing.append(engine.shadow.loose.missing([id for id in (accept.before_id, accept.after_id) if id]))

        engine.subscribe(look)
        editor.set_text("a.py", "# mine\n" + TEXT)
        await editor.command("accept", {"task": 1})
        assert missing
        assert not any(missing)


async def test_what_was_typed_while_a_proposal_was_edited_is_no_part_of_it(root: Path) -> None:
    async with house() as home:
        editor = await ready(home, root)
        (file,) = (await editor.command("proposal", {"task": 1}))["files"]
        editor.set_text("a.py", "# mine\n" + TEXT)
        kept = {"task": 1, "path": "a.py", "text": DONE.replace("one()", "eins()"), "live": file["live"]}
        (file,) = (await editor.command("proposal", kept))["files"]
        assert file["merged"] == "# mine\n" + DONE.replace("one()", "eins()")
        assert len(file["hunks"]) == 2


async def test_hunks_that_were_typed_by_hand_are_accepted_with_the_others(root: Path) -> None:
    async with house() as home:
        editor = await ready(home, root)
        editor.set_text("a.py", TEXT.replace("first", "one"))
        answer = await editor.command("accept", {"task": 1})
        assert answer == {"tasks": [1], "left": []}
        assert text(editor) == DONE
        assert await state(editor) == "accepted"


async def test_words_in_the_instruction_set_the_task_up(root: Path) -> None:
    async with house() as home:
        editor = await home.editor(root, OURS)
        editor.open("a.py")
        first = await delegated(editor, "never ends @scripted $0.50")
        second = await delegated(editor, f"use its result, after {first} in 8h, step")
        views = [await editor.command("show", {"task": task}) for task in (first, second)]
        assert (views[0]["instruction"], views[0]["agent"], views[0]["budget_usd"]) == ("never ends", "scripted", 0.5)
        assert (views[1]["instruction"], views[1]["after"], views[1]["when"], views[1]["pace"]) == (
            "use its result",
            first,
            "8h",
            "step",
        )
        assert views[1]["waits"] == "after #1"
        await editor.command("stop", {"task": first})


async def test_places_list_what_could_be_delegated(root: Path) -> None:
    async with house() as home:
        editor = await home.editor(root, OURS)
        editor.open("a.py", "# TODO: more\n" + TEXT)
        answer = await editor.command("places", {"place": {"uri": editor.uri("a.py"), "start_line": 2}})
        assert [(place["kind"], place["title"]) for place in answer["places"]] == [
            ("comment", "more"),
            ("symbol", "go()"),
        ]
        assert answer["prompt"] == "What should be done to go()?  scripted · up to $2"


async def test_of_two_projects_none_begins_when_one_refuses(root: Path, tmp_path: Path) -> None:
    other = make_project(tmp_path / "other")
    (other / "a.py").write_text(TEXT)
    recipe = root / ".backburner/recipes/brew.md"
    recipe.parent.mkdir(parents=True)
    recipe.write_text("Brew.\n")
    async with house() as home:
        home.service.editors.projects.book.trust.approve(recipe, digest(recipe.read_bytes()))
        editor = await home.editor(root)
        places = [{"uri": (folder / "a.py").as_uri()} for folder in (root, other)]
        wish = {"instruction": "x", "recipe": "brew", "targets": places}
        with pytest.raises(Refused, match="no recipe called 'brew'"):
            await editor.command("delegate", wish)
        assert (await editor.command("list", {"all": True}))["rows"] == []


async def test_bad_places_and_arguments_are_one_sentence(root: Path) -> None:
    (root / "passwd").symlink_to("/etc/passwd")
    (root / "b.bin").write_bytes(b"\0\1")
    cases: list[tuple[dict[str, Any], str]] = [
        ({"targets": []}, "Say where"),
        ({"targets": [{"uri": "untitled:Untitled-1"}]}, "no file yet"),
        ({"targets": [{"uri": (root / "none.py").as_uri()}]}, "is not on disk"),
        ({"targets": [{"uri": (root / "b.bin").as_uri()}]}, "no text that I can read"),
        ({"targets": [{"uri": (root / "passwd").as_uri()}]}, "a link to a file outside the project"),
        ({"targets": [{"uri": (root / "a.py").as_uri(), "start_line": 99}]}, "Say what should be done"),
        (
            {"instruction": "x", "recipe": "dance", "targets": [{"uri": (root / "a.py").as_uri()}]},
            "no recipe called 'dance'",
        ),
        (
            {"instruction": "x", "agent": "opsu", "targets": [{"uri": (root / "a.py").as_uri()}]},
            "no agent called 'opsu'",
        ),
        ({"instruction": "x", "when": "5h", "targets": [{"uri": (root / "a.py").as_uri()}]}, "`when` is now, 2h or 8h"),
        ({"instruction": "x after 99", "targets": [{"uri": (root / "a.py").as_uri()}]}, "no task #99"),
        ({"targets": "here"}, "`targets` must be a list"),
    ]
    async with house() as home:
        editor = await home.editor(root, OURS)
        for argument, sentence in cases:
            with pytest.raises(Refused, match=sentence) as caught:
                await editor.command("delegate", argument)
            assert "\n" not in str(caught.value)
        for command in ("show", "read", "accept", "reject", "undo", "reply", "steer", "stop", "retry"):
            with pytest.raises(Refused, match="There is no task #7") as caught:
                await editor.command(command, {"task": 7, "text": "x"})
            assert caught.value.reason == "unknown_task"
