# SPDX-License-Identifier: MIT
"""C twin: ``struct work_struct``; Rust twin: ``kernel::workqueue::Work``."""

from __future__ import annotations

from blkmq.mq.request import Request
from blkmq.mq.verb import verb


class Work:
    """Calls the driver's method that has its field's name, soon, on a thread that may sleep.

    In ``Pdu``: ``def work(self, rq: Request) -> None``; in the driver: ``def work(self) -> None``.
    """

    @verb()
    def queue(self, rq: Request | None = None) -> bool:
        """Queues it; False when it was queued already. C: ``queue_work``."""
        raise NotImplementedError
