# SPDX-License-Identifier: MIT
"""A RAM disk that answers after completion_nsec, as the design sketches it."""

from __future__ import annotations

from dataclasses import dataclass

from blkmq.abi.blk_types import SECTOR_SHIFT
from blkmq.abi.page import PAGE_SHIFT, PAGE_SIZE
from blkmq.mq.blk_status import BlkStatus
from blkmq.mq.errno import Errno
from blkmq.mq.hr_timer import HrTimer
from blkmq.mq.hw_ctx import HwCtx
from blkmq.mq.integer import u32, u64
from blkmq.mq.operations import Operations
from blkmq.mq.page_store import PageStore
from blkmq.mq.queue_limits import QueueLimits
from blkmq.mq.req_op import ReqOp
from blkmq.mq.request import Request
from blkmq.mq.tag_set import TagSet


@dataclass(frozen=True, kw_only=True)
class SlowRamConfig:
    size: u64 = 1024  #: MiB
    blocksize: u32 = 512  #: bytes
    completion_nsec: u64 = 10_000


class SlowRam(Operations):
    config: SlowRamConfig
    store: PageStore

    class Pdu:
        timer: HrTimer
        status: BlkStatus

    class Hw:
        nr_queued: u64

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        limits.logical_block_size = self.config.blocksize
        tag_set.queue_depth = 64
        self.disk.set_capacity(self.config.size << (20 - SECTOR_SHIFT))
        return Errno.OK

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        rq.start()
        hctx.data.nr_queued += 1
        rq.pdu.status = self.transfer(rq)
        rq.pdu.timer.start(self.config.completion_nsec, rq)
        return BlkStatus.OK

    def timer(self, rq: Request) -> None:
        rq.end(rq.pdu.status)

    def transfer(self, rq: Request) -> BlkStatus:
        position = rq.sector << SECTOR_SHIFT
        write = rq.op == ReqOp.WRITE
        for segment in rq.segments():
            while segment:
                offset = position & (PAGE_SIZE - 1)
                if write:
                    page = self.store.get_or_alloc(position >> PAGE_SHIFT)
                    if page is None:
                        return BlkStatus.NOSPC
                    position += segment.copy_to_page(page, offset)
                else:
                    page = self.store.get(position >> PAGE_SHIFT)
                    if page:
                        position += segment.copy_from_page(page, offset)
                    else:
                        position += segment.zero(PAGE_SIZE - offset)
        return BlkStatus.OK
