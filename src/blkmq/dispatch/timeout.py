# SPDX-License-Identifier: MIT
"""Requests that take too long: the driver's ``timeout`` callback, then BLK_STS_TIMEOUT.

C twin: ``blk_mq_timeout_work``, a work of its own: a queue's requests time out though its thread is in a callback.
Unlike there, a request that a driver neither started nor gave back times out too: none is lost.
"""

from __future__ import annotations

from blkmq.dispatch.call import Call, call_at
from blkmq.dispatch.callback import (
    COMPLETE,
    QUEUE_RQ,
    TIMEOUT,
    abandon,
    call_back_with,
    has_callback,
    is_with_driver,
)
from blkmq.dispatch.hw_queue import HwQueueRecord, queue_at
from blkmq.dispatch.nouns.hr_timer import lock_timers, timer_at, unlock_timers
from blkmq.dispatch.ownership import COMPLETING, DONE_PINNED, FROM_FAIL, IDLE, kick, pin, state_of, unpin
from blkmq.dispatch.request import GENERATION_SHIFT, RequestRecord, request_at
from blkmq.dispatch.tag_set import NR_REPORTS, TagSetRecord, report_at, tag_set_at
from blkmq.dispatch.tags import nr_in_flight
from blkmq.mq.blk_eh import BlkEhTimerReturn
from blkmq.mq.blk_status import BlkStatus
from blkmq.mq.errors import Fault
from blkmq.native.atomic import atomic_add, atomic_load
from blkmq.native.hot import hot
from blkmq.native.memory import word_at

STATUS_TIMEOUT = int(BlkStatus.TIMEOUT)
FAULT_TIMEOUT = int(Fault.TIMEOUT)
RESET_TIMER = int(BlkEhTimerReturn.RESET_TIMER)
LOOKS_PER_TIMEOUT = 8  #: a request ends at most an eighth of the timeout late
LOOK_AT_END_NSEC = 100_000_000  #: between looks when the time of a removal is over


@hot
def expire_requests(call_address: int, now_nsec: int) -> int:
    """Looks at the requests that drivers have; when to look again.  One thread of the tag set runs it."""
    call = call_at(call_address, 0)
    tag_set = tag_set_at(call.set_address, 0)
    again_nsec = now_nsec + tag_set.timeout_nsec // LOOKS_PER_TIMEOUT
    is_over = tag_set.removal_nsec != 0 and now_nsec >= tag_set.removal_nsec
    if is_over:
        again_nsec = now_nsec + LOOK_AT_END_NSEC
    elif tag_set.removal_nsec != 0:
        again_nsec = min(again_nsec, tag_set.removal_nsec + 0)
    for number in range(tag_set.nr_hw_queues):
        queue = queue_at(tag_set.queues, number)
        if nr_in_flight(tag_set, queue) > 0:
            again_nsec = min(again_nsec, expire_queue(call, tag_set, queue, now_nsec, is_over))
        if is_over:
            kick(queue)  # it ends what waits
    return again_nsec


@hot
def expire_queue(call: Call, tag_set: TagSetRecord, queue: HwQueueRecord, now_nsec: int, is_over: bool) -> int:
    """Ends what is late; with ``is_over``, all that was seen before.  When the next one will be late.

    A request's time begins when it is first seen here, issued, and anew when it is seen started.  One that waits for
    ``complete`` is not late: that callback comes next.
    """
    next_nsec = now_nsec + tag_set.timeout_nsec
    first = queue.index * tag_set.queue_depth
    for index in range(first, first + tag_set.queue_depth):
        request = request_at(tag_set.requests, index)
        word = atomic_load(request, "ownership")
        if ((FROM_FAIL >> state_of(word)) & 1) == 1:
            watched = (word >> GENERATION_SHIFT) << 1 | (0 if state_of(word) == IDLE else 1)
            if request.watched != watched:
                request.watched = watched
                request.deadline_nsec = now_nsec + tag_set.timeout_nsec
            elif is_over or request.deadline_nsec <= now_nsec:
                rq = (word >> GENERATION_SHIFT) << GENERATION_SHIFT | index
                expire(call, tag_set, queue, request, rq, now_nsec, is_over)
            else:
                next_nsec = min(next_nsec, request.deadline_nsec + 0)
    return next_nsec


@hot
def expire(
    call: Call,
    tag_set: TagSetRecord,
    queue: HwQueueRecord,
    request: RequestRecord,
    rq: int,
    now_nsec: int,
    is_over: bool,
) -> None:
    """Asks the driver about a late request, and ends it; pinned, so that its tag is not another's meanwhile."""
    if not pin(call, rq):
        call.error = 0  # it ended at this moment
        return
    atomic_add(queue, "nr_timeouts", 1)
    answer = 0
    if has_callback(tag_set, TIMEOUT) and not is_over:
        answer = call_back_with(call, TIMEOUT, request, rq)
    if answer == RESET_TIMER and call.error == 0:
        request.deadline_nsec = now_nsec + tag_set.timeout_nsec
    elif is_with_driver(request, rq):
        state = state_of(atomic_load(request, "ownership"))
        slot = awaited_slot(queue, rq, state)
        if abandon(call, tag_set, rq, STATUS_TIMEOUT) <= DONE_PINNED:
            took_nsec = now_nsec - request.deadline_nsec + tag_set.timeout_nsec
            report_late(tag_set, request, rq, state, slot, took_nsec)
    unpin(call, rq)


@hot
def awaited_slot(queue: HwQueueRecord, rq: int, state: int) -> int:
    """The callback that was to end a request: its timer's, if that is armed; else the one that had it last."""
    slot = COMPLETE if state == COMPLETING else QUEUE_RQ
    lock_timers(queue)
    for i in range(queue.nr_timers):
        timer = timer_at(word_at(queue.timers, i).value, 0)
        if timer.rq == rq:
            slot = timer.slot + 0
    unlock_timers(queue)
    return slot


@hot
def report_late(tag_set: TagSetRecord, request: RequestRecord, rq: int, state: int, slot: int, took_nsec: int) -> None:
    """Writes a line for the log, as ``report`` does for an error."""
    line = report_at(tag_set.reports, atomic_add(tag_set, "nr_reports", 1) % NR_REPORTS)
    line.fault = FAULT_TIMEOUT
    line.value = took_nsec
    line.slot = slot
    line.rq = rq
    line.state = state
    line.op = request.op
    line.sector = request.sector
