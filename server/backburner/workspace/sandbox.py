"""Runs an agent's commands: in a bubblewrap sandbox where that works, bare only where the person said so.

Inside there is an empty machine: the system's programs read-only, the checkout at the path of the person's project, its
installed dependencies read-only on top, no network, no home, no sockets, an environment from an allow-list that was made
before bubblewrap starts (its own `/proc/1/environ` could be read otherwise). When it ends, everything in it is gone. Time
and output are capped. Protects the person's files, keys and network from mistakes and from injected commands; not from
holes in the kernel, and not from what they accept later.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import resource
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from backburner.lib import process
from backburner.lib.files import OutsideRoot, open_beneath
from backburner.lib.process import Finished
from backburner.workspace import agentgit, toolchains
from backburner.workspace.checkout import Checkout
from backburner.workspace.programs import find_program
from backburner.workspace.removing import remove

PROBE_S = 20.0
OUTPUT_CAP = 1024 * 1024
LIMITS = {
    "nofile": (resource.RLIMIT_NOFILE, 8192),
    "fsize": (resource.RLIMIT_FSIZE, 4 * 1024**3),
    "core": (resource.RLIMIT_CORE, 0),
    "nproc": (resource.RLIMIT_NPROC, 4096),
}
"""For each process; no limit on address space, which would stop Node, Go and Java."""
HIDDEN_FILES = ("/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/sudoers", "/etc/krb5.keytab")
HIDDEN_FOLDERS = ("/etc/ssh", "/etc/ssl/private", "/etc/sudoers.d", "/etc/wireguard", "/etc/NetworkManager")
NOT_ISOLATED = "may have tested your original"


@dataclass(frozen=True)
class Level:
    """How commands run on this machine."""

    name: Literal["strict", "none"]
    note: str = ""
    """`none`: why, as a clause."""
    program: str = ""
    """bubblewrap, absolute."""

    @property
    def evidence(self) -> str:
        """What weakens a check that ran at this level; empty when nothing does."""
        return NOT_ISOLATED if self.name == "none" else ""


class SandboxFailed(OSError):
    """The sandbox could not be set up, so the command did not run."""


async def probe(path: str | None = None) -> Level:
    """Which level works here, found by running a command in a sandbox, not by looking for a program."""
    program = find_program("bwrap", os.environ.get("PATH", os.defpath) if path is None else path)
    if program is None:
        return Level("none", "bubblewrap is not installed")
    home = _home()
    argv = [program, *_isolation(), *_machine(home), "--remount-ro", "/", "--", "/bin/sh", "-c", "exit 42"]
    try:
        done = await process.run(argv, env={"PATH": "/usr/bin:/bin"}, timeout_s=PROBE_S, output_cap=10_000)
    except OSError as error:
        return Level("none", f"bubblewrap does not start ({error.strerror})")
    if done.exit_code == 42:
        return Level("strict", "", program)
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    why = "it does not end" if done.timed_out else said[-1].removeprefix("bwrap: ") if said else "no reason given"
    return Level("none", f"bubblewrap does not work here ({why})")


async def run_command(
    checkout: Checkout,
    command: Sequence[str],
    *,
    root: str,
    timeout_s: float,
    env: Mapping[str, str],
    level: Level,
    output_cap: int = OUTPUT_CAP,
) -> Finished:
    """Run a command in the files of a checkout, which the command sees at `root`, and end every process of it.

    `env` is all of the environment that the caller lets through. Raises `FileNotFoundError` when there is no such
    program (in the sandbox: none that is seen there) and `SandboxFailed`.
    """
    checkout.ran = True
    borrowed = agentgit.borrowed(checkout.workspace.shadow)
    if level.name == "none":
        return await _bare(checkout, command, borrowed, root, timeout_s, env, output_cap)
    plan = Plan(level.program or "bwrap", checkout, Path(root), env, tuple(borrowed))
    argv = await asyncio.to_thread(sandboxed, plan, command)
    try:
        done = await process.run(argv, cwd="/", env=plan.environment(), timeout_s=timeout_s, output_cap=output_cap)
    finally:
        _remove_mount_points(plan)
    if not done.stdout and done.stderr.startswith((b"prlimit: failed to execute ", b"bwrap: execvp ")):
        raise FileNotFoundError(f"{command[0]} is not seen in the sandbox")
    if done.exit_code == 1 and not done.stdout and done.stderr.startswith(b"bwrap: "):
        raise SandboxFailed(f"the sandbox did not start: {done.stderr.decode('utf-8', 'replace').strip()[7:300]}")
    return done


@dataclass(frozen=True)
class Plan:
    """What is shown where."""

    program: str
    checkout: Checkout
    root: Path
    env: Mapping[str, str]
    borrowed: tuple[Path, ...]
    """Folders of objects that the agent's own git reads."""

    @cached_property
    def dependencies(self) -> list[tuple[Path, str]]:
        """What is mounted over the tree: where it is, and its path in the project."""
        workspace = self.checkout.workspace
        return toolchains.dependencies(self.root, workspace.base, workspace.now, _home())

    def environment(self) -> dict[str, str]:
        """The whole environment of the command, and of bubblewrap itself."""
        mounted = [f"{agentgit.MOUNTED}/{number}" for number in range(len(self.borrowed))]
        return _environment(self.env, self.root, mounted) | {"TMPDIR": "/tmp"}


def sandboxed(plan: Plan, command: Sequence[str]) -> list[str]:
    """The command line of bubblewrap. Mounts come in order: later ones lie over earlier ones."""
    home, root, checkout = _home(), plan.root, plan.checkout
    if os.path.realpath(plan.program).startswith(f"{root}/"):
        raise SandboxFailed("bubblewrap would come from inside the project")
    environments = [real for real, _ in plan.dependencies]
    argv = [plan.program, *_isolation(), *_machine(home)]
    for folder in toolchains.readable(plan.env, home, root, environments):
        argv += ["--ro-bind-try", str(folder), str(folder)]
    argv += ["--bind", str(checkout.files), str(root)]
    argv += ["--bind", str(checkout.git_dir), str(checkout.git_dir)]
    for number, folder in enumerate(plan.borrowed):
        target = f"{agentgit.MOUNTED}/{number}"
        argv += ["--ro-bind", str(folder), target]
        if (folder / "info" / "alternates").exists():
            # What it names is not there under its own name.
            argv += ["--ro-bind", str(checkout.empty), f"{target}/info/alternates"]
    for real, path in plan.dependencies:
        _mount_point(checkout.files, path, real.is_dir())
        argv += ["--ro-bind", str(real), str(root / path)]
    argv += ["--remount-ro", "/", "--chdir", str(root), "--"]
    if limiter := find_program("prlimit", "/usr/bin:/bin"):
        argv += [limiter, *_limits(), "--"]
    return [*argv, *command]


async def _bare(
    checkout: Checkout,
    command: Sequence[str],
    borrowed: Sequence[Path],
    root: str,
    timeout_s: float,
    env: Mapping[str, str],
    output_cap: int,
) -> Finished:
    """Without a sandbox. The program itself is never taken from inside the project, or from the tree."""
    environment = {"HOME": str(_home())} | _environment(env, checkout.files, [str(folder) for folder in borrowed])
    program = command[0]
    if not os.path.isabs(program):
        found = find_program(program, environment.get("PATH", os.defpath), (Path(root), checkout.files))
        if found is None:
            raise FileNotFoundError(f"{program} is not on PATH outside the project")
        program = found
    return await process.run(
        [program, *command[1:]], cwd=checkout.files, env=environment, timeout_s=timeout_s, output_cap=output_cap
    )


def _isolation() -> list[str]:
    return ["--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--hostname", "sandbox"]


def _machine(home: Path) -> Iterator[str]:
    """An empty machine with the system's programs. What is not named here does not exist inside."""
    for place in (*toolchains.SYSTEM, "/opt"):
        if os.path.islink(place):
            yield from ("--symlink", os.readlink(place), place)
        else:
            yield from ("--ro-bind-try", place, place)
    for place in HIDDEN_FOLDERS:
        if os.path.isdir(place):
            yield from ("--tmpfs", place)
    for place in HIDDEN_FILES:
        if os.path.exists(place):
            yield from ("--ro-bind", "/dev/null", place)
    yield from ("--proc", "/proc", "--dev", "/dev")
    yield from ("--ro-bind-try", "/sys/devices/system/cpu", "/sys/devices/system/cpu")
    for place in ("/tmp", "/var/tmp", "/run"):
        yield from ("--tmpfs", place)
    if home != Path("/") and not any(home.is_relative_to(place) for place in toolchains.SYSTEM):
        yield from ("--tmpfs", str(home))


def _limits() -> Iterator[str]:
    for name, (number, wanted) in LIMITS.items():
        hard = resource.getrlimit(number)[1]
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        yield f"--{name}={value}:{value}"


def _mount_point(files: Path, path: str, folder: bool) -> None:
    """Make a place to mount on, without links: bubblewrap would follow one that a command planted, on our side."""
    here = files
    parts = path.split("/")
    for number, name in enumerate(parts):
        here = here / name
        wanted = stat.S_ISDIR if folder or number < len(parts) - 1 else stat.S_ISREG
        try:
            fits = wanted(os.lstat(here).st_mode)
        except FileNotFoundError:
            fits = False
        if not fits:
            remove(here)
            if wanted is stat.S_ISDIR:
                here.mkdir()
            else:
                here.touch()


def _remove_mount_points(plan: Plan) -> None:
    """Take away what was made to mount on, so that a command leaves nothing but what it made itself."""
    for _, path in plan.dependencies:
        folder, _, name = path.rpartition("/")
        with contextlib.suppress(OSError, OutsideRoot):
            flags = os.O_RDONLY | os.O_DIRECTORY
            files = plan.checkout.files
            parent = open_beneath(files, folder, flags) if folder else os.open(files, flags)
            try:
                status = os.lstat(name, dir_fd=parent)
                if stat.S_ISDIR(status.st_mode):
                    os.rmdir(name, dir_fd=parent)
                elif stat.S_ISREG(status.st_mode) and not status.st_size:
                    os.unlink(name, dir_fd=parent)
            finally:
                os.close(parent)


def _environment(env: Mapping[str, str], root: Path, objects: Sequence[str]) -> dict[str, str]:
    given = dict(env)
    given.setdefault("PATH", "/usr/local/bin:/usr/bin:/bin")
    given.setdefault("HOME", str(_home()))
    given.setdefault("USER", "agent")
    given["GIT_CEILING_DIRECTORIES"] = str(root.parent)
    given["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = os.pathsep.join(objects)
    return given


def _home() -> Path:
    """The home folder of who we are; `HOME` may say something else."""
    said = os.environ.get("HOME")
    return Path(os.path.realpath(said if said and os.path.isabs(said) else pwd.getpwuid(os.getuid()).pw_dir))
