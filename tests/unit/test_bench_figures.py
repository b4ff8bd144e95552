# SPDX-License-Identifier: MIT
"""The figures' form: what they say is measured elsewhere."""

from __future__ import annotations

from blkmq.bench.figures import Comparison, markdown
from blkmq.bench.rounds import Contender, interval95


def contender(name: str, *nsec: float) -> Contender:
    return Contender(name, lambda: 0.0, list(nsec))


def test_a_picture_has_a_place_for_each_round() -> None:
    comparison = Comparison("sleep", [contender("peer", 200, 200, 400), contender("own", 100, 141.4, 200)])
    peer, own = comparison.pictures(5)
    assert peer == "· |  "
    assert own == "  ·|·"


def test_what_is_too_slow_is_off_the_scale() -> None:
    fast, slow = Comparison("sleep", [contender("fast", 1, 1, 1), contender("slow", 100, 100, 100)]).pictures(5)
    assert fast == "    |"
    assert slow == "<    "


def test_rounds_that_are_all_the_same() -> None:
    assert Comparison("sleep", [contender("only", 7, 7)]).pictures(3) == ["|  "]


def test_the_page_shows_both_absolutes_and_their_ratio() -> None:
    text = markdown(Comparison("sleep", [contender("peer", 200, 200, 400), contender("own", 100, 100, 200)]))
    assert "| peer | 5,000,000 | 200.0 | 1.00…2.00 | 1 |" in text
    assert "| own | 10,000,000 | 100.0 | 1.00…2.00 | 2.00 |" in text


def test_an_interval_holds_the_median_and_narrows_with_rounds() -> None:
    assert interval95([3, 1, 2]) == (1, 3)
    values = list(range(41))
    low, high = interval95(values)
    assert (low, high) == (13, 27)  # ranks 14 and 28 of 41: a table of the binomial says so, too
    assert low < 20 < high
