"""Helix in a terminal, configured as its page says. It is driven by its keys, and everything is chosen by `space a`."""

from __future__ import annotations

import re

from editors.pages import block
from editors.programs import need
from editors.terminal import Terminal, wait_for
from editors.world import World

SELECTED = re.compile(r"\x1b\[(?:\d+;)*7m(?:\x1b\[[\d;]*m)* ((?:#\d+|Delegate:) [^\x1b]*)")
"""The row of the menu of code actions that Enter takes: the one in reverse."""


class Helix(Terminal):
    def __init__(self, w: World, version: str, file: str) -> None:
        folder = w.home.folder / "config/helix"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "languages.toml").write_text(block("helix", "toml", "[language-server.backburner]"))
        (folder / "config.toml").write_text(block("helix", "toml", "[editor.lsp]"))
        self.version = version
        super().__init__(w, [need(f"helix-{version}"), file])
        self.until(" NOR ")

    def insert(self, keys: str, text: str) -> None:
        """Keys that begin to insert, and a text."""
        self.type(keys)
        self.until(" INS ")
        self.type(text)
        self.until(text)
        self.keys("Escape")
        self.until(" NOR ")

    def command(self, line: str) -> None:
        self.type(f":{line}")
        self.until(f":{line}")
        self.keys("Enter")
        self.until_gone(f":{line}")

    @property
    def selected(self) -> str:
        found = SELECTED.search(self.styled)
        return found[1] if found else ""

    def act(self, title: str) -> None:
        """Choose from the menu of code actions, as soon as it offers this."""

        def offered() -> bool:
            self.keys("Space")
            self.until("Perform code action")  # Its own menu of keys.
            self.keys("a")
            self.until_gone("Perform code action")
            wait_for(lambda: self.selected or "code actions" in self.screen, lambda: f"an answer in\n{self.screen}")
            if title in self.screen:
                return True
            self.keys("Escape")
            wait_for(lambda: not self.selected, lambda: f"the end of the menu in\n{self.screen}")
            return False

        wait_for(offered, lambda: f"the action {title!r} in\n{self.screen}")
        while title not in (row := self.selected):
            self.keys("Down")
            wait_for(lambda row=row: self.selected != row, lambda: f"the next row in\n{self.screen}")
        self.keys("Enter")
        wait_for(lambda: not self.selected, lambda: f"the end of the menu in\n{self.screen}")

    def go(self, place: str) -> None:
        """`file:line:column`"""
        self.command(f"open {place}")
        self.until(f" {place.partition(':')[2]}")

    def shown(self, suffix: str) -> str:
        """Look at the document that the server opened (25.07), or whose path it told (25.01)."""
        told = re.search(rf": (/\S+{re.escape(suffix)})", self.until(suffix))
        assert bool(told) == (self.version == "25.01")
        if told:
            self.command(f"open {told[1]}")
        return self.until(" NOR   ~")

    def find(self, text: str) -> None:
        """Put the cursor on the one place of a text in the document."""
        self.type(f"/{text}")
        self.keys("Enter")
        self.until_gone("search:")

    def write(self, words: str) -> None:
        """Write into the letter that is shown, and save it twice: only the first counts."""
        self.insert("geo", words)
        self.command("write")
        self.command("write!")
