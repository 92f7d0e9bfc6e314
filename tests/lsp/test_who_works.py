"""From a task that nobody can do yet to one that runs: a key, Ollama, a program that may run; in any editor."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from backburner.store import paths
from lsp_client import PLAIN, Client, Refused
from lsp_house import House, house, set_up

SHOWS: dict[str, Any] = {**PLAIN, "window": {"showDocument": {"support": True}}}
KEYS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GROQ_API_KEY", "CEREBRAS_API_KEY", "OPENROUTER_API_KEY")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person without any agent: no key, no program, no server."""
    monkeypatch.setenv("BACKBURNER_HOME", str(tmp_path / "home"))
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    (tmp_path / "bin").mkdir()
    root = set_up(tmp_path, "")
    paths.config_file().write_text("")
    (root / "a.py").write_text("def go():\n    return 1\n")
    return root


async def delegated(home: House, root: Path, words: str = "return two", capabilities: Any = None) -> Client:
    editor = await home.editor(root, capabilities)
    editor.open("a.py")
    place = {"uri": editor.uri("a.py"), "start_line": 0}
    await editor.command("delegate", {"instruction": words, "targets": [place]})
    await editor.until(editor.said, "the message that it cannot start")
    return editor


async def titles(editor: Client) -> list[str]:
    return [action["title"] for action in await editor.actions("a.py", 0)]


async def test_without_any_agent_there_are_three_ways(root: Path) -> None:
    async with house() as home:
        editor = await delegated(home, root, capabilities=SHOWS)
        assert {"#1 Paste a key", "Use Ollama", "Practise without a key"} <= set(await titles(editor))
        await editor.act("a.py", 0, "#1 Paste a key")
        await editor.until(lambda: editor.shown, "the text")
        text = Path(editor.shown[0].removeprefix("file://")).read_text()
        assert "ANTHROPIC_API_KEY, OPENAI_API_KEY" in text
        assert "export ANTHROPIC_API_KEY=…" in text


async def test_the_key_that_an_agent_needs_is_named(root: Path) -> None:
    async with house() as home:
        editor = await delegated(home, root, "@groq return two")
        assert "#1 Set key" in await titles(editor)
        answer = await editor.command("setKey", {"task": 1})
        assert (answer["agent"], answer["variable"]) == ("groq", "GROQ_API_KEY")
        assert {"title": "Groq", "variable": "GROQ_API_KEY"} in answer["keys"]
        assert "keyring set backburner GROQ_API_KEY" in answer["text"]
        # A client that opens no documents is told where the text is.
        assert any("key.md" in sentence for sentence in editor.said())


async def test_ollama_is_looked_for_when_asked(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    monkeypatch.setenv("OLLAMA_BASE_URL", f"http://127.0.0.1:{port}/v1")
    async with house() as home:
        editor = await delegated(home, root)
        with pytest.raises(
            Refused, match=rf"does not answer at http://127.0.0.1:{port}/v1. Start it with `ollama serve`"
        ):
            await editor.command("useOllama")
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", port)
        answer = await editor.command("useOllama")
        assert answer["sentence"].startswith("Ollama answers.")
        view = await editor.command("show", {"task": 1})
        assert (view["held"] or {}).get("reason") != "no_agent"
        await editor.command("stop", {"task": 1})
        server.close()


async def test_a_program_runs_once_it_is_allowed_at_the_line(root: Path) -> None:
    program = root.parent / "bin" / "claude"
    program.write_text("#!/bin/sh\nsleep 30\n")
    program.chmod(0o755)
    async with house() as home:
        editor = await delegated(home, root)
        assert (await editor.command("show", {"task": 1}))["held"]["reason"] == "unconfirmed"
        await editor.act("a.py", 0, "#1 Let claude run")
        assert paths.config_file().read_text() == "[agents.claude]\nnetwork = true\n"
        view = await editor.command("show", {"task": 1})
        assert (view["held"] or {}).get("reason") != "unconfirmed"
        await editor.command("stop", {"task": 1})


async def test_only_a_program_that_needs_it_is_allowed(root: Path) -> None:
    async with house() as home:
        editor = await home.editor(root, SHOWS)
        with pytest.raises(Refused, match="opus needs no permission"):
            await editor.command("allow", {"agent": "opus"})
        with pytest.raises(Refused, match=r"There is no agent called .nobody."):
            await editor.command("allow", {"agent": "nobody"})
        assert paths.config_file().read_text() == ""


async def test_texts_about_no_task_reach_every_editor(root: Path) -> None:
    async with house() as home:
        editor = await home.editor(root, SHOWS)
        for command in ("doctor", "today"):
            await editor.command(command)
            await editor.until(lambda name=command: any(f"{name}.md" in uri for uri in editor.shown), command)
        silent = await home.editor(root)
        await silent.command("doctor")
        assert any("doctor.md" in sentence for sentence in silent.said())
        answer = await silent.command("practise")
        assert any(f"Practise here: {answer['folder']}" in sentence for sentence in silent.said())


@pytest.mark.parametrize(
    ("variable", "agent"), [("CEREBRAS_API_KEY", "cerebras"), ("GROQ_API_KEY", "groq"), ("", "groq")]
)
async def test_quick_is_the_fast_agent_that_has_a_key(
    root: Path, monkeypatch: pytest.MonkeyPatch, variable: str, agent: str
) -> None:
    for name in ("CEREBRAS_BASE_URL", "GROQ_BASE_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    if variable:
        monkeypatch.setenv(variable, "not-a-real-key")
    async with house() as home:
        editor = await home.editor(root)
        editor.open("a.py")
        place = {"uri": editor.uri("a.py"), "start_line": 0}
        await editor.command("delegate", {"instruction": "!quick return two", "targets": [place]})
        assert (await editor.command("show", {"task": 1}))["agent"] == agent
        await editor.command("stop", {"task": 1})


async def test_a_key_stays_until_it_is_taken_back(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def agent() -> str:
        editor = await home.editor(root)
        return next(
            row["detail"] for row in (await editor.command("doctor"))["checks"] if row["name"].startswith("agent")
        )

    async with house() as home:
        monkeypatch.setenv("GROQ_API_KEY", "not-a-real-key")
        assert (await agent()).startswith("Groq")
        # A command line of the same person, say, that has the same PATH and no key.
        monkeypatch.delenv("GROQ_API_KEY")
        assert (await agent()).startswith("Groq")
        monkeypatch.setenv("GROQ_API_KEY", "")
        assert await agent() == "No agent yet."


async def test_an_action_of_a_row_keeps_its_words(root: Path) -> None:
    async with house() as home:
        editor = await delegated(home, root)
        (row,) = (await editor.command("list"))["rows"]
        offered = {action["title"] for action in row["actions"]}
        assert {"Paste a key", "Use Ollama", "Practise without a key"} <= offered
