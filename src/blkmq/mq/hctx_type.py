# SPDX-License-Identifier: MIT
"""Kinds of hardware queue. C twin: ``enum hctx_type`` (``include/linux/blk-mq.h``)."""

from __future__ import annotations

from enum import IntEnum

from blkmq.abi import blk_mq


class HctxType(IntEnum):
    """Which I/O a hardware queue is for: the queue map that it stands in."""

    DEFAULT = blk_mq.HCTX_TYPE_DEFAULT  #: all I/O that has no queue of its own kind
    READ = blk_mq.HCTX_TYPE_READ  #: reads only
    POLL = blk_mq.HCTX_TYPE_POLL  #: polled I/O: completed by ``poll``, never by an interrupt
