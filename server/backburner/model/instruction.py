"""The words that work inside an instruction: `@codex`, `!quick`, `after 12`, `in 8h`, `$0.50`, `step`.

They count at the beginning or at the end of the instruction, where nobody would write them by accident: "add the
@property decorator" and "explain each step" stay what they are. Names of agents and `!quick` count anywhere. What is nearly
one of our words is no word, and not plain text either, because another agent would cost money silently: `doubt` says so.
In backquotes everything stays what it is.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from typing import Literal

from msgspec import Struct

NAME = r"[A-Za-z][\w-]*(?:\.[\w-]+)*"
AFTER = r"(?=[\s,;:.!?]|$)"
WORD = re.compile(
    rf"(?P<agent>@(?P<name>{NAME}))"
    r"|(?P<quick>!quick)"
    r"|(?P<after>after\s+#?(?P<number>\d+))"
    r"|(?P<when>in\s+(?P<hours>[28])\s?h(?:ours)?)"
    r"|(?P<budget>(?:up\s+to\s+)?\$(?P<usd>\d+(?:\.\d+)?|\.\d+))"
    r"|(?P<step>!?step)"
    r"|(?P<recipe>/(?P<recipe_name>[a-z][a-z0-9_-]*))",
    re.IGNORECASE,
)
INSIDE = re.compile(rf"(?:(?<![ \t])[ \t]+)?(?<!\S)(@{NAME}|!quick){AFTER}", re.IGNORECASE)
NEARLY = re.compile(rf"(?<!\S)(?P<sign>[@!]|\A/)(?P<word>{NAME}){AFTER}")
NEAR = 0.75
"""How alike two words are, as `difflib` counts, when one is taken for a slip of the other: `@opsu`, not `@code_path`."""
BETWEEN = " \t,;·"


class Instruction(Struct, frozen=True, kw_only=True):
    """An instruction without its words, and what the words said. Empty or None: not said."""

    text: str
    agents: tuple[str, ...] = ()
    """`!quick` stands as `!quick`: which agent that is, settings know."""
    after: int | None = None
    when: Literal["", "2h", "8h"] = ""
    budget_usd: float | None = None
    pace: Literal["", "step"] = ""
    recipe: str = ""
    doubt: str = ""
    """A sentence about a word that is nearly one of ours: nothing is to be started."""


QUICK = "!quick"
RECIPES = ("implement", "fix", "test", "refactor", "document", "review", "explain", "check", "free")
"""Names that a delegation may give; `free` is a plain instruction."""


def parse(text: str, agents: Collection[str], recipes: Collection[str] = ()) -> Instruction:
    """Takes the words out of `text`. An `@name` counts only when `name` is one of `agents`, `/name` when in `recipes`."""
    words = _Words({agent.lower(): agent for agent in agents}, frozenset(recipes))
    rest = _strip_end(text.strip(), words)
    rest = _strip_start(rest, words)
    rest = words.strip_inside(rest)
    return Instruction(
        text=rest.strip(BETWEEN).strip(),
        agents=tuple(dict.fromkeys(words.agents)),
        after=words.after,
        when=words.when,
        budget_usd=words.budget_usd,
        pace=words.pace,
        recipe=words.recipe,
        doubt=words.doubt(rest.strip(BETWEEN).strip()),
    )


class _Words:
    """What was found so far."""

    def __init__(self, known: Mapping[str, str], recipes: frozenset[str]) -> None:
        self.known = known
        self.recipes = recipes
        self.agents: list[str] = []
        self.after: int | None = None
        self.when: Literal["", "2h", "8h"] = ""
        self.budget_usd: float | None = None
        self.pace: Literal["", "step"] = ""
        self.recipe = ""
        self.any = False

    def take(self, match: re.Match[str], set_off: bool) -> bool:
        """Note the word; False when it is none after all. `set_off`: nothing or a comma stands before it."""
        if match["agent"]:
            agent = self.known.get(match["name"].lower())
            if agent is None:
                return False
            self.agents.append(agent)
        elif match["quick"]:
            self.agents.append(QUICK)
        elif match["after"]:
            self.after = int(match["number"])
        elif match["when"]:
            self.when = "2h" if match["hours"] == "2" else "8h"
        elif match["budget"]:
            self.budget_usd = float(match["usd"])
        elif match["recipe"]:
            if match["recipe_name"].lower() not in self.recipes:
                return False
            self.recipe = match["recipe_name"].lower()
        elif match["step"].startswith("!") or set_off or self.any:
            self.pace = "step"
        else:
            # A bare `step` is a word of English: it counts beside another word of ours, or after a comma.
            return False
        self.any = True
        return True

    def strip_inside(self, text: str) -> str:
        """Takes names of agents out of the middle of an instruction."""

        def replace(match: re.Match[str]) -> str:
            word = match[1].lower()
            agent = QUICK if word == QUICK else self.known.get(word.removeprefix("@"))
            if agent is None:
                return match[0]
            self.agents.append(agent)
            return ""

        return INSIDE.sub(replace, text)

    def doubt(self, text: str) -> str:
        """What is wrong with the first word of `text` that is nearly one of ours; empty when there is none.

        A recipe's is looked for at the beginning only: at the end, `/reviews` is more likely a path.
        """
        kinds = {"@": ("agent", self.known), "!": ("word", ("quick", "step")), "/": ("recipe", self.recipes)}
        for match in NEARLY.finditer(text):
            sign, word = match["sign"], match["word"]
            kind, known = kinds[sign]
            near = difflib.get_close_matches(word.lower(), known, n=1, cutoff=NEAR)
            if near and near[0] != word.lower():
                return f"There is no {kind} {sign}{word}. Did you mean {sign}{near[0]}?"
        return ""


def _strip_end(rest: str, words: _Words) -> str:
    while True:
        trimmed = rest.rstrip(BETWEEN)
        for match in WORD.finditer(trimmed):
            before = trimmed[: match.start()]
            stands_alone = not before or before[-1] in BETWEEN + "\n"
            set_off = before.rstrip(" \t")[-1:] in ("", ",", ";", "·")
            if match.end() == len(trimmed) and stands_alone and words.take(match, set_off):
                rest = before
                break
        else:
            return rest


def _strip_start(rest: str, words: _Words) -> str:
    while True:
        trimmed = rest.lstrip(BETWEEN)
        match = WORD.match(trimmed)
        if match is None or trimmed[match.end() : match.end() + 1] not in ("", ":", "\n", *BETWEEN):
            return rest
        if not words.take(match, trimmed[match.end() : match.end() + 1] in (",", ":", "")):
            return rest
        rest = trimmed[match.end() :].lstrip(":")
