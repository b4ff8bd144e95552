# SPDX-License-Identifier: MIT
"""Where the lab keeps its things: kernels, roots to build in, and what runs have left."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from blkmq.native.cache import cache_directory


def lab_directory(*names: str) -> Path:
    """A directory below ``lab`` in the user's cache directory; made if it is not there."""
    path = cache_directory().joinpath("lab", *names)
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextmanager
def locked(name: str, waiting: Callable[[], None]) -> Iterator[None]:
    """Held by one process at a time; ``waiting`` is called if another one has it.  It dies with its holder."""
    with open(lab_directory("locks") / name, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def size_of(path: Path) -> int:
    """Bytes that a tree takes on disk."""
    total = 0
    for directory, _, names in os.walk(path):
        for name in names:
            try:
                total += os.lstat(os.path.join(directory, name)).st_blocks * 512
            except FileNotFoundError:  # another process may clean up meanwhile
                continue
    return total


def in_mib(size: int) -> str:
    """A number of bytes for people."""
    return f"{size / 2**20:,.0f} MiB"


def remove(kernels: Sequence[str]) -> int:
    """Removes the kernels named, or all that the lab keeps; how many bytes that was."""
    lab = lab_directory()
    paths = [lab / "kernels" / name for kernel in kernels for name in (kernel, f".{kernel}.partial")] or [lab]
    size = sum(size_of(path) for path in paths)
    for path in paths:
        shutil.rmtree(path, ignore_errors=True)
    return size
