"""Plays one scenario against a connected editor and says what is seen; see README.md for the format."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from lsp_client import Client, Refused
from scenarios.archive import Archive, Call, Section, call, calls, unmarked

Connect = Callable[[Path], Awaitable[Client]]
SETTLED = ("ready", "asking", "failed", "accepted", "rejected", "cancelled")
SEVERITY = {1: "error", 2: "warning", 3: "information", 4: "hint"}
SETTLE = 10
"""How often what is seen must be the same before it counts."""
NUMBERS = re.compile(r"\b\d\d:\d\d\b")
FOLDER = re.compile(r"state/project-[0-9a-f]{12}")


class Scenario:
    """One case in progress."""

    def __init__(
        self, archive: Archive, client: Client, restart: Connect | None = None, *, updating: bool = False
    ) -> None:
        self.archive, self.client, self._restart, self.updating = archive, client, restart, updating
        self._said = 0

    @property
    def root(self) -> Path:
        return self.client.root

    async def play(self) -> None:
        """Run every section; `body` of each expectation becomes what was seen."""
        started = False
        delegations: list[tuple[str, int, Call]] = []
        for section in self.archive.sections:
            if section.name in ("script", "config", "settings", "client"):
                continue
            if section.name.startswith("case "):
                started, delegations = False, []
                self._fresh()
                continue
            if section.name == "do":
                if not started:
                    started = True
                    await self._delegate(delegations)
                lines = section.body.splitlines()
                for number, line in enumerate(lines):
                    for step in calls(line):
                        refusal = await self.step(step)
                        lines[number] = line.partition(" ! ")[0] + (f" ! {json.dumps(refusal)}" if refusal else "")
                section.body = "".join(f"{line}\n" for line in lines)
            elif not started:
                delegations += self._put(section)
            else:
                section.body = await self._expect(section)
        assert started, "a scenario has at least one `do`, which may be empty"

    def _fresh(self) -> None:
        """A new case in the same project: nothing is open, and what was said before is not looked at again."""
        for uri in list(self.client.buffers):
            self.client.close(uri.removeprefix(f"{self.root.as_uri()}/"))
        self._said = len(self.client.said())

    def _put(self, section: Section) -> list[tuple[str, int, Call]]:
        text, markers = unmarked(section.body)
        flags = section.flag.split(", ")
        if "noeol" in flags:
            text = text.removesuffix("\n")
        path = self.root / section.name
        path.parent.mkdir(parents=True, exist_ok=True)
        eol = "\r\n" if "crlf" in flags else "\n"
        bom = "\ufeff" if "bom" in flags else ""
        path.write_text("" if "unsaved" in flags else bom + text, newline=eol)
        if "binary" in flags:
            path.write_bytes(b"\0\1" + text.encode())
        if "exec" in flags:
            path.chmod(0o755)
        if markers or {"open", "unsaved", "crlf"} & set(flags):
            self.client.open(section.name, text)
        return [(section.name, line, call(marker)) for line, marker in markers]

    async def _delegate(self, delegations: list[tuple[str, int, Call]]) -> None:
        for path, line, wish in delegations:
            await self._delegate_at(path, line, wish.positional[0] if wish.positional else "", wish.named)

    async def _delegate_at(self, path: str, line: int, text: str, named: dict[str, Any]) -> None:
        named = dict(named)
        until = named.pop("wait", "")
        place = {"uri": self.client.uri(path), "start_line": line}
        for key in ("end_line", "symbol", "whole_file", "comment", "diagnostics"):
            if key in named:
                place[key] = named.pop(key)
        more = named.pop("also", ())
        places = [place, *({**place, "start_line": number - 1} for number in more)]
        answer = await self.client.command("delegate", {"instruction": text, "targets": places, **named})
        if until != "no":
            for task in answer["tasks"]:
                await self._wait(task, until)

    async def _wait(self, task: int, state: str = "") -> None:
        """Until the task is in that state; without one, until it has settled or is held back."""
        async with asyncio.timeout(30):
            while True:
                view = await self.client.command("show", {"task": task})
                if view["state"] in ((state,) if state else SETTLED):
                    return
                if view["waits"] and state in ("", "queued") and not view["waits"].startswith("queued"):
                    return
                await self.client.news(0.05)

    # Steps.

    async def step(self, step: Call) -> str | None:
        """Do it; the sentence that it was refused with."""
        try:
            done = getattr(self, f"do_{step.name}", None)
            if done is not None:
                result = done(*step.positional, **step.named)
                if result is not None:
                    await result
            else:
                await self._command(step)
        except Refused as error:
            refusal = str(error)
        else:
            refusal = None
        assert self.updating or refusal == step.refusal, f"{step.name}{step.positional}"
        return refusal

    async def _command(self, step: Call) -> None:
        """A command of the server whose first argument is the task."""
        task, *rest = step.positional
        argument: dict[str, Any] = {"task": task}
        for word in rest:
            if step.name == "stop" and word == "keep":
                argument["keep"] = True
            elif word in ("group", "theirs"):
                argument[word] = True
            else:
                argument["text"] = word
        named = dict(step.named)
        if "hunk" in named:
            view = await self.client.command("show", {"task": task})
            argument["hunks"] = [view["hunks"][named.pop("hunk") - 1]["id"]]
        if "finding" in named:
            view = await self.client.command("show", {"task": task})
            argument["hunks"] = [view["findings"][named.pop("finding") - 1]["id"]]
        answer = await self.client.command(step.name, {**argument, **named})
        left = [item["reason"] for item in (answer or {}).get("left", [])]
        if left:
            raise Refused({"message": " ".join(left), "code": 0})

    async def do_raw(self, name: str, argument: dict[str, Any]) -> None:
        """A command exactly as written."""
        self.answer = await self.client.command(name, argument)

    async def do_wait(self, task: int, state: str = "") -> None:
        await self._wait(task, state)

    async def do_after(self, task: int, after: int) -> None:
        await self.client.command("after", {"task": task, "after": after})

    async def do_rest(self, task: int) -> None:
        self.answer = await self.client.command("acceptRest", {"task": task})

    async def do_next(self, path: str, line: int = 1, **named: Any) -> None:
        self.answer = await self.client.command("next", {"uri": self.client.uri(path), "line": line - 1, **named})

    async def do_delegate(self, path: str, line: int, text: str = "", **named: Any) -> None:
        await self._delegate_at(path, line - 1, text, named)

    async def do_act(self, path: str, line: int, title: str) -> None:
        await self.client.act(path, line - 1, title)

    def do_type(self, path: str, old: str, new: str) -> None:
        text = self.client.buffers[self.client.uri(path)].text
        assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {path}"
        self.client.set_text(path, text.replace(old, new))

    def do_set(self, path: str, text: str) -> None:
        self.client.set_text(path, text)

    def do_save(self, path: str) -> None:
        self.client.save(path)

    def do_open(self, path: str) -> None:
        self.client.open(path)

    def do_close(self, path: str) -> None:
        self.client.close(path)

    def do_disk(self, path: str, old: str, new: str) -> None:
        file = self.root / path
        text = file.read_text()
        assert text.count(old) == 1
        file.write_text(text.replace(old, new))

    def do_rm(self, path: str) -> None:
        (self.root / path).unlink()

    def do_mv(self, old: str, new: str) -> None:
        (self.root / new).parent.mkdir(parents=True, exist_ok=True)
        (self.root / old).rename(self.root / new)

    def do_git(self, words: str) -> None:
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words.split()], cwd=self.root, check=True)

    def do_editor(self, how: str) -> None:
        """How the editor takes the next edit."""
        self.client.on_edit = EDITORS[how](self.client)

    async def do_undo_typing(self, path: str, text: str) -> None:
        self.client.set_text(path, text)

    async def do_idle(self) -> None:
        """Wait until the server has shown what there is: an action of the person makes it look."""
        await self.client.actions(next(iter(self.client.buffers), self.client.uri("none")), 0)

    async def do_restart(self) -> None:
        assert self._restart is not None
        buffers = self.client.buffers
        self.client = await self._restart(self.root)
        self._said = 0
        for buffer in buffers.values():
            self.client.open(buffer.uri, buffer.text)

    # Expectations.

    async def _expect(self, section: Section) -> str:
        """What is seen, as soon as it is what is expected; else what is seen when nothing changes any more."""
        # Asking for actions is looking: the server shows what is true now.
        await self.client.actions(next(iter(self.client.buffers), "file:///nothing"), 0)
        seen, same = "", 0
        said = self._said
        patience = 5 * SETTLE if section.name == "said" else SETTLE
        while same < patience:
            self._said = said
            before, seen = seen, await self.see(section)
            if seen == section.body and not self.updating:
                break
            same = same + 1 if seen == before else 0
            await self.client.news(0.1)
        return seen

    async def see(self, section: Section) -> str:
        kind, *rest = section.name.split(" ")
        match kind:
            case "said":
                said = self.client.said()[self._said :]
                self._said += len(said)
                return _lines(text.replace(str(self.root.parent), "...") for text in said)
            case "answer":
                return _lines([str(self.answer)])
            case "queue":
                answer = await self.client.command("list", {"uri": self.root.as_uri(), "all": True})
                return _lines(
                    f"{row['section']}: {row['title']} | {row['detail']}{' | ' + row['why'] if row['why'] else ''}"
                    for row in answer["rows"]
                )
            case "diff":
                return _clock((await self.client.command("diff", {"task": int(rest[0])}))["text"])
            case "hover":
                path, line = rest
                shown = None
                for column in range(0, 60, 4):
                    shown = shown or await self.client.hover(path, int(line) - 1, column)
                return _clock(f"{shown}\n")
            case "actions":
                found = await self.client.actions(rest[0], int(rest[1]) - 1)
                return _lines(f"{action.get('kind', '')}: {action['title']}" for action in found)
            case "show":
                view = await self.client.command("show", {"task": int(rest[0])})
                return _lines(f"{name}: {view[name]}" for name in rest[1].split(","))
            case _:
                return await self._text(section)

    async def _text(self, section: Section) -> str:
        file = self.root / section.name
        if section.flag == "gone":
            assert not file.exists(), f"{section.name} is still there"
            return ""
        buffer = self.client.buffers.get(self.client.uri(section.name))
        flags = section.flag.split(", ")
        if "disk" in flags or buffer is None:
            return _on_disk(file, flags)
        lines = buffer.text.split("\n")
        marks: dict[int, list[str]] = {}
        found = await self.client.request("textDocument/codeLens", {"textDocument": {"uri": buffer.uri}})
        rows: dict[int, list[str]] = {}
        for lens in found:
            rows.setdefault(lens["range"]["start"]["line"], []).append(lens["command"]["title"])
        for line, titles in rows.items():
            marks.setdefault(line, []).append(f'lens("{" | ".join(titles)}")')
        for problem in self.client.problems.get(buffer.uri, []):
            text = f'problem({SEVERITY[problem["severity"]]}, "{problem["message"]}")'
            marks.setdefault(problem["range"]["start"]["line"], []).append(text)
        for line, texts in marks.items():
            # What was sent for an older text may lie past the end of this one; then it is about to be replaced.
            lines += [""] * (line + 1 - len(lines))
            lines[line] += f"  #@ {' '.join(texts)}"
        if lines[-1]:
            lines += ["<NO EOL>", ""] if buffer.text else [""]
        return _clock("\n".join(lines)).replace("\n<NO EOL>", "<NO EOL>")


def _on_disk(file: Path, flags: list[str]) -> str:
    """The bytes of a file, with what cannot be seen named in angle brackets."""
    text = file.read_bytes().decode().replace("\r\n", "<CRLF>\n" if "crlf" in flags else "\n")
    text = text.replace("\ufeff", "<BOM>").replace("\0\1", "<BINARY>")
    if text and not text.endswith("\n"):
        text += "<NO EOL>\n"
    return ("<EXEC>" if file.stat().st_mode & 0o100 else "") + text


def _drops(client: Client) -> Callable[[Any], Any]:
    def play(_: Any) -> Any:
        client.on_edit = None
        return {"applied": True}

    return play


def _refuses(client: Client) -> Callable[[Any], Any]:
    def play(_: Any) -> Any:
        client.on_edit = None
        return {"applied": False, "failureReason": "the person said no"}

    return play


def _alters(client: Client) -> Callable[[Any], Any]:
    """Applies the edit and, in the same breath, something of its own (format on save)."""

    def play(params: Any) -> Any:
        client.on_edit = None
        client.apply(params["edit"])
        buffer = next(iter(client.buffers.values()))
        client.set_text(buffer.uri.removeprefix(client.root.as_uri() + "/"), buffer.text + "# formatted\n")
        return {"applied": True}

    return play


def _late(client: Client) -> Callable[[Any], Any]:
    """Answers before the change is told."""

    def play(params: Any) -> Any:
        client.on_edit = None
        asyncio.get_running_loop().call_later(0.3, client.apply, params["edit"])
        return {"applied": True}

    return play


EDITORS = {"drops": _drops, "refuses": _refuses, "alters": _alters, "late": _late}


def _lines(texts: Any) -> str:
    return "".join(f"{_clock(text)}\n" for text in texts)


def _clock(text: str) -> str:
    """Moments differ from run to run."""
    return FOLDER.sub("state/project", NUMBERS.sub("HH:MM", text))
