# SPDX-License-Identifier: MIT
"""Where modules for a kernel of the lab are built: its headers, in a root with the right gcc."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from blkmq.lab.build_root import BuildRoot, build_root, fetch_headers, has_headers
from blkmq.lab.directory import lab_directory
from blkmq.lab.fetch import Say, fetch, fetched
from blkmq.lab.kernel import Kernel
from blkmq.lab.lab_error import LabError, LabExit


@dataclass(frozen=True)
class LabHeaders:
    """A kernel's build directory as it is called inside its root, and the root."""

    path: Path
    root: BuildRoot
    shared: tuple[Path, ...] = ()

    def within(self, words: Sequence[str], directory: Path) -> list[str]:
        """A command line that runs words in the root, in a directory of this machine's."""
        return self.root.command(*words, directory=directory, shared=self.shared)

    @property
    def place(self) -> Path:
        """The build directory as this machine sees it."""
        return self.path if self.shared else Path(f"{self.root.path}{self.path}")


def lab_headers(kernel: Kernel, say: Say) -> LabHeaders:
    """Fetched when they are not here; those of a kernel that was built here are in its build directory."""
    if kernel.source:
        build = lab_directory("builds") / kernel.name
        if fetched(kernel) is None or not (build / "Module.symvers").exists():
            raise LabError(
                LabExit.GONE, f"{kernel.name} is not built here", hint=f"make it: blkmq lab kernel-build {kernel.name}"
            )
        source = (build / "source").resolve()
        return LabHeaders(build, build_root(kernel.gcc, say), (build, source))
    kernel.header_names("")  # says by name where there are none
    here = fetched(kernel)
    if here is None or not has_headers(kernel, here.release):
        here = fetch(kernel, say)
        root = fetch_headers(kernel, here.release, say)
    else:
        root = build_root(kernel.gcc, say)
    return LabHeaders(root.kernel_build_directory(here.release), root)
