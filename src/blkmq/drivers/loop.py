# SPDX-License-Identifier: MIT
"""A disk on a file or a block device.  C twin: ``drivers/block/loop.c``; its attributes are ``losetup``'s."""

from __future__ import annotations

from dataclasses import dataclass

from blkmq import (  # isort: skip
    BLK_FEAT_FUA, BLK_FEAT_WRITE_CACHE, SECTOR_SHIFT, SZ_1M, BackingFile, BlkEhTimerReturn, BlkStatus, Errno, HwCtx,
    Operations, Path, QueueLimits, ReqOp, Request, TagSet, u32, u64,
)  # fmt: skip

MAX_SECTORS = 4 * SZ_1M >> SECTOR_SHIFT  #: of one request
MAX_DISCARD_SECTORS = 0xFFFFFFFF >> SECTOR_SHIFT


@dataclass(frozen=True, kw_only=True)
class LoopConfig:
    backing_file: Path  #: the file or block device that holds the data
    offset: u64 = 0  #: where in it the disk begins [bytes]
    sizelimit: u64 = 0  #: length of the disk, if the file is longer; 0: all of it [bytes]
    blocksize: u32 = 512  #: logical block; one that is not whole is left out [bytes, 512..65536 by powers of two]
    direct_io: bool = False  #: goes past the page cache
    ro: bool = False  #: cannot be written; nor can it where the file cannot
    hw_queue_depth: u32 = 128  #: tags of its hardware queue [tags, 1..10240]


class Loop(Operations):
    """A disk on a file or a block device."""

    config: LoopConfig
    backing_file: BackingFile

    # --- the disk is made: C: loop_configure ----------------------------------------------------------
    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        block = self.config.blocksize
        error = self.backing_file.open(self.config.ro, self.config.direct_io, self.config.offset, block)
        if error != Errno.OK:
            return error
        tag_set.queue_depth = self.config.hw_queue_depth
        limits.logical_block_size = block
        limits.max_hw_sectors = MAX_SECTORS
        limits.features |= BLK_FEAT_WRITE_CACHE | BLK_FEAT_FUA
        if self.backing_file.can_discard():
            limits.max_hw_discard_sectors = MAX_DISCARD_SECTORS
        limits.max_write_zeroes_sectors = MAX_DISCARD_SECTORS

        nr_bytes = self.backing_file.size() - self.config.offset
        if self.config.sizelimit > 0:
            nr_bytes = min(nr_bytes, self.config.sizelimit)
        nr_bytes -= nr_bytes % block
        self.disk.set_capacity(nr_bytes >> SECTOR_SHIFT)
        self.disk.set_read_only(self.backing_file.is_read_only())
        return Errno.OK

    # --- a request comes, and ends when the file has done it: C: do_req_filebacked ----------------------
    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        rq.start()
        position = self.config.offset + (rq.sector << SECTOR_SHIFT)
        if rq.op == ReqOp.READ:
            self.backing_file.read(rq, position)
        elif rq.op == ReqOp.WRITE:
            self.backing_file.write(rq, position)
        elif rq.op == ReqOp.FLUSH:
            self.backing_file.flush(rq)
        elif rq.op == ReqOp.DISCARD:
            self.backing_file.discard(rq, position)
        else:
            self.backing_file.write_zeroes(rq, position)
        return BlkStatus.OK

    def timeout(self, rq: Request) -> BlkEhTimerReturn:
        return BlkEhTimerReturn.RESET_TIMER  # the file has it, and ends it: a slow disk is no error
