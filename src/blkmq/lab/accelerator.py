# SPDX-License-Identifier: MIT
"""KVM, where a guest really boots with it.  That is tried once with a time limit, and remembered."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from pathlib import Path

from blkmq.lab.directory import lab_directory, locked
from blkmq.lab.tool import program
from blkmq.mq.errors import BlkmqError
from blkmq.native.cache import cache_directory

DEVICE = Path("/dev/kvm")
PROBE_LIMIT_SEC = 20.0
ANSWER = "kvm.json"
#: A kernel without a root file system says this at the end of a whole boot.
BOOTED = b"Unable to mount root fs"


def kvm_boots(vmlinuz: Path) -> bool:
    """Whether Linux boots here with KVM; asks QEMU at the first call on this kernel and QEMU, at most 20 seconds."""
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        return False
    with locked("kvm", lambda: None):
        boots = remembered()
        if boots is None:
            boots = _probe(vmlinuz)
            (lab_directory() / ANSWER).write_text(json.dumps({"asked": _asked(), "boots": boots}))
        return boots


def remembered() -> bool | None:
    """The answer that is known, or None."""
    try:
        known = json.loads((cache_directory() / "lab" / ANSWER).read_text())
    except (FileNotFoundError, ValueError, BlkmqError):
        return None
    return bool(known["boots"]) if known["asked"] == _asked() else None


def _asked() -> list[str]:
    """What the answer depends on."""
    try:
        told = subprocess.run([program("qemu-system-x86_64"), "--version"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return []
    return [platform.release(), told.stdout.partition("\n")[0]]


def _probe(vmlinuz: Path) -> bool:
    command = [
        program("setpriv"), "--pdeathsig", "KILL", "--",
        program("qemu-system-x86_64"), "-accel", "kvm", "-cpu", "host", "-m", "512M", "-nodefaults", "-no-reboot",
        "-display", "none", "-serial", "stdio", "-kernel", str(vmlinuz), "-append", "console=ttyS0 panic=-1",
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PROBE_LIMIT_SEC, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return BOOTED in done.stdout
