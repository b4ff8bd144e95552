# SPDX-License-Identifier: MIT
"""Instructions for each I/O, exact: one emulated CPU, a counter within QEMU, the same places for all drivers."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from blkmq.bench.c_program import built
from blkmq.bench.compare.guest import run_in_guest
from blkmq.bench.compare.histogram import Histogram, read_symbols
from blkmq.bench.compare.kernel_driver import KernelDriver
from blkmq.lab.tool import program, require
from blkmq.lab.vm import Machine
from blkmq.mq.errors import BlkmqError

QEMU = "qemu-system-x86_64"
API_OF_QEMU = (7, 8)  #: major versions that have the plugins' first API
WARM, COUNT = 1_000, 4_000
IO_BYTES = 4096


@dataclass(frozen=True)
class Cell:
    """What the disks are, and what is done with them."""

    title: str
    attributes: dict[str, str]
    rw: str
    bytes: int = IO_BYTES


DISK = {"size": "64", "hw_queue_depth": "64", "submit_queues": "1"}
MEMORY = {**DISK, "memory_backed": "1", "blocksize": "4096"}
CELLS = [
    *(
        Cell(f"null, irqmode {mode}, {rw}", {**DISK, "blocksize": "512", "irqmode": mode}, rw)
        for mode in "01"
        for rw in ("read", "write")
    ),
    *(
        Cell(f"memory, irqmode {mode}, {rw}", {**MEMORY, "irqmode": mode}, rw)
        for mode in "01"
        for rw in ("read", "write")
    ),
]


@dataclass(frozen=True)
class Counted:
    """One driver in one cell."""

    cell: Cell
    driver: KernelDriver
    histogram: Histogram

    @property
    def own(self) -> float:
        return sum(self.histogram.own(self.driver.module).values())


def count_instructions(
    machine: Machine, drivers: Sequence[KernelDriver], cells: Sequence[Cell], say: Callable[[str], None]
) -> list[Counted]:
    """Boots a guest and counts; a BlkmqError says what this machine lacks."""
    with tempfile.TemporaryDirectory(prefix="blkmq-instructions-") as temporary:
        directory = Path(temporary)
        plan = directory / "plan.json"
        plan.write_text(
            json.dumps(
                {
                    "drivers": [asdict(driver) for driver in drivers],
                    "cells": [asdict(cell) for cell in cells],
                    "program": str(built("counted_io.c")),
                    "warm": WARM,
                    "count": COUNT,
                }
            )
        )
        plugin = f"{counter()},out={directory}/counted"
        run_in_guest(
            dataclasses.replace(machine, icount=True, plugin=plugin),
            [sys.executable, "-m", "blkmq.bench.compare.counted", str(plan)], directory, say,
        )  # fmt: skip
        symbols = read_symbols((directory / "artifacts/kallsyms").open())
        pairs = [(cell, driver) for cell in cells for driver in drivers]
        return [
            Counted(cell, driver, Histogram.read((directory / f"counted.{n}").open(), symbols, COUNT))
            for n, (cell, driver) in enumerate(pairs)
        ]


def counter() -> Path:
    """The plugin, for the QEMU that is here."""
    require("boot")
    told = subprocess.run([program(QEMU), "--version"], capture_output=True, text=True, check=True).stdout
    version = re.search(r"version (\d+)", told)
    if not version or int(version[1]) not in API_OF_QEMU:
        raise BlkmqError(
            f"instructions are counted with QEMU {API_OF_QEMU[0]} or {API_OF_QEMU[1]}, not with {told.splitlines()[0]}",
            hint="Debian 12 has 7.2",
        )
    return built("instruction_counter.c", "-shared", "-fPIC", "-fvisibility=hidden")
