# SPDX-License-Identifier: MIT
"""A shell in a guest, on this terminal."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from blkmq.lab.kernel_log import reports
from blkmq.lab.lab_error import LabExit
from blkmq.lab.run import keep_dmesg, prepare
from blkmq.lab.tool import program
from blkmq.lab.vm import Machine, compose, console_of, shell_options

EXIT_CODE = "exit_code"


def shell(machine: Machine, directory: Path, working_directory: Path, say: Callable[[str], None]) -> int:
    """Boots a guest with a shell on this terminal; when that ends, its exit code, unless the kernel complained."""
    command = ["sh", "-c", f"bash -i; echo $? >{shlex.quote(str(directory / EXIT_CODE))}"]
    script, shared = prepare(directory, command, working_directory, {})
    start = directory / "enter"
    start.write_text(f"#!/bin/bash\n{script}")
    start.chmod(0o755)
    boot(compose(machine, directory, shell_options(start), shared))
    return judge(directory, say)


def boot(words: Sequence[str]) -> None:
    """Runs QEMU on this terminal until the guest ends."""
    with terminal_as_it_was():
        subprocess.run([program("setpriv"), "--pdeathsig", "KILL", "--", *words], check=False)


@contextlib.contextmanager
def terminal_as_it_was() -> Iterator[None]:
    """Restores the terminal's modes: a QEMU that is killed does not."""
    settings = termios.tcgetattr(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSAFLUSH, settings)


def judge(directory: Path, say: Callable[[str], None]) -> int:
    """What a shell's end means; tells what the kernel complained of, and where all is kept."""
    (directory / "initramfs").unlink(missing_ok=True)
    log = console_of(directory)
    keep_dmesg(directory, log)
    found = reports(log)
    for report in found:
        say(f"the kernel's log has a report: {report}\n{report.text}")
    say(f"console, dmesg and artifacts: {directory}")
    if any(report.kind == "panic" for report in found):
        return LabExit.PANIC
    exit_code = directory / EXIT_CODE
    own = int(exit_code.read_text()) if exit_code.exists() else 0
    return own or (LabExit.KERNEL_LOG if found else 0)
