# SPDX-License-Identifier: MIT
"""The verbs together, and the way out of every one of them: exit code, message, no traceback.

Verbs import what they need when they run, so that ``blkmq --help`` and completion are quick.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

import blkmq
from blkmq.cli.add import add
from blkmq.cli.bench import bench
from blkmq.cli.build import build
from blkmq.cli.check import check
from blkmq.cli.compare import compare
from blkmq.cli.completion import completion
from blkmq.cli.devices import clean, delete, list_devices, logs, set_attributes, show
from blkmq.cli.doctor import doctor
from blkmq.cli.drivers import drivers
from blkmq.cli.emit import emit
from blkmq.cli.failure import failure_of
from blkmq.cli.lab import lab
from blkmq.cli.load import load, unload
from blkmq.cli.ops import ops
from blkmq.cli.output import JSON_OPTION, log_as_notes, make_encodable

EPILOG = """\b
Exit codes:
  0    done; the answer is yes
  1    the answer is no (check, doctor), or an I/O error
  2    wrong usage: also an unknown driver, attribute or value
  3    a target refused the driver
  70   a mistake of blkmq itself
  1xx  of `blkmq lab`, which lists them
  130  interrupted

\b
Environment:
  BLKMQ_CACHE_DIR    where compiled drivers are kept (~/.cache/blkmq)
  BLKMQ_RUNTIME_DIR  where devices in service are found ($XDG_RUNTIME_DIR/blkmq, /run/blkmq)
  BLKMQ_DEBUG=1      every error with its Python traceback
"""


class CommandLine(click.Group):
    """A group that turns every exception into a message and one of the documented exit codes."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """As click's; ``standalone_mode=False`` leaves exceptions to the caller."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        words = sys.argv[1:] if args is None else list(args)
        make_encodable()
        try:
            with log_as_notes():
                code = super().main(words, prog_name, complete_var, standalone_mode=False, **extra)
            if sys.stdout is not None:
                sys.stdout.flush()
        except (Exception, KeyboardInterrupt) as error:
            code = failure_of(error).show(as_json=JSON_OPTION in words)
            _drop_what_cannot_be_written()
        sys.exit(code or 0)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """As click's, with the verbs that resemble an unknown one."""
        verbs = self.list_commands(ctx)
        if not ctx.resilient_parsing and args[0] not in verbs:
            near = difflib.get_close_matches(args[0], verbs, n=2, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}?" if near else f"verbs: {', '.join(verbs)}"
            raise click.UsageError(f"no verb {args[0]!r}: {hint}", ctx)
        return super().resolve_command(ctx, args)


def _drop_what_cannot_be_written() -> None:
    """Keeps the interpreter from complaining at its end about a full disk or a pipe that nobody reads."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@click.group(
    cls=CommandLine,
    epilog=EPILOG,
    subcommand_metavar="VERB [ARGS]...",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(blkmq.__version__, prog_name="blkmq")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Write Linux block device drivers in Python.

    DRIVER is the name of an installed driver (`blkmq drivers` lists them) or a Python file: my_disk.py, or
    my_disk.py:MyDisk where that defines several.

    \b
    Examples:
      blkmq drivers                               what is installed
      blkmq check my_disk.py                      can it be compiled?
      blkmq emit my_disk.py --to c                the C that a kernel would get
      blkmq bench ramdisk size=256                how fast, on each target
      blkmq add ramdisk size=256                  a disk that other programs use
      blkmq build my_disk.py --kernel 7.3         a kernel module
      blkmq compare --instructions                beside C's null_blk
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        ctx.exit(2)


SERVICE = (add, list_devices, show, set_attributes, delete, logs, clean)
MODULE = (build, load, unload, compare)
for verb in (drivers, ops, check, emit, bench, *SERVICE, *MODULE, lab, doctor, completion):
    main.add_command(verb)
