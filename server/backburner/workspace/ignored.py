"""What the person's git ignores beyond the `.gitignore` files inside the project root, in one file of our own.

A checkout is collected with nobody's configuration; without this file, what a build leaves behind would look like the
agent's work when the rule stands in the person's own excludes, or above a root that is a sub-folder.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from backburner.lib.files import atomic_replace, read_ordinary
from backburner.workspace.repository import Repository

if TYPE_CHECKING:
    from backburner.workspace.shadow import Shadow


async def write_ignored(shadow: Shadow, repository: Repository | None, values: Mapping[str, str]) -> None:
    """Bring `exclude` in the folder of this view up to date."""
    if repository is not None:
        await asyncio.to_thread(_write, shadow, repository, values.get("core.excludesfile"))


def write_if_other(path: Path, data: bytes) -> None:
    if not path.exists() or path.read_bytes() != data:
        atomic_replace(path, data)


def patterns_below(rules: bytes, prefix: str) -> bytes:
    """Those rules of an ignore file that say something about a folder `prefix` (with `/` at its end, or empty) below it,
    as rules of that folder."""
    kept: list[bytes] = []
    start = os.fsencode(prefix)
    for line in rules.splitlines():
        rule, negated = (line[1:], b"!") if line.startswith(b"!") else (line, b"")
        anchored = b"/" in rule.rstrip().rstrip(b"/") and not rule.startswith(b"**/")
        if rule.startswith(b"#") or not rule.strip():
            continue
        if not anchored or not start:
            kept.append(negated + rule)
        elif (inner := rule.removeprefix(b"/")).startswith(start) and len(inner) > len(start):
            kept.append(negated + b"/" + inner[len(start) :])
    return b"\n".join(kept)


def _write(shadow: Shadow, repository: Repository, excludes_file: str | None) -> None:
    home = os.path.expanduser("~")
    standard = Path(os.environ.get("XDG_CONFIG_HOME") or f"{home}/.config") / "git" / "ignore"
    person = Path(os.path.expanduser(excludes_file)) if excludes_file else standard
    sources = [(person, repository.prefix), (repository.common_dir / "info" / "exclude", repository.prefix)]
    parts = repository.prefix.split("/")[:-1]
    for depth in range(len(parts)):
        rest = "".join(f"{part}/" for part in parts[depth:])
        sources.append((repository.top.joinpath(*parts[:depth], ".gitignore"), rest))
    texts: list[bytes] = []
    for source, prefix in sources:
        try:
            texts.append(patterns_below(read_ordinary(source), prefix))
        except OSError:
            continue
    write_if_other(shadow.view_folder / "exclude", b"\n".join(texts) + b"\n")
