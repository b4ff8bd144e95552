# SPDX-License-Identifier: MIT
"""One hardware queue of one disk. C twin: ``struct blk_mq_hw_ctx``; Rust: the ``hw_data`` of ``Operations``."""

from __future__ import annotations

from typing import Any

from blkmq.mq.hctx_type import HctxType
from blkmq.mq.integer import u32


class HwCtx:
    """A hardware queue: its number, its kind, and the driver's data for it, a ``Hw``."""

    queue_num: u32  #: 0..nr_hw_queues-1. C: ``hctx->queue_num``
    type: HctxType  #: default, read or poll. C: ``hctx->type``
    data: Any  #: the driver's ``Hw`` of this disk and queue. C: ``hctx->driver_data``
