# SPDX-License-Identifier: MIT
"""Time runs whatever a queue's thread is at: blk-mq's timeouts have a work of their own."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import pytest

from blkmq import BLK_MQ_F_BLOCKING, BlkStatus, Errno, HrTimer, HwCtx, Operations, QueueLimits, Request, TagSet
from blkmq.mq.errors import Fault
from blkmq.transport.in_process.disk import InProcessDisk
from tests.promises.drivers import Doorbell
from tests.promises.watching import status, statuses, write
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


class Forgetful(Operations):
    """Leaves each write in another state."""

    class Pdu:
        timer: HrTimer

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        tag_set.timeout_msec = 50
        self.disk.capacity_sectors = 64
        return Errno.OK

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        if rq.sector != NEVER_STARTED:
            rq.start()
        if rq.sector == FOR_TIMER:
            rq.pdu.timer.start(1 << 40, rq)
        elif rq.sector == COMPLETED:
            rq.complete()
        elif rq.sector == ENDED:
            rq.end(BlkStatus.MEDIUM)
        return BlkStatus.OK

    def complete(self, rq: Request) -> None:
        pass

    def timer(self, rq: Request) -> None:
        rq.end()


NEVER_STARTED, NEVER_ENDED, FOR_TIMER, COMPLETED, ENDED = range(1, 6)


@pytest.mark.parametrize(
    ("sector", "what", "slot"),
    [
        (NEVER_STARTED, "neither started nor given back", "queue_rq"),
        (NEVER_ENDED, "started and not ended", "queue_rq"),
        (FOR_TIMER, "started and not ended", "timer"),
        (COMPLETED, "completed and not ended", "complete"),
    ],
)
def test_a_late_request_is_reported_with_what_was_to_end_it(target: str, sector: int, what: str, slot: str) -> None:
    with served(Forgetful(), target) as disk:
        error = write(disk, sector).exception(20)
        (report,) = disk.reports()
        line = getattr(Forgetful, slot).__code__.co_firstlineno
        assert (report.fault, report.file, report.line, report.slot) == (Fault.TIMEOUT, __file__, line, slot)
        assert report.value >= 50_000_000
        msec = f"{report.value / 1_000_000:.0f} ms"
        assert report.text == f"WRITE at sector {sector}, tag {report.tag}: {what} after {msec}"
        assert error is not None
        assert error.__notes__ == [str(report)]


def test_a_report_is_told_with_its_own_request_only(target: str) -> None:
    """The same tag, but another request."""
    with served(Forgetful(), target) as disk:
        first, second = write(disk, NEVER_ENDED).exception(20), write(disk, ENDED).exception(20)
        assert [report.tag for report in disk.reports()] == [0]
        assert first is not None
        assert second is not None
        assert (len(first.__notes__), getattr(second, "__notes__", [])) == (1, [])


def test_what_a_removal_ends_is_reported(target: str) -> None:
    with served(Doorbell(queue_depth=2, timeout_msec=50), target) as disk:
        futures = [write(disk, sector) for sector in (1, 2)]
    assert statuses(futures) == [BlkStatus.TIMEOUT] * 2
    assert [report.fault for report in disk.reports()] == [Fault.TIMEOUT] * 2


class Tidy(Sleeper):
    """Sleeps where it cleans up, and where it fails."""

    def __init__(self) -> None:
        super().__init__()
        self.cleaning, self.cleaned = threading.Event(), list[int]()

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        rq.start()
        assert not self.cleaning.wait(LONG_SEC)
        return BlkStatus.OK

    def cleanup_rq(self, rq: Request) -> None:
        self.cleaned.append(rq.tag)
        self.cleaning.set()
        self.go_on.wait(LONG_SEC / 10)


def test_a_request_is_cleaned_up_once() -> None:
    """It is late, and while that is dealt with its callback fails."""
    driver = Tidy()
    with served(driver, "interpreted") as disk:
        late = read(disk, 1)
        assert driver.cleaning.wait(LONG_SEC)
        disk.quiesce()  # waits until the queue's thread is out of it
        assert disk.counters()["nr_errors"] == 1
        disk.unquiesce()
        driver.go_on.set()
        assert status(late) is BlkStatus.TIMEOUT
    assert driver.cleaned == [0]


class ManySleepers(Sleeper):
    """Each callback has a thread, as many as there are tags."""

    def __init__(self) -> None:
        super().__init__()
        self.sectors: list[int] = []

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        tag_set.flags |= BLK_MQ_F_BLOCKING
        tag_set.queue_depth = 2
        return super().configure(tag_set, limits)

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        self.sectors.append(rq.sector)
        rq.start()
        self.go_on.wait(LONG_SEC)
        rq.end()
        return BlkStatus.OK


def test_what_is_late_before_a_thread_is_free_does_not_reach_the_driver() -> None:
    driver = ManySleepers()
    with served(driver, "interpreted") as disk:
        assert statuses([read(disk, sector) for sector in range(6)]) == [BlkStatus.TIMEOUT] * 6
        driver.go_on.set()
        assert status(read(disk, 7)) is BlkStatus.OK
        disk.quiesce()  # waits for the callbacks whose requests were late
        counters = disk.counters()
        disk.unquiesce()
    *first, last = driver.sectors
    assert (len(first), last) == (2, 7)  # two on threads of their own, mostly the first two
    assert (counters["nr_errors"], counters["nr_stale_ends"], counters["nr_timeouts"]) == (0, 2, 6)
