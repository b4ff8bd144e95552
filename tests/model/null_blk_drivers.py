# SPDX-License-Identifier: MIT
"""null_blk with something to make its inside visible."""

from __future__ import annotations

from blkmq import BlkStatus, Errno, QueueLimits, ReqOp, Request, TagSet
from blkmq.drivers.null_blk import NullBlk
from blkmq.drivers.null_blk.write_cache import NEWER


class ImpatientNullBlk(NullBlk):
    """Its requests time out after 50 ms, not after 5 s."""

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        errno = super().configure(tag_set, limits)
        tag_set.timeout_msec = 50
        return errno


class PowerCutNullBlk(NullBlk):
    """Write zeroes, and the power fails: the cache forgets what was not written back.  C: ``null_del_dev``."""

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        errno = super().configure(tag_set, limits)
        limits.max_write_zeroes_sectors = 8
        return errno

    def process_cached(self, rq: Request) -> BlkStatus:
        if rq.op != ReqOp.WRITE_ZEROES:
            return super().process_cached(rq)
        with self.cache_lock:
            while self.oldest < self.newest:
                index = self.newer.load(self.oldest % self.cache_pages) - 1
                self.oldest += 1
                bits = self.sectors.load(index)
                if bits != 0:
                    self.sectors.store(index, bits & ~NEWER)
        return BlkStatus.OK
