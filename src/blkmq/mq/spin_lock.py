# SPDX-License-Identifier: MIT
"""C twin: ``spinlock_t`` with ``spin_lock_irqsave``; Rust twin: ``kernel::sync::SpinLock``."""

from __future__ import annotations

from blkmq.mq.lock import Lock


class SpinLock(Lock):
    """Guards fields that several queues reach: ``with self.lock:``; its holder may not sleep.

    A field of the driver, of ``Shared`` or of ``Hw``.  In the kernel interrupts are off while it is held.
    Taking it twice in one callback is a lock error, not a deadlock.
    """
