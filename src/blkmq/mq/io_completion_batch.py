# SPDX-License-Identifier: MIT
"""What ``poll`` collects its completions in. C twin: ``struct io_comp_batch``."""

from __future__ import annotations

from blkmq.mq.blk_status import BlkStatus
from blkmq.mq.request import Request
from blkmq.mq.verb import verb


class IoCompletionBatch:
    """Requests that end together after ``poll`` has returned."""

    @verb()
    def add(self, rq: Request, status: BlkStatus) -> None:
        """Ends ``rq`` with ``status`` as one of the batch; the same rules as ``rq.end``. C: ``blk_mq_add_to_batch``."""
        rq.end(status)
