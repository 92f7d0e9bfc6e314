"""Which folders of the person's machine a sandboxed command may read, beside the system's: interpreters and packages.

Programs on PATH often live below a home (pyenv, nvm, cargo), and a virtual environment's Python is a link to one of them.
Those folders are shown read-only; keys and settings of the person never are. Only looks at names and links.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from backburner.workspace.folders import Folders, find

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/nix/store", "/gnu/store")
"""Shown as they are, where they exist."""
PRIVATE = frozenset(
    {".ssh", ".aws", ".config", ".gnupg", ".kube", ".docker", ".azure", ".mozilla", ".password-store", "keyrings"}
)
"""Never shown, wherever they are."""
PACKAGES = (
    *(".rustup", ".cargo/registry", ".cargo/git", "go/pkg/mod", ".m2/repository", ".local/share/pnpm"),
    *(".local/share/uv/python", ".local/share/uv/tools", ".local/share/pipx", ".local/lib", ".local/share/mise"),
    *(".pyenv", ".nvm", ".asdf", ".volta", ".bun", ".deno/bin", ".rbenv", ".sdkman/candidates", ".gem"),
)
"""Below a home: what package managers and version managers keep, so that builds work without network."""
DEPENDENCIES = (".venv", "venv", "node_modules", "bower_components", ".yarn", ".pnp.cjs", "Pods", "vendor")
"""In a project, where it is not part of the snapshot: what an install put there."""
MANIFESTS = frozenset(
    {
        *("package.json", "pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", "Pipfile"),
        *("composer.json", "Gemfile", "go.mod", "Podfile", "bower.json"),
    }
)
_VARIABLES = ("PATH", "VIRTUAL_ENV", "CONDA_PREFIX", "JAVA_HOME", "GOROOT", "PYENV_ROOT", "NVM_DIR", "RUSTUP_HOME")
_INTERPRETERS = ("python3", "python", "node", "ruby")
_HOPS = 10


def readable(env: Mapping[str, str], home: Path, root: Path, environments: Iterable[Path]) -> list[Path]:
    """Folders to be shown read-only at their own paths, outer ones first. `environments`: Python environments in use.

    Looking costs some 10 ms, so the answer is kept until a folder on PATH changes.
    """
    variables = tuple((name, env[name]) for name in _VARIABLES if name in env)
    times = tuple(_changed_at(entry) for entry in env.get("PATH", "").split(os.pathsep))
    return list(_readable(variables, home, root, tuple(environments), times))


@lru_cache(maxsize=64)
def _readable(
    variables: tuple[tuple[str, str], ...],
    home: Path,
    root: Path,
    environments: tuple[Path, ...],
    times: tuple[int, ...],
) -> tuple[Path, ...]:
    env = dict(variables)
    found: set[Path] = set()
    for entry in env.get("PATH", "").split(os.pathsep):
        folder = Path(entry)
        if folder.is_absolute() and folder.is_dir() and not folder.is_relative_to(root):
            found.add(folder)
            found.update(_installation(folder))
            for program in _linked(folder):
                found.update(_hops(program))
    for name, value in variables:
        if name != "PATH":
            found.add(Path(value))
            environments = (*environments, Path(value))
    for environment in environments:
        for name in _INTERPRETERS:
            found.update(_hops(environment / "bin" / name))
    found.update(home / package for package in PACKAGES)
    shown = {path for path in found if path.is_absolute() and path.is_dir() and may_show(path, home, root)}
    return tuple(sorted(shown, key=lambda path: (len(path.parts), path)))


def _changed_at(folder: str) -> int:
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return 0


def may_show(path: Path, home: Path, root: Path) -> bool:
    """Not the system's (shown anyway), not the person's own, nothing that holds a home or the project."""
    real = Path(os.path.realpath(path))
    for one in (path, real):
        if not PRIVATE.isdisjoint(one.parts) or one.is_relative_to(root) or root.is_relative_to(one):
            return False
        if home.is_relative_to(one) or one in (
            home / ".local",
            home / ".local/share",
            home / ".cargo",
            home / ".cache",
        ):
            return False
    return not any(path.is_relative_to(system) for system in SYSTEM)


def dependencies(root: Path, snapshot: Folders, now: Folders, home: Path) -> list[tuple[Path, str]]:
    """Dependency folders of the project that its copy does not hold: where they are, and their path in the project.

    Neither in the snapshot nor as the agent left it (`now`): a link of the project's that the agent took away would
    otherwise be followed on our side, out of the project.
    """
    found: list[tuple[Path, str]] = []
    for folder in sorted(now, key=lambda folder: (folder.count("/"), folder)):
        if folder and (MANIFESTS.isdisjoint(now[folder]) or not _is_plain(root, folder)):
            continue
        for name in DEPENDENCIES:
            path = f"{folder}/{name}" if folder else name
            there = root / path
            real = Path(os.path.realpath(there))
            is_ours = find(snapshot, path) is not None or find(now, path) is not None
            if not is_ours and real.exists() and _may_depend(real, home, root):
                found.append((real, path))
    return found


def _is_plain(root: Path, folder: str) -> bool:
    """Whether a folder of the project is reached without a link."""
    return os.path.realpath(root / folder) == os.path.join(os.path.realpath(root), folder)


def _may_depend(real: Path, home: Path, root: Path) -> bool:
    if not PRIVATE.isdisjoint(real.parts) or ".git" in real.parts:
        return False
    return not home.is_relative_to(real) and not root.is_relative_to(real)


def _installation(folder: Path) -> Iterator[Path]:
    """The folder around a `bin`, where it is that of one program and not of everything."""
    prefix = folder.parent
    if folder.name == "shims" or (folder.name in ("bin", "condabin") and (prefix / "lib").is_dir()):
        yield prefix


def _linked(folder: Path) -> Iterator[Path]:
    """Programs in a folder that are links, as package managers make them, and interpreters."""
    try:
        with os.scandir(folder) as entries:
            links = [Path(entry.path) for entry in entries if entry.is_symlink()]
    except OSError:
        return
    if not any(folder.is_relative_to(system) for system in SYSTEM):
        yield from links[:500]
    yield from (folder / name for name in _INTERPRETERS)


def _hops(program: Path) -> Iterator[Path]:
    """The installation that each link on the way to a program's real file lies in."""
    for _ in range(_HOPS):
        try:
            target = os.readlink(program)
        except OSError:
            break
        program = Path(os.path.normpath(program.parent / target))
        yield from _around(program)
    real = Path(os.path.realpath(program))
    if real != program:
        yield from _around(real)


def _around(program: Path) -> Iterator[Path]:
    if program.parent.name == "bin":
        yield program.parent
        yield from _installation(program.parent)
    elif program.is_file():
        yield program.parent
