"""Recipe files that override or add to the shipped ones: the person's, and the project's after approval."""

from __future__ import annotations

import re
from pathlib import Path

from backburner.store.trust import TrustFile, Untrusted, digest

PROJECT_FOLDER = ".backburner/recipes"
NAME = re.compile(r"[a-z][a-z0-9_-]{0,40}")


def recipe_body(name: str, own: Path, root: Path | None, trust: TrustFile) -> tuple[str, Untrusted | None]:
    """The text of a recipe file, project before person; empty when only the shipped one is there.

    The second value names a project recipe that was not used because its bytes were never approved.
    """
    if NAME.fullmatch(name) is None:
        return "", None
    untrusted: Untrusted | None = None
    if root is not None:
        path = root / PROJECT_FOLDER / f"{name}.md"
        data = _read(path)
        if data is not None and trust.is_approved(path, data):
            return data.decode("utf-8", "replace"), None
        if data is not None:
            untrusted = Untrusted(path=str(path), sha256=digest(data), wants=(path.name,))
    data = _read(own / f"{name}.md")
    return (data.decode("utf-8", "replace") if data is not None else ""), untrusted


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
