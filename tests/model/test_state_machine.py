# SPDX-License-Identifier: MIT
"""Random requests, many at once, on every target: nothing is lost, mixed up, or ended twice."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from blkmq import Operations
from blkmq.drivers.ramdisk import RamDisk
from blkmq.testing.moody import Moody
from tests.model.disk_machine import DiskMachine

EXAMPLES, STEPS = 40, 25


@pytest.mark.parametrize("driver", [RamDisk, Moody])
def test_a_disk_is_its_oracle_whatever_happens(driver: type[Operations], target: str) -> None:
    parts = {"driver": driver, "target": target, "moody": driver is Moody}
    machine: Any = type("Disk", (DiskMachine,), parts)
    run_state_machine_as_test(
        machine,
        settings=settings(
            settings.default,
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
