# SPDX-License-Identifier: MIT
"""A program in a guest whose output is wanted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from blkmq.lab.run import BOOT_LIMIT_SEC, Limits, run
from blkmq.lab.vm import Machine
from blkmq.mq.errors import BlkmqError


def run_in_guest(machine: Machine, command: list[str], directory: Path, say: Callable[[str], None]) -> str:
    """What a command writes that must succeed, on a kernel that must stay silent."""
    out: list[bytes] = []
    err: list[bytes] = []
    outcome = run(
        machine, command, directory=directory, working_directory=Path.cwd(),
        limits=Limits(boot_sec=BOOT_LIMIT_SEC[machine.kvm]), out=out.append, err=err.append,
    )  # fmt: skip
    if outcome.verdict:
        reports = "\n".join(report.text for report in outcome.reports)
        text = b"".join(err).decode(errors="replace").strip()
        raise BlkmqError(
            f"the comparison failed in the guest, exit code {outcome.verdict}:\n{text}\n{reports}".rstrip()
        )
    say(f"guest: boot {outcome.boot_sec:.1f} s, command {outcome.command_sec:.1f} s")
    return b"".join(out).decode()
