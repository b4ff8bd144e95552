# SPDX-License-Identifier: MIT
"""``cache_size=…``: a volatile write cache in front of the memory.  C: ``null_make_cache_space`` and its like.

C copies from a second tree of pages into the first.  Here a page has two homes, ``store`` and ``shadow``, and each of
its sectors two bits: MOVED, what is stable is in ``shadow``, else in ``store``; NEWER, the other home has newer data.
Writing back flips bits and copies nothing; losing power would clear NEWER.
"""

from __future__ import annotations

from blkmq import (  # isort: skip
    PAGE_SHIFT, PAGE_SIZE, SECTOR_SHIFT, SECTOR_SIZE, SZ_1M, BlkStatus, Errno, Mutex, Page, PageStore, ReqFlag, ReqOp,
    Request, XArray, u64,
)  # fmt: skip
from blkmq.drivers.null_blk.config import MAX_CACHE_MIB
from blkmq.drivers.null_blk.memory_backed import MemoryBacked

MOVED_SHIFT = PAGE_SIZE >> SECTOR_SHIFT  #: sectors of a page
NEWER = (1 << MOVED_SHIFT) - 1
MOVED = NEWER << MOVED_SHIFT
PRESENT = 1 << 2 * MOVED_SHIFT  #: an XArray keeps no 0


class WriteCache(MemoryBacked):
    shadow: PageStore
    sectors: XArray  #: page number → the bits of its sectors
    newer: XArray  #: a ring of the pages that entered the cache: place → page number + 1
    cache_pages: u64  #: places in the ring; 0: no cache
    oldest: u64
    newest: u64
    cache_lock: Mutex  #: around all that a request does

    def set_cache_size(self, mib: int) -> None:
        self.cache_pages = min(mib, MAX_CACHE_MIB) * (SZ_1M >> PAGE_SHIFT)

    def process_cached(self, rq: Request) -> BlkStatus:
        with self.cache_lock:
            if rq.op == ReqOp.FLUSH:
                while self.oldest < self.newest:
                    self.write_back_oldest()
                return BlkStatus.OK
            if rq.op == ReqOp.DISCARD:
                return self.discard(rq)
            return self.transfer_cached(rq)

    def transfer_cached(self, rq: Request) -> BlkStatus:
        position = rq.sector << SECTOR_SHIFT
        is_write = rq.op == ReqOp.WRITE
        is_fua = bool(rq.flags & ReqFlag.FUA)
        for segment in rq.segments():
            while len(segment) > 0:
                index = position >> PAGE_SHIFT
                offset = position % PAGE_SIZE
                rest = SECTOR_SIZE - offset % SECTOR_SIZE
                sector = 1 << (offset >> SECTOR_SHIFT)
                if is_write:
                    page = self.page_to_write(index, sector, is_fua)
                    if page is None:
                        return BlkStatus.NOSPC
                    position += segment.copy_to_page(page, offset, rest)
                else:
                    page = self.page_to_read(index, sector)
                    if page is None:
                        position += segment.zero(rest)
                    else:
                        position += segment.copy_from_page(page, offset, rest)
        return BlkStatus.OK

    def page_to_read(self, index: int, sector: int) -> Page | None:
        if in_shadow(self.sectors.load(index), sector):
            return self.shadow.get(index)
        return self.store.get(index)

    def page_to_write(self, index: int, sector: int, is_fua: bool) -> Page | None:
        """Where stable data is for FUA, else where it is not."""
        bits = self.sectors.load(index) | PRESENT
        if is_fua:
            bits &= ~sector
        else:
            if bits & NEWER == 0 and self.enter(index) != Errno.OK:
                return None
            bits |= sector
        if in_shadow(bits, sector):
            page = self.shadow.get_or_alloc(index)
        else:
            page = self.store.get_or_alloc(index)
        if page is None or self.sectors.store(index, bits) != Errno.OK:
            return None
        return page

    def enter(self, index: int) -> Errno:
        """A page gets its first newer sector; another one leaves if the cache is full."""
        if self.newest - self.oldest == self.cache_pages:
            self.write_back_oldest()
        errno = self.newer.store(self.newest % self.cache_pages, index + 1)
        if errno == Errno.OK:
            self.newest += 1
        return errno

    def write_back_oldest(self) -> None:
        """Makes newer sectors the stable ones; a home that is left without sectors is given back."""
        index = self.newer.load(self.oldest % self.cache_pages) - 1
        self.oldest += 1
        bits = self.sectors.load(index)
        if bits & NEWER:  # else it was discarded, or written with FUA
            moved = (bits >> MOVED_SHIFT ^ bits) & NEWER
            self.sectors.store(index, PRESENT | moved << MOVED_SHIFT)
            if moved == NEWER:
                self.store.erase(index)
            elif moved == 0:
                self.shadow.erase(index)

    def erase(self, index: int) -> None:
        super().erase(index)
        self.shadow.erase(index)
        self.sectors.erase(index)

    def clear(self, index: int, offset: int, nr_bytes: int) -> None:
        super().clear(index, offset, nr_bytes)
        page = self.shadow.get(index)
        if page is not None:
            page.zero(offset, nr_bytes)


def in_shadow(bits: int, sector: int) -> bool:
    """Whether the newest data of a sector is in ``shadow``: it moved there, or is newer than what did not."""
    return (bits >> MOVED_SHIFT ^ bits) & sector != 0
