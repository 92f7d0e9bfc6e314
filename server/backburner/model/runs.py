"""Small rules that `evolve` is made of: how a run grows, when a result is settled, what a rename does.

Pure functions on frozen values; knows no event.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal

from msgspec.structs import replace

from backburner.model.anchor import Anchor
from backburner.model.result import Changed, FileChange, Finding, Result
from backburner.model.task import Judgement, Run, Task
from backburner.model.transcript import Turn


def continued(run: Run, before: Run) -> Run:
    """A run that goes on where another ended: its draft, its direction and its count of turns are its own from the start."""
    return replace(
        run,
        turns=before.turns,
        direction=before.direction,
        added=before.added,
        removed=before.removed,
        touched=before.touched,
    )


def grown(run: Run, turn: Turn) -> Run:
    """The run after one more turn; an unknown price stays unknown."""
    cost = None if run.cost_usd is None or turn.cost_usd is None else run.cost_usd + turn.cost_usd
    return replace(run, turns=run.turns + 1, usage=run.usage + turn.usage, cost_usd=cost, model=turn.model or run.model)


def workspace(before: Sequence[Changed], changes: Sequence[Changed]) -> tuple[Changed, ...]:
    """All changes of a workspace: per path the last one counts."""
    by_path = {changed.path: changed for changed in before}
    for changed in changes:
        by_path[changed.path] = changed
    return tuple(by_path.values())


def settled(result: Result, verdicts: Mapping[str, Judgement]) -> Literal["ready", "accepted", "rejected"]:
    """The state that verdicts on a result come to."""
    given = [verdicts.get(item) for item in result.items]
    if None in given:
        return "ready"
    return "accepted" if "accepted" in given else "rejected"


def finding_key(path: str, message: str) -> str:
    """What a dismissed finding is remembered by, so that a later run does not bring it up again."""
    return f"{path}: {message}"


def judged(dismissed: Collection[str], result: Result) -> dict[str, Judgement]:
    """The verdicts that a new result begins with: findings that were dismissed before, unless nothing else would be left."""
    again: dict[str, Judgement] = {
        finding.id: "dismissed"
        for finding in result.findings
        if finding_key(finding.anchor.path, finding.message) in dismissed
    }
    return again if len(again) < len(result.items) else {}


def renamed_path(path: str, old: str, new: str) -> str:
    """The path after a file or folder `old` became `new`."""
    if path == old:
        return new
    return new + path[len(old) :] if path.startswith(old + "/") else path


def renamed(task: Task, old: str, new: str) -> Task:
    """The task after a file or folder was renamed in the person's tree. Ids of hunks keep the name they were given."""

    return replace(
        task,
        target=replace(task.target, anchor=anchor_renamed(task.target.anchor, old, new)),
        result=result_renamed(task.result, [(old, new)]) if task.result is not None else None,
        renames=(*task.renames, (old, new)),
        accepting=tuple(replace(item, path=renamed_path(item.path, old, new)) for item in task.accepting),
        accepts=tuple(replace(item, path=renamed_path(item.path, old, new)) for item in task.accepts),
    )


def anchor_renamed(anchor: Anchor, old: str, new: str) -> Anchor:
    return replace(anchor, path=renamed_path(anchor.path, old, new))


def result_renamed(result: Result, renames: Iterable[tuple[str, str]]) -> Result:
    """What a run offers, under the names that its files have in the person's tree after these renames, in their order."""
    files: tuple[FileChange, ...] = result.proposal.files
    findings: tuple[Finding, ...] = result.findings
    for old, new in renames:
        files = tuple(file_renamed(file, old, new) for file in files)
        findings = tuple(replace(one, anchor=anchor_renamed(one.anchor, old, new)) for one in findings)
    return replace(result, proposal=replace(result.proposal, files=files), findings=findings)


def file_renamed(file: FileChange, old: str, new: str) -> FileChange:
    """A changed file after the rename. One that the agent itself renames has two names: the person's and the agent's."""
    if file.renamed_from is None:
        return replace(file, path=renamed_path(file.path, old, new))
    if file.path == new or file.renamed_from == new:
        # The agent's own rename, accepted or undone: both names stay what they are.
        return file
    return replace(file, path=renamed_path(file.path, old, new), renamed_from=renamed_path(file.renamed_from, old, new))


def paths_of(task: Task) -> set[str]:
    """Every path of the person's tree that the task still speaks about."""
    paths = {task.target.path, *(item.path for item in task.accepting), *(item.path for item in task.accepts)}
    if task.result is not None:
        for file in task.result.proposal.files:
            paths.update(path for path in (file.path, file.renamed_from) if path is not None)
        paths.update(finding.anchor.path for finding in task.result.findings)
    return paths
