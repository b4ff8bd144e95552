# SPDX-License-Identifier: MIT
"""Random modules for all tests here, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.equivalence.sampling import Samples


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    return Samples(tmp_path_factory.mktemp("programs"), 30)


@pytest.fixture(scope="session")
def small_samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    """For what takes long to compile."""
    return Samples(tmp_path_factory.mktemp("programs"), 12)


@pytest.fixture
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Compiles into a directory that goes away."""
    monkeypatch.setenv("BLKMQ_CACHE_DIR", str(tmp_path / "cache"))
