"""How a check's outcome is put into words."""

from __future__ import annotations

import pytest

from backburner.model.result import Check
from backburner.review import words


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("pytest -q", "tests pass"),
        ("python -m unittest", "tests pass"),
        ("cargo test --workspace", "tests pass"),
        ("scripts/test", "tests pass"),
        ("ruff check server tests", "check passes"),
        ("mypy --strict latest", "check passes"),
    ],
)
def test_only_a_command_that_runs_tests_is_said_to_pass_tests(command: str, said: str) -> None:
    assert words.evidence([Check(command=command, exit_code=0, passed=True)]) == said
