"""In CI nothing is skipped: a suite that cannot run there proves nothing, and nobody reads how many dots were an `s`."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

MAY_SKIP = ("for another user: ", "where it can be had")
"""Reasons that hold in CI too: a test for root or for everybody else, and editors that not every machine can get."""


def refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Under `CI=true` a skipped test has failed."""
    if os.environ.get("CI") != "true" or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
    if not any(allowed in reason for allowed in MAY_SKIP):
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} was skipped, which CI does not allow: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    refuse_skip(report)
    return report
