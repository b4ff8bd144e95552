# SPDX-License-Identifier: MIT
"""Random requests, many at once, on every target: nothing is lost, mixed up, or ended twice."""

from __future__ import annotations

import pytest

from blkmq import Operations
from blkmq.drivers.ramdisk import RamDisk
from blkmq.testing.moody import Moody
from tests.model.disk_machine import check_disk

EXAMPLES, STEPS = 40, 25


@pytest.mark.parametrize("driver", [RamDisk, Moody])
def test_a_disk_is_its_oracle_whatever_happens(driver: type[Operations], target: str) -> None:
    check_disk(EXAMPLES, STEPS, driver=driver, target=target, moody=driver is Moody)
