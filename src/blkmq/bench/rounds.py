# SPDX-License-Identifier: MIT
"""Measuring contenders in turn: what disturbs the machine disturbs them all."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field


@dataclass
class Contender:
    """Something that can be timed: ``measure()`` gives nanoseconds for one request."""

    name: str
    measure: Callable[[], float]
    nsec: list[float] = field(default_factory=list)  #: one figure a round

    @property
    def median_nsec(self) -> float:
        return statistics.median(self.nsec)

    @property
    def requests_per_sec(self) -> float:
        return 1e9 / self.median_nsec

    @property
    def spread(self) -> tuple[float, float]:
        """Fastest and slowest round, as parts of the median."""
        return min(self.nsec) / self.median_nsec, max(self.nsec) / self.median_nsec

    def ratios(self, peer: Contender) -> list[float]:
        """How fast it is beside its peer in each round: the peer's time / own time."""
        return [theirs / own for own, theirs in zip(self.nsec, peer.nsec, strict=True)]

    def ratio(self, peer: Contender) -> float:
        """The median of that."""
        return statistics.median(self.ratios(peer))


def alternate(contenders: Sequence[Contender], nr_rounds: int) -> Iterator[int]:
    """Measures all contenders once a round, each round beginning with another; yields after each measurement.

    One unmeasured turn each comes first, which fills caches and stores.
    """
    for contender in contenders:
        contender.measure()
    for number in range(nr_rounds):
        first = number % len(contenders)
        for contender in [*contenders[first:], *contenders[:first]]:
            contender.nsec.append(contender.measure())
            yield number


def interval95(values: Sequence[float]) -> tuple[float, float]:
    """Where the median of what the values are a sample of lies, with 95 % confidence, whatever its distribution is.

    The values at two ranks around the middle, by the normal approximation of the binomial; of few values, all.
    """
    ordered = sorted(values)
    count = len(ordered)
    off = math.ceil(statistics.NormalDist().inv_cdf(0.975) * math.sqrt(count) / 2)
    first = max(count // 2 - off, 0)
    return ordered[first], ordered[count - 1 - first]
