"""What the project says about itself to agents: `AGENTS.md`, else `CLAUDE.md`, else Copilot instructions.

From the project's folder down to the target's, each file at most once, 32 KiB in all. It is data: it is fenced, and neither
tools nor powers ever follow from it.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from backburner.lib.log import SECRETS
from backburner.model.text import decode
from backburner.workspace.tree import Workspace

CAP = 32 * 1024
IMPORT = re.compile(r"^@([\w./-]+\.md)\s*$", re.MULTILINE)


async def guidance(workspace: Workspace, target: str) -> str:
    """The files' texts with their paths, fenced; empty when there is none."""
    folders = _folders(target)
    chains = (
        [f"{folder}AGENTS.md" for folder in folders],
        [path for folder in folders for path in (f"{folder}CLAUDE.md", f"{folder}.claude/CLAUDE.md")],
        [".github/copilot-instructions.md"],
    )
    for chain in chains:
        found = [(path, text) for path in chain if (text := await _text(workspace, path)) is not None]
        if found:
            return _fenced(found)
    return ""


async def _text(workspace: Workspace, path: str) -> str | None:
    text = await _raw(workspace, path)
    if text is None or not path.endswith("CLAUDE.md"):
        return text
    folder = PurePosixPath(path).parent
    for name in dict.fromkeys(IMPORT.findall(text)):
        if not name.startswith("/") and ".." not in name:
            imported = await _raw(workspace, str(folder / name))
            if imported is not None:
                text = text.replace(f"@{name}", imported)
    return text


async def _raw(workspace: Workspace, path: str) -> str | None:
    data = await workspace.read(path)
    decoded = decode(data) if data is not None else None
    return decoded.text.strip() if decoded is not None and decoded.text.strip() else None


def _fenced(found: list[tuple[str, str]]) -> str:
    room, parts = CAP, list[str]()
    for path, text in found:
        text = SECRETS.redact(text)
        if len(text.encode()) > room:
            text = text.encode()[:room].decode("utf-8", "ignore") + "\n[… cut]"
        room = max(0, room - len(text.encode()))
        fence = "`" * max(3, 1 + max((len(ticks) for ticks in re.findall(r"`+", text)), default=0))
        parts.append(f"{path}:\n{fence}\n{text}\n{fence}")
        if not room:
            break
    return "\n\n".join(parts)


def _folders(target: str) -> list[str]:
    """`["", "src/", "src/lexer/"]` for `src/lexer/parse.py`."""
    parts = PurePosixPath(target).parts[:-1]
    return [""] + ["/".join(parts[:depth]) + "/" for depth in range(1, len(parts) + 1)]
