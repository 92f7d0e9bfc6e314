"""What five results cost a person, from *ready* to all verdicts: gestures, windows that change, lines to read.

    .venv/bin/python benchmarks/gestures.py

One fixed set: one hunk; three hunks of which one is unwanted; a review with two findings; an overlap with the person's own
edit; a change with a new file. Each kind of client judges them with what it is offered, over the real protocol. A lens is
one gesture, a code action two (open the list, choose), a hover one. A window switches when the server asks for a document to
be shown. Lines: what is shown in order to decide. Nothing is estimated; going to the place is the same for all and left out.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path.insert(0, str(TESTS))

from lsp_client import PLAIN, Client  # noqa: E402
from lsp_house import house, set_up  # noqa: E402

NAMES = {"one": "one hunk", "three": "three hunks, one unwanted", "look": "two findings", "mine": "overlaps my edit",
         "made": "edit and new file"}  # fmt: skip
HOVERS, OPENS, OURS = "plain LSP, reads by hover", "plain LSP, opens documents", "VS Code or Neovim client"
KINDS: dict[str, dict[str, Any]] = {
    HOVERS: PLAIN,
    OPENS: {**PLAIN, "window": {"showDocument": {"support": True}}},
    OURS: {**PLAIN, "experimental": {"backburner": {"status": True, "peek": True, "input": True}}},
}
BODY = "def {name}():\n    first()\n    a = 1\n    b = 2\n    middle()\n    c = 3\n    d = 4\n    last()\n"
SCRIPT = "".join(
    f'[[scene]]\nmatch = "do {name}."\n[[scene.turn]]\ncalls = [{calls}]\n[[scene.turn]]\n'
    f'calls = [{{ tool = "finish", arguments = {{ title = "{title}", summary = "{title}." }} }}]\n'
    for name, title, calls in (
        ("one", "Rename one call", '{tool="edit", arguments={path="one.py", old="first()", new="one()"}}'),
        (
            "three",
            "Rename three calls",
            ", ".join(
                f'{{tool="edit", arguments={{path="three.py", old="{word}()", new="{word}_1()"}}}}'
                for word in ("first", "middle", "last")
            ),
        ),
        (
            "look",
            "Review",
            ", ".join(
                f'{{tool="finding", arguments={{path="look.py", start_line={line}, end_line={line}, severity="warning", '
                f'message="Look at line {line}."}}}}'
                for line in (3, 6)
            ),
        ),
        ("mine", "Rename one call", '{tool="edit", arguments={path="mine.py", old="first()", new="one()"}}'),
        (
            "made",
            "Move it out",
            '{tool="edit", arguments={path="made.py", old="first()", new="helper()"}}, '
            '{tool="write", arguments={path="helper.py", content="def helper():\\n    return 1\\n"}}',
        ),
    )
)


class Cost(NamedTuple):
    read: int
    judge: int
    windows: int
    lines: int


class Person:
    """Someone at one editor; counts what they do."""

    def __init__(self, editor: Client) -> None:
        self.editor = editor
        self.gestures = 0
        self.lines = 0

    async def lens(self, path: str, title: str, line: int | None = None) -> Any:
        self.gestures += 1
        command = await lens_at(self.editor, path, title, line)
        wish = {"command": command["command"], "arguments": command["arguments"]}
        return await self.editor.request("workspace/executeCommand", wish)

    async def hover(self, path: str, line: int, column: int) -> None:
        self.gestures += 1
        text = await self.editor.hover(path, line, column)
        assert text is not None
        self.lines += text.count("\n") + 1


async def lens_at(editor: Client, path: str, title: str, line: int | None) -> dict[str, Any]:
    """The command of a lens, as soon as it is there."""
    while True:
        for lens in await editor.request("textDocument/codeLens", {"textDocument": {"uri": editor.uri(path)}}):
            if lens["command"]["title"] == title and line in (None, lens["range"]["start"]["line"]):
                return lens["command"]
        await editor.news(0.05)


async def judge(editor: Client, number: int, name: str, kind: str) -> Cost:
    """Read a result and give every verdict; what it took."""
    person, path, shown = Person(editor), f"{name}.py", len(editor.shown)
    answer = await person.lens(path, "Read")
    opened = 0
    if kind == HOVERS:
        for problem in await problems(editor, path, name):
            start = problem["range"]["start"]
            await person.hover(path, start["line"], start["character"])
        if name == "made":
            # A new file has no place in an open text: its document is opened by hand.
            person.gestures, opened = person.gestures + 1, 1
            person.lines += lines_of(answer["uri"])
    else:
        person.lines += lines_of(answer["uri"])
    if kind == OPENS:
        await editor.until(lambda: len(editor.shown) > shown, "the document")
    read, person.gestures = person.gestures, 0
    match name:
        case "one" | "made":
            await person.lens(path, "Accept")
        case "three":
            for left, line, verdict in ((2, 1, "Accept"), (1, 4, "Reject"), (0, 7, "Accept")):
                await person.lens(path, verdict, line)
                # Nobody presses again before the first is in the text, some milliseconds later.
                while len([hunk for hunk in await hunks(editor, number) if hunk["verdict"] == "open"]) > left:
                    await editor.news(0.05)
        case "look":
            await person.lens(path, "Dismiss")
        case _:
            await person.lens(path, "Take theirs")
    while (await editor.command("show", {"task": number}))["state"] not in ("accepted", "rejected"):
        await editor.news(0.05)
    return Cost(read, person.gestures, len(editor.shown) - shown + opened, person.lines)


async def hunks(editor: Client, number: int) -> list[dict[str, Any]]:
    return (await editor.command("show", {"task": number}))["hunks"]


async def problems(editor: Client, path: str, name: str) -> list[dict[str, Any]]:
    """The marks to hover over: every hunk, or every finding."""
    begins = "Look" if name == "look" else "Hunk"
    wanted = {"look": 2, "three": 3}.get(name, 1)

    def found() -> list[dict[str, Any]] | None:
        shown = [problem for problem in editor.ours(path) if problem["message"].startswith(begins)]
        return shown if len(shown) == wanted else None

    return await editor.until(found, "its marks")


def lines_of(uri: str) -> int:
    return len(Path(uri.removeprefix("file://")).read_text().splitlines())


async def measure(kind: str, folder: Path) -> list[Cost]:
    os.environ["BACKBURNER_HOME"] = str(folder / "home")
    root = set_up(folder, SCRIPT)
    for name in NAMES:
        (root / f"{name}.py").write_text(BODY.format(name=name))
    async with house() as home:
        editor = await home.editor(root, KINDS[kind])
        for name in NAMES:
            editor.open(f"{name}.py")
        # Asking once for lenses says that they show here.
        await editor.lenses("one.py")
        for name in NAMES:
            place = {"uri": editor.uri(f"{name}.py"), "start_line": 0}
            recipe = {"recipe": "review"} if name == "look" else {}
            await editor.command("delegate", {"instruction": f"do {name}.", "targets": [place], **recipe})
        await editor.command("wait", {"tasks": list(range(1, len(NAMES) + 1))})
        editor.set_text("mine.py", BODY.format(name="mine").replace("first()", "first(mine)"))
        editor.save("mine.py")
        return [await judge(editor, number, name, kind) for number, name in enumerate(NAMES, 1)]


def main() -> None:
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            costs = asyncio.run(measure(kind, Path(folder)))
        print(
            f"\n{kind}:\n\n| result | gestures to read | to judge | window switches | lines shown |\n|" + " --- |" * 5
        )
        for name, cost in zip(NAMES.values(), costs, strict=True):
            print(f"| {name} | {cost.read} | {cost.judge} | {cost.windows} | {cost.lines} |")
        total = Cost(*(sum(column) for column in zip(*costs, strict=True)))
        print(f"| all five | {total.read} | {total.judge} | {total.windows} | {total.lines} |")


if __name__ == "__main__":
    main()
