# SPDX-License-Identifier: MIT
"""A driver that may sleep, on threads of its own where it is interpreted; or believes that it may."""

from __future__ import annotations

from enum import IntEnum, auto

from blkmq import (
    BLK_MQ_F_BLOCKING,
    BlkStatus,
    Errno,
    HwCtx,
    Mutex,
    QueueLimits,
    Request,
    TagSet,
    u64,
)  # fmt: skip
from blkmq.testing.misbehaviour.victim import BAD_SECTOR, PatientVictim


class Misdeed(IntEnum):
    """What Sleepers does wrong, by the name of its row in the table."""

    SLEEPS_WITHOUT_LEAVE = auto()
    SLEEPER_FAILS = auto()
    SLEEPER_FAILS_UNDER_MUTEX = auto()
    SLEEPER_ENDS_TWICE = auto()
    SLEEPER_NEVER_ENDS = auto()
    SLEEPER_RETURNS_ERROR_LATE = auto()
    SLEEPER_IS_BUSY_FOR_EVER = auto()


class Sleepers(PatientVictim):
    mutex: Mutex
    nr_calls: u64

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        super().configure(tag_set, limits)
        if self.config.mode != Misdeed.SLEEPS_WITHOUT_LEAVE:
            tag_set.flags |= BLK_MQ_F_BLOCKING
        return Errno.OK

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        mode = self.config.mode
        if rq.sector < BAD_SECTOR:
            return self.behave(hctx, rq)
        if mode == Misdeed.SLEEPER_IS_BUSY_FOR_EVER:
            return BlkStatus.RESOURCE
        rq.start()
        with self.mutex:  # <- sleeps_without_leave
            self.nr_calls += 1
            assert mode != Misdeed.SLEEPER_FAILS_UNDER_MUTEX  # <- sleeper_fails_under_mutex
        assert mode != Misdeed.SLEEPER_FAILS  # <- sleeper_fails
        if mode == Misdeed.SLEEPER_ENDS_TWICE:
            rq.end()
            rq.end(BlkStatus.MEDIUM)  # <- sleeper_ends_twice
        elif mode == Misdeed.SLEEPER_RETURNS_ERROR_LATE:
            rq.end()
            return BlkStatus.MEDIUM  # <- sleeper_returns_error_late
        return BlkStatus.OK
