"""The snapshot of a task that waited for another one: the screen as it is now, with the other's open change on top.

The change is merged into the text as it is now; a hunk that does not fit is left out and listed. Reads and writes only in
the shadow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from backburner.model.result import FileChange
from backburner.model.task import LeftOut, Snapshot, Task
from backburner.model.text import Applied, apply, decode, encode
from backburner.workspace.shadow import Shadow
from backburner.workspace.snapshots import base_of
from backburner.workspace.tree import Workspace


async def snapshot_after(
    shadow: Shadow, trees: Path, awaited: Task | None, screen: Mapping[str, str | None], now: float
) -> Snapshot:
    """Raises what `Shadow.snapshot` raises."""
    snapshot = await shadow.snapshot(screen, at=now)
    if awaited is None or awaited.result is None or awaited.state != "ready":
        return snapshot
    workspace = await Workspace.open(shadow, snapshot, shadow.root, trees)
    lost: list[LeftOut] = []
    for file in awaited.result.proposal.files:
        lost += await _put(shadow, workspace, file, awaited)
    if not workspace.changed_paths:
        return replace(snapshot, left_out=(*snapshot.left_out, *lost))
    commit = await _commit(shadow, snapshot, await workspace.tree())
    return replace(snapshot, commit=commit, left_out=(*snapshot.left_out, *lost), on=awaited.number)


async def with_open_change(shadow: Shadow, awaited: Task, live: Mapping[str, str | None]) -> Mapping[str, str | None]:
    """The live texts with what is still open of the other's change on top, where it fits."""
    texts = dict(live)
    for file in awaited.result.proposal.files if awaited.result is not None and awaited.state == "ready" else ():
        if file.path not in texts or file.binary:
            continue
        base = await shadow.get_text(file.base_id) if file.base_id is not None else None
        proposed = await shadow.get_text(file.proposed_id) if file.proposed_id is not None else None
        texts[file.path] = _applied(file, awaited, base, proposed, texts[file.path]).text
    return texts


async def _put(shadow: Shadow, workspace: Workspace, file: FileChange, awaited: Task) -> list[LeftOut]:
    """Put what is still open of one file into the workspace; what did not fit."""
    if all(hunk.id in awaited.verdicts for hunk in file.hunks):
        return []
    unfit = LeftOut(file.path, f"the change of #{awaited.number} does not fit what is there now")
    here = file.renamed_from or file.path
    data = await workspace.read(here)
    if file.binary:
        if data != (await shadow.get(file.base_id) if file.base_id is not None else None):
            return [unfit]
        after = await shadow.get(file.proposed_id) if file.proposed_id is not None else None
        workspace.write(file.path, after, file.mode if after is not None else None)
        return []
    base = await shadow.get_text(file.base_id) if file.base_id is not None else None
    proposed = await shadow.get_text(file.proposed_id) if file.proposed_id is not None else None
    decoded = decode(data) if data is not None else None
    live = decoded.text if decoded is not None else None
    applied = _applied(file, awaited, base, proposed, live)
    if applied.text is None:
        if data is not None:
            workspace.write(here, None)
    else:
        style = decoded.style if decoded is not None else file.style
        workspace.write(file.path, encode(applied.text, style, data), file.mode)
        if file.path != here and data is not None:
            workspace.write(here, None)
    return [unfit] if applied.refused else []


def _applied(file: FileChange, awaited: Task, base: str | None, proposed: str | None, live: str | None) -> Applied:
    wanted = [hunk for hunk in file.hunks if hunk.id not in awaited.verdicts]
    accepted = tuple(item for item, verdict in awaited.verdicts.items() if verdict == "accepted")
    return apply(base, proposed, live, wanted, list(file.hunks), accepted)


async def _commit(shadow: Shadow, snapshot: Snapshot, tree: str) -> str:
    """A snapshot's commit for another tree on the same base."""
    base, base_tree = base_of(await shadow.get(snapshot.commit) or b"")
    who = "Backburner <backburner@localhost> 0 +0000"
    text = f"tree {tree}\nauthor {who}\ncommitter {who}\n\nsnapshot\n\nbase {base}\ntree {base_tree}\n"

    def write() -> str:
        [identity] = shadow.loose.write("commit", [text.encode()])
        shadow.keep_snapshot(identity)
        return identity

    return await asyncio.to_thread(write)
