# SPDX-License-Identifier: MIT
"""``memory_backed=1``: the disk keeps what is written, page by page.  C: ``null_handle_memory_backed``.

C copies under one spin lock; a ``PageStore`` needs none, so that queues do not wait for one another.
"""

from __future__ import annotations

from blkmq import PAGE_SHIFT, PAGE_SIZE, SECTOR_SHIFT, BlkStatus, Operations, PageStore, ReqOp, Request


class MemoryBacked(Operations):
    store: PageStore  #: C: dev->data

    def transfer(self, rq: Request) -> BlkStatus:
        position = rq.sector << SECTOR_SHIFT
        is_write = rq.op == ReqOp.WRITE
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
        """Gives whole pages back and clears parts of others: a discarded sector reads as zeroes, as in C."""
        position = rq.sector << SECTOR_SHIFT
        end = position + rq.nr_bytes
        while position < end:
            offset = position % PAGE_SIZE
            nr_bytes = min(end - position, PAGE_SIZE - offset)
            if nr_bytes == PAGE_SIZE:
                self.erase(position >> PAGE_SHIFT)
            else:
                self.clear(position >> PAGE_SHIFT, offset, nr_bytes)
            position += nr_bytes
        return BlkStatus.OK

    def erase(self, index: int) -> None:
        self.store.erase(index)

    def clear(self, index: int, offset: int, nr_bytes: int) -> None:
        page = self.store.get(index)
        if page is not None:
            page.zero(offset, nr_bytes)
