from __future__ import annotations

import pytest

from backburner.agent.checks import PLACE, PYTEST_ERROR, RUST_PLACE, summary


@pytest.mark.parametrize(
    ("output", "passed", "expected"),
    [
        ("....\n4 passed in 0.12s\n", True, "4 passed"),
        ("== 1 failed, 12 passed, 3 warnings in 2.41s ==\n", False, "1 failed"),
        ("== 2 errors in 0.4s ==\n", False, "2 errors"),
        ("Ran 3 tests in 0.001s\n\nOK\n", True, "3 passed"),
        ("Ran 3 tests in 0.001s\n\nFAILED (failures=2)\n", False, "2 failed"),
        ("test result: ok. 10 passed; 0 failed\n\ntest result: ok. 2 passed; 0 failed\n", True, "12 passed"),
        ("test result: FAILED. 3 passed; 1 failed; 0 ignored\n", False, "1 failed"),
        ("Tests:       2 failed, 10 passed, 12 total\n", False, "2 failed"),
        ("Tests:       10 passed, 10 total\n", True, "10 passed"),
        ("Found 3 errors.\n", False, "3 errors"),
        ("All checks passed!\n", True, ""),
        ("", True, ""),
        ("make: *** [all] Error 2\n", False, "exit code 2"),
        ("0 failed, 7 passed\n", True, "7 passed"),
    ],
)
def test_a_runner_is_summed_up_in_a_few_words(output: str, passed: bool, expected: str) -> None:
    assert summary(output, passed=passed, exit_code=0 if passed else 2) == expected


@pytest.mark.parametrize("piece", ["\n", " \n", "E\n", "E  \n", "error\n", "a.b", "a.b:1\n", "a.b:1:", "-->", "  "])
def test_places_are_looked_for_in_any_output(piece: str) -> None:
    """In the worker, beside all other runs: nothing that a command prints may keep it for hours."""
    output = piece * (200_000 // len(piece)) + "\nlexer.py:3: wrong\n"
    assert PLACE.findall(output)[-1] == ("lexer.py", "3", "wrong")
    for pattern in (PYTEST_ERROR, RUST_PLACE):
        pattern.findall(output)
