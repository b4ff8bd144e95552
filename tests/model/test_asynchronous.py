# SPDX-License-Identifier: MIT
"""Futures and asyncio: nothing waits in the event loop, and what is cancelled in time does not reach the driver."""

from __future__ import annotations

import asyncio
import sys
import threading
from concurrent.futures import Future

import pytest

from blkmq import BLK_FEAT_WRITE_CACHE, BlkStatus, Errno, HwCtx, Operations, QueueLimits, ReqOp, Request, TagSet
from blkmq.transport.in_process.disk import InProcessDisk
from blkmq.transport.in_process.operation import DiskError
from tests.targets import served

BLOCK = bytes(512)
BAD_SECTOR = 9
PATIENCE_SEC = 20


class Gated(Operations):
    """A disk with a write cache and without FUA; one tag, whose request waits at a gate."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.seen = threading.Event(), list[tuple[ReqOp, int]]()

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        tag_set.queue_depth = 1
        limits.features |= BLK_FEAT_WRITE_CACHE
        self.disk.capacity_sectors = 64
        return Errno.OK

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        self.seen.append((rq.op, rq.sector))
        rq.start()
        self.gate.wait(PATIENCE_SEC)
        rq.end(BlkStatus.MEDIUM if rq.sector == BAD_SECTOR else BlkStatus.OK)
        return BlkStatus.OK


@pytest.fixture
def driver() -> Gated:
    return Gated()


def open_later(gate: threading.Event) -> threading.Timer:
    """Opens the gate if the event loop does not get to it."""
    timer = threading.Timer(PATIENCE_SEC / 4, gate.set)
    timer.start()
    return timer


def test_a_write_that_has_to_be_flushed_does_not_stop_the_event_loop(driver: Gated) -> None:
    async def write(disk: InProcessDisk) -> None:
        timer = open_later(driver.gate)
        task = asyncio.ensure_future(disk.awrite(0, BLOCK, fua=True))
        await asyncio.sleep(0)
        assert not driver.gate.is_set()
        timer.cancel()
        driver.gate.set()
        await task

    with served(driver, "interpreted") as disk:
        asyncio.run(write(disk))
    assert driver.seen == [(ReqOp.WRITE, 0), (ReqOp.FLUSH, 0)]


def test_a_write_that_failed_is_not_flushed(driver: Gated) -> None:
    driver.gate.set()
    with served(driver, "interpreted") as disk:
        with pytest.raises(DiskError) as failed:
            disk.write(BAD_SECTOR * 512, BLOCK, fua=True)
        assert failed.value.status is BlkStatus.MEDIUM
    assert driver.seen == [(ReqOp.WRITE, BAD_SECTOR)]


def test_what_is_cancelled_in_time_is_not_sent(driver: Gated) -> None:
    with served(driver, "interpreted") as disk:
        first, second, third = (disk.submit_write(sector * 512, BLOCK) for sector in (1, 2, 3))
        assert second.cancel()
        driver.gate.set()
        assert [future.result(PATIENCE_SEC) for future in (first, third)] == [b"", b""]
        assert not first.cancel()
    assert driver.seen == [(ReqOp.WRITE, 1), (ReqOp.WRITE, 3)]


def test_a_task_that_is_cancelled_leaves_the_disk_well(driver: Gated) -> None:
    async def give_up(disk: InProcessDisk) -> None:
        tasks = [asyncio.ensure_future(disk.awrite(0, BLOCK, fua=True)), asyncio.ensure_future(disk.aread(0, 512))]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(outcome, asyncio.CancelledError)

    with served(driver, "interpreted") as disk:
        asyncio.run(give_up(disk))
        driver.gate.set()
        assert disk.read(512, 512) == BLOCK


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_clients_callback_cannot_end_the_queue(driver: Gated) -> None:
    def leave(future: Future[bytes]) -> None:
        sys.exit(3)

    with served(driver, "interpreted") as disk:
        future = disk.submit_read(0, 512)
        future.add_done_callback(leave)
        driver.gate.set()
        assert future.result(PATIENCE_SEC) == BLOCK
        assert disk.submit_read(0, 512).result(PATIENCE_SEC) == BLOCK
