# SPDX-License-Identifier: MIT
"""Requests that are not treated as the state table says: ended never, twice or too early, used after their end."""

from __future__ import annotations

from enum import IntEnum, auto

from blkmq import BlkStatus, HrTimer, HwCtx, Request, RequestList, SpinLock, Work, u64
from blkmq.testing.misbehaviour.victim import BAD_SECTOR, PREPARE_SECTOR, PatientVictim

NSEC_PER_MSEC = 1_000_000


class Misdeed(IntEnum):
    """What Owners does wrong, by the name of its row in the table."""

    NEVER_STARTS = auto()
    NEVER_ENDS = auto()
    NEVER_COMPLETES = auto()
    ENDS_TWICE = auto()
    ENDS_AND_RETURNS_ERROR = auto()
    ENDS_AND_RETURNS_RESOURCE = auto()
    ENDS_BEFORE_START = auto()
    STARTS_TWICE = auto()
    COMPLETES_BEFORE_START = auto()
    COMPLETES_TWICE = auto()
    COMPLETES_AND_ENDS = auto()
    COMPLETES_AND_FAILS = auto()
    COMPLETES_AND_REQUEUES = auto()
    REQUEUES_BEFORE_START = auto()
    REQUEUES_AND_ENDS = auto()
    REQUEUES_AND_USES = auto()
    REQUEUES_AND_FAILS = auto()
    READS_AFTER_END = auto()
    WRITES_PDU_AFTER_END = auto()
    LOOPS_AFTER_END = auto()
    ENDS_WITHIN_LOOP = auto()
    COPIES_AFTER_END = auto()
    STARTS_AFTER_END = auto()
    COMPLETES_AFTER_END = auto()
    REQUEUES_AFTER_END = auto()
    UPDATES_AFTER_END = auto()
    ARMS_TIMER_AFTER_END = auto()
    QUEUES_WORK_AFTER_END = auto()
    ENDS_KEPT_HANDLE = auto()
    READS_KEPT_HANDLE = auto()
    COPIES_KEPT_HANDLE = auto()
    STARTS_KEPT_HANDLE = auto()
    UPDATES_KEPT_HANDLE = auto()
    ENDS_KEPT_HANDLE_OF_TIMED_OUT = auto()
    ARMS_TIMER_AND_FAILS = auto()
    TIMER_ON_DEAD_REQUEST = auto()
    WORK_FOR_DEAD_REQUEST = auto()
    LISTS_TWICE = auto()
    LISTS_AFTER_END = auto()
    LISTS_TOO_MANY = auto()
    LIST_IS_EMPTY = auto()


class Owners(PatientVictim):
    gate: Work

    class Pdu:
        timer: HrTimer
        work: Work
        nr_tries: u64

    class Hw(PatientVictim.Hw):
        lock: SpinLock
        list: RequestList
        kept: Request | None

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        mode = self.config.mode
        if rq.sector < PREPARE_SECTOR:
            return self.behave(hctx, rq)
        if rq.sector < BAD_SECTOR:
            self.prepare(hctx, rq)
        elif mode == Misdeed.NEVER_STARTS:
            pass
        elif mode == Misdeed.ENDS_BEFORE_START:
            rq.end()  # <- ends_before_start
        elif mode == Misdeed.COMPLETES_BEFORE_START:
            rq.complete()  # <- completes_before_start
        elif mode == Misdeed.REQUEUES_BEFORE_START:
            rq.requeue()  # <- requeues_before_start
        elif mode == Misdeed.ENDS_AND_RETURNS_ERROR:
            rq.start()
            rq.end()
            return BlkStatus.MEDIUM  # <- ends_and_returns_error
        elif mode == Misdeed.ENDS_AND_RETURNS_RESOURCE:
            rq.start()
            rq.end()
            return BlkStatus.RESOURCE  # <- ends_and_returns_resource
        else:
            rq.start()
            rq.pdu.nr_tries += 1
            self.change_state(rq)
            self.use_after_end(rq)
            self.use_data_after_end(rq)
            self.use_kept(hctx, rq)
            self.use_list(hctx, rq)
        return BlkStatus.OK

    def prepare(self, hctx: HwCtx, rq: Request) -> None:
        """Keeps the handle of a request that has ended, with a timer or work that is still to come."""
        hctx.data.kept = rq
        rq.pdu.nr_tries = 0
        rq.start()
        if self.config.mode == Misdeed.TIMER_ON_DEAD_REQUEST:
            rq.pdu.timer.start(NSEC_PER_MSEC, rq)
        if self.config.mode == Misdeed.WORK_FOR_DEAD_REQUEST:
            with self.lock:  # which the gate waits for, and the work behind it
                self.gate.queue()
                rq.pdu.work.queue(rq)
                rq.end()
        elif self.config.mode != Misdeed.ENDS_KEPT_HANDLE_OF_TIMED_OUT:
            rq.end()

    def timer(self, rq: Request) -> None:
        rq.end(BlkStatus.MEDIUM)

    def work(self, rq: Request) -> None:
        rq.end(BlkStatus.MEDIUM)

    def on_gate(self) -> None:
        with self.lock:
            self.nr_transfers += 0

    def complete(self, rq: Request) -> None:
        if self.config.mode != Misdeed.NEVER_COMPLETES:
            rq.end()

    def change_state(self, rq: Request) -> None:
        mode = self.config.mode
        if mode == Misdeed.NEVER_ENDS:
            pass
        elif mode == Misdeed.NEVER_COMPLETES:
            rq.complete()
        elif mode == Misdeed.ENDS_TWICE:
            rq.end()
            rq.end(BlkStatus.MEDIUM)  # <- ends_twice
        elif mode == Misdeed.STARTS_TWICE:
            rq.start()  # <- starts_twice
        elif mode == Misdeed.COMPLETES_TWICE:
            rq.complete()
            rq.complete()  # <- completes_twice
        elif mode == Misdeed.COMPLETES_AND_ENDS:
            rq.complete()
            rq.end(BlkStatus.MEDIUM)  # <- completes_and_ends
        elif mode == Misdeed.COMPLETES_AND_FAILS:
            rq.complete()
            assert rq.sector == 0  # <- completes_and_fails
        elif rq.pdu.nr_tries > 1:
            rq.end()
        elif mode == Misdeed.COMPLETES_AND_REQUEUES:
            rq.complete()
            rq.requeue()  # <- completes_and_requeues
        elif mode == Misdeed.REQUEUES_AND_ENDS:
            rq.requeue()
            rq.end(BlkStatus.MEDIUM)  # <- requeues_and_ends
        elif mode == Misdeed.REQUEUES_AND_USES:
            rq.requeue()
            rq.pdu.nr_tries += rq.sector  # <- requeues_and_uses
        elif mode == Misdeed.REQUEUES_AND_FAILS:
            rq.requeue()
            assert mode == 0  # <- requeues_and_fails

    def use_after_end(self, rq: Request) -> None:
        mode = self.config.mode
        if mode == Misdeed.READS_AFTER_END:
            rq.end()
            assert rq.sector != 0  # <- reads_after_end
        elif mode == Misdeed.WRITES_PDU_AFTER_END:
            rq.end()
            rq.pdu.nr_tries = 99  # <- writes_pdu_after_end
        elif mode == Misdeed.STARTS_AFTER_END:
            rq.end()
            rq.start()  # <- starts_after_end
        elif mode == Misdeed.COMPLETES_AFTER_END:
            rq.end()
            rq.complete()  # <- completes_after_end
        elif mode == Misdeed.REQUEUES_AFTER_END:
            rq.end()
            rq.requeue()  # <- requeues_after_end
        elif mode == Misdeed.UPDATES_AFTER_END:
            rq.end()
            rq.update(BlkStatus.MEDIUM, 512)  # <- updates_after_end
        elif mode == Misdeed.ARMS_TIMER_AFTER_END:
            rq.end()
            rq.pdu.timer.start(0, rq)  # <- arms_timer_after_end
        elif mode == Misdeed.ARMS_TIMER_AND_FAILS:
            rq.pdu.timer.start(0, rq)
            assert rq.sector == 0  # <- arms_timer_and_fails
        elif mode == Misdeed.QUEUES_WORK_AFTER_END:
            rq.end()
            rq.pdu.work.queue(rq)  # <- queues_work_after_end

    def use_data_after_end(self, rq: Request) -> None:
        mode = self.config.mode
        page = self.store.get_or_alloc(BAD_SECTOR // 8)
        if page is None:
            return
        if mode == Misdeed.LOOPS_AFTER_END:
            rq.end()
            for segment in rq.segments():  # <- loops_after_end
                segment.zero()
        elif mode == Misdeed.ENDS_WITHIN_LOOP:
            for segment in rq.segments():  # <- ends_within_loop
                if len(segment) > 0:
                    rq.end()
        elif mode == Misdeed.COPIES_AFTER_END:
            for segment in rq.segments():
                rq.end()
                segment.copy_from_page(page, 0)  # <- copies_after_end

    def use_kept(self, hctx: HwCtx, rq: Request) -> None:
        mode = self.config.mode
        kept = hctx.data.kept
        if kept is None:
            return
        if mode == Misdeed.ENDS_KEPT_HANDLE or mode == Misdeed.ENDS_KEPT_HANDLE_OF_TIMED_OUT:
            kept.end(BlkStatus.MEDIUM)  # <- ends_kept_handle ends_kept_handle_of_timed_out
        elif mode == Misdeed.READS_KEPT_HANDLE:
            assert kept.nr_bytes > 0  # <- reads_kept_handle
        elif mode == Misdeed.COPIES_KEPT_HANDLE:
            for segment in kept.segments():  # <- copies_kept_handle
                segment.zero()
        elif mode == Misdeed.STARTS_KEPT_HANDLE:
            kept.start()  # <- starts_kept_handle
        elif mode == Misdeed.UPDATES_KEPT_HANDLE:
            kept.update(BlkStatus.MEDIUM, 512)  # <- updates_kept_handle
        elif mode != Misdeed.TIMER_ON_DEAD_REQUEST and mode != Misdeed.WORK_FOR_DEAD_REQUEST:
            return
        rq.end()

    def use_list(self, hctx: HwCtx, rq: Request) -> None:
        mode = self.config.mode
        with hctx.data.lock:
            if mode == Misdeed.LISTS_TWICE:
                hctx.data.list.add_tail(rq)
                hctx.data.list.add_tail(rq)
            elif mode == Misdeed.LISTS_AFTER_END:
                rq.end()
                hctx.data.list.add_tail(rq)
            elif mode == Misdeed.LISTS_TOO_MANY:
                while rq.tag < self.tag_set.queue_depth:
                    hctx.data.list.add_tail(rq)  # <- lists_too_many
            elif mode != Misdeed.LIST_IS_EMPTY:
                return
            first = hctx.data.list.pop()
            first.end()  # <- lists_after_end list_is_empty
            second = hctx.data.list.pop()
            if second is not None:
                second.end(BlkStatus.MEDIUM)  # <- lists_twice
