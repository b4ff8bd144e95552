# SPDX-License-Identifier: MIT
"""The drivers that are measured: as small as they can be, or the RAM disk at a depth of 128."""

from __future__ import annotations

from blkmq import BlkStatus, Errno, HwCtx, Operations, QueueLimits, Request, TagSet
from blkmq.drivers.ramdisk import RamDisk

CAPACITY_SECTORS = 1 << 19
QUEUE_DEPTH = 128


class NullBench(Operations):
    """Starts and ends each request, and moves no data."""

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        tag_set.queue_depth = QUEUE_DEPTH
        self.disk.capacity_sectors = CAPACITY_SECTORS
        return Errno.OK

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        rq.start()
        rq.end(BlkStatus.OK)
        return BlkStatus.OK


class RamBench(RamDisk):
    """The RAM disk, 256 MiB, with as many tags as the load has requests under way."""

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        tag_set.queue_depth = QUEUE_DEPTH
        self.disk.capacity_sectors = CAPACITY_SECTORS
        return Errno.OK
