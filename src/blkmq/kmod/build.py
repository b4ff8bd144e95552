# SPDX-License-Identifier: MIT
"""A driver's ``.ko``: its text and the glue, built by a kernel's own kbuild."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from blkmq.compiler.c.build import CONTRACT
from blkmq.kmod.views import views_text
from blkmq.mq.errors import BlkmqError

GLUE = Path(__file__).parent / "glue"
SHARED = ("contract.h", "page.h", "ranges.h")  #: of native/c
STACK_BYTES_MAX = 1024  #: of a callback

KBUILD = """# SPDX-License-Identifier: GPL-2.0-only OR MIT
obj-m := {module}.o
{module}-y := driver.o
ccflags-y := -I$(src) -Wframe-larger-than={stack}
"""

#: Makes a command line run where the kernel's headers and gcc are: here, or in a root of the lab's.
Within = Callable[[Sequence[str], Path], list[str]]


def here(words: Sequence[str], directory: Path) -> list[str]:
    """Runs it on this machine."""
    return list(words)


@dataclass(frozen=True)
class Headers:
    """A kernel's build directory, and how commands run where it is."""

    path: Path
    within: Within = here


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


def build_module(text: str, module: str, headers: Headers, *, make: Sequence[str] = ()) -> bytes:
    """The module's bytes; a BlkmqError with what the compiler says, led back to the Python, if it does not build."""
    with tempfile.TemporaryDirectory(prefix="blkmq-build-") as temporary:
        directory = Path(temporary) / "module"
        directory.mkdir()
        write_sources(directory, text, module)
        words = ["make", "-C", str(headers.path), f"M={directory}", "modules", *make]
        run = subprocess.run(
            headers.within(words, directory),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=_environment(),
        )  # fmt: skip
        if run.returncode:
            raise BlkmqError(_complaint(run.stderr or run.stdout))
        if noise := _noise(run.stderr):
            raise BlkmqError(f"the module builds, but not silently:\n{noise}", hint="please report it")
        return (directory / f"{module}.ko").read_bytes()


def write_sources(directory: Path, text: str, module: str) -> None:
    """All that kbuild needs, in a directory of its own."""
    for path in sorted(GLUE.glob("*.h")):
        shutil.copy(path, directory)
    for name in SHARED:
        shutil.copy(CONTRACT / name, directory)
    (directory / "blkmq_views.h").write_text(views_text())
    (directory / "driver.c").write_text(text)
    (directory / "Kbuild").write_text(KBUILD.format(module=module, stack=STACK_BYTES_MAX))


def _environment() -> dict[str, str]:
    """Nothing of the user's changes what is built."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "KBUILD_BUILD_TIMESTAMP": "0",
            "KBUILD_BUILD_USER": "blkmq", "KBUILD_BUILD_HOST": "blkmq"}  # fmt: skip


def _noise(stderr: str) -> str:
    """What kbuild says that is not about our files, or about a matter of its own, is left out."""
    known = ("Skipping BTF generation", "the compiler differs", "The kernel was built by", "You are using")
    return "\n".join(line for line in stderr.splitlines() if line.strip() and not any(word in line for word in known))


def _complaint(stderr: str) -> str:
    first = re.search(r"^(\S+:\d+):(?:\d+:)? (?:fatal )?error: (.*)$", stderr, re.MULTILINE)
    head = f"{first[1]}: the module does not build: {first[2]}" if first else "the module does not build"
    return f"{head}\n{stderr.rstrip()}"
