# SPDX-License-Identifier: MIT
"""Queues that work against each other: no access outside bounds, none behind a request's end, each ends once."""

from __future__ import annotations

import pytest

from blkmq.testing.misbehaviour.play import SANITIZED, TARGETS
from tests.misbehaviour.apart import run_apart


@pytest.mark.parametrize("target", TARGETS)
def test_a_race_has_no_access_outside(target: str) -> None:
    counts = run_apart("blkmq.testing.misbehaviour.race", target)
    assert "CHECK OK" in counts


@pytest.mark.slow
def test_a_race_does_not_make_the_sanitizers_speak() -> None:
    run_apart("blkmq.testing.misbehaviour.race", SANITIZED, sanitized=True)
