# SPDX-License-Identifier: MIT
"""The disk object: what it refuses, how disks share a tag set, and what is left of it after its end."""

from __future__ import annotations

import errno
import gc
import threading
from collections.abc import Callable
from functools import partial

import pytest

import blkmq
from blkmq import (
    SZ_1M,
    BlkmqError,
    BlkStatus,
    Errno,
    HwCtx,
    Operations,
    QueueLimits,
    ReqOp,
    Request,
    RequestList,
    SpinLock,
    TagSet,
)
from blkmq.drivers.ramdisk import RamDisk
from blkmq.transport.in_process.disk import InProcessDisk
from blkmq.transport.in_process.operation import DiskError, Operation
from tests.targets import served

TIMEOUT_MSEC = 10_000


class Batching(Operations):
    """Ends what it took only when its bell rings: a disk that misses its doorbell leaves requests to their timeout."""

    class Hw:
        lock: SpinLock
        taken: RequestList

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        tag_set.timeout_msec = TIMEOUT_MSEC
        tag_set.queue_depth = 8
        self.disk.capacity_sectors = 64
        return Errno.OK

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        rq.start()
        with hctx.data.lock:
            hctx.data.taken.add_tail(rq)
        if is_last:
            self.commit_rqs(hctx)
        return BlkStatus.OK

    def commit_rqs(self, hctx: HwCtx) -> None:
        with hctx.data.lock:
            while (rq := hctx.data.taken.pop()) is not None:
                rq.end()


def test_disks_on_one_tag_set_have_batches_of_their_own(target: str) -> None:
    """Each disk's doorbell rings: is_last is true at the end of each disk's part of the list."""
    disks = blkmq.serve([Batching(), Batching()], via="in_process", target=target)
    with disks[0]:
        disks[0].quiesce()
        futures = [disk.submit_read(0, 512) for disk in disks for _ in range(3)]
        disks[0].unquiesce()
        for future in futures:
            future.result(TIMEOUT_MSEC // 2000)
        assert disks[0].counters()["nr_timeouts"] == 0


class BusyTwin(Operations):
    """Takes nothing at all if its first block was written."""

    nr_writes: blkmq.Atomic

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        tag_set.timeout_msec = 200
        self.disk.capacity_sectors = 64
        return Errno.OK

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        if self.nr_writes.load() > 0:
            return BlkStatus.RESOURCE
        rq.start()
        if rq.op == ReqOp.WRITE:
            self.nr_writes.fetch_add(1)
        rq.end()
        return BlkStatus.OK


def test_a_busy_disk_does_not_hold_up_its_siblings(target: str) -> None:
    one, other = blkmq.serve([BusyTwin(), BusyTwin()], via="in_process", target=target)
    with one:
        one.write(0, bytes(512))
        refused = one.submit_read(0, 512)
        for _ in range(10):
            other.read(0, 512)
        assert not refused.done()
    with pytest.raises(DiskError):
        refused.result(TIMEOUT_MSEC // 1000)


AFTERWARDS: list[Callable[[InProcessDisk], object]] = [
    InProcessDisk.quiesce, InProcessDisk.unquiesce, InProcessDisk.flush, lambda disk: disk.read(0, 512),
    lambda disk: disk.ioctl(1), InProcessDisk.getgeo,
]  # fmt: skip


@pytest.mark.parametrize("ask", AFTERWARDS, ids=["quiesce", "unquiesce", "flush", "read", "ioctl", "getgeo"])
def test_a_disk_that_is_gone_says_so(target: str, ask: Callable[[InProcessDisk], object]) -> None:
    disk = served(RamDisk(size=1), target)
    disk.close()
    disk.close()
    with pytest.raises(OSError, match=r"gone|has no") as gone:
        ask(disk)
    assert gone.value.errno in (errno.ENODEV, errno.ENOTTY)
    assert disk.counters()["nr_in_flight"] == 0
    assert disk.reports() == []


def test_wrong_arguments_are_refused_before_anything_is_sent() -> None:
    with served(RamDisk(size=1), "interpreted") as disk:
        calls: list[Callable[[], object]] = [
            lambda: disk.submit(99, 0, 512),  # type: ignore[arg-type]
            lambda: disk.submit(ReqOp.READ, 0, 512, queue=-1),
            lambda: disk.submit(ReqOp.READ, 0, 512, queue=9),
        ]
        for wrong in calls:
            with pytest.raises(ValueError, match=r"99|queue"):
                wrong()
        with pytest.raises(TypeError):
            disk.write(0, "text" * 128)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"0\.0"):
            disk.read(0.0, 512)  # type: ignore[arg-type]
        disk.write(0, memoryview(bytearray(b"view" * 128)))  # type: ignore[arg-type]
        assert disk.submit(0, 0, 512).result()[:4] == b"view"  # type: ignore[arg-type]
        assert disk.counters()["nr_ended"] == 2


class TwoQueues(RamDisk):
    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        tag_set.nr_hw_queues = 2
        self.disk.capacity_sectors = 64
        return Errno.OK


def test_threads_take_hardware_queues_in_turn() -> None:
    with served(TwoQueues(), "interpreted") as disk:
        for _ in range(4):
            thread = threading.Thread(target=disk.read, args=(0, 512))
            thread.start()
            thread.join()
        queues = disk._door.running.queues
        if len(queues) == 1:
            pytest.skip("cannot be had: a machine with one CPU has one hardware queue")
        assert [queue.nr_ended for queue in queues] == [2, 2]


def test_an_error_of_the_driver_is_told_with_the_failed_request(target: str) -> None:
    with served(Asserting(), target) as disk:
        with pytest.raises(DiskError) as failed:
            disk.read(0, 512)
        assert "test_in_process_door.py" in "".join(failed.value.__notes__)
        assert "`assert rq.sector > 0` (in queue_rq)" in "".join(failed.value.__notes__)


class Asserting(Operations):
    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        self.disk.capacity_sectors = 64
        return Errno.OK

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        assert rq.sector > 0
        return BlkStatus.OK


class Misspelt(Operations):
    def que_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        return BlkStatus.OK


class Forgetful(RamDisk):
    def __init__(self) -> None:
        pass


def test_what_is_no_driver_is_refused_on_every_target(target: str) -> None:
    with pytest.raises(BlkmqError, match="queue_rq"):
        served(Misspelt(), target)
    with pytest.raises(BlkmqError, match="must call super"):
        served(Forgetful(), target)
    with pytest.raises(BlkmqError, match="is a class"):
        served(RamDisk, target)  # type: ignore[arg-type]
    with pytest.raises(BlkmqError, match="3 is no driver"):
        served(3, target)  # type: ignore[arg-type]
    with pytest.raises(BlkmqError, match="'r' is no driver"):
        served("ramdisk", target)  # type: ignore[arg-type]


@pytest.mark.parametrize("ask", [InProcessDisk.quiesce, InProcessDisk.close], ids=["quiesce", "close"])
def test_a_clients_callback_is_told_that_it_would_wait_for_itself(ask: Callable[[InProcessDisk], object]) -> None:
    errors: list[RuntimeError] = []

    def call(_: object) -> None:
        with pytest.raises(RuntimeError, match="wait for itself") as raised:
            ask(disk)
        errors.append(raised.value)

    with served(RamDisk(size=1), "interpreted") as disk:
        disk.quiesce()
        future = disk.submit_read(0, 512)
        future.add_done_callback(call)
        disk.unquiesce()
        future.result(20)
        assert disk.read(0, 512) == bytes(512)  # behind the callback
    assert len(errors) == 1


class Odd(RamDisk):
    queue_rq = partial(print)  # type: ignore[assignment]


def test_a_callback_that_is_no_method_is_an_error_of_its_request() -> None:
    with served(Odd(), "interpreted") as disk:
        for _ in range(2):
            with pytest.raises(DiskError):
                disk.read(0, 512)
        assert disk.counters()["nr_errors"] == 2


def test_the_data_of_a_large_request_goes_with_it() -> None:
    """Not when the garbage collector comes: until then it would be a megabyte for each."""
    nr_pieces = 9  # of a request of 1 MiB, by the default max_hw_sectors
    with blkmq.serve(RamDisk(size=4), via="in_process", target="interpreted") as disk:
        disk.write(0, bytes(SZ_1M))
        gc.collect()
        gc.disable()
        try:
            for _ in range(4):
                disk.write(0, bytes(SZ_1M))
            left = [item for item in gc.get_objects() if type(item) is Operation]
        finally:
            gc.enable()
    assert len(left) <= nr_pieces  # the queue's thread may not have let go of the last
