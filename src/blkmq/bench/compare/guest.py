# SPDX-License-Identifier: MIT
"""A program in a guest whose output is wanted, and C programs that it needs."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path

from blkmq.lab.run import BOOT_LIMIT_SEC, Limits, run
from blkmq.lab.vm import Machine
from blkmq.mq.errors import BlkmqError
from blkmq.native.cache import cache_directory

C_SOURCES = Path(__file__).parents[1] / "c"


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


def built(source: str, *flags: str) -> Path:
    """A C program of the benchmarks, compiled once."""
    text = (C_SOURCES / source).read_bytes()
    path = cache_directory() / "c" / f"{hashlib.sha256(text).hexdigest()}-{Path(source).stem}"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        fresh = path.with_suffix(".new")
        words = ["-O2", "-Wall", "-Wextra", "-Wno-unused-parameter", *flags, str(C_SOURCES / source), "-o", str(fresh)]
        subprocess.run(["gcc", *words], check=True)
        fresh.replace(path)
    return path
