"""What tools work with, and how a path of a model becomes a path of the workspace."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from backburner.agent.base import Brief, Report, ToolProblem
from backburner.agent.shell import Shell
from backburner.lib.clock import Clock
from backburner.lib.files import OutsideRoot, relative_parts
from backburner.model.text import Decoded, decode
from backburner.workspace.tree import Workspace


@dataclass(frozen=True)
class Kit:
    brief: Brief
    workspace: Workspace
    report: Report
    clock: Clock
    shell: Shell | None
    """None: no command can run here."""


def inside(kit: Kit, path: str) -> str:
    """The path relative to the project, with `/`; `""` is the project's folder. Raises `ToolProblem`.

    Inside the sandbox the tree lies at the path of the person's project, so absolute paths below it are understood.
    """
    root = kit.brief.spec.root.rstrip("/")
    if path == root or path.strip() in ("", ".", "./", "/"):
        return ""
    if path.startswith(root + "/"):
        path = path[len(root) + 1 :]
    try:
        return "/".join(relative_parts(path))
    except OutsideRoot as error:
        raise ToolProblem(f"{error}. Paths are relative to the project's folder.") from error


async def read_bytes(kit: Kit, path: str) -> bytes:
    """The bytes of a file. Raises `ToolProblem` with the nearest names when there is none."""
    try:
        data = await kit.workspace.read(path)
    except OutsideRoot as error:
        raise ToolProblem(str(error)) from error
    if data is None:
        raise ToolProblem(await _missing(kit, path))
    return data


async def read_text(kit: Kit, path: str) -> tuple[bytes, Decoded]:
    """The bytes of a file and its text. Raises `ToolProblem` for what is not text."""
    data = await read_bytes(kit, path)
    decoded = decode(data)
    if decoded is None:
        raise ToolProblem(f"{path} is not text ({len(data)} bytes, binary or in an encoding that cannot be read).")
    return data, decoded


async def _missing(kit: Kit, path: str) -> str:
    for left_out in kit.brief.spec.snapshot.left_out:
        if left_out.path == path:
            return f"{path} is not in your copy: {left_out.reason}."
    folder, _, name = path.rpartition("/")
    entries = await kit.workspace.list(folder)
    if f"{name}/" in entries:
        return f"{path} is a folder."
    if name in entries:
        return f"{path} is a link, and what it names is not in your copy."
    names = [entry.rstrip("/") for entry in entries]
    near = [f"{folder}/{other}" if folder else other for other in difflib.get_close_matches(name, names, n=3)]
    if near:
        return f"There is no file {path}. Did you mean {' or '.join(near)}?"
    return f"There is no file {path}." + ("" if names or not folder else f" There is no folder {folder} either.")
