"""Recipe files that override or add to the shipped ones: the person's, and the project's after approval."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from msgspec import Struct

from backburner.lib.files import read_ordinary
from backburner.model.instruction import RECIPES
from backburner.store.trust import LARGEST, TrustFile

PROJECT_FOLDER = ".backburner/recipes"
NAME = re.compile(r"[a-z][a-z0-9_-]{0,40}")


class Unapproved(Exception):
    """The only recipe of that name is the project's, whose bytes were never approved; the text is a sentence."""


class Recipes(Struct, frozen=True):
    """The recipe files that one project can have. Each question looks at the disk."""

    own: Path
    """The person's folder."""
    root: Path
    trust: TrustFile

    def names(self) -> frozenset[str]:
        """Every recipe that has a file, those that wait for approval too."""
        files = (*self.own.glob("*.md"), *(self.root / PROJECT_FOLDER).glob("*.md"))
        return frozenset(file.stem for file in files if NAME.fullmatch(file.stem))

    def text(self, name: str) -> str:
        """The text of a recipe file, project before person; empty when there is none. Raises `Unapproved`."""
        if NAME.fullmatch(name) is None:
            return ""
        theirs = self.root / PROJECT_FOLDER / f"{name}.md"
        data = _read(theirs)
        waits = data is not None and not self.trust.is_approved(theirs, data)
        if data is None or waits:
            data = _read(self.own / f"{name}.md")
        if data is None and waits and name not in RECIPES:
            command = f"backburner trust {shlex.quote(str(theirs))}"
            raise Unapproved(
                f"The recipe {name!r} of this project is not approved yet. Read and approve it with: {command}"
            )
        return data.decode("utf-8", "replace") if data is not None else ""

    def waiting(self) -> tuple[Path, ...]:
        """The project's recipe files that are not used because their bytes were never approved."""
        files = sorted((self.root / PROJECT_FOLDER).glob("*.md"))
        return tuple(file for file in files if (data := _read(file)) and not self.trust.is_approved(file, data))


def _read(path: Path) -> bytes | None:
    try:
        return read_ordinary(path, LARGEST)
    except OSError:
        return None
