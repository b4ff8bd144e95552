# SPDX-License-Identifier: MIT
"""How fast drivers are under fio in a guest, each beside the others."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

from blkmq.bench.compare.guest import run_in_guest
from blkmq.bench.compare.kernel_driver import KernelDriver
from blkmq.bench.figures import Comparison
from blkmq.bench.rounds import Contender
from blkmq.lab.vm import Machine

RUNTIME_SEC = 0.8  #: of one measurement
WAYS = {
    "null": {"size": "256", "blocksize": "512", "irqmode": "0"},
    "memory": {"size": "256", "blocksize": "4096", "irqmode": "0", "memory_backed": "1"},
}
COMMON = {"hw_queue_depth": "128", "submit_queues": "2"}


@dataclass(frozen=True)
class FioCell:
    """One load."""

    rw: str
    block: str
    depth: int
    jobs: int

    @property
    def title(self) -> str:
        return f"{self.rw}, {self.block}, depth {self.depth}, {self.jobs} job{'s' * (self.jobs > 1)}"

    @property
    def words(self) -> list[str]:
        return [f"--rw={self.rw}", f"--bs={self.block}", f"--iodepth={self.depth}", f"--numjobs={self.jobs}"]


GRID = [
    FioCell(rw, block, depth, jobs)
    for rw, block, depth, jobs in product(("randread", "randwrite"), ("4k", "128k"), (1, 32, 128), (1, 2))
]
QUICK = [FioCell(rw, block, 32, 1) for rw, block in product(("randread", "randwrite"), ("4k", "128k"))]


def measure(
    machine: Machine,
    drivers: Sequence[KernelDriver],
    way: str,
    cells: Sequence[FioCell],
    nr_rounds: int,
    say: Callable[[str], None],
) -> list[Comparison]:
    """One comparison for each cell, in one boot."""
    comparisons = [Comparison(cell.title, [Contender(driver.name, _never) for driver in drivers]) for cell in cells]
    with tempfile.TemporaryDirectory(prefix="blkmq-compare-") as temporary:
        directory = Path(temporary)
        plan = {
            "drivers": [asdict(driver) for driver in drivers],
            "attributes": WAYS[way] | COMMON,
            "cells": [cell.words for cell in cells],
            "rounds": nr_rounds,
            "runtime_sec": RUNTIME_SEC,
        }
        (directory / "plan.json").write_text(json.dumps(plan))
        command = [sys.executable, "-m", "blkmq.bench.compare.fio_grid", str(directory / "plan.json")]
        for line in run_in_guest(machine, command, directory, say).splitlines():
            if line.startswith("{"):
                told = json.loads(line)
                comparisons[told["cell"]].contenders[told["driver"]].nsec.append(1e9 / told["iops"])
    return comparisons


def _never() -> float:
    raise AssertionError("it was measured in the guest")


def scaling(comparisons: Sequence[Comparison], cells: Sequence[FioCell], load: FioCell) -> dict[str, float]:
    """For each driver, how much faster two jobs are than one, with the load of ``load``."""
    found = {cell.jobs: c for cell, c in zip(cells, comparisons, strict=True) if _like(cell, load)}
    if set(found) != {1, 2}:
        return {}
    return {
        one.name: two.requests_per_sec / one.requests_per_sec
        for one, two in zip(found[1].contenders, found[2].contenders, strict=True)
    }


def _like(cell: FioCell, load: FioCell) -> bool:
    return (cell.rw, cell.block, cell.depth) == (load.rw, load.block, load.depth)
