# SPDX-License-Identifier: MIT
"""The null_blks that are compared: C's, ours, and a C twin of ours on the same glue."""

from __future__ import annotations

from pathlib import Path

from blkmq.bench.c_program import C_SOURCES
from blkmq.bench.compare.kernel_driver import KernelDriver
from blkmq.drivers.null_blk import NullBlk
from blkmq.kmod.kbuild import Headers
from blkmq.kmod.module import module_text

C_NULL_BLK = KernelDriver(name="C null_blk", module="null_blk", tree="nullb")


def null_blks(headers: Headers, directory: Path) -> list[KernelDriver]:
    """C's first, which the others are compared with; ``directory`` takes the modules that are built for it."""
    twin = (C_SOURCES / "null_twin.c").read_text()
    return [
        C_NULL_BLK,
        _built("Python", "pynull", "", headers, directory),
        _built("C twin", "ctwin", twin, headers, directory),
    ]


def _built(name: str, module: str, by_hand: str, headers: Headers, directory: Path) -> KernelDriver:
    path = directory / f"{module}.ko"
    path.write_bytes(module_text(NullBlk, "null_blk", module, by_hand).build(headers))
    return KernelDriver(name=name, module=module, tree=module, path=str(path))
