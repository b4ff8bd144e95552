# SPDX-License-Identifier: MIT
"""For every test: Hypothesis is deterministic, and CI skips nothing that it could have had."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator

import pytest

from blkmq.compiler.numba.builder import BUILDER
from blkmq.testing.guest_reports import WANTED_VARIABLE

pytest_plugins = ["blkmq.testing.lab_tests"]

# A shell has what it starts in the background ignore Ctrl-C, and that is inherited.
signal.signal(signal.SIGINT, signal.default_int_handler)

BUILDER.is_off = True  # hundreds of drivers are compiled here, one after the other

if WANTED_VARIABLE not in os.environ:  # in an emulated guest it would take ten seconds to load
    from hypothesis import settings

    settings.register_profile("default", derandomize=True, deadline=None)
    settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
    settings.register_profile("soak", max_examples=10_000, deadline=None)
    settings.load_profile("ci" if "CI" in os.environ else "default")


def refuse_skip_in_ci(report: pytest.TestReport | pytest.CollectReport) -> None:
    """A skip fails the run in CI, unless its reason says that what it lacks "cannot be had:" there."""
    if "CI" not in os.environ or not report.skipped or hasattr(report, "wasxfail"):
        return
    assert isinstance(report.longrepr, tuple)
    reason = report.longrepr[2].removeprefix("Skipped: ")
    if not reason.startswith("cannot be had:"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, which should provide it: {reason}"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    refuse_skip_in_ci(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    refuse_skip_in_ci(report)
    return report
