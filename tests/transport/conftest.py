# SPDX-License-Identifier: MIT
"""Disks behind the NBD door, with the port's loop in Python and in machine code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from blkmq import Operations
from blkmq.device.serve import running_set
from blkmq.transport.nbd.disk import NbdDisk
from blkmq.transport.nbd.door import Door
from blkmq.transport.nbd.loop_build import IN_PYTHON, LoopBuild, compiled_loop
from tests.file_ways import way

__all__ = ["way"]

#: The driver's target, and whether the port's loop is compiled.
WAYS = {"interpreted": ("interpreted", False), "host": ("host", True), "handed over": ("interpreted", True)}

Serve = Callable[..., NbdDisk]


def build_of(compiled: bool) -> LoopBuild:
    """A build that is over: the loop in machine code, or the same text run by Python."""
    build = LoopBuild(compiled_loop() if compiled else IN_PYTHON)
    build.ready.set()
    return build


@pytest.fixture(params=WAYS)
def serve(request: pytest.FixtureRequest) -> Iterator[Serve]:
    """Serves a driver, or several on one tag set (the first one's disk is returned), until the test ends."""
    target, compiled = WAYS[request.param]
    with ExitStack() as stack:

        def serve(*drivers: Operations) -> NbdDisk:
            door = Door(running_set(drivers, target), build=build_of(compiled))
            stack.callback(door.close)
            return door.disks[0]

        yield serve
