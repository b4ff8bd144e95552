# SPDX-License-Identifier: MIT
"""One misdeed after the other on one disk, several under way at once: it stays whole, and so does its data."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from random import Random
from typing import Any

import pytest

from blkmq import Operations
from blkmq.mq.blk_status import BlkStatus
from blkmq.testing.misbehaviour.batches import Lists
from blkmq.testing.misbehaviour.callbacks import Callbacks
from blkmq.testing.misbehaviour.crowd import Crowd, status_of
from blkmq.testing.misbehaviour.outcome import SHORT_MSEC, Others
from blkmq.testing.misbehaviour.owners import Owners
from blkmq.testing.misbehaviour.play import served
from blkmq.testing.misbehaviour.table import ROWS
from blkmq.testing.misbehaviour.victim import BAD_SECTOR, PREPARE_SECTOR
from blkmq.transport.in_process.door import Door
from tests.targets import TARGETS

NR_ROUNDS = 40
STATUSES = {BlkStatus.OK, BlkStatus.IOERR, BlkStatus.TIMEOUT, BlkStatus.MEDIUM}


def misdeeds_of(driver: type[Operations]) -> list[int]:
    """Those after which the others go on, and that end before the disk does."""
    rows = [row for row in ROWS if row.driver is driver and row.others is Others.GO_ON]
    return [int(row.misdeed) for row in rows if not row.interpreted.at_removal and "commit" not in row.name]


def switch_of(door: Door) -> Callable[[int], None]:
    """What makes the driver in service do another misdeed: attributes are constant otherwise."""
    executable: Any = door.running.executable
    if hasattr(executable, "drivers"):
        (driver,) = executable.drivers.values()
        return lambda mode: object.__setattr__(driver.config, "mode", mode)
    state = executable.records[""].from_address(door.running.disks[0].record.driver)
    return lambda mode: setattr(state.config, "mode", mode)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("driver", [Owners, Callbacks, Lists])
def test_misdeeds_one_after_the_other(driver: type[Operations], target: str) -> None:
    random, modes = Random(f"{driver.__name__} {target}"), misdeeds_of(driver)
    door = served(driver(timeout_msec=SHORT_MSEC // 2), target)
    disk, switch = door.disks[0], switch_of(door)
    crowd = Crowd(disk)
    bad: list[Future[bytes]] = []
    try:
        for _ in range(NR_ROUNDS):
            switch(random.choice(modes))
            for _ in range(random.randint(1, 6)):
                bad.append(crowd.write(random.choice((BAD_SECTOR, BAD_SECTOR, PREPARE_SECTOR)), random.randrange(2)))
            crowd.go_round([0, 1])
    finally:
        disk.close()
    assert {status_of(request) for request in bad} <= STATUSES
    counters = disk.counters()
    assert counters["nr_in_flight"] == 0
    assert counters["nr_ended"] == len(bad) + NR_ROUNDS * 12, "a request was lost, or ended twice"
