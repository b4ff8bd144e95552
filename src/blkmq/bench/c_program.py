# SPDX-License-Identifier: MIT
"""Our own programs in C for benchmarks, compiled once."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

from blkmq.mq.errors import BlkmqError
from blkmq.native.cache import cache_directory

C_SOURCES = Path(__file__).parent / "c"
FLAGS = ("-O2", "-Wall", "-Wextra", "-Wno-unused-parameter")


def built(source: str, *flags: str) -> Path:
    """What a file of ``bench/c`` becomes: built anew when its text or the flags change."""
    if shutil.which("gcc") is None:
        raise BlkmqError(
            "no gcc: the benchmarks' own programs are compiled with it", hint="apt-get install gcc libc6-dev"
        )
    key = hashlib.sha256(repr((FLAGS, flags)).encode() + (C_SOURCES / source).read_bytes())
    path = cache_directory() / "bench" / f"{Path(source).stem}-{key.hexdigest()[:16]}"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.new")
        subprocess.run(["gcc", *FLAGS, *flags, str(C_SOURCES / source), "-o", str(fresh)], check=True)
        fresh.replace(path)
    return path
