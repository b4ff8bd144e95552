# SPDX-License-Identifier: MIT
"""The bad sectors of a disk. C twin: ``struct badblocks``; Rust twin: the out-of-tree ``BadBlocks``."""

from __future__ import annotations

import threading
from bisect import bisect_right

from blkmq.mq.errno import Errno
from blkmq.mq.errors import DriverIndexError
from blkmq.mq.integer import S64_MAX
from blkmq.mq.verb import verb

NR_RANGES_MAX = 512  #: C: MAX_BADBLOCKS, what fits in a page


class BadBlocks:
    """Ranges of bad sectors, at most NR_RANGES_MAX of them; any queue may ask at any time.

    Sectors are 512 bytes, 0..2^63-1; a range that leaves them is an index error.
    """

    def __init__(self) -> None:
        self._ranges: list[tuple[int, int]] = []  # [first, end), sorted, apart from one another
        self._lock = threading.Lock()

    @verb()
    def set(self, sector: int, nr_sectors: int) -> Errno:
        """Marks sectors bad; ENOSPC when there are too many ranges. C: ``badblocks_set``."""
        first, end = self._range(sector, nr_sectors)
        with self._lock:
            kept = [r for r in self._ranges if r[1] < first or r[0] > end]
            joined = [r for r in self._ranges if not (r[1] < first or r[0] > end)]
            if nr_sectors == 0:
                return Errno.OK
            if len(kept) >= NR_RANGES_MAX:
                return Errno.ENOSPC
            merged = (min([first, *(r[0] for r in joined)]), max([end, *(r[1] for r in joined)]))
            self._ranges = sorted([*kept, merged])
        return Errno.OK

    @verb()
    def clear(self, sector: int, nr_sectors: int) -> Errno:
        """Marks sectors good; ENOSPC when a split needs one range too many. C: ``badblocks_clear``."""
        first, end = self._range(sector, nr_sectors)
        with self._lock:
            left = [piece for r in self._ranges for piece in ((r[0], min(r[1], first)), (max(r[0], end), r[1]))
                    if piece[0] < piece[1]]  # fmt: skip
            if nr_sectors == 0:
                return Errno.OK
            if len(left) > NR_RANGES_MAX:
                return Errno.ENOSPC
            self._ranges = left
        return Errno.OK

    @verb()
    def first_bad(self, sector: int, nr_sectors: int) -> int:
        """The first bad sector of the range, or -1. C: ``badblocks_check``'s ``first_bad``."""
        first, end = self._range(sector, nr_sectors)
        ranges = self._ranges
        i = bisect_right(ranges, (first, S64_MAX)) - 1
        if i >= 0 and ranges[i][1] > first:
            return first if first < end else -1
        if i + 1 < len(ranges) and ranges[i + 1][0] < end:
            return ranges[i + 1][0]
        return -1

    @staticmethod
    def _range(sector: int, nr_sectors: int) -> tuple[int, int]:
        if sector < 0 or nr_sectors < 0 or sector > S64_MAX - nr_sectors:
            raise DriverIndexError(f"{nr_sectors} sectors at {sector} leave 0..2^63-1")
        return sector, sector + nr_sectors
