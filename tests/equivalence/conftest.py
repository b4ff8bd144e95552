# SPDX-License-Identifier: MIT
"""One random module for all tests here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from blkmq.testing.random_programs.comparing import Comparison, compare
from blkmq.testing.random_programs.loading import Module
from blkmq.testing.random_programs.modules import accepted_module
from blkmq.testing.random_programs.running import Case, cases_of

SEED = 7
NR_PROGRAMS = 50


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


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return sample_of(NR_PROGRAMS, tmp_path_factory.mktemp("programs"))


@pytest.fixture(scope="session")
def small_sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """For what takes long to compile."""
    return sample_of(12, tmp_path_factory.mktemp("programs"))


@pytest.fixture
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Compiles into a directory that goes away."""
    monkeypatch.setenv("BLKMQ_CACHE_DIR", str(tmp_path))
