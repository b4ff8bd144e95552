# SPDX-License-Identifier: MIT
"""Where tests run a driver: on each of TARGETS, behind the door for tests."""

from __future__ import annotations

import pytest

from blkmq import Operations
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
