# SPDX-License-Identifier: MIT
"""``blkmq lab <verb>``, one file a verb."""

from __future__ import annotations

import click

from blkmq.cli.lab.clean import clean
from blkmq.cli.lab.fetch import fetch
from blkmq.cli.lab.kernel_build import kernel_build
from blkmq.cli.lab.kernels import kernels
from blkmq.cli.lab.run import run
from blkmq.cli.lab.shell import shell

EPILOG = """\b
Exit codes, besides those of `blkmq` and the command's own:
  100  no kernel of that name
  101  the archive does not have it, or not that part of it
  102  a program is missing on this machine
  103  the mirror cannot be reached, and nothing is here
  104  a damaged package, or an index that is not signed
  105  the disk is full
  106  a build failed
  107  KVM was asked for, and no guest boots with it
  110  the virtual machine did not start, or died
  111  the guest's kernel panicked
  112  the guest did not reach the command in time
  113  the command did not end in time
  114  the guest was switched off before the command had ended
  115  the command succeeded, but the kernel's log has a report

\b
Environment:
  BLKMQ_CACHE_DIR  its `lab` has kernels and what runs have left (~/.cache/blkmq)
  BLKMQ_ARTIFACTS  in the guest: a directory that stays after the run
"""


@click.group(short_help="Boot a kernel in a virtual machine and run a command in it.", epilog=EPILOG)
def lab() -> None:
    """Boot another kernel in a virtual machine, with this machine's own files, and run anything in it.

    Nothing is installed and no kernel of this machine's is touched: kernels come from the Debian mirror that apt
    already uses, into the user's cache directory.

    \b
    Examples:
      blkmq lab kernels                           the kernels, and what is here of them
      blkmq lab run -- uname -r                   on the default kernel
      blkmq lab run --kernel 6.12 -- make test
      blkmq lab shell
    """


for verb in (kernels, fetch, run, shell, kernel_build, clean):
    lab.add_command(verb)
