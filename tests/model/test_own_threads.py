# SPDX-License-Identifier: MIT
"""Interpreted drivers end requests, and use every noun, on threads of their own: those of a library, say."""

from __future__ import annotations

import inspect
import queue
import threading
from collections.abc import Callable

import pytest

import blkmq
from blkmq import (
    BLK_MQ_F_BLOCKING,
    PAGE_SHIFT,
    SECTOR_SHIFT,
    BlkStatus,
    Errno,
    HrTimer,
    HwCtx,
    Mutex,
    Operations,
    PageStore,
    QueueLimits,
    ReqOp,
    Request,
    RequestList,
    TagSet,
    Work,
)
from blkmq.mq.errors import DriverError, Fault, RequestStateError, StaleRequestError, StatusError
from blkmq.transport.in_process.disk import InProcessDisk
from blkmq.transport.in_process.operation import DiskError
from tests.promises.watching import status
from tests.targets import served

PATIENCE_SEC = 20
BLOCK = bytes(range(256)) * 2


class Library:
    """Calls back on a thread of its own."""

    def __init__(self) -> None:
        self.jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self.errors: list[BaseException] = []
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        while (job := self.jobs.get(timeout=PATIENCE_SEC)) is not None:
            try:
                job()
            except DriverError as error:
                self.errors.append(error)

    def close(self) -> None:
        self.jobs.put(None)
        self.thread.join()


class OverLibrary(Operations):
    """A RAM disk whose every request is done by a library's thread, in a way that its sector says."""

    store: PageStore
    lock: Mutex
    ticker: HrTimer
    task: Work

    class Pdu:
        timer: HrTimer
        work: Work

    class Hw:
        done: RequestList

    def __init__(self, *, flags: int = 0, way: Callable[[OverLibrary, Request], None] | None = None) -> None:
        super().__init__()
        self.library, self.flags, self.way = Library(), flags, way or OverLibrary.do
        self.called: list[str] = []

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        tag_set.flags |= self.flags
        tag_set.timeout_msec = 10_000
        self.disk.capacity_sectors = 64
        return Errno.OK

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        rq.start()
        self.library.jobs.put(lambda: self.way(self, rq))
        return BlkStatus.OK

    def do(self, rq: Request) -> None:
        position = rq.sector << SECTOR_SHIFT
        for segment in rq.segments():
            with self.lock:
                page = self.store.get_or_alloc(position >> PAGE_SHIFT)
                assert page is not None
                offset = position % (1 << PAGE_SHIFT)
                position += len(segment)
                if rq.op == ReqOp.WRITE:
                    page.zero(offset, len(segment))
                    segment.copy_to_page(page, offset)
                else:
                    segment.copy_from_page(page, offset)
        rq.end()

    def timer(self, rq: Request) -> None:
        rq.pdu.work.queue(rq)

    def work(self, rq: Request) -> None:
        rq.complete()

    def complete(self, rq: Request) -> None:
        rq.end()

    def on_ticker(self) -> None:
        self.called.append("ticker")

    def on_task(self) -> None:
        self.called.append("task")


@pytest.fixture(params=[0, BLK_MQ_F_BLOCKING], ids=["atomic", "blocking"])
def flags(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def test_a_library_s_thread_does_everything_that_a_callback_does(flags: int) -> None:
    driver = OverLibrary(flags=flags)
    with served(driver, "interpreted") as disk:
        futures = [disk.submit_write(i * 512, BLOCK) for i in range(64)]
        assert [status(future) for future in futures] == [BlkStatus.OK] * 64
        assert disk.read(0, 64 * 512) == BLOCK * 64
        counters = disk.counters()
    driver.library.close()
    assert driver.library.errors == []
    assert (counters["nr_errors"], counters["nr_stale_ends"], counters["nr_timeouts"]) == (0, 0, 0)


def by_all_nouns(driver: OverLibrary, rq: Request) -> None:
    hctx = rq.hctx
    assert driver.tag_set.tag_to_rq(hctx, rq.tag) == rq
    hctx.data.done.add_tail(rq)
    assert hctx.data.done.pop() == rq
    driver.ticker.start(1 << 40)
    assert driver.ticker.cancel()
    driver.ticker.start(0)
    driver.task.queue()
    assert not rq.update(BlkStatus.OK, rq.nr_bytes)
    rq.pdu.timer.start(0, rq)


def test_timers_works_lists_and_tags_serve_a_library_s_thread() -> None:
    """On the second disk of a tag set: what is a disk's own goes to it."""
    drivers = [OverLibrary(way=by_all_nouns), OverLibrary(way=by_all_nouns)]
    disks: list[InProcessDisk] = blkmq.serve(drivers, via="in_process", target="interpreted")
    with disks[0]:
        for number in range(4):
            disks[1].write(number * 512, BLOCK)
    for driver in drivers:
        driver.library.close()
        assert driver.library.errors == []
    assert drivers[0].called == []
    assert set(drivers[1].called) == {"ticker", "task"}


def read_after_end(driver: OverLibrary, rq: Request) -> None:
    rq.end()
    print(rq.sector)


MISTAKES: list[tuple[Callable[[OverLibrary, Request], None], type[DriverError]]] = [
    (lambda _, rq: rq.start(), RequestStateError),
    (lambda _, rq: rq.end(99), StatusError),  # type: ignore[arg-type]
    (read_after_end, StaleRequestError),
]


@pytest.mark.parametrize(("mistake", "error"), MISTAKES, ids=["starts twice", "bad status", "reads after end"])
def test_a_mistake_of_such_a_thread_is_raised_there(
    mistake: Callable[[OverLibrary, Request], None], error: type[DriverError]
) -> None:
    def way(driver: OverLibrary, rq: Request) -> None:
        try:
            mistake(driver, rq)
        except DriverError as raised:
            driver.library.errors.append(raised)
        if error is not StaleRequestError:
            rq.end()

    driver = OverLibrary(way=way)
    with served(driver, "interpreted") as disk:
        assert status(disk.submit_write(0, BLOCK)) is BlkStatus.OK
    driver.library.close()
    assert [type(raised) for raised in driver.library.errors] == [error]


def end_twice(driver: OverLibrary, rq: Request) -> None:
    rq.end()
    rq.end(BlkStatus.MEDIUM)


def test_a_second_end_there_is_counted_reported_and_ignored() -> None:
    driver = OverLibrary(way=end_twice)
    with served(driver, "interpreted") as disk:
        assert status(disk.submit_write(0, BLOCK)) is BlkStatus.OK
        driver.library.close()
        (report,) = disk.reports()
        assert disk.counters()["nr_stale_ends"] == 1
    line = inspect.getsourcelines(end_twice)[1] + 2
    assert (report.fault, report.file, report.line) == (Fault.STALE, __file__, line)
    assert str(report).endswith("(in a thread of its own)")


def test_a_thread_that_outlives_the_disk_cannot_reach_it() -> None:
    kept: list[Request] = []
    driver = OverLibrary(way=lambda driver, rq: (kept.append(rq), rq.end())[1])  # type: ignore[func-returns-value]
    with served(driver, "interpreted") as disk:
        disk.write(0, BLOCK)
    for _ in range(2):
        driver.library.jobs.put(lambda: kept[0].end())
        driver.library.jobs.put(lambda: print(kept[0].sector))
    driver.library.close()
    assert [type(error) for error in driver.library.errors] == [StaleRequestError] * 4


def test_threads_that_come_and_go_leave_no_memory_behind() -> None:
    def way(driver: OverLibrary, rq: Request) -> None:
        thread = threading.Thread(target=rq.end)
        thread.start()
        thread.join()

    driver = OverLibrary(way=way)
    with served(driver, "interpreted") as disk:
        disk.write(0, BLOCK)
        memory = disk._door.running.memory
        before = len(memory._areas)
        for _ in range(50):
            disk.write(0, BLOCK)
        assert len(memory._areas) == before
    driver.library.close()


class Stacked(Operations):
    """Asks another disk in its callbacks."""

    def __init__(self, below: InProcessDisk) -> None:
        super().__init__()
        self.below = below

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        tag_set.flags |= BLK_MQ_F_BLOCKING
        self.disk.capacity_sectors = 64
        return Errno.OK

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        rq.start()
        self.below.ioctl(1)
        rq.end(BlkStatus.OK if rq.nr_bytes == 512 else BlkStatus.IOERR)
        return BlkStatus.OK


class Below(OverLibrary):
    def ioctl(self, cmd: int, arg: int) -> int:
        return 0


def test_a_callback_may_call_another_disk_s_callbacks() -> None:
    below = Below()
    with served(below, "interpreted") as lower, served(Stacked(lower), "interpreted") as upper:
        try:
            upper.write(0, BLOCK)
        except DiskError as error:
            raise AssertionError(error.__notes__) from error
    below.library.close()
