# SPDX-License-Identifier: MIT
"""``blkmq lab clean``: removes what the lab keeps."""

from __future__ import annotations

import click

from blkmq.cli.lab.machine_options import complete_kernel


@click.command(short_help="Remove fetched kernels, build roots and what runs have left.")
@click.argument("kernels", nargs=-1, metavar="[KERNEL]...", shell_complete=complete_kernel)
def clean(kernels: tuple[str, ...]) -> None:
    """Remove all that the lab keeps, or only the KERNELs named.

    \b
    Examples:
      blkmq lab clean 6.12
      blkmq lab clean
    """
    from blkmq.lab.directory import in_mib, remove
    from blkmq.lab.kernel import find_kernel

    click.echo(f"removed {in_mib(remove([find_kernel(name).name for name in kernels]))}")
