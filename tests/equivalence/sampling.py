# SPDX-License-Identifier: MIT
"""Random modules with calls of their programs, made when first asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from blkmq.testing.random_programs.comparing import Comparison, Difference, compare
from blkmq.testing.random_programs.loading import Module
from blkmq.testing.random_programs.modules import accepted_module
from blkmq.testing.random_programs.running import Case, cases_of

SEED = 7
NR_CALLS = 8


@dataclass
class Sample:
    """A module with its calls."""

    module: Module
    cases: list[Case]
    directory: Path

    def compare(self, targets: Sequence[str]) -> Comparison:
        return compare(self.module, self.cases, self.directory, targets)


@dataclass
class Samples:
    """Modules of ``size`` programs each."""

    directory: Path
    size: int
    made: list[Sample] = field(default_factory=list)

    def __getitem__(self, number: int) -> Sample:
        while len(self.made) <= number:
            first = len(self.made) * self.size
            programs = range(first, first + self.size)
            module = accepted_module(SEED, len(self.made), programs, self.directory)
            cases = [case for program in programs for case in cases_of(SEED, program, NR_CALLS)]
            self.made.append(Sample(module, cases, self.directory))
        return self.made[number]

    def first_difference(self, *targets: str, within: int) -> tuple[Sample, Difference] | None:
        """The first module with a difference among so many programs, and that difference."""
        for number in range(within // self.size):
            if differences := self[number].compare(targets).differences:
                return self[number], differences[0]
        return None
