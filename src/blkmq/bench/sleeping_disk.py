# SPDX-License-Identifier: MIT
"""A disk whose Python library waits a millisecond for each request, as one that talks to a network does."""

from __future__ import annotations

import time

from blkmq import BLK_MQ_F_BLOCKING, BlkStatus, Errno, HwCtx, Operations, QueueLimits, Request, TagSet

CAPACITY_SECTORS = 1 << 19
WAIT_SEC = 0.001


class SleepingDisk(Operations):
    """Sleeps for each request; runs interpreted, up to ``queue_depth`` callbacks at once."""

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        tag_set.flags |= BLK_MQ_F_BLOCKING
        self.disk.capacity_sectors = CAPACITY_SECTORS
        return Errno.OK

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        rq.start()
        time.sleep(WAIT_SEC)
        rq.end()
        return BlkStatus.OK
