"""The one line that we write into the person's settings, and everything else that must stay as it is."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from backburner.store.allow import CannotWrite, allow_program


@pytest.mark.parametrize(
    "before",
    [
        "",
        'agent = "opus"',
        'agent = "opus"\n# a remark\n',
        '[agents.claude]\neffort = "high"\n\n[limits]\nday_usd = 5\n',
        "[agents.claude] # mine\n",
        '[agents."claude"]\n',
        '[agents.claude-two]\ncommand = ["x"]\n',
        "[agents.claude]\nnetwork = true\n",
        'note = """\n[agents.other]\n"""\n',
    ],
)
def test_one_line_is_added_and_the_rest_stays(tmp_path: Path, before: str) -> None:
    config = tmp_path / "config.toml"
    config.write_text(before)
    allow_program(config, "claude")
    after = config.read_text()
    parsed = tomllib.loads(after)
    assert parsed["agents"]["claude"].pop("network") is True
    expected = tomllib.loads(before)
    expected.setdefault("agents", {}).setdefault("claude", {}).pop("network", None)
    assert parsed == expected
    assert all(line in after.split("\n") for line in before.split("\n"))


def test_a_file_that_is_not_there_is_made(tmp_path: Path) -> None:
    allow_program(tmp_path / "new" / "config.toml", "gemini")
    assert (tmp_path / "new" / "config.toml").read_text() == "[agents.gemini]\nnetwork = true\n"


@pytest.mark.parametrize(
    "before",
    [
        "agents = { claude = { effort = 'high' } }\n",
        "[agents.claude]\nnetwork = false\n",
        "agents.claude.effort = 'high'\n[limits]\n",
        "[agents]\nclaude = {}\n",
        "agents = 3\n",
        "agents.claude = 3\n",
        'note = """\n[agents.claude]\n"""\n',
        "not toml",
    ],
)
def test_what_cannot_be_added_by_one_line_is_left_alone(tmp_path: Path, before: str) -> None:
    config = tmp_path / "config.toml"
    config.write_text(before)
    with pytest.raises(CannotWrite, match=r"Write `network = true` under `\[agents\.claude\]`"):
        allow_program(config, "claude")
    assert config.read_text() == before
