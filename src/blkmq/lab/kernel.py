# SPDX-License-Identifier: MIT
"""A kernel of the matrix in ``kernels.toml``."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from blkmq.lab.lab_error import LabError, LabExit

WAY_OUT = "bring your own: --vmlinuz PATH --modules DIR"


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """One entry of ``kernels.toml``, which explains the fields."""

    name: str
    suite: str
    release: str = ""
    packages: Sequence[str] = ()
    headers: Sequence[str] = ()
    gcc: str = ""
    has: Sequence[str] = ()
    gone: str = ""
    note: str = ""
    source: str = ""  #: a package with its source: built here, not fetched

    def package_names(self, release: str) -> list[str]:
        """The packages that a boot of ``release`` needs."""
        return [name.format(release=release) for name in self.packages]

    def header_names(self, release: str) -> list[str]:
        """The packages that building a module for ``release`` needs; none is an error that says so."""
        if not self.headers:
            with_headers = ", ".join(kernel.name for kernel in kernels() if kernel.headers)
            raise LabError(
                LabExit.GONE,
                f"the archive has no headers for {self.name}",
                hint=f"kernels with headers: {with_headers}; or give the path of a kernel's build directory",
            )
        abi = release.rpartition("-")[0]
        return [name.format(release=release, abi=abi) for name in self.headers]

    def releases(self, names: set[str]) -> list[str]:
        """The releases that an archive with packages ``names`` has whole, the newest first."""
        first = self.packages[0].format(release="")
        found = [name.removeprefix(first) for name in names if name.startswith(first)]
        whole = [
            release
            for release in found
            if re.fullmatch(self.release, release) and names.issuperset(self.package_names(release))
        ]
        return sorted(whole, key=_numbers, reverse=True)


def _numbers(release: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", release)]


@cache
def kernels() -> tuple[Kernel, ...]:
    """The whole matrix, in its own order."""
    text = (Path(__file__).parent / "kernels.toml").read_text()
    return tuple(Kernel(**entry) for entry in tomllib.loads(text)["kernel"])


def find_kernel(name: str) -> Kernel:
    """The kernel of a name; :class:`LabError` lists the known ones."""
    for kernel in kernels():
        if kernel.name == name:
            return kernel
    known = [kernel.name for kernel in kernels()]
    near = difflib.get_close_matches(name, known, n=1)
    guess = f"did you mean {near[0]}? " if near else ""
    raise LabError(
        LabExit.UNKNOWN_KERNEL, f"no kernel {name!r}", hint=f"{guess}known: {', '.join(known)}; or {WAY_OUT}"
    )
