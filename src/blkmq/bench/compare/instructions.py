# SPDX-License-Identifier: MIT
"""Instructions for each I/O, exact: one emulated CPU, a counter within QEMU, the same places for all contenders."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from blkmq.bench.compare.contender import Contender
from blkmq.bench.compare.histogram import Histogram, read_symbols
from blkmq.lab.run import BOOT_LIMIT_SEC, Limits, run
from blkmq.lab.vm import Machine
from blkmq.mq.errors import BlkmqError
from blkmq.native.cache import cache_directory

C_SOURCES = Path(__file__).parents[1] / "c"
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
    *(Cell(f"memory, irqmode {mode}, {rw}", {**MEMORY, "irqmode": mode}, rw) for mode in "01" for rw in ("read", "write")),
]


@dataclass(frozen=True)
class Counted:
    """One contender in one cell."""

    cell: Cell
    contender: Contender
    histogram: Histogram

    @property
    def own(self) -> float:
        return sum(self.histogram.own(self.contender.module).values())


def count_instructions(
    machine: Machine, contenders: Sequence[Contender], cells: Sequence[Cell], say: Callable[[str], None]
) -> list[Counted]:
    """Boots a guest and counts; a BlkmqError says what this machine lacks."""
    with tempfile.TemporaryDirectory(prefix="blkmq-instructions-") as temporary:
        directory = Path(temporary)
        plan = directory / "plan.json"
        plan.write_text(
            json.dumps(
                {
                    "contenders": [asdict(contender) for contender in contenders],
                    "cells": [asdict(cell) for cell in cells],
                    "program": str(built("counted_io.c", "-O2")),
                    "warm": WARM,
                    "count": COUNT,
                }
            )
        )
        plugin = f"{counter()},out={directory}/counted"
        run_in_guest(
            Machine(vmlinuz=machine.vmlinuz, memory=machine.memory, icount=True, plugin=plugin),
            [sys.executable, "-m", "blkmq.bench.compare.counted", str(plan)], directory, say,
        )  # fmt: skip
        symbols = read_symbols((directory / "artifacts/kallsyms").open())
        pairs = [(cell, contender) for cell in cells for contender in contenders]
        return [
            Counted(cell, contender, Histogram.read((directory / f"counted.{n}").open(), symbols, COUNT))
            for n, (cell, contender) in enumerate(pairs)
        ]


def run_in_guest(machine: Machine, command: list[str], directory: Path, say: Callable[[str], None]) -> None:
    """A command that must succeed, on a kernel that must stay silent."""
    told: list[bytes] = []
    outcome = run(
        machine, command, directory=directory, working_directory=Path.cwd(),
        limits=Limits(boot_sec=BOOT_LIMIT_SEC[machine.kvm]),
        out=told.append, err=told.append,
    )  # fmt: skip
    if outcome.verdict:
        reports = "\n".join(report.text for report in outcome.reports)
        text = b"".join(told).decode(errors="replace").strip()
        raise BlkmqError(f"the comparison failed in the guest, exit code {outcome.verdict}:\n{text}\n{reports}".rstrip())
    say(f"guest: boot {outcome.boot_sec:.1f} s, command {outcome.command_sec:.1f} s")


def counter() -> Path:
    """The plugin, for the QEMU that is here."""
    told = subprocess.run([QEMU, "--version"], capture_output=True, text=True, check=True).stdout
    version = re.search(r"version (\d+)", told)
    if not version or int(version[1]) not in API_OF_QEMU:
        raise BlkmqError(
            f"instructions are counted with QEMU {API_OF_QEMU[0]} or {API_OF_QEMU[1]}, not with {told.splitlines()[0]}",
            hint="Debian 12 has 7.2",
        )
    return built("instruction_counter.c", "-O2", "-shared", "-fPIC", "-fvisibility=hidden")


def built(source: str, *flags: str) -> Path:
    """A C program of the benchmarks, compiled once."""
    text = (C_SOURCES / source).read_bytes()
    path = cache_directory() / "c" / f"{hashlib.sha256(text).hexdigest()}-{Path(source).stem}"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        words = ["gcc", "-Wall", "-Wextra", "-Wno-unused-parameter", *flags, str(C_SOURCES / source), "-o", f"{path}.new"]
        subprocess.run(words, check=True)
        Path(f"{path}.new").replace(path)
    return path
