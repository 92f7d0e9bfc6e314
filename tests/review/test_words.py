"""How a check's outcome is put into words, and how titles end, and what a model's words must not do."""

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


@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("Return two", "Ready: Return two. +1 −1."),
        ("Why does this fail?", "Ready: Why does this fail? +1 −1."),
        ("x" * 90, f"Ready: {'x' * 64}… +1 −1."),
    ],
)
def test_a_title_ends_once(title: str, said: str) -> None:
    assert words.fitted("Ready: ", title, ". +1 −1.") == said
