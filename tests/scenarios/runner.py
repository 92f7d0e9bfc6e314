"""Plays one scenario against a connected editor and says what is seen; see README.md for the format."""

from __future__ import annotations

import asyncio
import json
import subprocess
from typing import Any

from lsp_client import Refused
from scenarios.archive import Call, Section, call, calls, unmarked
from scenarios.day import length
from scenarios.seeing import Seeing
from scenarios.tricks import EDITORS

SETTLED = ("ready", "asking", "failed", "accepted", "rejected", "cancelled")


class Scenario(Seeing):
    """Plays one case."""

    async def play(self) -> None:
        """Run every section; `body` of each expectation becomes what was seen."""
        started = False
        delegations: list[tuple[str, int, Call]] = []
        for section in self.archive.sections:
            if section.name in ("script", "emulator", "config", "settings", "client", "clock"):
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
        view: dict[str, Any] = {}
        try:
            async with asyncio.timeout(60):
                while True:
                    view = await self.client.command("show", {"task": task})
                    if view["state"] in ((state,) if state else SETTLED):
                        return
                    if view["waits"] and state in ("", "queued") and not view["waits"].startswith("queued"):
                        return
                    await self.client.news(0.05)
        except TimeoutError:
            raise AssertionError(f"#{task} is {view.get('state')} {view.get('waits')}, not {state}") from None

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
        assert self.updating or refusal == step.refusal, f"{step.name}{step.positional}: {refusal}"
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
        _all_done(answer)

    async def do_raw(self, name: str, argument: dict[str, Any]) -> None:
        """A command exactly as written; `ROOT` is the project's folder."""
        argument = json.loads(json.dumps(argument).replace("ROOT", str(self.root)))
        self.answer = await self.client.command(name, argument)
        _all_done(self.answer)

    async def do_wait(self, task: int, state: str = "") -> None:
        await self._wait(task, state)

    async def do_until(self, task: int, field: str, text: str) -> None:
        """Until a field of the task's view says so: what happens on disk is noticed in its own time."""
        async with asyncio.timeout(30):
            while text not in str((await self.client.command("show", {"task": task}))[field]):
                await self.client.news(0.05)

    async def do_after(self, task: int, after: int) -> None:
        await self.client.command("after", {"task": task, "after": after})

    async def do_rest(self, task: int) -> None:
        self.answer = await self.client.command("acceptRest", {"task": task})

    async def do_next(self, path: str, line: int = 1, **named: Any) -> None:
        self.answer = await self.client.command("next", {"uri": self.client.uri(path), "line": line - 1, **named})

    async def do_delegate(self, path: str, line: int, text: str = "", **named: Any) -> None:
        await self._delegate_at(path, line - 1, text, named)

    async def do_act(self, path: str, line: int, title: str, **problems: str) -> None:
        """`L7="unused"` is a problem that another server has on line 7 of the file."""
        known = [
            {
                "range": {
                    "start": {"line": int(at[1:]) - 1, "character": 0},
                    "end": {"line": int(at[1:]) - 1, "character": 3},
                },
                "message": message,
                "source": "linter",
                "code": "X1",
            }
            for at, message in problems.items()
        ]
        answer = await self.client.act(self._named(path), line - 1, title, diagnostics=known)
        for task in (answer or {}).get("tasks", []):
            await self._wait(task)

    def do_type(self, path: str, old: str, new: str) -> None:
        text = self.client.buffers[self.client.uri(path)].text
        assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {path}"
        self.client.set_text(path, text.replace(old, new))

    def do_set(self, path: str, text: str) -> None:
        self.client.set_text(path, text)

    def do_save(self, path: str) -> None:
        self.client.save(path)

    def do_open(self, path: str) -> None:
        self.client.open(self._named(path))

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

    def do_cp(self, old: str, new: str) -> None:
        (self.root / new).write_bytes((self.root / old).read_bytes())

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

    async def do_wind(self, time: str) -> None:
        assert self.clock is not None, "there is no section `clock`"
        # What the person did before that is done before that: the server answers in order.
        await self.client.command("today")
        self.clock.wind(length(time))

    async def do_asleep(self, time: str) -> None:
        """Until somebody sleeps for just so long: a model that thinks."""
        assert self.clock is not None, "there is no section `clock`"
        clock, seconds = self.clock, length(time)
        await self.client.until(lambda: clock.sleeps(seconds), f"somebody who sleeps for {time}")

    async def do_restart(self, how: str = "") -> None:
        """`restart(kill)` ends the server as a power cut would."""
        assert self._restart is not None
        buffers = self.client.buffers
        if how == "kill":
            assert self.client.kill is not None
            self.client.kill()
            await self.client.until(lambda: self.client.closed, "its end")
        self.client = await self._restart(self.root)
        self._said = 0
        for buffer in buffers.values():
            self.client.open(buffer.uri, buffer.text)


def _all_done(answer: dict[str, Any] | None) -> None:
    """What was left, with its reasons, counts as refused here."""
    left = [item["reason"] for item in (answer or {}).get("left", [])]
    if left:
        raise Refused({"message": " ".join(left), "code": 0})
