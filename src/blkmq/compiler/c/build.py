# SPDX-License-Identifier: MIT
"""Printed C, compiled for user space: built once for each text, found again afterwards."""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from blkmq.compiler.c.printer import print_c
from blkmq.compiler.program import Program
from blkmq.mq.errors import BlkmqError
from blkmq.native.cache import cache_directory

CONTRACT = Path(__file__).parents[2] / "native/c"
STANDIN = CONTRACT / "standin"

#: The kernel's own choices where they change what C means, and every warning but those for what is the
#: driver's author's own: parameters and locals left unused, a value compared with itself, constants that wrap,
#: a function whose only call is never reached; and but -Warray-bounds, which overlooks the printed checks (the
#: kernel leaves it out too).
FLAGS = [
    "-std=gnu11", "-fwrapv", "-fno-strict-aliasing", "-Wall", "-Wextra", "-Werror",
    "-Wno-unused-parameter", "-Wno-unused-but-set-variable",
    "-Wno-unused-but-set-parameter", "-Wno-tautological-compare", "-Wno-overflow",
    "-Wno-unused-function", "-Wno-array-bounds",
]  # fmt: skip
LINK_FLAGS = ["-shared", "-fPIC", "-pthread"]
FAST = ["-O2"]
SANITIZED = ["-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def build_c(program: Program, layout: str, *, sanitize: bool = False) -> Path:
    """The driver as a shared object that has ``blkmq_entry``; ``layout`` is ``dispatch.c_layout()``."""
    return compile_c(print_c(program), layout, sanitize=sanitize)


def compile_c(text: str, layout: str, *, sanitize: bool = False) -> Path:
    """Compiles C over the stand-in into a shared object, unless the cache has it: its path."""
    flags = [*FLAGS, *LINK_FLAGS, *(SANITIZED if sanitize else FAST)]
    key = hashlib.sha256()
    for part in (text, layout, " ".join(flags), _compiler_version(), _runtime()):
        key.update(hashlib.sha256(part.encode()).digest())
    directory = cache_directory() / "c" / key.hexdigest()
    path = directory / "driver.so"
    if path.exists():
        return path
    directory.parent.mkdir(exist_ok=True)
    # Complete or absent: another process may look at the same time.
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".new-") as temporary:
        work = Path(temporary) / "c"
        work.mkdir()
        (work / "driver.c").write_text(text)
        (work / "blkmq_layout.h").write_text(layout)
        run_gcc([*flags, "-o", str(work / "driver.so"), str(work / "driver.c")], includes=[work])
        try:
            work.rename(directory)
        except OSError:  # the directory is there: another process was faster, or somebody deleted the object
            os.replace(work / "driver.so", path)
    return path


def run_gcc(arguments: list[str], *, includes: list[Path]) -> None:
    """Compiles with the contract and the stand-in on the include path; a BlkmqError shows what gcc says."""
    paths = [f"-I{path}" for path in (*includes, CONTRACT, STANDIN)]
    run = subprocess.run(
        [_compiler(), *paths, *arguments],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=os.environ | {"LC_ALL": "C"},
    )  # fmt: skip
    if run.returncode:
        raise BlkmqError(_complaint(run.stderr), hint="this is a mistake of blkmq's C printer: please report it")


def load_c(path: Path) -> int:
    """Loads a built driver for the rest of the process: the address of its ``blkmq_entry``."""
    library = ctypes.CDLL(str(path))
    address = ctypes.cast(library.blkmq_entry, ctypes.c_void_p).value
    assert address is not None
    return address


def _complaint(stderr: str) -> str:
    """gcc's first error with its place, which ``#line`` made a place in the Python source; the rest below."""
    first = re.search(r"^(.+?:\d+):(?:\d+:)? (?:fatal )?error: (.*)$", stderr, re.MULTILINE)
    if not first:
        return f"gcc failed:\n{stderr}"
    return f"{first[1]}: the printed C does not compile: {first[2]}\n{stderr.rstrip()}"


def _compiler() -> str:
    found = shutil.which("gcc")
    if found is None:
        raise BlkmqError("no gcc: target c compiles with it", hint="apt-get install gcc libc6-dev")
    return found


@cache
def _compiler_version() -> str:
    return subprocess.run([_compiler(), "-v"], capture_output=True, text=True, check=True).stderr


@cache
def _runtime() -> str:
    """What the printed text is compiled with."""
    return "".join(path.read_text() for path in sorted(CONTRACT.rglob("*.h")))
