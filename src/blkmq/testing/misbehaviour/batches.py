# SPDX-License-Identifier: MIT
"""Lists, budgets and polling gone wrong: the callbacks that serve more than one request."""

from __future__ import annotations

from enum import IntEnum, auto

from blkmq import (
    Atomic,
    BlkStatus,
    Errno,
    HwCtx,
    IoCompletionBatch,
    QueueLimits,
    Request,
    RequestList,
    SpinLock,
    TagSet,
)
from blkmq.testing.misbehaviour.victim import BAD_SECTOR, PREPARE_SECTOR, PatientVictim, Victim


class Lists(PatientVictim):
    """``queue_rqs`` gets the bad request with the one behind it: a bad one alone is refused."""

    class Misdeed(IntEnum):
        LIST_KEEPS_REQUEST = auto()
        LIST_FORGETS_STARTED = auto()
        LIST_GETS_REQUEST_TWICE = auto()
        LIST_GETS_ENDED_REQUEST = auto()
        LIST_GETS_STARTED_REQUEST = auto()
        LIST_CALLBACK_FAILS = auto()
        LIST_ENDS_IDLE_REQUEST = auto()

    class Pdu:
        was_listed: bool

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        if rq.sector >= BAD_SECTOR and is_last and not rq.pdu.was_listed:
            return BlkStatus.RESOURCE
        return self.behave(hctx, rq)

    def queue_rqs(self, rqs: RequestList) -> None:
        while (rq := rqs.pop()) is not None:
            if rq.sector >= BAD_SECTOR:
                rq.pdu.was_listed = True
                self.misuse(rqs, rq)
                break
            self.behave(rq.hctx, rq)

    def misuse(self, rqs: RequestList, rq: Request) -> None:
        mode = self.config.mode
        if mode == Lists.Misdeed.LIST_FORGETS_STARTED:
            rq.start()
        elif mode == Lists.Misdeed.LIST_GETS_REQUEST_TWICE:
            rqs.add_tail(rq)
            rqs.add_tail(rq)
        elif mode == Lists.Misdeed.LIST_GETS_ENDED_REQUEST:
            rq.start()
            rq.end()
            rqs.add_tail(rq)
        elif mode == Lists.Misdeed.LIST_GETS_STARTED_REQUEST:
            rq.start()
            rqs.add_tail(rq)
        elif mode == Lists.Misdeed.LIST_CALLBACK_FAILS:
            rqs.add_tail(rq)
            assert mode != Lists.Misdeed.LIST_CALLBACK_FAILS  # <- list_callback_fails
        elif mode == Lists.Misdeed.LIST_ENDS_IDLE_REQUEST:
            rq.end()  # <- list_ends_idle_request


class Budgets(Victim):
    """From the request at PREPARE_SECTOR on there is no budget, or an error."""

    gone: Atomic

    class Misdeed(IntEnum):
        BUDGET_NEVER_GIVEN = auto()
        BUDGET_CALLBACK_FAILS = auto()
        BUDGET_TOKEN_FAILS = auto()
        BUDGET_RETURN_FAILS = auto()

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        if rq.sector >= BAD_SECTOR:
            if self.config.mode == Budgets.Misdeed.BUDGET_RETURN_FAILS and self.gone.xchg(0) == 1:
                return BlkStatus.RESOURCE
        elif rq.sector >= PREPARE_SECTOR:
            self.gone.store(1)
        return self.behave(hctx, rq)

    def get_budget(self) -> int:
        mode = self.config.mode
        if mode == Budgets.Misdeed.BUDGET_NEVER_GIVEN and self.gone.load() == 1:
            return -1
        if mode == Budgets.Misdeed.BUDGET_CALLBACK_FAILS:
            assert self.gone.xchg(0) == 0  # <- budget_callback_fails
        return 7

    def set_rq_budget_token(self, rq: Request, token: int) -> None:
        if rq.sector >= BAD_SECTOR and self.config.mode == Budgets.Misdeed.BUDGET_TOKEN_FAILS:
            assert token != 7  # <- budget_token_fails

    def put_budget(self, token: int) -> None:
        assert token != 7  # <- budget_return_fails


class Polls(PatientVictim):
    """The bad request goes to a poll queue, and ``poll`` ends it."""

    gone: Atomic

    class Hw(PatientVictim.Hw):
        lock: SpinLock
        waiting: RequestList

    class Misdeed(IntEnum):
        POLL_FAILS = auto()
        POLL_ENDS_TWICE = auto()
        POLL_NEVER_FINDS = auto()

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        super().configure(tag_set, limits)
        tag_set.nr_maps = 3
        tag_set.nr_hw_queues = 3
        tag_set.nr_poll_queues = 1
        return Errno.OK

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        if rq.sector < BAD_SECTOR:
            return self.behave(hctx, rq)
        rq.start()
        with hctx.data.lock:
            hctx.data.waiting.add_tail(rq)
        return BlkStatus.OK

    def poll(self, hctx: HwCtx, batch: IoCompletionBatch) -> int:
        mode = self.config.mode
        if mode == Polls.Misdeed.POLL_FAILS:
            assert self.gone.xchg(1) == 1  # <- poll_fails
        if mode == Polls.Misdeed.POLL_NEVER_FINDS:
            return 0
        with hctx.data.lock:
            rq = hctx.data.waiting.pop()
        if rq is None:
            return 0
        batch.add(rq, BlkStatus.OK)
        if mode == Polls.Misdeed.POLL_ENDS_TWICE:
            batch.add(rq, BlkStatus.MEDIUM)  # <- poll_ends_twice
        return 1
