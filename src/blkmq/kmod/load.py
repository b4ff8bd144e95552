# SPDX-License-Identifier: MIT
"""Modules into the running kernel and out of it."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from blkmq.mq.errors import BlkmqError

MODULES = Path("/sys/module")
CONFIGFS = Path("/sys/kernel/config")

UNSIGNED = "this kernel takes signed modules only: blkmq build --sign KEY CERT, with a key that it knows (mokutil)"

#: What insmod says of each refusal, and what to do.
HINTS = {
    "File exists": "a module of that name is loaded: rmmod it, or build this one with another --name",
    "Invalid module format": "it was built for another kernel: see dmesg, and build it with --kernel",
    "Key was rejected by service": UNSIGNED,
    "Required key not available": UNSIGNED,
    "Unknown symbol in module": "it was built for another kernel: see dmesg, and build it with --kernel",
    "Operation not permitted": "loading a module needs root, and a kernel that is not locked down",
    "Numerical result out of range": "a value does not fit its parameter: see `modinfo -p`",
    "Invalid parameters": "a value is none of its parameter's: see `modinfo -p`, and dmesg",
}


def load_module(path: Path, parameters: Mapping[str, str]) -> None:
    """insmod, and before it modprobe for what it needs; a BlkmqError says what the kernel has against it."""
    if not path.is_file():
        raise BlkmqError(f"{path}: no such module", hint="blkmq build DRIVER makes one")
    needed = _run(["modinfo", "-F", "depends", str(path)], f"{path} is no module").strip()
    for name in filter(None, needed.split(",")):
        _run(["modprobe", name], f"{path} was not loaded: it needs {name}")
    words = [f"{name}={value}" for name, value in parameters.items()]
    _run(["insmod", str(path), *words], f"{path} was not loaded")


def mount_configfs() -> None:
    """Where modules have their trees; once is enough."""
    _run(["modprobe", "-a", "configfs"], "there is no configfs")
    if not os.path.ismount(CONFIGFS):
        _run(["mount", "-t", "configfs", "none", str(CONFIGFS)], "there is no configfs")


def unload_module(name: str) -> None:
    """rmmod; a module that is in use stays."""
    if not re.fullmatch(r"\w+", name) or not (MODULES / name).is_dir():
        raise BlkmqError(f"{name!r}: no such module is loaded", hint="lsmod lists what is")
    _run(["rmmod", name], f"{name} was not removed")


def _run(words: list[str], failed: str) -> str:
    """What a program says; a BlkmqError with a hint if it fails."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    try:
        run = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            env=os.environ | {"PATH": path, "LC_ALL": "C"},
        )  # fmt: skip
    except FileNotFoundError:
        raise BlkmqError(f"no {words[0]}", hint="apt-get install kmod") from None
    if run.returncode:
        told = run.stderr.strip().rpartition(": ")[2] or run.stderr.strip()
        hint = HINTS.get(told, "")
        if "in use" in run.stderr:
            told = "it is in use"
            hint = "unmount and close its disks, and rmdir what was made in configfs"
        raise BlkmqError(f"{failed}: {told}", hint=hint)
    return run.stdout
