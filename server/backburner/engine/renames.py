"""Where files went that vanished from their place: renamed outside of any editor, or gone.

As git sees it: a file that was not there when the agent began and holds most of the old one's lines. Only a clear answer
counts; where two files could be it, or none is, the old path stays, and everybody says that the file is gone. Looks only
when a file that a result speaks about has vanished.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from backburner.model import wishes as w
from backburner.model.result import Proposal
from backburner.model.runs import paths_of
from backburner.model.task import DONE, Task
from backburner.model.text import decode
from backburner.workspace.folders import Entry

if TYPE_CHECKING:
    from backburner.engine.engine import Engine

ALIKE = 0.5
"""How much of a file must be in the other one; git's own measure."""
CLEARLY = 0.25
"""How much more alike the best file must be than the second best."""
LOOKED_AT = 200
"""New files that are read at most: of a folder of thousands, those with the same ending come first."""
REGULAR = (0o100644, 0o100755)


async def follow(engine: Engine, gone: Collection[str]) -> None:
    """Tell the tasks that speak about one of these vanished paths what it is called now, where that is certain.

    Raises what `Shadow.snapshot` raises.
    """
    asking = {path: [task for task in _here(engine) if path in paths_of(task)] for path in gone}
    wanted = {path: text for path, tasks in asking.items() if (text := _text_of(path, tasks))}
    if not wanted:
        return
    now = await engine.shadow.list((await engine.shadow.snapshot()).commit)
    for path, identity in wanted.items():
        old = await engine.shadow.get_text(identity)
        if path in now or old is None:
            continue
        new = await _best(engine, path, old, identity, await _candidates(engine, asking[path], now))
        if new:
            numbers = tuple(task.number for task in asking[path])
            await engine.submit(w.RenamePath(old=path, new=new, tasks=numbers))


def _here(engine: Engine) -> list[Task]:
    """Tasks of the branch that is checked out: what another branch does not have was not renamed."""
    branch = engine.branch
    return [
        task
        for task in engine.state.tasks.values()
        if task.snapshot is not None and (not branch or task.snapshot.branch in ("", branch))
    ]


def _text_of(path: str, tasks: Sequence[Task]) -> str:
    """The id of the text that these tasks know the file by, the latest; empty when none of them began from one."""
    found = ""
    for task in tasks:
        if task.state in DONE:
            found = next((accept.after_id for accept in task.accepts if accept.path == path and accept.after_id), found)
            continue
        if task.target.path == path:
            found = task.target.anchor.text_id
        for file in task.result.proposal.files if task.result is not None else ():
            if path == (file.renamed_from or file.path) and file.base_id is not None and not file.binary:
                found = file.base_id
        for finding in task.result.findings if task.result is not None else ():
            found = finding.anchor.text_id if finding.anchor.path == path else found
    return found


async def _candidates(engine: Engine, tasks: Sequence[Task], now: Mapping[str, Entry]) -> dict[str, str]:
    """Files that were not there when these tasks began, by path with their blob; also the names that the file had before."""
    earlier: set[str] = set()
    former: set[str] = set()
    for task in tasks:
        if task.snapshot is not None:
            earlier.update(await engine.shadow.list(task.snapshot.commit))
        if task.result is not None:
            former.update(hunk.id.split("/", 1)[1].rsplit(":", 1)[0] for hunk in task.result.proposal.hunks)
    brought = {
        file.path
        for task in engine.state.tasks.values()
        for file in (task.result.proposal if task.result is not None else Proposal(())).files
        if file.base_id is None
    }
    return {
        path: entry.id
        for path, entry in now.items()
        if entry.mode in REGULAR and path not in brought and (path not in earlier or path in former)
    }


async def _best(engine: Engine, path: str, old: str, identity: str, candidates: Mapping[str, str]) -> str:
    """The one candidate that is clearly the old file; empty when there is none, or when it would be a guess."""
    same = [new for new, blob in candidates.items() if blob == identity]
    if same:
        return same[0] if len(same) == 1 else ""
    ending = path.rsplit(".", 1)[-1]
    order = sorted(candidates, key=lambda new: (new.rsplit(".", 1)[-1] != ending, new))
    scores: list[tuple[float, str]] = []
    for new in order[:LOOKED_AT]:
        data = await engine.shadow.get(candidates[new])
        decoded = decode(data) if data is not None else None
        if decoded is not None and (score := likeness(old, decoded.text)) >= ALIKE:
            scores.append((score, new))
    scores.sort(reverse=True)
    if not scores or (len(scores) > 1 and scores[0][0] - scores[1][0] < CLEARLY):
        return ""
    return scores[0][1]


def likeness(one: str, other: str) -> float:
    """How much of the larger text is in the smaller one, by whole lines: 0 to 1."""
    lines, others = Counter(one.split("\n")), Counter(other.split("\n"))
    common = sum(len(line) * min(number, others[line]) for line, number in lines.items())
    letters = max(sum(len(line) * number for line, number in side.items()) for side in (lines, others))
    return common / letters if letters else 0.0
