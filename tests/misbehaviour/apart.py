# SPDX-License-Identifier: MIT
"""Programs in a process of their own, which may crash without taking the tests with it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

ENVIRONMENT = {
    # Python itself leaks on purpose, and only its own allocator hides small blocks from the sanitizer.
    "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "PYTHONMALLOC": "malloc",
}


def library(name: str) -> str:
    """Where gcc has a library that is to be loaded before all others."""
    found = subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True)
    return found.stdout.strip()


def run_apart(module: str, *arguments: str, sanitized: bool = False) -> str:
    """Runs ``python -m module``; its output.  Fails the test if it crashes, complains or hangs."""
    environment = dict(os.environ)
    if sanitized:
        environment |= ENVIRONMENT | {"LD_PRELOAD": f"{library('libasan.so')} {library('libubsan.so')}"}
    run = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-m", module, *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace", timeout=600, check=False, env=environment,
    )  # fmt: skip
    if run.returncode or "runtime error" in run.stdout or "Sanitizer" in run.stdout:
        pytest.fail(f"{module} {' '.join(arguments)} ended with {run.returncode}\n{run.stdout}", pytrace=False)
    return run.stdout
