# SPDX-License-Identifier: MIT
"""The programs of other projects that the lab runs, and how to get them."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from blkmq.lab.lab_error import LabError, LabExit

#: Where root's programs are, which an ordinary user's PATH lacks.
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
OWN_KERNEL = "without Debian's tools bring your own kernel: --vmlinuz PATH --modules DIR"


@dataclass(frozen=True)
class Tool:
    """One program."""

    program: str
    package: str  #: of Debian
    purpose: str  #: boot, fetch or build

    def path(self) -> str | None:
        """Where it is, if it is here."""
        return shutil.which(self.program, path=search_path())

    def hint(self) -> str:
        """How to get it."""
        if shutil.which("apt-get"):
            return f"apt-get install {self.package}"
        if self.purpose == "fetch":
            return OWN_KERNEL
        return f"install {self.program} with this system's package manager (Debian has it in {self.package})"


TOOLS = (
    Tool("qemu-system-x86_64", "qemu-system-x86", "boot"),
    Tool("modprobe", "kmod", "boot"),
    Tool("busybox", "busybox-static", "boot"),
    Tool("udevadm", "udev", "boot"),
    Tool("file", "file", "boot"),
    Tool("setpriv", "util-linux", "boot"),
    Tool("apt-get", "apt", "fetch"),
    Tool("dpkg-deb", "dpkg", "fetch"),
    Tool("depmod", "kmod", "fetch"),
    Tool("mmdebstrap", "mmdebstrap", "build"),
)


def search_path() -> str:
    """PATH, and where root's programs are."""
    own = os.environ.get("PATH", "")
    return f"{own}:{SYSTEM_PATH}" if own else ""


def missing(purpose: str) -> Iterator[Tool]:
    """The tools that this machine lacks."""
    return (tool for tool in TOOLS if tool.purpose == purpose and not tool.path())


def require(purpose: str) -> None:
    """Refuses to go on without what a purpose needs."""
    for tool in missing(purpose):
        hint = f"{tool.hint()}; `blkmq doctor` lists all that is missing"
        raise LabError(LabExit.TOOL_MISSING, f"there is no {tool.program} on this machine", hint=hint)


def program(name: str) -> str:
    """Where a program is that :func:`require` has found; its name, if it is not here."""
    return shutil.which(name, path=search_path()) or name


def virtme_run() -> Path:
    """virtme-ng's lower half, which starts one guest; it is a Python package of ours."""
    program = Path(sys.executable).with_name("virtme-run")
    if not program.is_file():
        hint = f"{sys.executable} -m pip install virtme-ng"
        raise LabError(LabExit.TOOL_MISSING, "virtme-ng is not installed", hint=hint)
    return program
