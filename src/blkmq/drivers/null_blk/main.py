# SPDX-License-Identifier: MIT
"""null_blk: a disk that does nothing, or keeps its data in memory.  C twin: ``drivers/block/null_blk/main.c``.

First the disk is made, then a request goes through it from top to bottom.
"""

from __future__ import annotations

from blkmq import (  # isort: skip
    BLK_FEAT_FUA, BLK_FEAT_ROTATIONAL, BLK_FEAT_WRITE_CACHE, BLK_MQ_F_BLOCKING, PAGE_SIZE, SECTOR_SHIFT, SZ_1M,
    BlkEhTimerReturn, BlkStatus, Errno, HrTimer, HwCtx, QueueLimits, ReqOp, Request, TagSet,
)  # fmt: skip
from blkmq.drivers.null_blk.config import MAX_SIZE, IrqMode, NullBlkConfig
from blkmq.drivers.null_blk.write_cache import WriteCache

TIMEOUT_MSEC = 5_000
MAX_DISCARD_SECTORS = 0xFFFFFFFF >> SECTOR_SHIFT


class NullBlk(WriteCache):
    """A disk that does nothing, or keeps its data in memory."""

    config: NullBlkConfig

    class Pdu:  # C: struct nullb_cmd
        error: BlkStatus
        timer: HrTimer

    # A Hw with a list of requests to poll comes with poll_queues.

    # --- the disk is made: C: null_add_dev ------------------------------------------------------------
    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        tag_set.nr_hw_queues = max(self.config.submit_queues, 1)  # the tag set lowers it to the CPUs
        tag_set.queue_depth = self.config.hw_queue_depth
        tag_set.timeout_msec = TIMEOUT_MSEC
        if self.config.blocking or self.config.memory_backed:
            tag_set.flags |= BLK_MQ_F_BLOCKING

        limits.logical_block_size = self.config.blocksize
        limits.physical_block_size = self.config.blocksize
        limits.max_hw_sectors = self.config.max_sectors
        limits.dma_alignment = 1
        if self.config.virt_boundary:
            limits.virt_boundary_mask = PAGE_SIZE - 1
        if self.config.rotational:
            limits.features |= BLK_FEAT_ROTATIONAL
        if self.config.memory_backed:
            self.configure_memory(limits)
        self.disk.set_capacity(min(self.config.size, MAX_SIZE) * (SZ_1M >> SECTOR_SHIFT))
        return Errno.OK

    def configure_memory(self, limits: QueueLimits) -> None:
        if self.config.discard:
            limits.max_hw_discard_sectors = MAX_DISCARD_SECTORS
        self.set_cache_size(self.config.cache_size)
        if self.cache_pages > 0:
            limits.features |= BLK_FEAT_WRITE_CACHE
            if self.config.fua:
                limits.features |= BLK_FEAT_FUA

    # --- a request comes ------------------------------------------------------------------------------
    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        rq.pdu.error = BlkStatus.OK
        rq.start()
        error = self.process(rq)
        if error != BlkStatus.OK and rq.pdu.error == BlkStatus.OK:  # else its time was over meanwhile
            rq.pdu.error = error
        self.finish(rq)
        return BlkStatus.OK

    def process(self, rq: Request) -> BlkStatus:
        if not self.config.memory_backed:
            # A READ leaves its buffer as it was.  In user space the doors see to it that no memory leaks: they hand
            # over buffers that are zeroed.  In the kernel, as C has it, only root can make such a disk.
            return BlkStatus.OK
        if self.cache_pages > 0:
            return self.process_cached(rq)
        if rq.op == ReqOp.DISCARD:
            return self.discard(rq)
        return self.transfer(rq)

    # --- it completes: C: nullb_complete_cmd ----------------------------------------------------------
    def finish(self, rq: Request) -> None:
        if self.config.irqmode == IrqMode.NONE:
            rq.end(rq.pdu.error)
        elif self.config.irqmode == IrqMode.SOFTIRQ:
            rq.complete()
        else:
            rq.pdu.timer.start(self.config.completion_nsec, rq)

    def complete(self, rq: Request) -> None:
        rq.end(rq.pdu.error)

    def timer(self, rq: Request) -> None:
        rq.end(rq.pdu.error)

    # --- or its time is over --------------------------------------------------------------------------
    def timeout(self, rq: Request) -> BlkEhTimerReturn:
        rq.pdu.error = BlkStatus.TIMEOUT  # for who still has it and is late: a timer, a queue_rq that sleeps
        return BlkEhTimerReturn.DONE
