# SPDX-License-Identifier: MIT
"""Who runs against whom: a driver on each target, the same loop in C, the same driver by hand in C."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, closing
from typing import Any

from blkmq.bench.c_program import C_SOURCES
from blkmq.bench.drivers import CAPACITY_SECTORS
from blkmq.bench.rounds import Contender
from blkmq.compiler.c.build import compile_c, load_c
from blkmq.compiler.frontend.translate import translate
from blkmq.device.target import executable_for
from blkmq.dispatch.c_layout import c_layout
from blkmq.dispatch.executable import CompiledDriver
from blkmq.dispatch.running_set import RunningSet
from blkmq.drivers.ramdisk import RamDisk
from blkmq.mq.operations import Operations
from blkmq.transport.in_process.generator import run_load

DEPTH = 128
WRITE_PERCENT = 50
SIZE_MIB = 256


class Arena(AbstractContextManager["Arena"]):
    """Running sets and libraries of one benchmark; closing it removes them."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __exit__(self, *error: Any) -> None:
        self._stack.close()

    def driver(self, name: str, driver: Operations, target: str, nr_requests: int, *, data: bool) -> Contender:
        """A driver on a target, under the in-process load."""
        running = self._stack.enter_context(closing(RunningSet([driver], executable_for([driver], target))))
        if data and target != "interpreted":
            fill_store(running)
        return Contender(name, _load(running, nr_requests, data))

    def by_hand(self, name: str, nr_requests: int) -> Contender:
        """The RAM disk that is hand-written in C, on the runtime that printed drivers have."""
        program = translate(RamDisk)
        library = compile_c((C_SOURCES / "ramdisk_by_hand.c").read_text(), c_layout())
        executable = CompiledDriver(program, load_c(library))
        running = self._stack.enter_context(closing(RunningSet([RamDisk(size=SIZE_MIB)], executable)))
        fill_store(running)
        return Contender(name, _load(running, nr_requests, data=True))

    def c_loop(self, name: str, nr_requests: int, *, data: bool) -> Contender:
        """The same loop without blkmq, in C."""
        library = ctypes.CDLL(str(compile_c((C_SOURCES / "loop_baseline.c").read_text(), "")))
        library.open_disk.restype = ctypes.c_void_p
        library.open_disk.argtypes = [ctypes.c_int64] * 3
        library.run.restype = ctypes.c_int64
        library.run.argtypes = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64]
        library.close_disk.argtypes = [ctypes.c_void_p]
        disk = library.open_disk(DEPTH, CAPACITY_SECTORS, int(data))
        self._stack.callback(library.close_disk, disk)

        def measure() -> float:
            elapsed: int = library.run(disk, nr_requests, WRITE_PERCENT)
            if elapsed < 0:
                raise RuntimeError("a request of the C loop failed")
            return elapsed / nr_requests

        return Contender(name, measure)


def fill_store(running: RunningSet) -> None:
    """Writes the whole disk, so that no page is made while the clock runs."""
    run_load(running, CAPACITY_SECTORS >> 3, depth=DEPTH, write_percent=100, sequential=True)


def _load(running: RunningSet, nr_requests: int, data: bool) -> Callable[[], float]:
    def measure() -> float:
        load = run_load(running, nr_requests, depth=DEPTH, write_percent=WRITE_PERCENT, data=data)
        if load.nr_failed:
            raise RuntimeError(f"{load.nr_failed} requests failed: {[str(report) for report in running.reports()][:3]}")
        return load.elapsed_nsec / nr_requests

    return measure
