# SPDX-License-Identifier: MIT
"""Random programs mean the same on all targets; ``make equivalence`` compares more of them."""

from __future__ import annotations

import pytest

from blkmq.testing.random_programs.campaign import run_many

SEED, NR_PROGRAMS = 1, 500


@pytest.mark.slow
def test_random_programs_mean_the_same_on_all_targets() -> None:
    result = run_many(SEED, NR_PROGRAMS)
    assert not result.reports, "\n\n".join(result.reports)
    assert result.nr_programs >= NR_PROGRAMS
    # The comparison is worth something only if most programs end well, and many kinds of error come up.
    assert result.faults["NONE"] > result.nr_calls // 4
    assert len(result.faults) >= 6
