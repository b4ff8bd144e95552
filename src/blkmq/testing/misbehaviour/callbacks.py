# SPDX-License-Identifier: MIT
"""Errors in callbacks other than ``queue_rq``, and drivers that put a request off for ever."""

from __future__ import annotations

from enum import IntEnum, auto

from blkmq import BlkEhTimerReturn, BlkStatus, HrTimer, HwCtx, Request, Work, u64
from blkmq.testing.misbehaviour.victim import BAD_SECTOR, PREPARE_SECTOR, PatientVictim


class Misdeed(IntEnum):
    """What Callbacks does wrong, by the name of its row in the table."""

    ERROR_IN_TIMER = auto()
    ERROR_IN_DISK_TIMER = auto()
    TIMER_FOR_EVER = auto()
    ERROR_IN_WORK = auto()
    ERROR_IN_DISK_WORK = auto()
    WORK_FOR_EVER = auto()
    ERROR_IN_COMPLETE = auto()
    ERROR_IN_TIMEOUT = auto()
    BAD_TIMEOUT_ANSWER = auto()
    ENDS_IN_TIMEOUT = auto()
    ERROR_IN_CLEANUP_RQ = auto()
    ENDS_IN_CLEANUP_RQ = auto()
    ERROR_IN_COMMIT_RQS = auto()
    RESETS_TIMER_FOR_EVER = auto()
    REQUEUES_FOR_EVER = auto()
    REQUEUES_FOR_EVER_UNKICKED = auto()
    RESOURCE_FOR_EVER = auto()
    DEV_RESOURCE_FOR_EVER = auto()


class Callbacks(PatientVictim):
    tick: HrTimer
    job: Work

    class Pdu:
        timer: HrTimer
        work: Work

    class Hw(PatientVictim.Hw):
        nr_tries: u64

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        mode = self.config.mode
        if mode == Misdeed.ERROR_IN_COMMIT_RQS:
            return self.break_batch(hctx, rq, is_last)
        if rq.sector < BAD_SECTOR:
            return self.behave(hctx, rq)
        if mode == Misdeed.RESOURCE_FOR_EVER:
            return BlkStatus.RESOURCE
        if mode == Misdeed.DEV_RESOURCE_FOR_EVER:
            return BlkStatus.DEV_RESOURCE
        rq.start()
        if mode == Misdeed.ERROR_IN_TIMER:
            rq.pdu.timer.start(0, rq)
        elif mode == Misdeed.ERROR_IN_WORK:
            rq.pdu.work.queue(rq)
        elif mode == Misdeed.ERROR_IN_COMPLETE:
            rq.complete()
        elif mode == Misdeed.REQUEUES_FOR_EVER:
            rq.requeue()
        elif mode == Misdeed.REQUEUES_FOR_EVER_UNKICKED:
            rq.requeue(kick=False)
        elif mode == Misdeed.ERROR_IN_DISK_TIMER or mode == Misdeed.TIMER_FOR_EVER:
            self.tick.start(0)
            rq.end()
        elif mode == Misdeed.ERROR_IN_DISK_WORK or mode == Misdeed.WORK_FOR_EVER:
            self.job.queue()
            rq.end()
        return BlkStatus.OK

    def break_batch(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        """Refuses the bad request until another is behind it, takes it then, and refuses that one once."""
        if rq.sector >= BAD_SECTOR:
            if is_last:
                return BlkStatus.RESOURCE
            hctx.data.nr_tries = 1
        elif hctx.data.nr_tries == 1:
            hctx.data.nr_tries = 2
            return BlkStatus.RESOURCE
        return self.behave(hctx, rq)

    def timer(self, rq: Request) -> None:
        assert rq.sector == 0  # <- error_in_timer

    def on_tick(self) -> None:
        mode = self.config.mode
        if mode == Misdeed.TIMER_FOR_EVER:
            self.tick.start(0)
        assert mode != Misdeed.ERROR_IN_DISK_TIMER  # <- error_in_disk_timer

    def work(self, rq: Request) -> None:
        assert rq.sector == 0  # <- error_in_work

    def on_job(self) -> None:
        mode = self.config.mode
        if mode == Misdeed.WORK_FOR_EVER:
            self.job.queue()
        assert mode != Misdeed.ERROR_IN_DISK_WORK  # <- error_in_disk_work

    def complete(self, rq: Request) -> None:
        assert rq.sector == 0  # <- error_in_complete

    def timeout(self, rq: Request) -> BlkEhTimerReturn:
        mode = self.config.mode
        if rq.sector < PREPARE_SECTOR or mode == Misdeed.RESETS_TIMER_FOR_EVER:
            return BlkEhTimerReturn.RESET_TIMER
        assert mode != Misdeed.ERROR_IN_TIMEOUT  # <- error_in_timeout
        if mode == Misdeed.BAD_TIMEOUT_ANSWER:
            return BlkEhTimerReturn(rq.sector - BAD_SECTOR + 2)  # <- bad_timeout_answer
        if mode == Misdeed.ENDS_IN_TIMEOUT:
            rq.end(BlkStatus.MEDIUM)
            rq.end(BlkStatus.MEDIUM)  # <- ends_in_timeout
        return BlkEhTimerReturn.DONE

    def cleanup_rq(self, rq: Request) -> None:
        assert self.config.mode != Misdeed.ERROR_IN_CLEANUP_RQ  # <- error_in_cleanup_rq
        if self.config.mode == Misdeed.ENDS_IN_CLEANUP_RQ:
            rq.end(BlkStatus.MEDIUM)

    def commit_rqs(self, hctx: HwCtx) -> None:
        hctx.data.nr_tries = 3
        assert self.config.mode != Misdeed.ERROR_IN_COMMIT_RQS  # <- error_in_commit_rqs
