# SPDX-License-Identifier: MIT
"""How long guests take until their first test, and what each test takes beside its own time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest


@dataclass
class GuestTimes:
    """The times of a session's guests."""

    clock: Callable[[], float] = time.monotonic
    starts_sec: list[float] = field(default_factory=list)
    nr_tests: int = 0
    beside_sec: float = 0.0
    since: float = 0.0

    def boot(self) -> None:
        """A guest begins to boot."""
        self.since = self.clock()

    def ready(self) -> None:
        """A guest has come to its first test."""
        self.starts_sec.append(self._lap())

    def finish(self, reports: Sequence[pytest.TestReport]) -> None:
        """A test has ended that took its own time for what is in its reports."""
        self.nr_tests += 1
        self.beside_sec += self._lap() - sum(report.duration for report in reports)

    def _lap(self) -> float:
        before, self.since = self.since, self.clock()
        return self.since - before

    def __str__(self) -> str:
        starts = ", ".join(f"{seconds:.1f} s" for seconds in self.starts_sec)
        each_msec = 1e3 * self.beside_sec / max(1, self.nr_tests)
        return f"ready for tests after {starts}; {self.nr_tests} tests, {each_msec:.0f} ms each beside their own time"
