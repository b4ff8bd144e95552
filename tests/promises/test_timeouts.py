# SPDX-License-Identifier: MIT
"""Time runs whatever a queue's thread is at: blk-mq's timeouts have a work of their own."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import pytest

from blkmq import BlkStatus, Errno, HwCtx, Operations, QueueLimits, Request, TagSet
from blkmq.transport.in_process.disk import InProcessDisk
from tests.promises.watching import status, statuses
from tests.targets import served

GIVEN_AWAY, SLEPT_IN, BEHIND = 1, 2, 3  #: sectors
LONG_SEC = 60


class Sleeper(Operations):
    """Keeps the first request, sleeps in the second until it is told, and ends all others."""

    def __init__(self) -> None:
        super().__init__()
        self.inside, self.go_on = threading.Event(), threading.Event()

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        tag_set.timeout_msec = 50
        self.disk.capacity_sectors = 64
        return Errno.OK

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        sector = rq.sector
        rq.start()
        if sector == SLEPT_IN:
            self.inside.set()
            self.go_on.wait(LONG_SEC)
        if sector != GIVEN_AWAY:
            rq.end()
        return BlkStatus.OK


def read(disk: InProcessDisk, sector: int) -> Future[bytes]:
    return disk.submit_read(sector * 512, 512)


@pytest.fixture
def driver() -> Sleeper:
    return Sleeper()


def test_requests_time_out_while_the_queue_is_in_a_callback(driver: Sleeper) -> None:
    with served(driver, "interpreted") as disk:
        given_away, slept_in = read(disk, GIVEN_AWAY), read(disk, SLEPT_IN)
        assert driver.inside.wait(LONG_SEC)
        behind = read(disk, BEHIND)
        assert statuses([given_away, slept_in]) == [BlkStatus.TIMEOUT] * 2
        assert not behind.done()
        driver.go_on.set()
        assert status(behind) is BlkStatus.OK
        assert [status(read(disk, sector)) for sector in range(BEHIND, 64)] == [BlkStatus.OK] * (64 - BEHIND)
        counters = disk.counters()
    assert (counters["nr_timeouts"], counters["nr_stale_ends"], counters["nr_errors"]) == (2, 1, 0)


def test_the_time_of_a_request_begins_behind_the_callback_before_it(driver: Sleeper) -> None:
    """Two requests go to the queue together: the sleep in the first does not eat the second one's time."""
    with served(driver, "interpreted") as disk:
        disk.quiesce()
        futures = [read(disk, SLEPT_IN), read(disk, BEHIND)]
        disk.unquiesce()
        assert status(futures[0]) is BlkStatus.TIMEOUT
        driver.go_on.set()
        assert status(futures[1]) is BlkStatus.OK
        assert disk.counters()["nr_timeouts"] == 1


def test_a_removal_ends_requests_while_the_queue_is_in_a_callback(driver: Sleeper) -> None:
    disk = served(driver, "interpreted")
    slept_in = read(disk, SLEPT_IN)
    assert driver.inside.wait(LONG_SEC)
    closing = threading.Thread(target=disk.close)
    closing.start()
    assert status(slept_in) is BlkStatus.TIMEOUT
    assert closing.is_alive()
    driver.go_on.set()
    closing.join()
