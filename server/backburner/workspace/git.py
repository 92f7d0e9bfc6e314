"""Runs `git`: the only module that does, and the only place that knows the environment it needs.

Hooks, fsmonitor, automatic gc, prompts, pagers and editors are off; nothing of the inherited `GIT_*` variables gets
through (an editor that was started from a hook carries `GIT_DIR` and `GIT_INDEX_FILE`). The program itself is never
taken from inside a project. Says nothing about what a snapshot is: that is `shadow.py`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from backburner.lib import process
from backburner.lib.process import Finished
from backburner.workspace.programs import find_program, outside

TIMEOUT_S = 300.0
CONFIG = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.safecrlf=false",
    "core.splitIndex=false",
    "core.logAllRefUpdates=false",
    "core.fsync=loose-object,pack,pack-metadata,reference",
    "core.fsyncMethod=batch",
    "gc.auto=0",
    "maintenance.auto=false",
    "commit.gpgSign=false",
    "advice.addEmbeddedRepo=false",
    "core.quotePath=false",
    "color.ui=false",
    "protocol.allow=never",
)
"""Given to every call. `protocol.allow`: no call of ours ever talks to another repository."""


class GitFailed(Exception):
    """A git command that had to succeed did not. The message is one line; `finished` is how it ended."""

    def __init__(self, arguments: Sequence[str], finished: Finished) -> None:
        lines = finished.stderr.decode("utf-8", "replace").strip().splitlines() or [""]
        said = next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[-1])
        reason = "did not end in time" if finished.timed_out else said or f"exit code {finished.exit_code}"
        super().__init__(f"git {arguments[0]}: {reason}")
        self.finished = finished


class NoGit(Exception):
    """There is no git that may be run."""

    sentence = "Backburner needs git 2.34 or newer on PATH."

    def __init__(self) -> None:
        super().__init__(self.sentence)


class Lost(Exception):
    """What a snapshot needs is not there any more: the person's repository lost commits that it borrows from."""

    sentence = (
        "The files that it started from are gone: your repository no longer has that commit. "
        "Run it again: it starts from what is on your screen now."
    )

    def __init__(self) -> None:
        super().__init__(self.sentence)


@dataclass(frozen=True)
class Git:
    """One way to call git: which repository, which files, which index. A value; `but` makes a variant."""

    program: str
    path: str
    """PATH of the child (filters of the person's configuration are found on it), without folders of projects."""
    git_dir: Path | None = None
    """None: git looks for the repository from `cwd` upwards, with its own check of who owns it."""
    work_tree: Path | None = None
    cwd: Path = Path("/")
    index: Path | None = None
    objects: Path | None = None
    """Where new objects go, when not into the repository itself."""
    config: tuple[str, ...] = ()
    sealed: bool = True
    """Ignore the configuration of the person and of the machine. False only to see files as the person's git does."""
    pathspecs: Literal["literal", "glob", "plain"] = "literal"
    """How paths among the arguments are read; `plain` for commands that know no other way."""

    @staticmethod
    def find(projects: Sequence[Path] = ()) -> Git:
        """The git on PATH that is not inside one of the folders. Raises `NoGit`."""
        path = os.environ.get("PATH", os.defpath)
        program = find_program("git", path, projects)
        if program is None:
            raise NoGit
        return Git(program, outside(path, projects))

    def but(
        self,
        *,
        git_dir: Path | None = None,
        work_tree: Path | None = None,
        cwd: Path | None = None,
        index: Path | None = None,
        objects: Path | None = None,
        config: Sequence[str] = (),
        sealed: bool | None = None,
    ) -> Git:
        """The same with what is given changed; `config` is added."""
        return replace(
            self,
            git_dir=self.git_dir if git_dir is None else git_dir,
            work_tree=self.work_tree if work_tree is None else work_tree,
            cwd=self.cwd if cwd is None else cwd,
            index=self.index if index is None else index,
            objects=self.objects if objects is None else objects,
            config=(*self.config, *config),
            sealed=self.sealed if sealed is None else sealed,
        )

    def argv(self, *arguments: str) -> list[str]:
        settings = [part for setting in (*CONFIG, *self.config) for part in ("-c", setting)]
        paths = [] if self.pathspecs == "plain" else [f"--{self.pathspecs}-pathspecs"]
        return [self.program, "--no-pager", *paths, *settings, *arguments]

    def environment(self) -> dict[str, str]:
        """What the child gets: ours without `GIT_*` and askpass programs, plus what makes git quiet and repeatable."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("GIT_", "LC_", "SSH_ASKPASS", "LANGUAGE"))
        }
        kept |= {
            "PATH": self.path,
            "LC_ALL": "C",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_NO_LAZY_FETCH": "1",
            # Over whatever a repository says about single protocols; `protocol.allow` is only the default.
            "GIT_ALLOW_PROTOCOL": "",
            "GIT_EDITOR": "false",
            "GIT_PAGER": "cat",
            "GIT_ASKPASS": "",
            "GIT_AUTHOR_NAME": "Backburner",
            "GIT_AUTHOR_EMAIL": "backburner@localhost",
            "GIT_AUTHOR_DATE": "@0 +0000",
            "GIT_COMMITTER_NAME": "Backburner",
            "GIT_COMMITTER_EMAIL": "backburner@localhost",
            "GIT_COMMITTER_DATE": "@0 +0000",
        }
        if self.sealed:
            kept |= {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "GIT_ATTR_NOSYSTEM": "1"}
        for name, value in (
            ("GIT_DIR", self.git_dir),
            ("GIT_WORK_TREE", self.work_tree),
            ("GIT_INDEX_FILE", self.index),
            ("GIT_OBJECT_DIRECTORY", self.objects),
        ):
            if value is not None:
                kept[name] = str(value)
        return kept

    async def run(
        self,
        *arguments: str,
        stdin: bytes | None = None,
        ok: Sequence[int] = (0,),
        env: Mapping[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
        output_cap: int = 1 << 30,
    ) -> Finished:
        """Run one command to its end. Raises `GitFailed` unless its exit code is in `ok`, `NoGit` when git is gone."""
        try:
            finished = await process.run(
                self.argv(*arguments),
                cwd=self.cwd,
                env=self.environment() | dict(env or {}),
                stdin=stdin,
                timeout_s=timeout_s,
                output_cap=output_cap,
            )
        except FileNotFoundError as error:
            if os.path.exists(self.program):
                raise GitFailed(arguments, Finished(-1, b"", f"fatal: {self.cwd} is gone".encode())) from error
            raise NoGit from error
        if finished.timed_out or finished.exit_code not in ok:
            raise GitFailed(arguments, finished)
        return finished

    async def line(self, *arguments: str, stdin: bytes | None = None) -> str:
        """The one line that a command prints."""
        return (await self.run(*arguments, stdin=stdin)).stdout.decode("utf-8", "surrogateescape").strip()


def names(output: bytes) -> list[bytes]:
    """The parts of an output that was asked for with `-z`."""
    return output.split(b"\0")[:-1] if output else []
