"""The whole journey in under a minute: delegate on unsaved text, watch, read, accept while the text has changed.

Everything is real but (without a key) the thinking: a copy of a Git project in a temporary folder, a daemon of its own, the
LSP bridge, agents in their own copies. Nothing outside the temporary folder is touched.
"""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import json
import os
import shutil
import sys
import tempfile
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import backburner
from backburner.cli.editor import Buffer, Editor, Json
from backburner.cli.exits import DONE, FAILED, USAGE, CliError
from backburner.lib import process

if TYPE_CHECKING:
    from rich.console import Console

KEYS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY", "GROQ_API_KEY", "CEREBRAS_API_KEY")
LEFT_BEHIND = shutil.ignore_patterns(
    ".venv*", "node_modules", ".editors", ".vscode-server-*", "__pycache__", ".*_cache"
)
CLOCK = "server/backburner/lib/clock.py"
UNSAVED = '''

def until_midnight(clock: Clock) -> float:
    """Seconds until the local day of `clock` ends."""
    raise NotImplementedError
'''
TYPED = "# Typed by the person while the agents were cooking.\n"


def demo(project: Path | None) -> int:
    """Run it; 0 when every step went as told."""
    source = (project or Path(backburner.__file__).resolve().parents[2]).resolve()
    if not (source / ".git").exists() or not (source / CLOCK).is_file():
        raise CliError(
            "The demo works on a checkout of Backburner itself: clone it, then run scripts/demo. "
            "To try Backburner on a file of its own, run `backburner practise`.",
            USAGE,
            "usage",
        )
    with tempfile.TemporaryDirectory(prefix="backburner-demo-") as folder:
        copy, home = Path(folder) / "project", Path(folder) / "home"
        shutil.copytree(source, copy, symlinks=True, ignore=LEFT_BEHIND)
        home.mkdir(mode=0o700)
        return asyncio.run(_demo(copy, home))


async def _demo(copy: Path, home: Path) -> int:
    from rich.console import Console

    console = Console(soft_wrap=True, highlight=False)
    key = next((name for name in KEYS if os.environ.get(name)), "")
    agent = "" if key else "canned"
    if key:
        console.print(f"Found {key}: real models think, up to $2 a task.")
    else:
        console.print("No key found: a canned agent does the thinking; commands, copies, merges and edits are real.")
    (home / "config.toml").write_text(_config(), "utf-8")
    env = {**os.environ, "BACKBURNER_HOME": str(home)}
    argv = [sys.executable, "-m", "backburner"]
    try:
        async with Editor([*argv, "lsp"], copy, env) as editor:
            return await _journey(console, editor, copy, agent)
    finally:
        await process.run([*argv, "daemon", "stop"], env=env, timeout_s=20)


def _config() -> str:
    ruff = shutil.which("ruff", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    script = (resources.files("backburner.cli") / "demo.toml").read_text("utf-8")
    tidy = [ruff, "check", "--quiet", "--fix", "--select", "F401,I001", "{file}"] if ruff else [*CODEMOD, "{file}"]
    return (
        f"[check]\ncommand = {json.dumps(CHECK)}\n"
        f'[agents.canned]\nprovider = "script"\nmodel = "canned"\nscript = {json.dumps(script)}\n'
        f"[agents.tidy]\ncommand = {json.dumps(tidy)}\n"
    )


CHECK = "python3 -m compileall -q server/backburner/lib"
CODEMOD = (
    "python3",
    "-c",
    "import pathlib, sys; p = pathlib.Path(sys.argv[1]); p.write_text(p.read_text().replace('import json\\n', ''))",
)


async def _journey(console: Console, editor: Editor, copy: Path, agent: str) -> int:
    clock = await editor.open(copy / CLOCK, (copy / CLOCK).read_text() + UNSAVED)
    files = copy / "server/backburner/lib/files.py"
    untidy = await editor.open(files, files.read_text().replace("import os\n", "import json\nimport os\n", 1))
    console.rule("Delegate: five tasks at once, two of them on text that was never saved")
    lib, model = copy / "server/backburner/lib", copy / "server/backburner/model"
    wishes = (
        (clock.path, "def until_midnight", "finish until_midnight", agent, "implement"),
        (untidy.path, "import json", "remove what is not used", "tidy", "refactor"),
        (clock.path, "class HandClock", "test the hand-wound clock", agent, "test"),
        (lib / "process.py", "def kill_group", "review how children are killed", agent, "review"),
        (model / "anchor.py", "class Anchor", "say what an anchor is for", agent, "explain"),
    )
    tasks = [await _delegate(editor, *wish) for wish in wishes]
    for task in tasks:
        view = await editor.command("show", {"task": task})
        console.print(f"  #{task} {view['instruction']}  ({view['agent']}, {view['target']})", markup=False)
    await _watch(console, editor, tasks)

    console.rule("Meanwhile the text has changed underneath")
    await editor.replace(clock.path, '"""Time as a value', TYPED + '"""Time as a value')
    console.print(f"  typed at the top of {CLOCK}: {TYPED.strip()}", markup=False)

    console.rule("The results, where they landed")
    await editor.until(lambda: _has_lenses(editor, clock))
    await editor.until(lambda: _problems_in_place(clock))
    for buffer in (clock, untidy):
        await _show_marks(console, editor, buffer)

    console.rule("Read one, take one hunk, leave the other; take the rest whole")
    before = clock.text
    console.print((await editor.command("diff", {"task": tasks[0]}))["text"].rstrip(), markup=False)
    await editor.command("read", {"task": tasks[0]})
    view = await editor.command("show", {"task": tasks[0]})
    wanted = [hunk["id"] for hunk in view["hunks"]][-1:]
    await editor.command("accept", {"task": tasks[0], "hunks": wanted})
    await editor.command("reject", {"task": tasks[0]})
    for task in tasks[1:3]:
        await editor.command("read", {"task": task})
        await editor.command("accept", {"task": task})

    console.rule("What that did to the buffers")
    _print_diff(console, before, clock.text, CLOCK)
    today = await editor.command("today", {"uri": copy.as_uri()})
    console.print(today["sentence"], markup=False)
    good = TYPED in clock.text and "import json" not in untidy.text
    if not agent:
        return DONE
    good = good and "NotImplementedError" not in clock.text and (copy / "tests/lib/test_hand_clock.py").is_file()
    console.print("Everything went as told." if good else "Something went wrong: see above.")
    return DONE if good else FAILED


async def _delegate(editor: Editor, path: Path, at: str, instruction: str, agent: str, recipe: str) -> int:
    buffer = editor.buffers.get(path.as_uri())
    text = buffer.text if buffer else path.read_text()
    place = {"uri": path.as_uri(), "start_line": text[: text.index(at)].count("\n")}
    wish = {"instruction": instruction, "targets": [place], "recipe": recipe, "agent": agent}
    answer = await editor.command("delegate", wish)
    return answer["tasks"][0]


async def _watch(console: Console, editor: Editor, tasks: list[int]) -> None:
    """Print each change of state or direction as it comes; answer the one question; until nothing runs any more."""
    console.rule("They cook; you think")
    told: dict[int, str] = {}

    async def all_done() -> bool:
        states: list[str] = []
        for task in tasks:
            view: Json = await editor.command("show", {"task": task})
            states.append(view["state"])
            line = _line(view)
            if told.get(task) != line:
                told[task] = line
                console.print(f"  {line}", markup=False)
            if view["state"] == "asking" and view["question"]:
                answer = view["question"]["choices"][0]
                console.print(f"  -> answered: {answer['title']}", markup=False)
                with contextlib.suppress(RuntimeError):
                    await editor.command("answer", {"task": task, "text": answer["answer"]})
        return not {"queued", "running", "asking"} & set(states)

    await editor.until(all_done, timeout_s=600.0)


def _line(view: Json) -> str:
    parts: list[str] = [f"#{view['task']} {view['state']}"]
    if view["state"] in ("queued", "running"):
        parts.append(view.get("direction", ""))
        draft: dict[str, Any] | None = view.get("draft")
        if draft and draft.get("files"):
            parts.append(f"draft +{draft['added']} −{draft['removed']}")
    elif view["state"] == "asking":
        parts.append(view["question"]["sentence"] if view["question"] else "")
    else:
        parts.append(view["error"] or view["summary"])
    return "  ".join(part for part in parts if part)


async def _has_lenses(editor: Editor, buffer: Buffer) -> bool:
    """A title changes only at a breakpoint and not too often: wait for the one that says that a result is there."""
    return any(
        "#1 " in lens["command"]["title"] and "◌" not in lens["command"]["title"]
        for lens in await editor.lenses(buffer.path)
    )


async def _problems_in_place(buffer: Buffer) -> bool:
    """An editor moves its problems with the text until the server sends them again; this one waits for the server."""
    lines = buffer.text.split("\n")
    rows: list[int] = [problem["range"]["start"]["line"] for problem in buffer.diagnostics]
    return bool(rows) and all(lines[row].startswith(("def ", "class ")) for row in rows)


async def _show_marks(console: Console, editor: Editor, buffer: Buffer) -> None:
    lines = buffer.text.split("\n")
    titles: dict[int, list[str]] = {}
    for lens in await editor.lenses(buffer.path):
        titles.setdefault(lens["range"]["start"]["line"], []).append(lens["command"]["title"])
    for line, parts in sorted(titles.items()):
        console.print(f"  {buffer.path.name}:{line + 1}  {' | '.join(parts)}", markup=False)
        console.print(f"      {lines[line]}", markup=False)
    for problem in buffer.diagnostics:
        console.print(
            f"  {buffer.path.name}:{problem['range']['start']['line'] + 1}  {problem['message']}", markup=False
        )


def _print_diff(console: Console, before: str, after: str, name: str) -> None:
    diff = difflib.unified_diff(before.splitlines(), after.splitlines(), f"a/{name}", f"b/{name}", lineterm="")
    for line in diff:
        console.print(line, markup=False)
