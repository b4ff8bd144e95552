# SPDX-License-Identifier: MIT
"""C twin: ``struct work_struct``; Rust twin: ``kernel::workqueue::Work``."""

from __future__ import annotations

from blkmq.mq.request import Request
from blkmq.mq.verb import verb


class Work:
    """Calls the driver's method that is named after its field, soon, on a thread that may sleep.

    A field ``work`` of ``Pdu``: ``def work(self, rq: Request) -> None``; a field ``flusher`` of the driver:
    ``def on_flusher(self) -> None``, since the field itself is ``flusher`` there.
    """

    @verb()
    def queue(self, rq: Request | None = None) -> bool:
        """Queues it; False when it was queued already. C: ``queue_work``."""
        raise NotImplementedError
