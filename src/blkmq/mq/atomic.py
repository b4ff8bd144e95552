# SPDX-License-Identifier: MIT
"""C twin: ``atomic64_t``; Rust twin: ``kernel::sync::atomic::Atomic<i64>``."""

from __future__ import annotations

import threading

from blkmq.mq.integer import S64_MAX
from blkmq.mq.verb import verb

_guard = threading.Lock()


def _wrap(value: int) -> int:
    # atomic64_t is defined to wrap, on every target.
    return ((value + S64_MAX + 1) & (2 * S64_MAX + 1)) - S64_MAX - 1


class Atomic:
    """A 64-bit signed integer that any queue may change at any time; starts as 0 and wraps.

    All verbs are fully ordered, as the value-returning ones of the kernel are.
    """

    def __init__(self) -> None:
        self._value = 0

    @verb(fallible=False)
    def load(self) -> int:
        """C: ``atomic64_read_acquire``."""
        return self._value

    @verb(fallible=False)
    def store(self, value: int) -> None:
        """C: ``atomic64_set_release``."""
        with _guard:
            self._value = value

    @verb(fallible=False)
    def fetch_add(self, value: int) -> int:
        """Adds and returns the value before. C: ``atomic64_fetch_add``."""
        with _guard:
            old = self._value
            self._value = _wrap(old + value)
        return old

    @verb(fallible=False)
    def xchg(self, value: int) -> int:
        """Stores and returns the value before. C: ``atomic64_xchg``."""
        with _guard:
            old, self._value = self._value, value
        return old

    @verb(fallible=False)
    def cmpxchg(self, old: int, new: int) -> int:
        """Stores ``new`` if the value is ``old``; returns the value before. C: ``atomic64_cmpxchg``."""
        with _guard:
            before = self._value
            if before == old:
                self._value = new
        return before
