# SPDX-License-Identifier: MIT
"""A random module with calls of its programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from blkmq.testing.random_programs.comparing import Comparison, compare
from blkmq.testing.random_programs.loading import Module
from blkmq.testing.random_programs.modules import accepted_module
from blkmq.testing.random_programs.running import Case, cases_of

SEED = 7


@dataclass
class Sample:
    """A module with its calls."""

    module: Module
    cases: list[Case]
    directory: Path

    def compare(self, *targets: str) -> Comparison:
        return compare(self.module, self.cases, self.directory, targets)


def sample_of(nr_programs: int, directory: Path) -> Sample:
    module = accepted_module(SEED, 0, range(nr_programs), directory)
    cases = [case for number in range(nr_programs) for case in cases_of(SEED, number, 8)]
    return Sample(module, cases, directory)
