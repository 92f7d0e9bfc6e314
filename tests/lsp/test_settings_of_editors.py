"""Several editors on one daemon, each with settings of its own: whose word counts for what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lsp_client import PLAIN, Client, Refused
from lsp_house import House, house, set_up

SCENE = """
[[scene]]
[[scene.turn]]
calls = [{ tool = "edit", arguments = { path = "a.py", old = "return 1", new = "return 2" } }]
[[scene.turn]]
calls = [{ tool = "finish", arguments = { title = "Return two", summary = "It returns 2." } }]
"""
ASKS = """
[[scene]]
[[scene.turn]]
[[scene.turn.calls]]
tool = "ask"
[scene.turn.calls.arguments]
question = "Keep it?"
default = "keep"
choices = [{ answer = "keep", title = "Keep" }, { answer = "remove", title = "Remove" }]
"""
TEXT = "def go():\n    return 1\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BACKBURNER_HOME", str(tmp_path / "home"))
    root = set_up(tmp_path, SCENE)
    home = tmp_path / "home"
    (home / "asks.toml").write_text(ASKS)
    with (home / "config.toml").open("a") as config:
        for name, script in (("other", "script"), ("asker", "asks")):
            config.write(f'[agents.{name}]\nprovider = "script"\nscript = "{home / script}.toml"\n')
    (root / "a.py").write_text(TEXT)
    return root


async def editor(home: House, root: Path, settings: dict[str, Any] | None = None, name: str = "one") -> Client:
    initialize = {} if settings is None else {"initializationOptions": settings}
    found = await home.editor(root, PLAIN, info={"name": name}, initialize=initialize)
    found.open("a.py")
    return found


async def delegate(client: Client, instruction: str = "return two", **more: Any) -> int:
    place = {"uri": client.uri("a.py"), "start_line": 0}
    return (await client.command("delegate", {"instruction": instruction, "targets": [place], **more}))["tasks"][0]


async def show(client: Client, task: int) -> dict[str, Any]:
    return await client.command("show", {"task": task})


def say(client: Client, settings: dict[str, Any]) -> None:
    client.notify("workspace/didChangeConfiguration", {"settings": {"backburner": settings}})


def limits(home: House, root: Path) -> Any:
    """What the engine of the project goes by."""
    return home.service.editors.projects.loaded[root].settings.limits


async def test_each_editor_shows_as_its_own_settings_say(root: Path) -> None:
    """Also after another came without settings, and after that one said some."""
    async with house() as home:
        mine = await editor(home, root, {"ascii": True, "diagnostics": "off", "review": {"read_first": False}})
        other = await editor(home, root, name="two")
        await other.command("wait", {"tasks": [await delegate(other)]})
        await other.until(lambda: other.ours("a.py"), "the mark")
        assert [title for title in await mine.lenses("a.py") if title.isascii()] == await mine.lenses("a.py")
        assert not all(title.isascii() for title in await other.lenses("a.py"))
        assert "#1 Accept all" in [action["title"] for action in await mine.actions("a.py", 0)]
        assert "#1 Accept all" not in [action["title"] for action in await other.actions("a.py", 0)]
        assert mine.ours("a.py") == []
        say(other, {"diagnostics": "off"})
        await other.until(lambda: not other.ours("a.py"), "the mark to go")
        say(mine, {})
        await mine.until(lambda: mine.ours("a.py"), "the mark")
        assert not all(title.isascii() for title in await mine.lenses("a.py"))
        assert other.ours("a.py") == []


async def test_a_task_is_done_as_the_editor_says_that_delegates_it(root: Path) -> None:
    own = {"agent": "other", "effort": "high", "pace": "step", "quick_agent": "other", "limits": {"task_usd": 0.5}}
    async with house() as home:
        mine = await editor(home, root, own)
        plain = await editor(home, root, name="two")
        tasks = [await delegate(mine), await delegate(plain), await delegate(mine, "!quick two", effort="low")]
        await plain.command("wait", {"tasks": tasks})
        found = [await show(plain, task) for task in tasks]
        assert [task["agent"] for task in found] == ["other", "scripted", "other"]
        assert [task["pace"] for task in found] == ["step", "run", "step"]
        assert [task["budget_usd"] for task in found] == [0.5, None, 0.5]
        queued = home.service.editors.projects.loaded[root].state.tasks
        assert [queued[task].effort for task in tasks] == ["high", "", "low"]
        place = {"place": {"uri": mine.uri("a.py"), "start_line": 0}}
        prompts = [(await client.command("places", place))["prompt"] for client in (mine, plain)]
        assert [prompt.split("?  ")[1] for prompt in prompts] == ["other · up to $0.50", "scripted · up to $2"]


async def test_an_agent_that_does_not_exist_is_refused_where_its_editor_delegates(root: Path) -> None:
    async with house() as home:
        mine = await editor(home, root, {"agent": "nobody"})
        with pytest.raises(Refused) as refused:
            await delegate(mine)
        assert refused.value.reason == "no_agent"
        assert await delegate(await editor(home, root, name="two")) == 1


async def test_run_again_takes_the_editors_agent_where_the_task_has_none(root: Path) -> None:
    async with house() as home:
        plain = await editor(home, root)
        mine = await editor(home, root, {"agent": "other"}, name="two")
        await plain.command("wait", {"tasks": [await delegate(plain)]})
        await mine.command("retry", {"task": 1})
        await mine.command("wait", {"tasks": [1]})
        assert (await show(plain, 1))["agent"] == "other"


async def test_of_the_limits_that_editors_say_the_smallest_counts_for_all(root: Path) -> None:
    async with house() as home:
        one = await editor(home, root, {"limits": {"day_usd": 3, "unread_results": 20}})
        two = await editor(home, root, {"limits": {"day_usd": 5, "unread_results": 12}}, name="two")
        await editor(home, root, name="three")
        await delegate(two)
        assert (limits(home, root).day_usd, limits(home, root).unread_results) == (3, 12)
        say(one, {"limits": {"day_usd": "much", "unread_results": 30}, "sandbox": {"unsandboxed": True}})
        await one.command("list")
        assert (limits(home, root).day_usd, limits(home, root).unread_results) == (5, 12)
        said = (await one.command("doctor"))["text"]
        assert "limits.day_usd wants a value of type number" in said
        assert "wants a value" not in (await two.command("doctor"))["text"]


async def test_limits_of_an_editor_that_is_gone_hold_while_a_task_lives(root: Path) -> None:
    async with house() as home:
        stays = await editor(home, root, name="two")
        goes = await editor(home, root, {"limits": {"day_usd": 3}})
        task = await delegate(stays, agent="asker")
        await stays.command("wait", {"tasks": [task]})
        assert (await show(stays, task))["state"] == "asking"
        sessions = home.service.editors.sessions
        await goes.leave()
        await stays.until(lambda: len(sessions) == 1, "the other to be gone")
        assert limits(home, root).day_usd == 3
        again = await editor(home, root, {"ascii": True})
        assert limits(home, root).day_usd == 3
        say(again, {"limits": {"day_usd": 4}})
        await again.command("list")
        assert limits(home, root).day_usd == 4
        await again.leave()
        await stays.until(lambda: len(sessions) == 1, "the other to be gone")
        assert limits(home, root).day_usd == 4
        await stays.command("stop", {"task": task})
        assert limits(home, root).day_usd == 10


@pytest.mark.parametrize("options", [{"backburner": True}, {"backburner": {"status": True, "review": True}}])
async def test_what_a_client_announces_about_itself_is_no_setting(root: Path, options: dict[str, Any]) -> None:
    async with house() as home:
        mine = await home.editor(root, initialize={"initializationOptions": options})
        assert [row for row in (await mine.command("doctor"))["checks"] if row["name"] == "settings"] == []
