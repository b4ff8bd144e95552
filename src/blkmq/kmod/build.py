# SPDX-License-Identifier: MIT
"""A driver's ``.ko``: its text and the glue, built by a kernel's own kbuild."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from blkmq.kmod.kbuild import Headers, run_kbuild
from blkmq.kmod.kernel_api import KernelApi
from blkmq.kmod.sources import STACK_BYTES_MAX, write_sources
from blkmq.mq.errors import BlkmqError


def build_module(text: str, module: str, headers: Headers, api: KernelApi, *make: str) -> bytes:
    """The module's bytes; a BlkmqError with what the compiler says, led back to the Python, if it does not build."""
    with tempfile.TemporaryDirectory(prefix="blkmq-build-") as temporary:
        directory = Path(temporary) / "module"
        directory.mkdir()
        write_sources(directory, text, module, api.header())
        run = run_kbuild(headers, directory, *make)
        if run.returncode:
            raise BlkmqError(_complaint(run.stderr or run.stdout))
        if large := re.search(r"^.*frame size of \d+ bytes.*$", run.stderr, re.MULTILINE):
            raise BlkmqError(
                f"a callback takes more than {STACK_BYTES_MAX} bytes of stack:\n{large[0]}",
                hint="keep less in locals while a function is called",
            )
        if noise := _noise(run.stderr):
            raise BlkmqError(f"the module builds, but not silently:\n{noise}", hint="please report it")
        return (directory / f"{module}.ko").read_bytes()


def _noise(stderr: str) -> str:
    """What kbuild says that is not about our files, or about a matter of its own, is left out."""
    known = ("Skipping BTF generation", "the compiler differs", "The kernel was built by", "You are using")
    return "\n".join(line for line in stderr.splitlines() if line.strip() and not any(word in line for word in known))


def _complaint(stderr: str) -> str:
    first = re.search(r"^(\S+:\d+):(?:\d+:)? (?:fatal )?error: (.*)$", stderr, re.MULTILINE)
    head = f"{first[1]}: the module does not build: {first[2]}" if first else "the module does not build"
    return f"{head}\n{stderr.rstrip()}"
