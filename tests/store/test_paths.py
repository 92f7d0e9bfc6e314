from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from backburner.store import paths


def env_of(tmp_path: Path, **more: str) -> dict[str, str]:
    return {"HOME": str(tmp_path / "home"), **more}


def test_backburner_home_moves_everything_into_one_folder(tmp_path: Path) -> None:
    env = env_of(tmp_path, BACKBURNER_HOME=str(tmp_path / "bb"), XDG_STATE_HOME="/elsewhere")
    places = (
        paths.config_file(env),
        paths.state_dir(env),
        paths.socket_path(env),
        paths.recipes_dir(env),
        paths.project_dir(tmp_path, env),
        paths.shadow_dir(tmp_path, env),
    )
    inside = [place for place in places if place.is_relative_to(tmp_path / "bb")]
    # A socket's path may be too long for that, then it is a hash elsewhere.
    assert set(places) - set(inside) <= {paths.socket_path(env)}


def test_xdg_folders_are_honoured_and_relative_ones_are_not(tmp_path: Path) -> None:
    env = env_of(tmp_path, XDG_CONFIG_HOME="/etc/mine", XDG_STATE_HOME="relative")
    assert paths.config_file(env) == Path("/etc/mine/backburner/config.toml")
    assert paths.state_dir(env) == tmp_path / "home/.local/state/backburner"


def test_a_link_to_a_project_is_that_project(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (tmp_path / "link").symlink_to(project)
    env = env_of(tmp_path)
    assert paths.project_dir(tmp_path / "link", env) == paths.project_dir(project, env)
    assert paths.project_dir(tmp_path, env) != paths.project_dir(project, env)


def test_linked_worktrees_share_a_shadow_and_nothing_else(tmp_path: Path) -> None:
    env = env_of(tmp_path)
    main, linked = tmp_path / "main", tmp_path / "linked"
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q", str(main)], check=True)
    subprocess.run([*git, "-C", str(main), "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    subprocess.run([*git, "-C", str(main), "worktree", "add", "-q", str(linked)], check=True)
    assert paths.project_dir(main, env) != paths.project_dir(linked, env)
    assert paths.shadow_dir(main, env) == paths.shadow_dir(linked, env)
    assert paths.shadow_dir(main, env).parent == paths.project_dir(main, env)
    assert paths.git_dir(linked) != paths.git_dir(main)


def test_a_folder_without_git_has_a_shadow_of_its_own(tmp_path: Path) -> None:
    env = env_of(tmp_path)
    assert paths.git_common_dir(tmp_path) is None
    assert paths.shadow_dir(tmp_path, env).parent == paths.project_dir(tmp_path, env)


def test_folders_are_private_and_name_their_root(tmp_path: Path) -> None:
    env = env_of(tmp_path)
    project = tmp_path / "a project"
    project.mkdir()
    folder = paths.make_project_dir(project, env)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert paths.state_dir(env).stat().st_mode & 0o777 == 0o700
    assert list(paths.known_projects(env)) == []
    (folder / "journal.db").touch()
    assert list(paths.known_projects(env)) == [(project.resolve(), folder)]
    folder.chmod(0o755)
    paths.make_project_dir(project, env)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_place_that_cannot_be_used_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(paths.UnsafeFolder, match="cannot be made"):
        paths.make_private(tmp_path / "file" / "state")


@pytest.mark.skipif(os.geteuid() != 0, reason="for another user: only root can give a folder away")
def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    os.chown(folder, 12345, -1)
    with pytest.raises(paths.UnsafeFolder, match="belongs to another user"):
        paths.make_private(folder)
