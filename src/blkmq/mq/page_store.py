# SPDX-License-Identifier: MIT
"""Sparse memory of a disk, page by page.

C twin: null_blk's ``dev->data`` radix tree of pages; Rust twin: ``XArray<Page>``.
"""

from __future__ import annotations

from blkmq.mq.errors import DriverIndexError
from blkmq.mq.page import Page
from blkmq.mq.verb import verb

NR_PAGES_MAX = 1 << 35  #: 128 TiB, the user address space that a store can lie in


class PageStore:
    """Pages by number (byte position >> PAGE_SHIFT); one that was never written costs nothing.

    A field ``store: PageStore`` of a driver (one per disk) or of its ``Shared``.  Any queue may call
    any verb at any time, without a lock; two writers of one page see each other's bytes in either
    order.  Indexes are 0..NR_PAGES_MAX-1; others are an index error.

    Each verb takes effect at one moment between its call and its return.  So a page that is made after an
    erase is one of zeroes, and what is written to it stays.  A page from before may be used until its
    callback returns, as under RCU; what is written to it after the erase is lost, or shows in the page
    that takes its place while that callback still runs.  A driver for which that is too little takes a
    lock, as C null_blk does.
    """

    page = Page  #: what its pages are made of

    def __init__(self) -> None:
        self._pages: dict[int, Page] = {}

    @verb()
    def get(self, index: int) -> Page | None:
        """The page, or None where nothing was written. C: ``radix_tree_lookup``; kernel: under RCU."""
        self._check(index)
        return self._pages.get(index)

    @verb()
    def get_or_alloc(self, index: int) -> Page | None:
        """The page, made of zeroes if absent; None when memory is out (null_blk: BLK_STS_NOSPC)."""
        self._check(index)
        return self._pages.setdefault(index, self.page())

    @verb()
    def erase(self, index: int) -> None:
        """Gives the page's memory back; afterwards it is absent and reads as zeroes. C: ``null_free_sector``."""
        self._check(index)
        self._pages.pop(index, None)

    @verb(fallible=False)
    def nr_pages(self) -> int:
        """How many pages are there."""
        return len(self._pages)

    @staticmethod
    def _check(index: int) -> None:
        if not 0 <= index < NR_PAGES_MAX:
            raise DriverIndexError(f"page number {index} outside 0..{NR_PAGES_MAX - 1}")
