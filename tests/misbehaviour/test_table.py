# SPDX-License-Identifier: MIT
"""The table of misdeeds, played: each row on each target, with good requests around it."""

from __future__ import annotations

import inspect
import sys
from collections import Counter
from enum import IntEnum
from pathlib import Path

import pytest

from blkmq.mq.errors import Fault
from blkmq.testing.misbehaviour import outcome
from blkmq.testing.misbehaviour.play import SANITIZED, TARGETS, play
from blkmq.testing.misbehaviour.table import ROWS
from tests.misbehaviour.apart import run_apart

FOLDER = Path(outcome.__file__).parent


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row(row: outcome.Row, target: str) -> None:
    play(row, target)


@pytest.mark.slow
def test_no_row_makes_the_sanitizers_speak() -> None:
    run_apart("blkmq.testing.misbehaviour", SANITIZED, sanitized=True)


def test_every_misdeed_of_every_driver_has_its_row() -> None:
    played = Counter((row.driver, row.misdeed) for row in ROWS)
    for driver in {row.driver for row in ROWS}:
        misdeeds = getattr(driver, "Misdeed", None) or sys.modules[driver.__module__].Misdeed
        assert issubclass(misdeeds, IntEnum)
        assert [misdeed for misdeed in misdeeds if played[driver, misdeed] != 1] == []
    assert len({row.name for row in ROWS}) == len(ROWS)


def test_every_line_that_a_report_names_is_marked_and_no_mark_is_left_over() -> None:
    names = {row.name for row in ROWS}
    for row in ROWS:
        for one in (row.interpreted, row.compiled):
            if one.fault is not Fault.NONE or one.rule:
                assert row.place()[1] > 0, f"{row.name} has no mark in {inspect.getsourcefile(row.driver)}"
    for file in FOLDER.glob("*.py"):
        assert set(outcome.marks(file)) <= names, file
