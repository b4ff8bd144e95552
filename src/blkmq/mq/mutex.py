# SPDX-License-Identifier: MIT
"""C twin: ``struct mutex``; Rust twin: ``kernel::sync::Mutex``."""

from __future__ import annotations

from blkmq.mq.lock import Lock


class Mutex(Lock):
    """Guards what a sleeping driver touches: ``with self.mutex:``; its holder may sleep.

    Only where callbacks may sleep: a tag set with BLK_MQ_F_BLOCKING, work, the control path.
    """

    sleeps = True
