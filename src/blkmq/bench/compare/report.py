# SPDX-License-Identifier: MIT
"""What a comparison came to: as rows, as JSON, and as a part of the docs' page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blkmq.bench.compare.instructions import COUNT, Counted
from blkmq.bench.compare.wall_clock import FioCell, scaling
from blkmq.bench.figures import Comparison, machine
from blkmq.bench.rounds import interval95

UNEQUAL = (
    "They do not do the same work for a request: C's looks for throttling, bad blocks, zones and injected faults, and "
    "keeps a bitmap of the sectors of each page; ours has handles that cannot be used once the request has ended, and "
    "copies without a lock."
)
EMULATED = "The guest is emulated: absolute figures say nothing of real machines, and ratios hold within a few percent."
HEAD = f"""# null_blk side by side

C's `null_blk`, the Python one as a module, and a twin of that written by hand in C on the same glue
(`bench/c/null_twin.c`), on one kernel, with the same attributes.

{UNEQUAL}

"""
INSTRUCTIONS = """## Instructions of an I/O

`blkmq compare --instructions` ({machine}; guest {release}): exact, counted within QEMU over {count:,} I/Os of a program
that does one at a time at random places. "Own": the module's code, and what the kernel runs only because of the
driver: lookups in its tree, SRCU of `BLK_MQ_F_BLOCKING`, the way into the softirq; without moving the data itself, and
without C's lock (18 instructions with memory). A count says nothing of caches, nor of what an atomic costs.

"""
CLOCK = """## fio, {way}

`blkmq compare --{way} --rounds {rounds}` ({machine}; guest {release}, {cpus} CPUs). The drivers take turns, each round
beginning with another; a figure is the median over the rounds, a ratio that of C's time by the driver's own: above 1 is
faster than C. {emulated}

"""
SCALING = FioCell("randwrite", "128k", 32, 1)
PART = re.compile(r"<!-- (\w+) -->\n(.*?)(?=<!-- \w+ -->\n|\Z)", re.DOTALL)


@dataclass(frozen=True)
class Report:
    """One comparison."""

    name: str  #: of its part of the page
    heads: list[str]
    rows: list[list[str]]
    answer: dict[str, Any]  #: the same as JSON
    before: str  #: in the page
    notes: tuple[str, ...] = ()

    def write(self, path: Path) -> None:
        """Puts it into the page, in place of what that had of the same name."""
        page = path.read_text() if path.exists() else ""
        text = "\n\n".join([self.before.rstrip(), self._markdown().rstrip(), *self.notes])
        parts = dict(PART.findall(page)) | {self.name: f"{text}\n\n"}
        body = "".join(f"<!-- {name} -->\n{parts[name]}" for name in sorted(parts))
        path.write_text(f"{HEAD}{body}".rstrip() + "\n")

    def _markdown(self) -> str:
        lines = ["| " + " | ".join(self.heads) + " |", "|---|---|" + "---:|" * (len(self.heads) - 2)]
        for row in self.rows:
            lines.append("| " + " | ".join(cell.replace("|", "¦") for cell in row) + " |")
        return "\n".join(lines)


def instructions_report(counted: Sequence[Counted], release: str) -> Report:
    """A row for each driver and cell; a cell's first driver is what the others are compared with."""
    rows = []
    first: dict[str, Counted] = {}
    for each in counted:
        peer = first.setdefault(each.cell.title, each)
        own, total = each.own, each.histogram.total
        beside = ["", ""] if peer is each else [f"{own / peer.own:.2f}", f"{total - peer.histogram.total:+.0f}"]
        title = each.cell.title if peer is each else ""
        rows.append([title, each.driver.name, f"{own:.0f}", beside[0], f"{total:,.0f}", beside[1]])
    answer = {
        "release": release,
        "instructions": [
            {
                "cell": each.cell.title,
                "driver": each.driver.name,
                "own": each.own,
                "data": each.histogram.data,
                "total": each.histogram.total,
                "functions": {s.name: n for s, n in each.histogram.own(each.driver.module).items()},
            }
            for each in counted
        ],
    }
    before = INSTRUCTIONS.format(machine=machine(), release=release, count=COUNT)
    return Report("instructions", ["4 KiB", "driver", "own", "by C's", "total", "from C's"], rows, answer, before)


def clock_report(
    way: str, comparisons: Sequence[Comparison], cells: Sequence[FioCell], release: str, cpus: int, *, emulated: bool
) -> Report:
    """A row for each driver and load."""
    rows = []
    for comparison in comparisons:
        peer = comparison.peer
        for contender, picture in zip(comparison.contenders, comparison.pictures(), strict=True):
            low, high = interval95(contender.ratios(peer))
            beside = ["1", ""] if contender is peer else [f"{contender.ratio(peer):.2f}", f"{low:.2f}…{high:.2f}"]
            title = comparison.title if contender is peer else ""
            rows.append([title, contender.name, f"{contender.requests_per_sec:,.0f}", *beside, f"`{picture}`"])
    nr_rounds = len(comparisons[0].peer.nsec)
    notes: tuple[str, ...] = ()
    if scales := scaling(comparisons, cells, SCALING):
        told = ", ".join(f"{name} {ratio:.2f}" for name, ratio in scales.items())
        notes = (f"From one job to two, 128 KiB random writes at depth {SCALING.depth}: {told}.",)
    answer = {
        "release": release,
        "way": way,
        "emulated": emulated,
        "scaling": scales,
        "loads": [
            {"load": c.title, "driver": x.name, "iops": [1e9 / nsec for nsec in x.nsec]}
            for c in comparisons
            for x in c.contenders
        ],
    }
    before = CLOCK.format(
        way=way, machine=machine(), release=release, cpus=cpus, rounds=nr_rounds, emulated=EMULATED * emulated
    )
    heads = ["load", "driver", "I/Os a second", "ratio", "95 %", "rounds: slow … fast"]
    return Report(way, heads, rows, answer, before, notes)
