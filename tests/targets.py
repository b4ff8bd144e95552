# SPDX-License-Identifier: MIT
"""Where tests run a driver: on each of TARGETS, behind the door for tests."""

from __future__ import annotations

import pytest

from blkmq import Operations, QueueLimits, TagSet
from blkmq.device.serve import serve
from blkmq.transport.in_process.disk import InProcessDisk

TARGETS = ("interpreted", "host", "c")


@pytest.fixture(params=TARGETS)
def target(request: pytest.FixtureRequest) -> str:
    """Each target in turn."""
    name: str = request.param
    return name


def served(driver: Operations, target: str) -> InProcessDisk:
    """The driver's disk in this process; a context manager."""
    return serve(driver, via="in_process", target=target)


def limits_of(disk: InProcessDisk) -> QueueLimits:
    """The disk's limits, as validated."""
    return disk._disk.limits


def tag_set_of(disk: InProcessDisk) -> TagSet:
    """The disk's tag set, as validated."""
    return disk._door.running.tag_set
