"""What is seen while a scenario is played: texts with their marks, problems, rows, documents."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from backburner.model.conversation import fold
from backburner.model.events import RunStarted
from backburner.model.transcript import Message, ToolResults, Turn
from backburner.store.journal import TRANSCRIPT_KINDS, read
from lsp_client import Client
from scenarios.archive import Archive, Section
from scenarios.day import Day

Connect = Callable[[Path], Awaitable[Client]]
SEVERITY = {1: "error", 2: "warning", 3: "information", 4: "hint"}
SETTLE = 10
"""How often what is seen must be the same before it counts."""
NUMBERS = re.compile(r"\b\d\d:\d\d\b")
FOLDER = re.compile(r"state/project-[0-9a-f]{12}")


class Seeing:
    """One case in progress, and what can be seen of it."""

    def __init__(
        self,
        archive: Archive,
        client: Client,
        restart: Connect | None = None,
        *,
        clock: Day | None = None,
        updating: bool = False,
    ) -> None:
        self.archive, self.client, self._restart, self.updating = archive, client, restart, updating
        self.clock = clock
        self._said = 0

    @property
    def root(self) -> Path:
        return self.client.root

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
                return self._lines(text.replace(str(self.root.parent), "...") for text in said)
            case "answer":
                return self._lines([str(self.answer).replace(str(self.root.parent), "...")])
            case "queue":
                answer = await self.client.command("list", {"uri": self.root.as_uri(), "all": True})
                rows = [
                    f"{row['section']}: {row['title']} | {row['detail']}{' | ' + row['why'] if row['why'] else ''}"
                    for row in answer["rows"]
                ]
                return self._lines([answer["note"], *rows] if answer["note"] else rows or [answer["empty"]])
            case "diff":
                return self._seen((await self.client.command("diff", {"task": int(rest[0])}))["text"])
            case "draft":
                return self._seen((await self.client.command("diff", {"task": int(rest[0]), "draft": True}))["text"])
            case "today":
                return self._lines([(await self.client.command("today"))["text"]])
            case "status":
                told = [params for method, params in self.client.notifications if method == "backburner/status"]
                return self._lines([told[-1]["text"], told[-1]["tooltip"]])
            case "told":
                return self._told(int(rest[0]))
            case "hover":
                path, line = rest
                shown = None
                for column in range(0, 60, 4):
                    shown = shown or await self.client.hover(path, int(line) - 1, column)
                return self._seen(f"{shown}\n")
            case "problems":
                found = self.client.problems.get(self.client.uri(rest[0]), [])
                return self._lines(f"{SEVERITY[problem['severity']]}: {problem['message']}" for problem in found)
            case "actions":
                found = await self.client.actions(self._named(rest[0]), int(rest[1]) - 1)
                return self._lines(f"{action.get('kind', '')}: {action['title']}" for action in found)
            case "show":
                view = await self.client.command("show", {"task": int(rest[0])})
                return self._lines(f"{name}: {view[name]}" for name in rest[1].split(","))
            case _:
                return await self._text(section)

    def _named(self, path: str) -> str:
        """The path, or the URI of one of the documents that we keep: `letters/1.diff`."""
        if not path.startswith("letters/"):
            return path
        [folder] = self.root.parent.glob("home/state/project-*/letters")
        return (folder / path.removeprefix("letters/")).as_uri()

    def _read_again(self, uri: str) -> None:
        """As an editor does with a file that changed on disk."""
        self.client.set_text(uri, Path(uri.removeprefix("file://")).read_text())

    async def _text(self, section: Section) -> str:
        file = self.root / section.name
        if section.name.startswith("letters/"):
            self._read_again(self._named(section.name))
        if section.flag == "gone":
            assert not file.exists(), f"{section.name} is still there"
            return ""
        named = self._named(section.name)
        buffer = self.client.buffers.get(named if named.startswith("file:") else self.client.uri(section.name))
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
        return self._seen("\n".join(lines)).replace("\n<NO EOL>", "<NO EOL>")

    def _told(self, number: int) -> str:
        """What the agent was told in the task's last run: messages, and the results of its calls."""
        [journal] = self.root.parent.glob("home/state/project-*/journal.db")
        events = [event for event in read(journal) if type(event).__name__ in TRANSCRIPT_KINDS and event.task == number]
        start = max(at for at, event in enumerate(events) if isinstance(event, RunStarted))
        before, whole = None if events[start].fresh else fold(events[:start]), fold(events)
        entries = whole.entries[len(before.entries) if before is not None else 0 :] if whole is not None else ()
        said: list[str] = []
        for entry in entries:
            match entry:
                case Message():
                    said.append(entry.text)
                case ToolResults():
                    said += [f"[{result.text}]" for result in entry.results]
                case Turn():
                    said.append("...")
        return self._lines(said)

    def _lines(self, texts: Any) -> str:
        return "".join(f"{self._seen(text)}\n" for text in texts)

    def _seen(self, text: str) -> str:
        """Moments and folders differ from run to run; with a clock that is wound by hand only folders do."""
        return FOLDER.sub("state/project", text if self.clock is not None else NUMBERS.sub("HH:MM", text))


def _on_disk(file: Path, flags: list[str]) -> str:
    """The bytes of a file, with what cannot be seen named in angle brackets."""
    text = file.read_bytes().decode().replace("\r\n", "<CRLF>\n" if "crlf" in flags else "\n")
    text = text.replace("\ufeff", "<BOM>").replace("\0\1", "<BINARY>")
    if text and not text.endswith("\n"):
        text += "<NO EOL>\n"
    return ("<EXEC>" if file.stat().st_mode & 0o100 else "") + text
