# SPDX-License-Identifier: MIT
"""The smallest disk that keeps data.  C twins: ``brd``, null_blk with ``memory_backed=1``."""

from __future__ import annotations

from dataclasses import dataclass

from blkmq import (  # isort: skip
    PAGE_SHIFT, PAGE_SIZE, SECTOR_SHIFT, SZ_1M, BlkStatus, Errno, HwCtx, Operations, PageStore, QueueLimits, ReqOp,
    Request, TagSet, u32, u64,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RamDiskConfig:
    size: u64 = 64  #: capacity [MiB]
    blocksize: u32 = 512  #: logical block [bytes, 512..65536 by powers of two]


class RamDisk(Operations):
    config: RamDiskConfig
    store: PageStore

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        limits.logical_block_size = self.config.blocksize
        limits.max_hw_discard_sectors = 0xFFFFFFFF
        limits.discard_granularity = PAGE_SIZE
        self.disk.capacity_sectors = self.config.size * SZ_1M >> SECTOR_SHIFT
        return Errno.OK

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        rq.start()
        rq.end(self.discard(rq) if rq.op == ReqOp.DISCARD else self.transfer(rq, rq.op == ReqOp.WRITE))
        return BlkStatus.OK

    def transfer(self, rq: Request, is_write: bool) -> BlkStatus:
        position = rq.sector << SECTOR_SHIFT
        for segment in rq.segments():
            while len(segment) > 0:
                offset = position % PAGE_SIZE
                if is_write:
                    page = self.store.get_or_alloc(position >> PAGE_SHIFT)
                    if page is None:
                        return BlkStatus.NOSPC
                    position += segment.copy_to_page(page, offset)
                else:
                    page = self.store.get(position >> PAGE_SHIFT)
                    if page is None:
                        position += segment.zero(PAGE_SIZE - offset)
                    else:
                        position += segment.copy_from_page(page, offset)
        return BlkStatus.OK

    def discard(self, rq: Request) -> BlkStatus:
        first = (rq.sector << SECTOR_SHIFT) + PAGE_SIZE - 1 >> PAGE_SHIFT
        end = (rq.sector + rq.nr_sectors) << SECTOR_SHIFT >> PAGE_SHIFT
        for index in range(first, end):
            self.store.erase(index)
        return BlkStatus.OK
