# SPDX-License-Identifier: MIT
"""The examples in the docstrings run."""

from __future__ import annotations

import doctest
from types import ModuleType

import pytest

import blkmq
import blkmq.mq


@pytest.mark.parametrize("module", [blkmq, blkmq.mq], ids=lambda module: module.__name__)
def test_examples_in_docstrings_run(module: ModuleType) -> None:
    failed, attempted = doctest.testmod(module)
    assert attempted > 2
    assert failed == 0
