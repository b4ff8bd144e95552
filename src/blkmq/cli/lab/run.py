# SPDX-License-Identifier: MIT
"""``blkmq lab run``: one command on another kernel."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import click

from blkmq.cli.lab.machine_options import machine_options, make_machine, say


class Seconds(click.FloatRange):
    """A time that is more than none; not a number is no time."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        seconds = float(super().convert(value, param, ctx))
        if math.isnan(seconds):
            self.fail(f"{value!r} is not a number", param, ctx)
        return seconds


SECONDS = Seconds(0, min_open=True)


@click.command(
    short_help="Boot a kernel, run a command in it, return its exit code.",
    context_settings={"allow_interspersed_args": False},
)
@machine_options
@click.option("--timeout", metavar="S", type=SECONDS, default=3600, show_default=True, help="For the command.")
@click.option("--boot-timeout", metavar="S", type=SECONDS, help="Default: 60 with KVM, 300 with TCG.")
@click.option(
    "--artifacts",
    metavar="DIR",
    type=click.Path(file_okay=False, resolve_path=True, path_type=Path),
    help="Where console, dmesg and the command's artifacts go; default: below the cache directory.",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(
    timeout: float, boot_timeout: float | None, artifacts: Path | None, command: tuple[str, ...], **machine: Any
) -> int:
    """Boot a kernel, run COMMAND in it as root, and return its exit code.

    The guest sees this machine's files, this directory and this environment. What it writes stays in the guest, but
    for $BLKMQ_ARTIFACTS and compiled code in the cache. Its console, dmesg and artifacts are kept.

    A report in the kernel's log (WARNING, BUG, Oops, hung task, RCU stall, lockdep, KASAN, UBSAN …) is shown and fails
    the run. `blkmq lab --help` lists the exit codes.

    \b
    Examples:
      blkmq lab run -- uname -r
      blkmq lab run --kernel 6.12 --timeout 60 -- sh -c 'modprobe ublk_drv && ls -l /dev/ublk-control'
      blkmq lab run --icount -- fio my.fio
      blkmq lab run --vmlinuz arch/x86/boot/bzImage --modules /lib/modules/6.19 -- true
    """
    from blkmq.lab.run import BOOT_LIMIT_SEC, Limits, new_run_directory
    from blkmq.lab.run import run as run_in_guest

    made, name = make_machine(**machine)
    directory = artifacts or new_run_directory(name)
    directory.mkdir(parents=True, exist_ok=True)
    try:
        outcome = run_in_guest(
            made,
            command,
            directory=directory,
            limits=Limits(boot_sec=boot_timeout or BOOT_LIMIT_SEC[made.kvm], command_sec=timeout),
            working_directory=Path.cwd(),
            out=_writer(sys.stdout),
            err=_writer(sys.stderr),
            stdin=_stdin(),
        )
    except BrokenPipeError:  # as a program here would end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    for report in outcome.reports:
        say(f"the kernel's log has a report: {report}\n{report.text}")
    own = f" (the command's: {outcome.exit_code})" if outcome.verdict != outcome.exit_code else ""
    say(
        f"exit code {outcome.verdict}{own}; boot {outcome.boot_sec:.1f} s, command {outcome.command_sec:.1f} s; "
        f"{outcome.directory}"
    )
    return outcome.verdict


def _writer(stream: Any) -> Any:
    def write(piece: bytes) -> None:
        stream.buffer.write(piece)
        stream.buffer.flush()

    return write


def _stdin() -> int | IO[Any]:
    """Ours, unless it is a terminal: QEMU would take that over."""
    try:
        return subprocess.DEVNULL if sys.stdin is None or sys.stdin.isatty() else sys.stdin.fileno()
    except (OSError, ValueError):  # no real file
        return subprocess.DEVNULL
