# SPDX-License-Identifier: MIT
"""The good half of every driver here: a RAM disk on two hardware queues, whose requests may not suffer.

Requests at HELD_SECTOR and behind wait in the driver until one at RELEASE_SECTOR comes to the same queue, so that
others are under way whenever a request at BAD_SECTOR goes wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

from blkmq import (
    PAGE_SHIFT,
    PAGE_SIZE,
    SECTOR_SHIFT,
    BlkEhTimerReturn,
    BlkStatus,
    Errno,
    HwCtx,
    Operations,
    PageStore,
    QueueLimits,
    ReqOp,
    Request,
    SpinLock,
    TagSet,
    u32,
    u64,
)  # fmt: skip

NR_QUEUES = 2
QUEUE_DEPTH = 8
HELD_SECTOR = 512  #: below it are the good ones
RELEASE_SECTOR = 768
PREPARE_SECTOR = 896  #: a driver may get ready for its misdeed, and ends the request properly
BAD_SECTOR = 960
NR_SECTORS = 1024
MOST = (1 << 63) - 1


@dataclass(frozen=True, kw_only=True)
class VictimConfig:
    mode: u32 = 0  #: which misdeed
    timeout_msec: u32 = 10_000
    reads_apart: bool = True  #: a queue of their own, whatever CPU they come from


class Victim(Operations):
    config: VictimConfig
    store: PageStore
    lock: SpinLock
    nr_transfers: u64

    class Hw:
        held: Request | None

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        tag_set.nr_hw_queues = NR_QUEUES
        if self.config.reads_apart:  # so that there are two queues on a machine with one CPU, too
            tag_set.nr_maps = 2
            tag_set.nr_read_queues = 1
        tag_set.queue_depth = QUEUE_DEPTH
        tag_set.timeout_msec = self.config.timeout_msec
        self.disk.capacity_sectors = NR_SECTORS
        return Errno.OK

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        return self.behave(hctx, rq)

    def behave(self, hctx: HwCtx, rq: Request) -> BlkStatus:
        rq.start()
        if rq.sector >= PREPARE_SECTOR:
            rq.end(self.transfer(rq))
        elif rq.sector >= RELEASE_SECTOR:
            held = hctx.data.held
            if held is not None:
                hctx.data.held = None
                held.end(self.transfer(held))
            rq.end()
        elif rq.sector >= HELD_SECTOR:
            hctx.data.held = rq
        else:
            rq.end(self.transfer(rq))
        return BlkStatus.OK

    def transfer(self, rq: Request) -> BlkStatus:
        position = rq.sector << SECTOR_SHIFT
        for segment in rq.segments():
            while len(segment) > 0:
                page = self.store.get_or_alloc(position >> PAGE_SHIFT)
                if page is None:
                    return BlkStatus.NOSPC
                if rq.op == ReqOp.WRITE:
                    position += segment.copy_to_page(page, position % PAGE_SIZE)
                else:
                    position += segment.copy_from_page(page, position % PAGE_SIZE)
        with self.lock:
            self.nr_transfers += 1
        return BlkStatus.OK


class PatientVictim(Victim):
    """Gives good requests all the time that they want, so that only the bad one can time out."""

    def timeout(self, rq: Request) -> BlkEhTimerReturn:
        if rq.sector < PREPARE_SECTOR:
            return BlkEhTimerReturn.RESET_TIMER
        return BlkEhTimerReturn.DONE
