# SPDX-License-Identifier: MIT
"""``blkmq compare``: null_blks side by side in a kernel of the lab."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from blkmq.cli.lab.machine_options import DEFAULT_KERNEL, complete_kernel, make_machine, say
from blkmq.cli.output import echo_json, echo_table, json_option


@click.command(short_help="C's null_blk and ours, side by side in a kernel.")
@click.option(
    "--kernel", metavar="NAME", default=DEFAULT_KERNEL, show_default=True, shell_complete=complete_kernel,
    help="Of `blkmq lab kernels`; fetched with its headers if it is not here.",
)  # fmt: skip
@click.option("--memory", "way", flag_value="memory", default=True, help="fio on disks that keep data; the default.")
@click.option("--null", "way", flag_value="null", help="fio on disks that do nothing.")
@click.option("--instructions", "way", flag_value="instructions", help="Count instructions, exactly.")
@click.option("--rounds", metavar="N", type=click.IntRange(1), default=5, show_default=True, help="Of fio.")
@click.option("--quick", is_flag=True, help="Four loads of fio instead of 24.")
@click.option(
    "--write", "page", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="A page for the docs."
)
@json_option
def compare(kernel: str, way: str, rounds: int, quick: bool, page: Path | None, as_json: bool) -> None:
    """Compare C's null_blk, Python null_blk as a module, and its twin written by hand in C, in one guest.

    All have the same attributes. With --instructions, what an I/O takes is counted within QEMU, which must emulate
    for that; figures repeat within an instruction. Else fio runs, and the drivers take turns.

    \b
    Examples:
      blkmq compare --instructions
      blkmq compare --memory --quick --rounds 3
    """
    from blkmq.bench.compare.contenders import null_blks
    from blkmq.bench.compare.instructions import CELLS, count_instructions
    from blkmq.bench.compare.report import UNEQUAL, clock_report, instructions_report
    from blkmq.bench.compare.wall_clock import GRID, QUICK, measure
    from blkmq.cli.build import headers_of
    from blkmq.lab.fetch import fetched
    from blkmq.lab.kernel import find_kernel

    exact = way == "instructions"
    headers = headers_of(kernel)
    machine, _ = make_machine(
        kernel=kernel, vmlinuz=None, modules=None, cpus=None, memory="2G", accel="auto", icount=exact
    )
    here = fetched(find_kernel(kernel))
    release = here.release if here else kernel
    with tempfile.TemporaryDirectory(prefix="blkmq-modules-") as directory:
        drivers = null_blks(headers, Path(directory))
        if exact:
            report = instructions_report(count_instructions(machine, drivers, CELLS, say), release)
        else:
            cells = QUICK if quick else GRID
            found = measure(machine, drivers, way, cells, rounds, say)
            report = clock_report(way, found, cells, release, machine.cpus, emulated=not machine.kvm)
    if page:
        report.write(page)
    if as_json:
        echo_json(report.answer)
        return
    echo_table(report.heads, report.rows)
    for note in (*report.notes, UNEQUAL):
        click.echo(note)
