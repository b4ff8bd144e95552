# SPDX-License-Identifier: MIT
"""C twin: ``struct hrtimer``; Rust twin: ``kernel::time::hrtimer::HrTimer``."""

from __future__ import annotations

from blkmq.mq.request import Request
from blkmq.mq.verb import verb


class HrTimer:
    """Calls the driver's method that is named after its field, once, at least ``nsec`` later.

    A field ``timer`` of ``Pdu`` serves a request: ``def timer(self, rq: Request) -> None``; a field ``tick`` of the
    driver serves the disk: ``def on_tick(self) -> None``, since the field itself is ``tick`` there.  The callback runs
    on the request's hardware queue (a disk's timer: on queue 0) and may not sleep.  A request that has ended before is
    not called for.
    """

    @verb()
    def start(self, nsec: int, rq: Request | None = None) -> None:
        """Arms the timer, again if it was armed; negative is a value error. C: ``hrtimer_start`` (relative)."""
        raise NotImplementedError

    @verb(fallible=False)
    def cancel(self) -> bool:
        """Disarms it; whether it was armed. Does not wait for a running callback. C: ``hrtimer_try_to_cancel``."""
        raise NotImplementedError
