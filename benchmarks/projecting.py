"""What one keystroke costs with 500 hunks over 100 open files: to project and publish all of it, and to answer requests.

    .venv/bin/python benchmarks/projecting.py [--files 100] [--rounds 100]

The whole server in this process (as `lsp --alone`), with an editor on a socket; each of 100 results changes one open file in
five places. Each round types one character into the next file. "Publish" is a whole round of the publisher: every file
projected, compared with what the editor has, the difference sent. Its floor is placing the five hunks of the one file that
changed, with nothing remembered. The floor of the requests is one for a
text that belongs to nobody.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import world as w

from backburner.lsp.roots import Owned
from backburner.lsp.session import Session
from backburner.model.text import fit
from lsp_house import house, set_up

CHANGED = (0, 2, 4, 6, 8)
"""Functions of each file that its task changes."""
NOTHING = {"textDocument": {"uri": "untitled:Untitled-1"}}


def script(files: int) -> str:
    """A scene for each file."""
    scenes: list[str] = []
    for number in range(files):
        edits = ",\n".join(
            f'{{ tool = "edit", arguments = {{ path = "module_{number}.py", '
            f'old = "number_{at}(a, b):\\n    return a - b", new = "number_{at}(a, b):\\n    return a + b" }} }}'
            for at in CHANGED
        )
        scenes.append(f"""
[[scene]]
match = "swap signs in module_{number}!"
[[scene.turn]]
calls = [
{edits}
]
[[scene.turn]]
calls = [{{ tool = "finish", arguments = {{ title = "Swap signs", summary = "It adds now." }} }}]
""")
    return "".join(scenes)


def placing(session: Session, root: Path, path: str) -> float:
    """Milliseconds to place the hunks of one file from nothing."""
    engine = session.engines[root]
    task = next(task for task in engine.state.tasks.values() if task.target.path == path)
    assert task.result is not None
    [change] = task.result.proposal.files
    base, proposed = engine.texts.get(change.base_id or ""), engine.texts.get(change.proposed_id or "")
    live = session.editors.live(Owned(root, path), session)
    start = time.perf_counter()
    fit(base, proposed, live, change.hunks)
    return (time.perf_counter() - start) * 1000


async def main(files: int, rounds: int) -> None:
    taken: dict[str, list[float]] = {}

    def took(name: str, start: float) -> None:
        taken.setdefault(name, []).append((time.perf_counter() - start) * 1000)

    with TemporaryDirectory(prefix="bb-project-") as folder:
        os.environ["BACKBURNER_HOME"] = str(Path(folder) / "home")
        root = set_up(Path(folder), script(files), w.CONFIG)
        names = [f"module_{number}.py" for number in range(files)]
        for name in names:
            (root / name).write_text(w.SOURCE)
        async with house() as home:
            client = await home.editor(root)
            for name in names:
                client.open(name)
            tasks: list[int] = []
            for number, name in enumerate(names):
                place = {"uri": client.uri(name), "start_line": 0, "end_line": 1}
                argument = {"instruction": f"swap signs in module_{number}!", "recipe": "free", "targets": [place]}
                tasks += (await client.command("delegate", argument))["tasks"]
            states = await w.finished(client, tasks)
            [session] = home.service.editors.sessions
            hunks = sum(len(t.result.proposal.hunks) for t in session.engines[root].state.tasks.values() if t.result)
            await client.lenses(names[0])
            await session.publisher._round()  # pyright: ignore[reportPrivateUsage]
            for number in range(rounds):
                name, other = names[number % files], names[(number + 7) % files]
                client.set_text(name, f"#{client.buffers[client.uri(name)].text}")
                await client.request("textDocument/codeLens", NOTHING)  # the answer comes after the change was taken
                taken.setdefault("placing", []).append(placing(session, root, name))
                start = time.perf_counter()
                await session.publisher._round()  # pyright: ignore[reportPrivateUsage]
                took("publish", start)
                client.set_text(name, f"#{client.buffers[client.uri(name)].text}")
                work = {
                    "lens of the file": client.lenses(name),
                    "lens of another": client.lenses(other),
                    "actions of another": client.actions(other, 1, triggerKind=2),
                    "hover": client.hover(other, 0, 5),
                    "floor": client.request("textDocument/codeLens", NOTHING),
                }
                for key, request in work.items():
                    start = time.perf_counter()
                    await request
                    took(key, start)
    rows = [("after one keystroke", "p50 ms", "p99 ms", "floor p50", "floor p99")]
    for name, floor, title in (
        ("publish", "placing", f"project and publish {hunks} hunks over {files} open files"),
        ("lens of the file", "floor", "`codeLens` of the file that was typed into"),
        ("lens of another", "floor", "`codeLens` of another file"),
        ("actions of another", "floor", "`codeAction` in another file"),
        ("hover", "floor", "`hover` in another file"),
    ):
        figures = (w.p(taken[key], part) for key in (name, floor) for part in (0.5, 0.99))
        rows.append((title, *(f"{figure:.1f}" for figure in figures)))
    ended = ", ".join(f"{number} {state}" for state, number in states.items())
    w.table(f"Projecting; tasks: {ended}; {rounds} rounds; {w.load()}", *rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=100)
    options = parser.parse_args()
    asyncio.run(main(options.files, options.rounds))
