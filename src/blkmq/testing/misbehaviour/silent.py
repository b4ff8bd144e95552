# SPDX-License-Identifier: MIT
"""A driver that never ends a request, and has no timeout callback that could be asked."""

from __future__ import annotations

from enum import IntEnum, auto

from blkmq import BlkStatus, HwCtx, Request
from blkmq.testing.misbehaviour.victim import BAD_SECTOR, Victim


class Misdeed(IntEnum):
    NEVER_ENDS_WITHOUT_CALLBACK = auto()


class Silent(Victim):
    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        if rq.sector < BAD_SECTOR:
            return self.behave(hctx, rq)
        rq.start()
        return BlkStatus.OK
