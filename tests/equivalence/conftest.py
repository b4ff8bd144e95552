# SPDX-License-Identifier: MIT
"""Random modules for all tests here, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.equivalence.sampling import Sample, sample_of


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return sample_of(50, tmp_path_factory.mktemp("programs"))


@pytest.fixture(scope="session")
def small_sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """For what takes long to compile."""
    return sample_of(12, tmp_path_factory.mktemp("programs"))


@pytest.fixture
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Compiles into a directory that goes away."""
    monkeypatch.setenv("BLKMQ_CACHE_DIR", str(tmp_path))
