# SPDX-License-Identifier: MIT
"""``blkmq lab shell``: a shell on another kernel."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from blkmq.cli.lab.machine_options import machine_options, make_machine, say


@click.command(short_help="Boot a kernel and give a shell in it.")
@machine_options
def shell(**machine: Any) -> int:
    """Boot a kernel and give a shell in it, as root, in this directory and environment.

    Its end ends the guest, and its exit code is the shell's; Ctrl-A x ends it at once. What the kernel has said is
    kept, and judged as `blkmq lab run` does.

    \b
    Examples:
      blkmq lab shell
      blkmq lab shell --kernel 6.12 --cpus 1 --memory 512M
    """
    from blkmq.lab.run import new_run_directory
    from blkmq.lab.shell import shell as shell_in_guest

    if not sys.stdin.isatty():
        raise click.UsageError("a shell needs a terminal; for a script use `blkmq lab run -- COMMAND`")
    made, name = make_machine(**machine)
    return shell_in_guest(made, new_run_directory(name), Path.cwd(), say)
