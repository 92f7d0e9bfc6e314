"""Settings from person, project and editor, within the trust rules."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backburner.store.recipes import Recipes, Unapproved
from backburner.store.settings import Loaded, load
from backburner.store.trust import TrustFile, digest


def check(tmp_path: Path, *, person: str = "", project: str = "", editor: dict[str, Any] | None = None) -> Loaded:
    (tmp_path / "config.toml").write_text(person)
    root = tmp_path / "project"
    root.mkdir(exist_ok=True)
    if project:
        (root / "backburner.toml").write_text(project)
    return load(tmp_path / "config.toml", root, editor or {}, TrustFile(tmp_path / "trust.json"))


def test_without_any_file_everything_has_its_default(tmp_path: Path) -> None:
    loaded = check(tmp_path)
    assert loaded.settings.limits.task_usd == 2.0
    assert loaded.problems == ()


def test_the_person_may_set_everything(tmp_path: Path) -> None:
    loaded = check(
        tmp_path, person='[agents.mine]\ncommand = ["ruff"]\n[limits]\nday_usd = 50\n[sandbox]\nunsandboxed = true'
    )
    assert loaded.settings.agents["mine"].command == ("ruff",)
    assert loaded.settings.limits.day_usd == 50
    assert loaded.settings.sandbox.unsandboxed
    assert loaded.problems == ()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (os.mkfifo, "cannot be read: not an ordinary file."),
        (lambda path: path.symlink_to("/dev/zero"), "cannot be read: not an ordinary file."),
        (lambda path: path.write_bytes(b"#" * 2_000_000), "cannot be read: more than 1,000,000 bytes."),
        (lambda path: path.write_text("a=" + "[" * 400 + "]" * 400), ""),
        (lambda path: path.write_text("a=" + "[" * 5000), "is not valid TOML: maximum recursion depth exceeded"),
    ],
)
def test_a_file_of_a_project_that_blocks_or_never_ends_is_said(
    tmp_path: Path, make: Callable[[Path], object], said: str
) -> None:
    """It is read in the daemon, which serves every project."""
    root = tmp_path / "project"
    (root / ".backburner/recipes").mkdir(parents=True)
    trust = TrustFile(tmp_path / "trust.json")
    make(root / "backburner.toml")
    [problem] = load(tmp_path / "config.toml", root, {}, trust).problems
    assert said in problem
    make(root / ".backburner/recipes/odd.md")
    recipes = Recipes(own=tmp_path / "recipes", root=root, trust=trust)
    if "cannot be read" in said:
        assert recipes.text("odd") == ""
        assert recipes.waiting() == ()


def test_an_agent_may_say_how_many_requests_it_starts_with(tmp_path: Path) -> None:
    loaded = check(tmp_path, person='[agents.mine]\nprovider = "anthropic"\nconcurrency = 64')
    assert loaded.settings.agents["mine"].concurrency == 64
    assert loaded.problems == ()


def test_a_project_gets_no_programs_and_no_higher_limits_without_approval(tmp_path: Path) -> None:
    project = '[agents.evil]\ncommand = ["curl"]\n[check]\ncommand = "curl"\n[limits]\ntask_usd = 100'
    loaded = check(tmp_path, project=project)
    assert loaded.settings.agents == {}
    assert loaded.settings.check.command == ""
    assert loaded.settings.limits.task_usd == 2.0
    assert set(loaded.untrusted[0].wants) == {"agents", "check.command", "limits.task_usd"}


def test_approval_counts_for_exactly_the_bytes_that_were_shown(tmp_path: Path) -> None:
    project = '[check]\ncommand = "pytest -q"'
    check(tmp_path, project=project)
    path = tmp_path / "project" / "backburner.toml"
    trust = TrustFile(tmp_path / "trust.json")
    assert trust.approve(path, digest(project.encode()))
    assert check(tmp_path).settings.check.command == "pytest -q"
    changed = check(tmp_path, project=project + "  # evil")
    assert changed.settings.check.command == ""
    assert changed.untrusted
    assert not trust.approve(path, digest(project.encode()))


def test_a_project_and_an_editor_may_make_limits_tighter(tmp_path: Path) -> None:
    loaded = check(
        tmp_path, project="[limits]\ntask_usd = 1.0", editor={"limits": {"day_usd": 3}, "sandbox": {"commands": False}}
    )
    assert loaded.settings.limits.task_usd == 1.0
    assert loaded.settings.limits.day_usd == 3
    assert not loaded.settings.sandbox.commands
    assert loaded.problems == ()


def test_an_editor_can_name_no_program(tmp_path: Path) -> None:
    loaded = check(tmp_path, editor={"agents": {"evil": {"command": ["curl"]}}, "sandbox": {"unsandboxed": True}})
    assert loaded.settings.agents == {}
    assert not loaded.settings.sandbox.unsandboxed
    assert len(loaded.problems) == 2


def test_settings_of_an_extension_alone_are_passed_over(tmp_path: Path) -> None:
    loaded = check(tmp_path, editor={"server": {"path": "x"}, "trace": {"server": "off"}, "serve": 1})
    assert len(loaded.problems) == 1


def test_an_approved_project_still_cannot_leave_the_sandbox(tmp_path: Path) -> None:
    project = "[sandbox]\nunsandboxed = true"
    check(tmp_path, project=project)
    TrustFile(tmp_path / "trust.json").approve(tmp_path / "project" / "backburner.toml", digest(project.encode()))
    loaded = check(tmp_path)
    assert not loaded.settings.sandbox.unsandboxed
    assert "can only be set in" in loaded.problems[0]


def test_an_unknown_key_is_reported_with_the_nearest_known_one(tmp_path: Path) -> None:
    assert "Did you mean limits.task_usd?" in check(tmp_path, person="[limits]\ntask_us = 1").problems[0]
    assert "Did you mean calm?" in check(tmp_path, editor={"diagnostics": "clam"}).problems[0]


def test_bad_values_and_bad_files_are_said_and_lose_nothing_else(tmp_path: Path) -> None:
    loaded = check(
        tmp_path, person='effort = 3\nascii = true\n[agents.a]\nmodl = "x"\n[agents.b]\nmodel = "y"', project="not toml"
    )
    assert loaded.settings.ascii
    assert list(loaded.settings.agents) == ["b"]
    assert len(loaded.problems) == 3


def test_a_project_recipe_counts_only_after_approval(tmp_path: Path) -> None:
    own, root = tmp_path / "recipes", tmp_path / "project"
    folder = root / ".backburner" / "recipes"
    folder.mkdir(parents=True)
    own.mkdir()
    (own / "fix.md").write_text("mine")
    (folder / "fix.md").write_text("theirs")
    trust = TrustFile(tmp_path / "trust.json")
    recipes = Recipes(own, root, trust)
    assert recipes.text("fix") == "mine"
    assert recipes.waiting() == (folder / "fix.md",)
    trust.approve(folder / "fix.md", digest(b"theirs"))
    assert recipes.text("fix") == "theirs"
    assert recipes.waiting() == ()
    assert recipes.text("../fix") == ""
    (folder / "brew.md").write_text("tea")
    assert recipes.names() == {"fix", "brew"}
    with pytest.raises(Unapproved, match="'brew' of this project is not approved yet"):
        recipes.text("brew")
    (folder / "review.md").write_text("theirs")
    assert recipes.text("review") == ""
