# SPDX-License-Identifier: MIT
"""A sparse array of integers. C twin: ``struct xarray`` with ``xa_mk_value``; Rust: ``kernel::xarray::XArray``."""

from __future__ import annotations

from blkmq.mq.errno import Errno
from blkmq.mq.errors import DriverIndexError, DriverValueError
from blkmq.mq.integer import S64_MAX
from blkmq.mq.verb import verb


class XArray:
    """Integers 1..2^62-1 by index 0..2^63-1; what is absent reads as 0.

    Any queue may call any verb at any time, without a lock.
    """

    def __init__(self) -> None:
        self._values: dict[int, int] = {}

    @verb()
    def load(self, index: int) -> int:
        """The value at ``index``, 0 where there is none. C: ``xa_load``."""
        self._check(index)
        return self._values.get(index, 0)

    @verb()
    def store(self, index: int, value: int) -> Errno:
        """Keeps ``value`` (1..2^62-1); ENOMEM when memory is out. C: ``xa_store``."""
        self._check(index)
        if not 1 <= value < 1 << 62:
            raise DriverValueError(f"xarray value {value} outside 1..2^62-1")
        self._values[index] = value
        return Errno.OK

    @verb()
    def erase(self, index: int) -> int:
        """Takes the value out and returns it, 0 where there was none. C: ``xa_erase``."""
        self._check(index)
        return self._values.pop(index, 0)

    @staticmethod
    def _check(index: int) -> None:
        if not 0 <= index <= S64_MAX:
            raise DriverIndexError(f"xarray index {index} outside 0..2^63-1")
