# SPDX-License-Identifier: MIT
"""Comparisons in a kernel: what is counted as whose, and how it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from blkmq.bench.c_program import built
from blkmq.bench.compare.contenders import C_NULL_BLK
from blkmq.bench.compare.histogram import USER, Histogram, Symbol, read_symbols
from blkmq.bench.compare.instructions import CELLS, Counted
from blkmq.bench.compare.kernel_driver import KernelDriver
from blkmq.bench.compare.report import clock_report, instructions_report
from blkmq.bench.compare.wall_clock import FioCell, scaling
from blkmq.bench.figures import Comparison
from blkmq.bench.rounds import Contender

PYNULL = KernelDriver(name="Python", module="pynull", tree="pynull", path="pynull.ko")
KALLSYMS = """\
ffffffff81000000 T _stext
ffffffff81000100 T xa_load
ffffffff81000200 T memcpy
ffffffff81000300 D some_data
ffffffffc0000000 t blkmq_queue_rq\t[pynull]
ffffffffc0000100 t null_queue_rq\t[null_blk]
"""
BLOCKS = """\
0 1 5000
ffffffff81000010 4 100
ffffffff81000104 3 100
ffffffff81000200 10 100
ffffffff81000310 1 100
ffffffffc0000000 6 100
ffffffffc0000020 2 50
"""


def histogram() -> Histogram:
    return Histogram.read(BLOCKS.splitlines(), read_symbols(KALLSYMS.splitlines()), 100)


def test_blocks_are_counted_for_the_function_that_they_are_in() -> None:
    named = {symbol.name: count for symbol, count in histogram().counts.items()}
    assert named == {USER: 50, "_stext": 4, "xa_load": 3, "memcpy": 11, "blkmq_queue_rq": 7}


def test_its_own_is_the_module_and_what_is_called_for_it_without_data() -> None:
    assert {symbol.name: n for symbol, n in histogram().own("pynull").items()} == {"blkmq_queue_rq": 7, "xa_load": 3}
    assert histogram().data == 11
    assert histogram().total == 25


def test_symbols_of_data_are_no_functions() -> None:
    assert Symbol(0xFFFFFFFF81000300, "some_data") not in read_symbols(KALLSYMS.splitlines())


def test_each_row_of_instructions_is_beside_c(tmp_path: Path) -> None:
    counted = [Counted(CELLS[0], driver, histogram()) for driver in (C_NULL_BLK, PYNULL)]
    report = instructions_report(counted, "7.3")
    assert report.rows == [
        ["null, irqmode 0, read", "C null_blk", "3", "", "25", ""],
        ["", "Python", "10", "3.33", "25", "+0"],
    ]
    page = tmp_path / "page.md"
    report.write(page)
    first = page.read_text()
    report.write(page)
    assert page.read_text() == first
    assert "| Python | 10 | 3.33 | 25 | +0 |" in first


def comparison(cell: FioCell, *nsec: list[float]) -> Comparison:
    return Comparison(cell.title, [Contender(f"driver {i}", lambda: 0.0, times) for i, times in enumerate(nsec)])


def test_a_ratio_is_of_the_rounds() -> None:
    cells = [FioCell("randwrite", "128k", 32, jobs) for jobs in (1, 2)]
    comparisons = [comparison(cells[0], [100, 200, 100], [50, 100, 50]), comparison(cells[1], [50] * 3, [50] * 3)]
    report = clock_report("memory", comparisons, cells, "7.3", 2, emulated=True)
    assert [row[:5] for row in report.rows[:2]] == [
        ["randwrite, 128k, depth 32, 1 job", "driver 0", "10,000,000", "1", ""],
        ["", "driver 1", "20,000,000", "2.00", "2.00…2.00"],
    ]
    assert scaling(comparisons, cells, cells[0]) == {"driver 0": 2, "driver 1": 1}
    assert report.notes == ("From one job to two, 128 KiB random writes at depth 32: driver 0 2.00, driver 1 1.00.",)
    assert "emulated" in report.before


def test_the_programs_build() -> None:
    assert built("counted_io.c").exists()
    assert built("instruction_counter.c", "-shared", "-fPIC").exists()


@pytest.mark.parametrize("way", ["sideways"])
def test_an_unknown_way_is_refused(way: str) -> None:
    from click.testing import CliRunner

    from blkmq.cli.compare import compare

    assert CliRunner().invoke(compare, [f"--{way}"]).exit_code == 2
