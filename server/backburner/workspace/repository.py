"""The person's repository, read only: where it is, what HEAD is, how it converts line ends.

`head` runs no process, because it is called at a key press. Everything else asks git itself, so that odd set-ups
(linked worktrees, submodules, redirected git dirs) are understood as the person's own git understands them.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

from msgspec import Struct

from backburner.lib.files import read_ordinary
from backburner.workspace.git import Git, GitFailed

CARRIED = ("core.autocrlf", "core.eol", "core.ignorecase", "core.precomposeunicode", "core.symlinks", "core.filemode")
"""Settings that decide how bytes on disk become objects; the shadow takes them over."""
_ALSO = ("core.excludesfile", "extensions.partialclone")
_REF = re.compile(rb"ref:\s*(\S+)")
_COMMIT = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class Refused(Exception):
    """This folder cannot be a project. `sentence` is for the person."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class Head(Struct, frozen=True, kw_only=True):
    """What the repository was at a key press; two equal ones mean that neither HEAD nor index moved in between."""

    commit: str = ""
    """Empty without Git or without commits."""
    branch: str = ""
    """Empty when detached."""
    index_digest: str = ""


@dataclass(frozen=True)
class Repository:
    """The repository that a project root belongs to, as the person's git sees it."""

    git: Git
    """Runs in the root, with the person's configuration."""
    git_dir: Path
    common_dir: Path
    top: Path
    prefix: str
    """The root, relative to `top`: empty or with a `/` at its end."""
    shallow: bool
    commit: str
    """Of HEAD; empty when there is none."""
    tree: str
    """Of the root in that commit; empty when nothing of it is there."""

    @property
    def objects(self) -> Path:
        return self.common_dir / "objects"


def head(root: Path) -> Head:
    """HEAD, branch and a digest of the index, from a few small reads (well under a millisecond)."""
    git_dir = git_folder(root)
    if git_dir is None:
        return Head()
    common = _common(git_dir)
    commit = ""
    said = _read(git_dir / "HEAD")
    if match := _REF.match(said):
        commit = _resolved(git_dir, common, os.fsdecode(match[1]))
    elif _COMMIT.match(said):
        commit = said.decode("ascii", "replace").strip()
    return Head(commit=commit, branch=_branch(said), index_digest=index_digest(git_dir / "index"))


def branch(root: Path) -> str:
    """The branch of `head`, from one small read."""
    git_dir = git_folder(root)
    return "" if git_dir is None else _branch(_read(git_dir / "HEAD"))


def _branch(said: bytes) -> str:
    match = _REF.match(said)
    return "" if match is None else match[1].decode("utf-8", "replace").removeprefix("refs/heads/")


def git_folder(root: Path) -> Path | None:
    """The git dir of the innermost repository around `root`; None when there is none."""
    for folder in (root, *root.parents):
        candidate = folder / ".git"
        if candidate.is_dir():
            return candidate
        if candidate.is_file():
            said = _read(candidate)
            if said.startswith(b"gitdir:"):
                return Path(os.path.normpath(folder / os.fsdecode(said[7:].strip())))
    return None


def index_digest(index: Path) -> str:
    """Changes whenever git writes the index: size, time and the checksum at its end."""
    try:
        with index.open("rb") as file:
            status = os.fstat(file.fileno())
            file.seek(max(0, status.st_size - 20))
            return hashlib.sha1(b"%d %d " % (status.st_size, status.st_mtime_ns) + file.read(20)).hexdigest()
    except OSError:
        return ""


def check_root(root: Path) -> None:
    """Raises `Refused` for folders that are nobody's project: the home folder, `/` and what lies between."""
    if not root.is_dir():
        raise Refused(f"The folder {root} is gone.")
    home = Path(os.path.realpath(os.path.expanduser("~")))
    if root == Path("/"):
        raise Refused("/ is the whole machine, not a project. Open the project's own folder.")
    if home == root:
        raise Refused(f"{root} is your home folder, not a project. Open the project's own folder.")
    if home.is_relative_to(root):
        raise Refused(f"{root} holds your home folder. Open the project's own folder.")
    if ".git" in root.parts:
        raise Refused(f"{root} is inside a .git folder.")


async def find_repository(git: Git, root: Path) -> Repository | None:
    """The repository of a root; None when the root is not in one (or in one that ignores it). Raises `Refused`."""
    here = git.but(cwd=root, sealed=False)
    about = ("--git-dir", "--git-common-dir", "--show-toplevel", "--show-prefix", "--is-shallow-repository")
    command = ("rev-parse", "--path-format=absolute", *about, "--show-object-format", "HEAD^{commit}", "HEAD:./")
    said = await here.run(*command, ok=(0, 128))
    lines = os.fsdecode(said.stdout).split("\n")
    if len(lines) < 8:
        message = said.stderr.decode("utf-8", "replace")
        if "not a git repository" in message:
            return None
        if "dubious ownership" in message:
            raise Refused(f"git does not trust {root}, because it belongs to somebody else (safe.directory).")
        if "work tree" in message:
            raise Refused(f"{root} is inside a bare repository.")
        raise GitFailed(command, said)
    git_dir, common, top, prefix, shallow, object_format = lines[:6]
    # Git repeats what it does not know, and ends.
    commit, tree = ("" if line.startswith("HEAD") else line for line in lines[6:8])
    if object_format != "sha1":
        # Our ids are SHA-1; such a project is copied whole, as one without Git.
        return None
    found = Repository(
        here.but(git_dir=Path(git_dir), work_tree=Path(top)),
        Path(git_dir),
        Path(common),
        Path(top),
        prefix,
        shallow == "true",
        commit,
        tree,
    )
    if prefix:
        above = replace(found.git.but(cwd=found.top), pathspecs="plain")
        path = os.fsencode(prefix.rstrip("/"))
        ignored = await above.run("check-ignore", "-q", "-z", "--stdin", stdin=path + b"\0", ok=(0, 1, 128))
        if ignored.exit_code == 0:
            return None
    return found


async def common_dir(root: Path) -> Path | None:
    """The Git common directory that a root shares with its linked worktrees; None without Git."""
    root = Path(os.path.realpath(root))
    found = await find_repository(Git.find((root,)), root)
    return None if found is None else found.common_dir


async def settings(git: Git) -> tuple[dict[str, str], tuple[str, ...]]:
    """The values of `CARRIED` and of a few more, where they are set; the names of the filters."""
    wanted = "|".join(name.replace(".", "\\.") for name in (*CARRIED, *_ALSO))
    filters = r"filter\..*\.(clean|process|required)"
    said = await git.run("config", "-z", "--get-regexp", f"^({wanted}|{filters})$", ok=(0, 1))
    pairs = (entry.partition("\n") for entry in os.fsdecode(said.stdout).split("\0") if entry)
    values = {name: value if equals else "true" for name, equals, value in pairs}
    found = {name.removeprefix("filter.").rpartition(".")[0] for name in values if name.startswith("filter.")}
    return values, tuple(sorted(found))


def ref_value(folder: Path, name: str) -> str:
    """The id that a ref of a git dir names; empty when there is no such ref."""
    return _resolved(folder, folder, name)


def _common(git_dir: Path) -> Path:
    said = _read(git_dir / "commondir").strip()
    return Path(os.path.normpath(git_dir / os.fsdecode(said))) if said else git_dir


def _resolved(git_dir: Path, common: Path, name: str, depth: int = 5) -> str:
    for folder in (git_dir, common):
        said = _read(folder / name)
        if match := _COMMIT.match(said):
            return match[0].decode()
        if (match := _REF.match(said)) and depth:
            return _resolved(git_dir, common, os.fsdecode(match[1]), depth - 1)
    wanted = b" " + os.fsencode(name)
    for line in _read(common / "packed-refs").splitlines():
        if line.endswith(wanted) and (match := _COMMIT.match(line)):
            return match[0].decode()
    return ""


def _read(path: Path) -> bytes:
    try:
        return read_ordinary(path)
    except OSError:
        return b""
