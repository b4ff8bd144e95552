# SPDX-License-Identifier: MIT
"""Runs the comparisons and prints them as tables, for a terminal or for the docs."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from math import log
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table

from blkmq.bench.contenders import SIZE_MIB, Arena
from blkmq.bench.drivers import NullBench, RamBench
from blkmq.bench.rounds import Contender, alternate
from blkmq.drivers.ramdisk import RamDisk

NR_NULL, NR_RAM, NR_INTERPRETED = 5_000_000, 400_000, 20_000

NSEC = "ns a request"
HEADS = ["contender", "requests/s", NSEC, "spread", "ratio", "rounds: slow … fast"]
PICTURE_WIDTH = 20
PICTURE_RANGE = 6
DOTS = " ·:•"  #: none, one, two, more rounds at a place


@dataclass
class Comparison:
    """Contenders that did the same, the peer first."""

    title: str
    contenders: list[Contender]

    @property
    def peer(self) -> Contender:
        return self.contenders[0]

    def pictures(self, width: int = PICTURE_WIDTH) -> list[str]:
        """Each contender's rounds on one logarithmic scale, the fast ones to the right; ``|`` is the median.

        What is more than ``PICTURE_RANGE`` times slower than the fastest is off the scale.
        """
        right = log(min(min(contender.nsec) for contender in self.contenders))
        left = min(log(max(max(contender.nsec) for contender in self.contenders)), right + log(PICTURE_RANGE))

        def cell(nsec: float) -> int:
            return round((left - log(nsec)) / ((left - right) or 1) * (width - 1))

        pictures = []
        for contender in self.contenders:
            counts = Counter(map(cell, contender.nsec))
            marks = [DOTS[min(counts[i], len(DOTS) - 1)] for i in range(width)]
            median = cell(contender.median_nsec)
            marks[max(median, 0)] = "|" if median >= 0 else "<"
            pictures.append("".join(marks))
        return pictures

    def rows(self) -> list[list[str]]:
        """Name, requests/s, ns, spread, ratio to the peer, picture."""
        return [
            [
                contender.name,
                f"{contender.requests_per_sec:,.0f}",
                f"{contender.median_nsec:,.1f}",
                "{:.2f}…{:.2f}".format(*contender.spread),
                f"{contender.ratio(self.peer):.2f}" if contender is not self.peer else "1",
                picture,
            ]
            for contender, picture in zip(self.contenders, self.pictures(), strict=True)
        ]


Progress = Callable[[int, int], None]  #: done, of how many


def compare(title: str, make: Callable[[Arena], list[Contender]], nr_rounds: int, progress: Progress) -> Comparison:
    """Runs one comparison."""
    with Arena() as arena:
        comparison = Comparison(title, make(arena))
        total = nr_rounds * len(comparison.contenders)
        for done, _ in enumerate(alternate(comparison.contenders, nr_rounds), 1):
            progress(done, total)
    return comparison


def null_requests(arena: Arena, scale: float = 1) -> list[Contender]:
    """A request through tag, queue_rq, start, end, and back; no data."""
    nr = int(NR_NULL * scale)
    return [
        arena.c_loop("C loop", nr, data=False),
        arena.driver("host", NullBench(), "host", nr, data=False),
        arena.driver("c", NullBench(), "c", nr, data=False),
        arena.driver("interpreted", NullBench(), "interpreted", int(NR_INTERPRETED * scale), data=False),
    ]


def ram_requests(arena: Arena, scale: float = 1) -> list[Contender]:
    """The same with 4 KiB copied from or to a store of 256 MiB."""
    nr = int(NR_RAM * scale)
    return [
        arena.c_loop("C loop", nr, data=True),
        arena.driver("host", RamBench(), "host", nr, data=True),
        arena.driver("c", RamBench(), "c", nr, data=True),
        arena.driver("interpreted", RamBench(), "interpreted", int(NR_INTERPRETED * scale), data=True),
    ]


def c_by_hand(arena: Arena, scale: float = 1) -> list[Contender]:
    """The printed C beside the same driver written by hand, on one runtime and engine."""
    nr = int(NR_RAM * scale)
    return [arena.by_hand("by hand", nr), arena.driver("printed", RamDisk(size=SIZE_MIB), "c", nr, data=True)]


COMPARISONS: dict[str, Callable[..., list[Contender]]] = {
    "null requests, no data": null_requests,
    "RAM disk, 4 KiB random, half writes": ram_requests,
    "RAM disk in C: printed, and by hand": c_by_hand,
}


def terminal_table(comparison: Comparison) -> Table:
    """The comparison for rich, in 80 columns: without the times, which the rates tell as well."""
    table = Table(title=comparison.title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for i, head in enumerate(HEADS):
        if head != NSEC:
            table.add_column(head, justify="left" if i in (0, len(HEADS) - 1) else "right", no_wrap=True)
    for row in comparison.rows():
        table.add_row(*(cell for head, cell in zip(HEADS, row, strict=True) if head != NSEC))
    return table


def markdown(comparison: Comparison) -> str:
    """The comparison for the docs."""
    lines = [f"### {comparison.title}", "", "| " + " | ".join(HEADS) + " |", "|---|" + "---:|" * (len(HEADS) - 1)]
    lines += ["| " + " | ".join([*row[:-1], f"`{row[-1]}`".replace("|", "¦")]) + " |" for row in comparison.rows()]
    return "\n".join(lines) + "\n"


def machine() -> str:
    """What it ran on, for the record."""
    cpu = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return f"{datetime.now(UTC):%Y-%m-%d}, {cpu}, Linux {platform.release()}, Python {platform.python_version()}"
