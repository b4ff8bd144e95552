# SPDX-License-Identifier: MIT
"""One page of memory. C twin: ``struct page`` with ``page_address``; Rust twin: ``kernel::page::Page``."""

from __future__ import annotations

from blkmq.abi.page import PAGE_SIZE
from blkmq.mq.errors import DriverIndexError, DriverValueError
from blkmq.mq.verb import verb


class Page:
    """A page that a :class:`PageStore` lent for the length of one callback.

    PAGE_SIZE bytes, indexed 0..PAGE_SIZE-1, each 0..255.  It belongs to its store; a page that another
    queue erases meanwhile stays readable and writable until the callback returns, but what is
    written to it then is lost.
    """

    __slots__ = ("memory",)

    def __init__(self) -> None:
        self.memory = bytearray(PAGE_SIZE)

    @verb(fallible=False)
    def __len__(self) -> int:
        return PAGE_SIZE

    def __bool__(self) -> bool:
        return True

    @verb()
    def __getitem__(self, index: int) -> int:
        if not 0 <= index < PAGE_SIZE:
            raise DriverIndexError(f"page index {index} outside 0..{PAGE_SIZE - 1}")
        return self.memory[index]

    @verb()
    def __setitem__(self, index: int, value: int) -> None:
        if not 0 <= index < PAGE_SIZE:
            raise DriverIndexError(f"page index {index} outside 0..{PAGE_SIZE - 1}")
        if not 0 <= value <= 255:
            raise DriverValueError(f"byte value {value} outside 0..255")
        self.memory[index] = value

    @verb()
    def zero(self, offset: int, nr_bytes: int) -> None:
        """Clears ``nr_bytes`` from ``offset`` on; both within the page, else an index error. C: ``memset``."""
        self._check(offset, nr_bytes)
        self.memory[offset : offset + nr_bytes] = bytes(nr_bytes)

    @staticmethod
    def _check(offset: int, nr_bytes: int) -> None:
        if offset < 0 or nr_bytes < 0 or offset > PAGE_SIZE - nr_bytes:
            raise DriverIndexError(f"zero of {nr_bytes} bytes at {offset} outside a page of {PAGE_SIZE}")
