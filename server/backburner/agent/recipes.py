"""Recipes: Markdown files with a TOML header between `+++` lines; the body tells the agent about this kind of work.

The shipped ones lie in `recipes/`. A person, or an approved project, replaces one by a file of the same name; then its
text comes with the run. A recipe decides which tools there are; nothing that an agent reads can.
"""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Literal

import msgspec
from msgspec import Struct

Wants = Literal["change", "findings", "report", "any"]

READING = ("read", "search")
WRITING = ("edit", "write", "delete", "move")
SPEAKING = ("plan", "ask", "finish")
NAMES = ("implement", "fix", "test", "refactor", "document", "review", "explain", "check", "free")


class Recipe(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What kind of work it is."""

    name: str = ""
    title: str = ""
    """One or two words for people."""
    wants: Wants = "any"
    """What the result must hold. `change`: the agent is reminded once when there is none."""
    tools: tuple[str, ...] = (*READING, *WRITING, "run", *SPEAKING)
    effort: str = ""
    """Empty: the agent's own."""
    body: str = ""

    @property
    def writes(self) -> bool:
        return any(tool in WRITING for tool in self.tools)


class BadRecipe(Exception):
    """The file cannot be read as a recipe; the text is a sentence for the person."""


def load(name: str, text: str = "") -> Recipe:
    """The recipe of that name: from `text` where there is one, else the shipped one. Raises `BadRecipe`."""
    if not text:
        if name not in NAMES:
            raise BadRecipe(f"There is no recipe called {name!r}; there are {', '.join(NAMES)}.")
        text = resources.files("backburner.agent").joinpath("recipes", f"{name}.md").read_text("utf-8")
    return parse(name, text)


def parse(name: str, text: str) -> Recipe:
    """A recipe from a file's text. Raises `BadRecipe`."""
    header, body = "", text.replace("\r\n", "\n")
    if body.startswith("+++\n"):
        header, found, body = body[4:].partition("\n+++\n")
        if not found:
            raise BadRecipe(f"The recipe {name} begins with `+++` but the header does not end with one.")
    try:
        fields = tomllib.loads(header)
        recipe = msgspec.convert({**fields, "name": name, "body": body.strip()}, Recipe)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise BadRecipe(f"The header of the recipe {name} cannot be read: {error}.") from error
    unknown = set(recipe.tools) - {*READING, *WRITING, *SPEAKING, "run", "finding"}
    if unknown:
        raise BadRecipe(f"The recipe {name} names tools that do not exist: {', '.join(sorted(unknown))}.")
    return recipe
