# SPDX-License-Identifier: MIT
"""Requests that take too long: the driver's ``timeout`` callback, then BLK_STS_TIMEOUT.

C twin: ``blk_mq_timeout_work`` and ``blk_mq_rq_timed_out``.  Unlike there, a request that a driver neither
started nor gave back times out too: none is lost.
"""

from __future__ import annotations

from blkmq.dispatch.call import Call
from blkmq.dispatch.callback import TIMEOUT, abandon, call_back_with, has_callback, is_with_driver
from blkmq.dispatch.hw_queue import HwQueueRecord
from blkmq.dispatch.ownership import FROM_FAIL, state_of
from blkmq.dispatch.request import GENERATION_SHIFT, RequestRecord, request_at
from blkmq.dispatch.tag_set import TagSetRecord
from blkmq.mq.blk_eh import BlkEhTimerReturn
from blkmq.mq.blk_status import BlkStatus
from blkmq.native.atomic import atomic_load
from blkmq.native.hot import hot, hot_apart

STATUS_TIMEOUT = int(BlkStatus.TIMEOUT)
RESET_TIMER = int(BlkEhTimerReturn.RESET_TIMER)
LOOKS_PER_TIMEOUT = 8  #: a request ends at most an eighth of the timeout late


@hot_apart
def expire_requests(call: Call, tag_set: TagSetRecord, queue: HwQueueRecord) -> None:
    """Looks at all requests of a queue that the driver has; run by the queue's own thread.

    One that waits for ``complete`` is not late: that callback comes next.
    """
    first = queue.index * tag_set.queue_depth
    for index in range(first, first + tag_set.queue_depth):
        request = request_at(tag_set.requests, index)
        word = atomic_load(request, "ownership")
        if ((FROM_FAIL >> state_of(word)) & 1) == 1 and request.deadline_nsec <= queue.now_nsec:
            expire(call, tag_set, queue, request, (word >> GENERATION_SHIFT) << GENERATION_SHIFT | index)
    queue.next_timeout_nsec = queue.now_nsec + tag_set.timeout_nsec // LOOKS_PER_TIMEOUT


@hot_apart
def expire_all(call: Call, tag_set: TagSetRecord, queue: HwQueueRecord) -> None:
    """The disks are being removed, and the time for that is over: what the driver still has ends unasked."""
    first = queue.index * tag_set.queue_depth
    for index in range(first, first + tag_set.queue_depth):
        word = atomic_load(request_at(tag_set.requests, index), "ownership")
        if ((FROM_FAIL >> state_of(word)) & 1) == 1:
            queue.nr_timeouts = queue.nr_timeouts + 1
            abandon(call, tag_set, (word >> GENERATION_SHIFT) << GENERATION_SHIFT | index, STATUS_TIMEOUT)


@hot
def expire(call: Call, tag_set: TagSetRecord, queue: HwQueueRecord, request: RequestRecord, rq: int) -> None:
    queue.nr_timeouts = queue.nr_timeouts + 1
    if has_callback(tag_set, TIMEOUT):
        answer = call_back_with(call, TIMEOUT, request, rq)
        if call.error == 0 and answer == RESET_TIMER:
            request.deadline_nsec = queue.now_nsec + tag_set.timeout_nsec
            return
    if is_with_driver(request, rq):
        abandon(call, tag_set, rq, STATUS_TIMEOUT)
