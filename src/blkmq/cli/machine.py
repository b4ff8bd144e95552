# SPDX-License-Identifier: MIT
"""What this machine has of what blkmq needs.  Nothing is compiled, loaded into the kernel or changed."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from blkmq.mq.errors import BlkmqError

PYTHON_MIN = (3, 11)
SYS_IO_URING_SETUP = 425  #: every architecture but alpha
IO_URING_PARAMS_SIZE = 120  #: struct io_uring_params
OVERCOMMIT_NEVER = 2  #: vm.overcommit_memory: what is reserved must be there
MEMORY_MIN_MIB = 512


@dataclass(frozen=True)
class Finding:
    """One thing, and whether it is there."""

    name: str
    ok: bool
    value: str
    needed_for: str = ""  #: "host": the host target does not work without; "": good to know
    hint: str = ""  #: how to get it, if it is missing


def examine() -> Iterator[Finding]:
    """Everything, in the order in which it is shown."""
    for finding in _examine():
        yield replace(finding, hint="") if finding.ok else finding


def _examine() -> Iterator[Finding]:
    from blkmq.cli.lab.machine import examine_lab

    yield _python()
    for package in ("numba", "llvmlite", "numpy"):
        yield _package(package)
    yield _numba_works()
    yield _cache()
    yield _gcc()
    yield Finding("kernel", sys.platform == "linux", f"{platform.system()} {platform.release()}", "host", "use Linux")
    yield _attempt("eventfd", "host", lambda: os.close(os.eventfd(0)), "a sandbox forbids it: allow eventfd2")
    yield _attempt("io_uring", "", _io_uring, "sysctl kernel.io_uring_disabled=0; in a container: allow io_uring_setup")
    yield Finding("CPUs", True, f"{len(os.sched_getaffinity(0))} of {os.cpu_count()} usable")
    yield _memory()
    yield _overcommit()
    yield from examine_lab()


def _python() -> Finding:
    wanted = ".".join(map(str, PYTHON_MIN))
    text = f"{platform.python_version()} ({sys.executable})"
    return Finding("Python", sys.version_info >= PYTHON_MIN, text, "host", f"install Python {wanted} or newer")


def _package(name: str) -> Finding:
    try:
        return Finding(name, True, version(name), "host")
    except PackageNotFoundError:
        return Finding(name, False, "not installed", "host", f"{sys.executable} -m pip install {name}")


def _numba_works() -> Finding:
    """Loads Numba and gives it all our hot functions, which compiles none of them."""
    from blkmq.native.hot import enable

    hint = f"{sys.executable} -m pip install --force-reinstall numba"
    return _attempt("Numba loads", "host", enable, hint)


def _attempt(name: str, needed_for: str, attempt: Callable[[], None], hint: str) -> Finding:
    try:
        attempt()
    except Exception as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return Finding(name, False, reason.splitlines()[0], needed_for, hint)
    return Finding(name, True, "works", needed_for)


def _cache() -> Finding:
    from blkmq.native.cache import cache_directory

    try:
        path = cache_directory()
    except BlkmqError as error:
        return Finding("cache", False, error.text, "host", error.hint)
    size = 0
    for directory, folders, names in os.walk(path):
        if directory == str(path):
            folders[:] = [name for name in folders if name != "lab"]  # `blkmq lab kernels` shows those
        for name in names:
            with contextlib.suppress(OSError):  # others may clean up meanwhile
                size += os.lstat(os.path.join(directory, name)).st_size
    return Finding("cache", True, f"{path}, {size / 2**20:.1f} MiB", "host")


def _gcc() -> Finding:
    found = shutil.which("gcc")
    hint = "apt-get install gcc libc6-dev"
    if found is None:
        return Finding("gcc", False, "not found", "c", hint)
    try:
        run = subprocess.run([found, "-dumpfullversion"], capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError) as error:
        return Finding("gcc", False, f"{found}: {error}", "c", hint)
    return Finding("gcc", True, run.stdout.strip(), "c")


def _io_uring() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(ctypes.c_long(SYS_IO_URING_SETUP), ctypes.c_long(1), bytes(IO_URING_PARAMS_SIZE))
    if fd < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    os.close(fd)


def _memory() -> Finding:
    values = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    total, available = (int(values[name].split()[0]) // 1024 for name in ("MemTotal", "MemAvailable"))
    text = f"{available:,} of {total:,} MiB available"
    return Finding("memory", available >= MEMORY_MIN_MIB, text, "", "disks that keep data in memory will be small")


def _overcommit() -> Finding:
    """Tag sets reserve far more address space than they ever touch."""
    mode = int(Path("/proc/sys/vm/overcommit_memory").read_text())
    text = f"mode {mode}" + (", heuristic" if mode == 0 else ", always" if mode == 1 else ", never")
    return Finding("overcommit", mode != OVERCOMMIT_NEVER, text, "", "sysctl vm.overcommit_memory=0")
