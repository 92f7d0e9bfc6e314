"""Where things live, per person and per project. Nothing of ours is ever inside a working tree.

`BACKBURNER_HOME` moves everything of the person into one folder (for tests and second instances); otherwise the XDG
folders. Only computes paths, but for the `make_...` functions.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from backburner.lib import handshake

ROOT_FILE = "root"
"""In a project's folder: the absolute path of its root, for people and for the daemon's start."""


class UnsafeFolder(Exception):
    """A folder of ours belongs to somebody else, or is open to others. The text is a sentence."""


def home(env: Mapping[str, str] | None = None) -> Path | None:
    """`BACKBURNER_HOME`, absolute; None when it is not set."""
    value = _env(env).get("BACKBURNER_HOME", "")
    return Path(os.path.abspath(value)) if value else None


def config_dir(env: Mapping[str, str] | None = None) -> Path:
    env = _env(env)
    return home(env) or _xdg(env, "XDG_CONFIG_HOME", ".config") / "backburner"


def config_file(env: Mapping[str, str] | None = None) -> Path:
    """The person's settings."""
    return config_dir(env) / "config.toml"


def recipes_dir(env: Mapping[str, str] | None = None) -> Path:
    """The person's own recipes."""
    return config_dir(env) / "recipes"


def state_dir(env: Mapping[str, str] | None = None) -> Path:
    env = _env(env)
    own = home(env)
    return own / "state" if own is not None else _xdg(env, "XDG_STATE_HOME", ".local/state") / "backburner"


def log_file(env: Mapping[str, str] | None = None) -> Path:
    return state_dir(env) / "daemon.log"


def daemon_lock(env: Mapping[str, str] | None = None) -> Path:
    """One daemon per person."""
    return state_dir(env) / "lock"


def worker_lock(env: Mapping[str, str] | None = None) -> Path:
    """Held by a living worker: no run starts elsewhere while an old one may still write and spend."""
    return state_dir(env) / "worker.lock"


def trust_file(env: Mapping[str, str] | None = None) -> Path:
    """Which bytes of which project files the person approved."""
    return state_dir(env) / "trust.json"


def socket_path(env: Mapping[str, str] | None = None) -> Path:
    """Where the daemon listens; the one rule for it is in `lib/handshake.py`, which the bridge shares."""
    env = _env(env)
    raw = {os.fsencode(name): os.fsencode(value) for name, value in env.items()}
    return Path(os.fsdecode(handshake.socket_path(raw)))


def make_state_dir(env: Mapping[str, str] | None = None) -> Path:
    """Make the person's state folder, readable by nobody else. Raises `UnsafeFolder`."""
    return make_private(state_dir(env))


def make_private(path: Path) -> Path:
    """Make a folder with mode 0700, or take it back from the others. Raises `UnsafeFolder` when it is not ours."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        status = path.stat()
    except OSError as error:
        raise UnsafeFolder(f"The folder {path} cannot be made: {error.strerror or error}.") from error
    if status.st_uid != os.geteuid():
        raise UnsafeFolder(f"The folder {path} belongs to another user; Backburner does not use it.")
    if status.st_mode & 0o077:
        path.chmod(0o700)
    return path


def project_dir(root: Path, env: Mapping[str, str] | None = None) -> Path:
    """The folder of a project's journal, trees and lock; one for each real root (linked worktrees differ)."""
    return state_dir(env) / _folder_name(root)


def shadow_dir(root: Path, env: Mapping[str, str] | None = None) -> Path:
    """The shadow repository; roots that share a Git common directory share it."""
    common = git_common_dir(root)
    owner = root if common is None else common.parent if common.name == ".git" else common
    return state_dir(env) / _folder_name(owner) / "shadow.git"


def make_project_dir(root: Path, env: Mapping[str, str] | None = None) -> Path:
    """Make the project's folder and note in it which root it is for. Raises `UnsafeFolder`."""
    make_state_dir(env)
    folder = make_private(project_dir(root, env))
    note = folder / ROOT_FILE
    if not note.exists():
        note.write_bytes(os.fsencode(root.resolve()) + b"\n")
    return folder


def known_projects(env: Mapping[str, str] | None = None) -> Iterator[tuple[Path, Path]]:
    """Root and folder of every project that has a journal."""
    state = state_dir(env)
    if not state.is_dir():
        return
    for folder in sorted(state.iterdir()):
        note = folder / ROOT_FILE
        if note.is_file() and (folder / "journal.db").is_file():
            yield Path(os.fsdecode(note.read_bytes().rstrip(b"\n"))), folder


def git_common_dir(root: Path) -> Path | None:
    """The Git common directory that `root` belongs to, found by looking at files only; None without Git."""
    git = git_dir(root)
    if git is None:
        return None
    note = git / "commondir"
    if note.is_file():
        return (git / note.read_text("utf-8", "surrogateescape").strip()).resolve()
    return git.resolve()


def git_dir(root: Path) -> Path | None:
    """The Git directory of the working tree that `root` is in: where its HEAD and index are. None without Git."""
    root = root.resolve()
    for folder in (root, *root.parents):
        entry = folder / ".git"
        if entry.is_dir():
            return entry
        if entry.is_file():
            text = entry.read_text("utf-8", "surrogateescape").strip()
            if text.startswith("gitdir:"):
                return (folder / text[len("gitdir:") :].strip()).resolve()
    return None


def _folder_name(root: Path) -> str:
    real = root.resolve()
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", real.name).strip(".-")[:40] or "root"
    return f"{name}-{hashlib.sha256(os.fsencode(real)).hexdigest()[:12]}"


def _xdg(env: Mapping[str, str], variable: str, default: str) -> Path:
    value = env.get(variable, "")
    if value.startswith("/"):
        return Path(value)
    return Path(env.get("HOME", "") or os.path.expanduser("~")) / default


def _env(env: Mapping[str, str] | None) -> Mapping[str, str]:
    return os.environ if env is None else env
