# SPDX-License-Identifier: MIT
"""The docs' page of figures, written by the program that measured them."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from blkmq.bench.figures import COMPARISONS, compare, machine, markdown, terminal_table
from blkmq.bench.start_up import memory, start_up

INTRODUCTION = """# Benchmarks

Written by `make bench` ({machine}; {rounds} rounds). Contenders run in turn, each round beginning with another; a
figure is the median over the rounds, its spread the fastest and the slowest round. The ratio is the median over the
rounds of the first contender's time divided by one's own: above 1 is faster than the first.

All loads run in one thread, 128 requests under way, random places, every status checked. The C loop
(`bench/c/loop_baseline.c`) does the same steps without blkmq: tags, ownership by compare-and-swap, a
function pointer for `queue_rq`; it has no fuel, no handles with generations and no pins.

"""

START_UP = """## {title}

Each figure is from a process of its own.

| what | median | spread | promised |
|---|---:|---:|---:|
"""


def write_page(path: Path, nr_rounds: int, console: Console) -> None:
    """Measures everything and writes the page."""
    text = INTRODUCTION.format(machine=machine(), rounds=nr_rounds) + "## Requests\n\n"
    for title, make in COMPARISONS.items():
        comparison = compare(title, make, nr_rounds, lambda done, total: None)
        console.print(terminal_table(comparison))
        text += markdown(comparison) + "\n"
    text += START_UP.format(title="Start-up and memory")
    for measurement in [*start_up(max(nr_rounds // 2, 1)), *memory()]:
        console.print(measurement.markdown())
        text += measurement.markdown() + "\n"
    path.write_text(text)
