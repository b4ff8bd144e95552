# SPDX-License-Identifier: MIT
"""The time that drivers measure with."""

from __future__ import annotations

import time

from blkmq.mq.verb import verb


@verb(fallible=False)
def ktime_get_ns() -> int:
    """Nanoseconds of the monotonic clock. C: ``ktime_get_ns()``."""
    return time.monotonic_ns()
