# SPDX-License-Identifier: MIT
"""After a request's time is over. C: ``enum blk_eh_timer_return`` (``include/linux/blk-mq.h``)."""

from __future__ import annotations

from enum import IntEnum

from blkmq.abi import blk_mq


class BlkEhTimerReturn(IntEnum):
    """What the ``timeout`` callback returns."""

    DONE = blk_mq.BLK_EH_DONE  #: the driver has ended the request, or will
    RESET_TIMER = blk_mq.BLK_EH_RESET_TIMER  #: start its time anew and go on waiting
