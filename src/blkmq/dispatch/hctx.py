# SPDX-License-Identifier: MIT
"""Running a hardware queue: issue, complete, time.  One thread runs a queue; it does no I/O of its own.

C twin: ``blk_mq_run_hw_queue`` and ``blk_mq_dispatch_rq_list``.
"""

from __future__ import annotations

from blkmq.abi.blk_mq import HCTX_TYPE_POLL
from blkmq.dispatch.budget import budget, return_budget
from blkmq.dispatch.call import Call, call_at
from blkmq.dispatch.callback import (
    BYTES_PER_FUEL,
    COMMIT_RQS,
    COMPLETE,
    FUEL_DATA,
    GET_BUDGET,
    POLL,
    PUT_BUDGET,
    QUEUE_RQ,
    QUEUE_RQS,
    SET_RQ_BUDGET_TOKEN,
    call_back,
    call_back_with,
    enter_disk,
    has_callback,
)
from blkmq.dispatch.file_ring import fall_asleep, has_answers, wake_up
from blkmq.dispatch.hw_queue import RESOURCE_DELAY_NSEC, HwQueueRecord, queue_at
from blkmq.dispatch.nouns.backing_file import run_file_ios
from blkmq.dispatch.nouns.hr_timer import run_timers
from blkmq.dispatch.ownership import (
    COMPLETED,
    COMPLETING,
    DONE,
    DONE_PINNED,
    FAULT_STALE,
    FROM_END,
    FROM_TAKE_BACK,
    GONE,
    STATE_SHIFT,
    STATUS_SHIFT,
    WAITING,
    drop,
    finish,
    give_up,
    mark_issued,
    report,
    transition,
)
from blkmq.dispatch.request import GENERATION_SHIFT, RequestRecord, request_at
from blkmq.dispatch.request_batch import issue_list
from blkmq.dispatch.request_verbs import FAULT_STATUS, is_status
from blkmq.dispatch.tag_set import TagSetRecord, tag_set_at
from blkmq.dispatch.tags import nr_in_flight
from blkmq.dispatch.timeout import STATUS_TIMEOUT, report_late
from blkmq.mq.blk_status import BlkStatus
from blkmq.native.atomic import atomic_add, atomic_load, atomic_store, atomic_xchg
from blkmq.native.clock import drain, monotonic_nsec, wait_readable
from blkmq.native.hot import hot, hot_apart, hot_inline
from blkmq.native.memory import address_of, word_at

OK, IOERR = int(BlkStatus.OK), int(BlkStatus.IOERR)
RESOURCE, DEV_RESOURCE = int(BlkStatus.RESOURCE), int(BlkStatus.DEV_RESOURCE)


@hot_inline
def handle_of(request: RequestRecord, index: int) -> int:
    """The present handle of a tag's request."""
    return (atomic_load(request, "ownership") >> GENERATION_SHIFT) << GENERATION_SHIFT | index


@hot_inline
def append(tag_set: TagSetRecord, queue: HwQueueRecord, index: int) -> None:
    """Puts a request at the end of the dispatch list.  The queue's own thread only."""
    request_at(tag_set.requests, index).next = 0
    if queue.dispatch_head == 0:
        queue.dispatch_head = index + 1
    else:
        request_at(tag_set.requests, queue.dispatch_tail - 1).next = index + 1
    queue.dispatch_tail = index + 1


@hot
def prepend(tag_set: TagSetRecord, queue: HwQueueRecord, index: int) -> None:
    """Puts a request at the front of the dispatch list: it was there before, or came back."""
    request_at(tag_set.requests, index).next = queue.dispatch_head
    if queue.dispatch_head == 0:
        queue.dispatch_tail = index + 1
    queue.dispatch_head = index + 1


@hot_inline
def take_first(tag_set: TagSetRecord, queue: HwQueueRecord) -> int:
    """The first request of the dispatch list, taken off it: its index."""
    index = queue.dispatch_head - 1
    queue.dispatch_head = request_at(tag_set.requests, index).next + 0
    return index


@hot
def take_stack(tag_set: TagSetRecord, stack: int) -> int:
    """Takes a whole stack; its first is the oldest then: index + 1, 0 for none. C: ``llist_del_all``, reversed."""
    link = atomic_xchg(word_at(stack, 0), "value", 0)
    oldest = 0
    while link != 0:
        request = request_at(tag_set.requests, link - 1)
        following = request.next + 0
        request.next = oldest
        oldest = link
        link = following
    return oldest


@hot_inline
def has_ended(queue: HwQueueRecord) -> bool:
    """Whether requests wait to go back."""
    return queue.ended_head != 0 or atomic_load(queue, "ended") != 0


@hot_inline
def take_ended(tag_set: TagSetRecord, queue: HwQueueRecord) -> int:
    """Takes what has ended: index + 1 of the first, linked by ``next``, those that this thread ended first."""
    others = 0
    if atomic_load(queue, "ended") != 0:
        others = take_stack(tag_set, address_of(queue, "ended"))
    first = queue.ended_head + 0
    if first == 0:
        return others
    request_at(tag_set.requests, queue.ended_tail - 1).next = others
    queue.ended_head = 0
    return first


@hot_apart
def take_requeued(tag_set: TagSetRecord, queue: HwQueueRecord) -> None:
    """What came back goes before what waits, newest last."""
    atomic_store(queue, "kicked", 0)
    newest = atomic_xchg(queue, "requeued", 0)
    while newest != 0:
        index = newest - 1
        newest = request_at(tag_set.requests, index).next + 0
        queue.nr_requeues = queue.nr_requeues + 1
        prepend(tag_set, queue, index)


@hot_apart
def accept(call: Call, tag_set: TagSetRecord, request: RequestRecord, rq: int, status: int) -> int:
    """What an answer other than OK comes to: RESOURCE or DEV_RESOURCE if dispatch has the request back."""
    if is_busy(status):
        outcome = transition(request, rq, FROM_TAKE_BACK, WAITING, 0, 1)
        if outcome == DONE or outcome == DONE_PINNED:
            return status
    elif is_status(status):
        outcome = give_up(call, tag_set, request, rq, status)
    else:
        atomic_add(tag_set, "nr_errors", 1)
        report(call, FAULT_STATUS, call.at, status, rq)
        give_up(call, tag_set, request, rq, IOERR)
        return IOERR
    if outcome == GONE:  # the driver has ended it before: the answer is a second end
        atomic_add(tag_set, "nr_stale_ends", 1)
        report(call, FAULT_STALE, call.at, status, rq)
    return IOERR


@hot_inline
def is_busy(status: int) -> bool:
    """Whether dispatch has the request back."""
    return status == RESOURCE or status == DEV_RESOURCE


@hot_inline
def issue(call: Call, tag_set: TagSetRecord, queue: HwQueueRecord, index: int, is_last: bool) -> int:
    """Gives one request to ``queue_rq``: OK if the driver has it, RESOURCE or DEV_RESOURCE if dispatch has it back."""
    request = request_at(tag_set.requests, index)
    rq = mark_issued(request) | index
    enter_disk(call, tag_set, request.disk)
    queue.nr_queued = queue.nr_queued + 1
    if has_callback(tag_set, SET_RQ_BUDGET_TOKEN):
        call_back(call, SET_RQ_BUDGET_TOKEN, rq, request.budget_token, 0, rq, FUEL_DATA)
        if call.error != 0:
            return IOERR
    fuel = FUEL_DATA + request.nr_bytes // BYTES_PER_FUEL
    status = call_back(call, QUEUE_RQ, queue.index, rq, 1 if is_last else 0, rq, fuel)
    if call.error != 0:
        return IOERR
    if status == OK:
        return OK
    status = accept(call, tag_set, request, rq, status)
    if is_busy(status):
        queue.nr_busy = queue.nr_busy + 1
        queue.rerun_nsec = queue.now_nsec + RESOURCE_DELAY_NSEC
    return status


@hot
def dispatch(call: Call, tag_set: TagSetRecord, queue: HwQueueRecord) -> None:
    """Issues what waits, until each disk is busy. C: ``blk_mq_dispatch_rq_list``.

    Disks of one tag set share the list, but not their batches: a batch ends where the next request is another disk's,
    and what a busy disk does not take is held back, without the others.
    """
    if has_callback(tag_set, QUEUE_RQS) and queue.dispatch_head != queue.dispatch_tail:
        issue_list(call, tag_set, queue)
    uncommitted = False
    has_budget = has_callback(tag_set, GET_BUDGET)
    held_head = 0
    held_tail = 0
    while queue.dispatch_head != 0:
        index = take_first(tag_set, queue)
        disk = request_at(tag_set.requests, index).disk + 0
        is_last = queue.dispatch_head == 0 or request_at(tag_set.requests, queue.dispatch_head - 1).disk != disk
        is_held = held_head != 0 and holds(tag_set, held_head, disk)
        if not is_held and has_budget and not budget(call, tag_set, queue, index):
            is_held = True
        if not is_held:
            status = issue(call, tag_set, queue, index, is_last)
            if is_busy(status):
                is_held = True
                if has_callback(tag_set, PUT_BUDGET):
                    return_budget(call, tag_set, index)
            elif status == OK:  # an error does not ring a doorbell
                uncommitted = not is_last
        if is_held:
            held_tail = hold(tag_set, held_tail, index)
            held_head = held_head if held_head != 0 else held_tail
        if uncommitted and (is_last or is_held):
            commit(call, tag_set, queue, disk)
            uncommitted = False
    queue.dispatch_head = held_head
    queue.dispatch_tail = held_tail


@hot_apart
def holds(tag_set: TagSetRecord, link: int, disk: int) -> bool:
    """Whether a list has a request of a disk."""
    while link != 0:
        request = request_at(tag_set.requests, link - 1)
        if request.disk == disk:
            return True
        link = request.next + 0
    return False


@hot_apart
def hold(tag_set: TagSetRecord, tail: int, index: int) -> int:
    """Puts a request behind the one that ``tail`` links to; the link to itself."""
    request_at(tag_set.requests, index).next = 0
    if tail != 0:
        request_at(tag_set.requests, tail - 1).next = index + 1
    return index + 1


@hot_apart
def commit(call: Call, tag_set: TagSetRecord, queue: HwQueueRecord, disk: int) -> None:
    """Tells a disk that its batch broke off."""
    if has_callback(tag_set, COMMIT_RQS):
        enter_disk(call, tag_set, disk)
        call_back(call, COMMIT_RQS, queue.index, 0, 0, 0, FUEL_DATA)


@hot_apart
def run_completions(call: Call, tag_set: TagSetRecord, queue: HwQueueRecord) -> None:
    """Calls ``complete`` for what ``rq.complete()`` put there. C: the block softirq."""
    link = take_stack(tag_set, address_of(queue, "completed"))
    while link != 0:
        index = link - 1
        request = request_at(tag_set.requests, index)
        link = request.next + 0
        word = atomic_add(request, "ownership", (COMPLETING - COMPLETED) << STATE_SHIFT)
        rq = (word >> GENERATION_SHIFT) << GENERATION_SHIFT | index
        if request.status == 0:  # dispatch may have given it up meanwhile
            request.status = (word >> STATUS_SHIFT) & 0xFF
        if has_callback(tag_set, COMPLETE):
            call_back_with(call, COMPLETE, request, rq)
        else:
            finish(call, tag_set, request, rq, FROM_END, OK)


@hot_apart
def clear_out(call: Call, tag_set: TagSetRecord, queue: HwQueueRecord) -> None:
    """The time of a removal is over: ends what the driver refuses or has given back."""
    take_requeued(tag_set, queue)
    while queue.dispatch_head != 0:
        index = take_first(tag_set, queue)
        atomic_add(queue, "nr_timeouts", 1)
        request = request_at(tag_set.requests, index)
        report_late(tag_set, request, handle_of(request, index), WAITING, QUEUE_RQ, tag_set.timeout_nsec + 0)
        drop(call, tag_set, request, index, STATUS_TIMEOUT)


@hot
def run(call: Call, tag_set: TagSetRecord, queue: HwQueueRecord) -> None:
    """Does everything that can be done now, without waiting."""
    queue.now_nsec = monotonic_nsec()
    if tag_set.removal_nsec != 0 and queue.now_nsec >= tag_set.removal_nsec:
        clear_out(call, tag_set, queue)
    elif queue.stopped == 0:
        if atomic_load(queue, "requeued") != 0 and (queue.kicked != 0 or queue.now_nsec >= queue.rerun_nsec):
            take_requeued(tag_set, queue)
        if queue.dispatch_head != 0 and queue.now_nsec >= queue.rerun_nsec:
            dispatch(call, tag_set, queue)
    if queue.type == HCTX_TYPE_POLL and nr_in_flight(tag_set, queue) > 0 and has_callback(tag_set, POLL):
        for i in range(tag_set.nr_disks):
            enter_disk(call, tag_set, i)
            call_back(call, POLL, queue.index, queue.poll_list, 0, 0, FUEL_DATA)
    if queue.nr_timers > 0:
        run_timers(call, tag_set, queue)
    if atomic_load(queue, "completed") != 0:
        run_completions(call, tag_set, queue)
    if atomic_load(queue, "file_ios") != 0 or has_answers(queue):
        run_file_ios(call, tag_set, queue)


@hot
def next_event_nsec(tag_set: TagSetRecord, queue: HwQueueRecord) -> int:
    """When the queue wants to run again if nobody wakes it; S64_MAX: never."""
    when = atomic_load(queue, "next_timer_nsec")
    if nr_in_flight(tag_set, queue) == 0:
        return when
    if queue.type == HCTX_TYPE_POLL and has_callback(tag_set, POLL):
        return 0
    if queue.stopped == 0 and (queue.dispatch_head != 0 or atomic_load(queue, "requeued") != 0):
        when = min(when, queue.rerun_nsec + 0)
    return when


@hot
def has_news(queue: HwQueueRecord) -> bool:
    """Whether another thread, or the kernel, left something to do."""
    return (
        has_ended(queue)
        or atomic_load(queue, "completed") != 0
        or atomic_load(queue, "file_ios") != 0
        or has_answers(queue)
        or (atomic_load(queue, "kicked") != 0 and queue.stopped == 0)
    )


@hot
def wait(tag_set: TagSetRecord, queue: HwQueueRecord, until_nsec: int) -> None:
    """Sleeps until the next event, until woken by :func:`kick`, or until ``until_nsec``."""
    fall_asleep(queue)
    timeout = min(until_nsec, next_event_nsec(tag_set, queue)) - monotonic_nsec()
    if timeout > 0 and not has_news(queue) and wait_readable(queue.wake_fd, timeout):
        drain(queue.wake_fd)
    wake_up(queue)


@hot
def serve(call_address: int, until_nsec: int) -> int:
    """Runs a queue until a request has ended, it is woken, or ``until_nsec``.

    Returns the ended requests as a list, oldest first: index + 1, linked by ``next``; 0 for none.
    """
    call = call_at(call_address, 0)
    tag_set = tag_set_at(call.set_address, 0)
    queue = queue_at(tag_set.queues, call.hctx)
    has_waited = False
    while True:
        run(call, tag_set, queue)
        if has_waited or has_ended(queue):
            return take_ended(tag_set, queue)
        wait(tag_set, queue, until_nsec)
        has_waited = True
