# SPDX-License-Identifier: MIT
"""``blkmq lab fetch``: a kernel from the Debian archive into the user's cache."""

from __future__ import annotations

import click

from blkmq.cli.lab.machine_options import complete_kernel, say


@click.command(short_help="Fetch a kernel, and with --headers what builds modules for it.")
@click.argument("kernel", shell_complete=complete_kernel)
@click.option("--headers", is_flag=True, help="Also its headers and a small root with the right gcc for modules.")
def fetch(kernel: str, headers: bool) -> None:
    """Fetch the newest release of KERNEL that the Debian archive has, through apt and with its signature checks.

    Nothing is installed. A broken-off download is taken up again, and what is here is not fetched again.

    \b
    Examples:
      blkmq lab fetch 7.3
      blkmq lab fetch 6.12 --headers
    """
    from blkmq.lab.build_root import fetch_headers
    from blkmq.lab.fetch import fetch as fetch_kernel
    from blkmq.lab.kernel import find_kernel

    found = find_kernel(kernel)
    if headers:
        found.header_names("")  # says by name where there are none, before anything is fetched
    here = fetch_kernel(found, say)
    click.echo(f"{found.name}: {here.release}, {here.vmlinuz}")
    if headers:
        root = fetch_headers(found, here.release, say)
        click.echo(f"{found.name}: headers in {root.kernel_build_directory(here.release)}, gcc in {root.path}")
