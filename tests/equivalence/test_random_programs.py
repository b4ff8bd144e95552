# SPDX-License-Identifier: MIT
"""Random programs behave the same on all targets, up to the first overflow that ``interpreted`` reports."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from blkmq.testing.random_programs.campaign import run_many
from blkmq.testing.random_programs.comparing import compare
from blkmq.testing.random_programs.minimising import minimised
from blkmq.testing.random_programs.modules import accepted_module
from tests.equivalence.sampling import Samples
from tests.equivalence.test_planted_bugs import IN_C, WITHIN

SEED = 1
COUNT = 500


@pytest.mark.slow
def test_all_targets_agree() -> None:
    """On programs most of whose calls come to their end, and in which all kinds of error occur."""
    result = run_many(SEED, COUNT)
    assert result.nr_programs >= COUNT
    if result.reports:
        pytest.fail("\n\n".join(result.reports), pytrace=False)
    assert result.faults["NONE"] > result.nr_calls / 2
    assert result.faults["OVERFLOW"] < result.nr_calls / 10
    kinds = {"INDEX", "VALUE", "ZERO_DIVISION", "SHIFT", "FUEL", "STALE", "STATE", "STATUS", "ABSENT", "ASSERT"}
    assert kinds <= set(result.faults)
    assert "PYTHON" not in result.faults


def test_a_seed_means_the_same_programs_for_ever(samples: Samples, tmp_path: Path) -> None:
    module = samples[0].module
    assert accepted_module(module.seed, module.number, range(samples.size), tmp_path) == module


def test_the_programs_have_all_that_the_subset_has(samples: Samples) -> None:
    texts = [samples[number].module.driver for number in range(4)]
    assert {type(node) for text in texts for node in ast.walk(ast.parse(text))} >= {
        ast.While, ast.For, ast.If, ast.With, ast.Assert, ast.Break, ast.Continue, ast.AugAssign, ast.AnnAssign,
        ast.NamedExpr, ast.IfExp, ast.And, ast.Or, ast.Not, ast.In, ast.NotIn, ast.Is, ast.IsNot, ast.Invert, ast.USub,
        ast.UAdd, ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod, ast.LShift, ast.RShift, ast.BitAnd, ast.BitOr,
        ast.BitXor, ast.Subscript, ast.keyword,
    }  # fmt: skip


@pytest.mark.usefixtures("own_cache")
def test_a_program_that_differs_is_shortened(samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    IN_C["division rounds to zero"](monkeypatch)
    found = samples.first_difference("interpreted", "c", within=WITHIN)
    assert found
    sample, difference = found
    shorter, last = minimised(sample.module, difference, tmp_path, attempts=40)
    assert len(shorter.driver) < len(sample.module.driver) / 4
    assert "//" in shorter.driver
    assert compare(shorter, [last.case], tmp_path, ("interpreted", "c")).differences
