# SPDX-License-Identifier: MIT
"""One piece of a request's data. C twin: ``struct bio_vec`` of ``rq_for_each_segment``; Rust: ``Segment``."""

from __future__ import annotations

from blkmq.abi.page import PAGE_SIZE
from blkmq.mq.page import Page
from blkmq.mq.verb import verb


class Segment:
    """Up to a page of a request's data buffer, eaten from the front by the verbs.

    Comes from ``for segment in rq.segments()`` and lives in that loop.  ``len(segment)`` is what is left
    of it, in bytes.  After its request has ended every access is a stale-request error.
    """

    @verb(fallible=False)
    def __len__(self) -> int:
        raise NotImplementedError

    def __bool__(self) -> bool:
        return len(self) > 0

    @verb()
    def __getitem__(self, index: int) -> int:
        raise NotImplementedError

    @verb()
    def __setitem__(self, index: int, value: int) -> None:
        raise NotImplementedError

    @verb()
    def copy_to_page(self, page: Page, offset: int, nr_bytes: int = PAGE_SIZE) -> int:
        """Copies from the segment's front into ``page`` at ``offset`` and advances; returns the bytes copied.

        As many as fit: the least of ``len(segment)``, PAGE_SIZE - ``offset`` and ``nr_bytes``.  An offset
        outside 0..PAGE_SIZE or a negative ``nr_bytes`` is an index error.  C: ``memcpy_from_bvec``.
        """
        raise NotImplementedError

    @verb()
    def copy_from_page(self, page: Page, offset: int, nr_bytes: int = PAGE_SIZE) -> int:
        """Copies from ``page`` at ``offset`` to the segment's front and advances; returns the bytes copied."""
        raise NotImplementedError

    @verb()
    def zero(self, nr_bytes: int = PAGE_SIZE) -> int:
        """Clears up to ``nr_bytes`` at the segment's front and advances; returns the bytes cleared."""
        raise NotImplementedError

    @verb()
    def advance(self, nr_bytes: int) -> None:
        """Steps over ``nr_bytes`` (0..len(segment)), else an index error. C: ``bvec_iter_advance``."""
        raise NotImplementedError
