"""The throw-away git dir that an agent's own `git status`, `diff` and `log` work with inside a checkout.

Its HEAD is the snapshot, with the person's base commit as parent, so that history can be read. Its index is that of the
snapshot too, whatever lies in the files: for the agent, changed is what differs from the snapshot. So it serves every run
of that snapshot, as long as none has touched it. It borrows objects, which are mounted read-only; the agent may write into
it what it likes, because nothing is ever read from it again.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from backburner.lib.threads import to_its_end
from backburner.workspace import folders
from backburner.workspace.removing import walk
from backburner.workspace.shadow import Shadow
from backburner.workspace.tree import Workspace

MOUNTED = "/run/backburner/objects"
"""Where borrowed objects lie inside the sandbox: the person's own `.git` is hidden there by the tree."""
_CONFIG = """[core]
\trepositoryformatversion = 0
\tbare = false
[user]
\tname = Agent
\temail = agent@localhost
[gc]
\tauto = 0
[commit]
\tgpgSign = false
"""


async def make(git_dir: Path, files: Path, workspace: Workspace, index: Path) -> None:
    """Make the git dir at `git_dir` for the tree `files`, whose index (ours) is at `index`."""
    shadow, snapshot = workspace.shadow, workspace.snapshot
    commit = await shadow.get(snapshot.commit) or b""
    tree = commit.partition(b"\n")[0].removeprefix(b"tree ").decode()
    parent = f"parent {snapshot.base}\n" if snapshot.base else ""
    who = "A Person <person@localhost> 0 +0000"
    text = f"tree {tree}\n{parent}author {who}\ncommitter {who}\n\nThe files as they were when you were started\n"
    await to_its_end(lambda: _write(git_dir, files, shadow, snapshot.branch or "main", text, index))
    lines: list[bytes] = []
    for path in workspace.changed_paths:
        old = folders.find(workspace.base, path)
        meta = b"0 " + b"0" * 40 if old is None else b"%o %s" % (old.mode, old.id.encode())
        lines.append(meta + b"\t" + os.fsencode(path) + b"\0")
    if lines:
        git = shadow.git.but(index=git_dir / "index")
        await git.run("update-index", "-z", "--index-info", stdin=b"".join(lines))


def stamps(git_dir: Path, files: Path) -> tuple[tuple[str, int, int, int], ...]:
    """Every file and folder of the git dir, with what tells whether it was touched: nobody can set back a change time."""
    found = [os.fspath(files / ".git"), os.fspath(git_dir)]
    for parent, inner, names in walk(git_dir):
        found += [os.path.join(parent, name) for name in (*inner, *names)]
    statuses = ((path, os.lstat(path)) for path in sorted(found) if os.path.lexists(path))
    return tuple((path, status.st_ino, status.st_size, status.st_ctime_ns) for path, status in statuses)


def borrowed(shadow: Shadow) -> list[Path]:
    """The folders of objects that a checkout needs: the shadow's, and along the chain of what it borrows from."""
    found: list[Path] = []
    pending = [shadow.folder / "objects"]
    while pending:
        folder = pending.pop(0)
        if folder in found or not folder.is_dir():
            continue
        found.append(folder)
        try:
            lines = (folder / "info" / "alternates").read_bytes().splitlines()
        except OSError:
            continue
        pending += [folder / os.fsdecode(line) for line in lines if line and not line.startswith((b"#", b'"'))]
    return found


def _write(git_dir: Path, files: Path, shadow: Shadow, branch: str, commit: str, index: Path) -> None:
    [identity] = shadow.loose.write("commit", [commit.encode()], durable=False)
    for part in ("objects/info", "objects/pack", "refs/heads", "info"):
        (git_dir / part).mkdir(parents=True, exist_ok=True)
    reference = git_dir / "refs" / "heads" / branch
    reference.parent.mkdir(parents=True, exist_ok=True)
    reference.write_text(identity + "\n")
    (git_dir / "HEAD").write_text(f"ref: refs/heads/{branch}\n")
    (git_dir / "config").write_text(_CONFIG)
    for name, source in (("shallow", shadow.folder / "shallow"), ("info/exclude", shadow.view_folder / "exclude")):
        if source.exists():
            shutil.copyfile(source, git_dir / name)
    if index.exists():
        shutil.copy2(index, git_dir / "index")
    (files / ".git").write_text(f"gitdir: {git_dir}\n")
