# SPDX-License-Identifier: MIT
"""A kernel's own build system, run on a directory of ours."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from blkmq.mq.errors import BlkmqError

#: Makes a command line run where the kernel's headers and gcc are: here, or in a root of the lab's.
Within = Callable[[Sequence[str], Path], list[str]]


#: gcc has not what the kernel was built with, or make has no such gcc.
_WRONG_GCC = re.compile(
    r"^.*(?:unrecognized command-line option|unrecognized argument|gcc-?\d*: (?:command )?not found).*$", re.MULTILINE
)


def here(words: Sequence[str], directory: Path) -> list[str]:
    """Runs it on this machine."""
    return list(words)


@dataclass(frozen=True)
class Headers:
    """A kernel's build directory, and how commands run where it is."""

    path: Path
    within: Within = here
    place: Path | None = None  #: the build directory as this machine sees it, where that is another
    btf: Path | None = None  #: the kernel, or its BTF alone
    make: tuple[str, ...] = ()  #: words for make

    def identity(self) -> list[str | int]:
        """Changes when the kernel does."""
        directory = self.place or self.path
        files = [directory / name for name in ("Module.symvers", "include/generated/autoconf.h")]
        found = [file.stat() for file in files if file.exists()]
        return [str(self.path), *self.make, *(number for stat in found for number in (stat.st_mtime_ns, stat.st_size))]


def headers_here(path: Path) -> Headers:
    """A build directory on this machine; a BlkmqError says what is missing."""
    if not (path / "Makefile").is_file():
        raise BlkmqError(
            f"no kernel headers in {path}",
            hint="apt-get install linux-headers-$(uname -r); or a kernel of the lab: --kernel 7.3",
        )
    for tool, package in (("make", "make"), ("gcc", "gcc")):
        if shutil.which(tool) is None:
            raise BlkmqError(f"no {tool}: modules are built with it", hint=f"apt-get install {package}")
    return Headers(path)


def run_kbuild(headers: Headers, directory: Path, *make: str) -> subprocess.CompletedProcess[str]:
    """Builds what the directory's Kbuild says; nothing of the user's environment changes what comes of it."""
    words = [
        "make",
        "-C",
        str(headers.path),
        f"M={directory}",
        f"KCFLAGS=-ffile-prefix-map={directory}=.",
        "modules",
        *headers.make,
        *make,
    ]
    environment = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "KBUILD_BUILD_TIMESTAMP": "0",
        "KBUILD_BUILD_USER": "blkmq", "KBUILD_BUILD_HOST": "blkmq",
    }  # fmt: skip
    run = subprocess.run(
        headers.within(words, directory),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    if run.returncode:
        _refuse_the_wrong_gcc(run.stderr)
    return run


def _refuse_the_wrong_gcc(stderr: str) -> None:
    """A BlkmqError if a build failed because its compiler is not the kernel's."""
    if found := _WRONG_GCC.search(stderr):
        raise BlkmqError(
            f"the gcc here is not the kernel's: {found[0].strip()}",
            hint="install the gcc that /proc/version names; or --kernel NAME, whose gcc the lab has",
        )
