# SPDX-License-Identifier: MIT
"""A driver that uses nearly everything that the subset has; what it does makes no sense."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, ClassVar

import blkmq
from blkmq import (
    BLK_MQ_F_BLOCKING,
    PAGE_SIZE,
    SECTOR_SHIFT,
    Array,
    Atomic,
    BadBlocks,
    BlkEhTimerReturn,
    BlkStatus,
    Const,
    Errno,
    HctxType,
    HrTimer,
    HwCtx,
    IoCompletionBatch,
    Mutex,
    Operations,
    Page,
    PageStore,
    QueueLimits,
    ReqFlag,
    ReqOp,
    Request,
    RequestList,
    SpinLock,
    TagSet,
    Work,
    XArray,
    ktime_get_ns,
    s64,
    u8,
    u32,
    u64,
)
from blkmq.abi import blkdev

NR_BUCKETS = 8
DEFAULT_WEIGHT = 3


class Mode(IntEnum):
    FAST = 1
    SLOW = 2


@dataclass(frozen=True, kw_only=True)
class KitchenSinkConfig:
    """Attributes of every kind."""

    size: u64 = 16  #: MiB
    #: how requests end:
    #: at once or later
    mode: Const[Mode] = Mode.FAST
    is_rotational: Const[bool] = False
    delay_nsec: s64 = 1000
    depth: u32 = 64


def bucket_of(sector: int, weight: int = DEFAULT_WEIGHT) -> int:
    """A module's helper, with a default."""
    return (sector * weight) % NR_BUCKETS


def set_limits(limits: QueueLimits, blocksize: int) -> None:
    limits.logical_block_size = blocksize
    limits.integrity.flags = 0


class Counting(Operations):
    """A base class that is a driver's, not blkmq's."""

    nr_ended: Atomic

    def finish(self, rq: Request, status: BlkStatus = BlkStatus.OK) -> None:
        self.nr_ended.fetch_add(1)
        rq.end(status)


class KitchenSink(Counting):
    config: KitchenSinkConfig
    store: PageStore
    ranges: BadBlocks
    sparse: XArray
    lock: SpinLock
    mutex: Mutex
    tick: HrTimer
    flusher: Work
    totals: Annotated[Array[u64], NR_BUCKETS]
    last: Request | None
    weight: u8 = 7
    LIMIT: ClassVar[int] = 100

    class Pdu:
        timer: HrTimer
        status: BlkStatus
        flags: ReqFlag
        is_write: bool
        starts: Annotated[Array[s64], 4]

    class Hw:
        lock: SpinLock
        done: RequestList
        nr_queued: u64

    class Shared:
        lock: SpinLock
        nr_disks: u32
        nr_tags: Atomic

        def init_request(self, rq: Request) -> Errno:
            self.nr_tags.fetch_add(1)
            self.count()
            rq.pdu.status = BlkStatus.IOERR
            return Errno.OK

        def count(self) -> None:
            with self.lock:
                self.nr_disks += 1

    shared: Shared

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        if self.config.depth > 1024:
            return Errno.EINVAL
        tag_set.queue_depth = self.config.depth
        tag_set.flags |= BLK_MQ_F_BLOCKING
        set_limits(limits, 1 << SECTOR_SHIFT)
        limits.features |= blkdev.BLK_FEAT_WRITE_CACHE | blkdev.BLK_FEAT_FUA
        if self.config.is_rotational:
            limits.features |= blkdev.BLK_FEAT_ROTATIONAL
        self.disk.set_capacity(self.config.size << 20 >> SECTOR_SHIFT)
        return Errno.OK

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        rq.start()
        hctx.data.nr_queued += 1
        rq.pdu.is_write = rq.op in (ReqOp.WRITE, ReqOp.WRITE_ZEROES)
        rq.pdu.flags = rq.flags & (ReqFlag.FUA | ReqFlag.PREFLUSH)
        rq.pdu.starts[rq.tag & 3] = ktime_get_ns()
        if self.ranges.first_bad(rq.sector, rq.nr_sectors) >= 0:
            self.finish(rq, status=BlkStatus.MEDIUM)
            return BlkStatus.OK
        bucket = bucket_of(rq.sector, weight=self.weight or 1)
        with self.lock:
            self.totals[bucket] += rq.nr_bytes
            self.last = rq
        if hctx.type == HctxType.POLL:
            with hctx.data.lock:
                hctx.data.done.add_tail(rq)
        elif self.config.mode == Mode.SLOW:
            rq.pdu.timer.start(self.config.delay_nsec, rq)
        else:
            self.finish(rq, self.transfer(rq))
        return BlkStatus.OK

    def finish(self, rq: Request, status: BlkStatus = BlkStatus.OK) -> None:
        super().finish(rq, status if status != BlkStatus.MEDIUM else BlkStatus.IOERR)

    def timer(self, rq: Request) -> None:
        self.finish(rq, BlkStatus(rq.tag % 3))

    def on_tick(self) -> None:
        self.tick.start(1_000_000)

    def on_flusher(self) -> None:
        with self.mutex:
            self.store.erase(0)

    def transfer(self, rq: Request) -> BlkStatus:
        position = rq.sector << SECTOR_SHIFT
        seen = 0
        for segment in rq.segments():
            while segment:
                page: Page | None = self.store.get_or_alloc(position // PAGE_SIZE)
                if page is None:
                    return BlkStatus.NOSPC
                page[0] = (page[1] + segment[0] if len(segment) > 1 else 1) & 0xFF
                segment[0] = 255 - page[0]
                copied = segment.copy_to_page(page, position % PAGE_SIZE, min(len(segment), 512))
                if not copied:
                    break
                position += copied
                seen += 1
                if seen > self.LIMIT:
                    continue
                assert seen >= 0, "counts up"
        return BlkStatus.OK

    def commit_rqs(self, hctx: HwCtx) -> None:
        self.flusher.queue()

    def queue_rqs(self, rqs: RequestList) -> None:
        while (rq := rqs.pop()) is not None:
            if rq.op == ReqOp.FLUSH or rq.pdu.is_write:
                rqs.add_tail(rq)
                break
            rq.start()
            rq.complete()

    def complete(self, rq: Request) -> None:
        self.finish(rq)

    def poll(self, hctx: HwCtx, batch: IoCompletionBatch) -> int:
        nr_found = 0
        while True:
            with hctx.data.lock:
                rq = hctx.data.done.pop()
            if not rq:
                break
            nr_found += 1
            batch.add(rq, BlkStatus.OK)
        return nr_found

    def timeout(self, rq: Request) -> BlkEhTimerReturn:
        other = self.tag_set.tag_to_rq(rq.hctx, rq.tag)
        if other is None or self.last_sector() < 0 or not 0 <= rq.tag < self.tag_set.queue_depth:
            return BlkEhTimerReturn.RESET_TIMER
        other.pdu.timer.cancel()
        other.requeue(kick=False)
        return BlkEhTimerReturn.DONE

    def last_sector(self) -> int:
        with self.lock:
            last = self.last
            return last.sector if last else -1

    def ioctl(self, cmd: int, arg: int) -> int:
        total = 0
        for i in range(NR_BUCKETS):
            total += self.totals[i]
        for i in range(arg, 0, -2):
            if i == cmd:
                continue
            total ^= i
        while cmd > 0 and (bit := cmd & 1) == 0:
            cmd >>= 1
            total += bit
        index = abs(cmd) % 5
        self.sparse.store(index, max(total, 1, arg))
        if self.sparse.load(index) != total:
            total = -total
        self.ranges.set(0, 8)
        return int(total > 0) + blkmq.SECTOR_SIZE + (arg // cmd if cmd else 0)

    def open(self) -> Errno:
        with self.shared.lock:
            self.shared.nr_disks += 1
        return Errno.OK
