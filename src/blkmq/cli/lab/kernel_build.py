# SPDX-License-Identifier: MIT
"""``blkmq lab kernel-build``: a kernel with every checker switched on."""

from __future__ import annotations

from pathlib import Path

import click

from blkmq.cli.lab.machine_options import FOLDER, say


@click.command("kernel-build", short_help="Build the debug kernel: KASAN, lockdep, UBSAN, fault injection …")
@click.argument("kernel", type=click.Choice(["debug"]))
@click.option(
    "--tree", metavar="DIR", type=FOLDER, help="A source tree of your own instead of Debian's; left as it is."
)
def kernel_build(kernel: str, tree: Path | None) -> None:
    """Build the debug kernel from Debian's linux-source, with KASAN, UBSAN, lockdep, DEBUG_ATOMIC_SLEEP, kmemleak and
    fault injection; null_blk, ublk, nbd and zoned devices are in it, and little else.

    It is kept by version and configuration; a build that was broken off goes on where it was.

    \b
    Examples:
      blkmq lab kernel-build debug
      blkmq lab kernel-build debug --tree ~/linux
      blkmq lab run --kernel debug -- modprobe null_blk
    """
    from blkmq.lab.kernel import find_kernel
    from blkmq.lab.kernel_build import build_kernel

    here = build_kernel(find_kernel(kernel), say, tree)
    click.echo(f"{kernel}: {here.release}, {here.vmlinuz}")
