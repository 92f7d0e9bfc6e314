"""Late refit: before a result is shown it is merged with what the person has on the screen now.

What merges cleanly gets the live text as its base. What conflicts is handed to the agent once, with both sides; what it
leaves alone keeps its old base, so that the review shows the overlap. Nothing is ever forced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from backburner.model.result import FileChange, Proposal
from backburner.model.text import apply, count, decode, encode, hunks
from backburner.worker.rebase import both_sides, text_of
from backburner.workspace.shadow import Shadow
from backburner.workspace.tree import Workspace


@dataclass
class Refit:
    """What was merged. `texts` in the workspace are the merged ones from then on."""

    bases: dict[str, str] = field(default_factory=dict[str, str])
    """Live text by path, for files that were merged with it."""
    before: dict[str, tuple[str | None, FileChange]] = field(default_factory=dict[str, tuple[str | None, FileChange]])
    """Files with a conflict: the text that was put into the workspace, and the change as it was."""
    told: list[str] = field(default_factory=list[str])
    """For each conflict both sides, for the agent."""

    @property
    def message(self) -> str:
        return (
            "While you worked, the programmer changed the same lines. Your copy has their text now, with what fits of your "
            "change. Put what is missing in again so that it fits, or leave it if it is no longer needed; then call "
            "`finish` again.\n\n" + "\n\n".join(self.told)
        )


def asked_paths(proposal: Proposal) -> tuple[str, ...]:
    """The paths whose live texts matter."""
    return tuple(dict.fromkeys(file.renamed_from or file.path for file in proposal.files if not file.binary))


async def merge_live(proposal: Proposal, live: Mapping[str, str | None], workspace: Workspace, shadow: Shadow) -> Refit:
    """Merge each file with its live text, in the workspace."""
    refit = Refit()
    for file in proposal.files:
        source = file.renamed_from or file.path
        now = live.get(source)
        base, proposed = await text_of(shadow, file.base_id), await text_of(shadow, file.proposed_id)
        # A file that is gone, new on both sides or deleted by the agent has no lines to merge: the review decides.
        if file.binary or now is None or base is None or proposed is None or now == base:
            continue
        applied = apply(base, proposed, now, file.hunks)
        if applied.text is None:
            continue
        by_id = {hunk.id: hunk for hunk in file.hunks}
        refused = [by_id[id] for id in applied.refused]
        if refused:
            refit.before[file.path] = (applied.text, file)
            refit.told += [both_sides(file, hunk, base, proposed, now) for hunk in refused]
        refit.bases[file.path] = now
        data = await workspace.read(file.path)
        workspace.write(file.path, encode(applied.text, file.style, data), None)
    return refit


async def merged_proposal(run: str, refit: Refit, workspace: Workspace, shadow: Shadow) -> Proposal:
    """The proposal against the live texts, as the workspace is now."""
    proposal, _ = await workspace.proposal(run)
    files: list[FileChange] = []
    for file in proposal.files:
        if file.path not in refit.bases or file.binary or file.proposed_id is None:
            files.append(file)
            continue
        data = await workspace.read(file.path)
        decoded = decode(data) if data is not None else None
        if decoded is None:
            files.append(file)
            continue
        was, original = refit.before.get(file.path, (None, None))
        if original is not None and was == decoded.text:
            files.append(original)
            continue
        changed = await _against(run, file, refit.bases[file.path], decoded.text, shadow)
        if changed.hunks:
            files.append(changed)
    return Proposal(tuple(files))


async def _against(run: str, file: FileChange, base: str, proposed: str, shadow: Shadow) -> FileChange:
    added, removed = count(base, proposed)
    return replace(
        file,
        base_id=await shadow.put_text(base),
        proposed_id=await shadow.put_text(proposed),
        hunks=hunks(
            base,
            proposed,
            run,
            file.path,
            renamed=file.renamed_from is not None,
            mode_changed=file.mode != file.base_mode,
        ),
        added=added,
        removed=removed,
    )
