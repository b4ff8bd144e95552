# SPDX-License-Identifier: MIT
"""The whole dispatch list at once, for drivers with ``queue_rqs``. C twin: ``blk_mq_dispatch_queue_requests``."""

from __future__ import annotations

from blkmq.dispatch.call import Call
from blkmq.dispatch.callback import BYTES_PER_FUEL, FUEL_DATA, QUEUE_RQS, call_back, enter_disk
from blkmq.dispatch.hw_queue import HwQueueRecord
from blkmq.dispatch.nouns.request_list import request_list_add_tail, request_list_at, request_list_pop
from blkmq.dispatch.ownership import DONE_PINNED, IDLE, WAITING, mark_issued, transition
from blkmq.dispatch.request import INDEX_MASK, request_at
from blkmq.dispatch.tag_set import TagSetRecord
from blkmq.native.hot import hot, hot_apart


@hot_apart
def issue_list(call: Call, tag_set: TagSetRecord, queue: HwQueueRecord) -> None:
    """Gives the whole dispatch list to ``queue_rqs``; what the driver leaves on it stays on ours."""
    rqs = request_list_at(queue.poll_list, 0)
    link = queue.dispatch_head + 0
    disk = request_at(tag_set.requests, link - 1).disk + 0
    fuel = FUEL_DATA
    while link != 0 and request_at(tag_set.requests, link - 1).disk == disk:
        index = link - 1
        request = request_at(tag_set.requests, index)
        fuel += request.nr_bytes // BYTES_PER_FUEL
        link = request.next + 0  # once it is issued, it may end at any moment
        request_list_add_tail(call, rqs, mark_issued(request) | index)
    queue.dispatch_head = link
    before = rqs.tail - rqs.head
    enter_disk(call, tag_set, disk)
    call_back(call, QUEUE_RQS, queue.poll_list, 0, 0, 0, fuel)
    left = 0
    rq = request_list_pop(call, rqs)
    while rq != 0:
        request = request_at(tag_set.requests, rq & INDEX_MASK)
        if transition(request, rq, 1 << IDLE, WAITING, 0, 1) <= DONE_PINNED:
            append_before(tag_set, queue, rq & INDEX_MASK, link)
            left += 1
        rq = request_list_pop(call, rqs)
    queue.nr_queued = queue.nr_queued + before - left


@hot
def append_before(tag_set: TagSetRecord, queue: HwQueueRecord, index: int, following: int) -> None:
    """Puts a request into the dispatch list, right before the one that ``following`` links to."""
    request = request_at(tag_set.requests, index)
    request.next = following
    if queue.dispatch_head == following:
        queue.dispatch_head = index + 1
    else:
        link = queue.dispatch_head + 0
        while request_at(tag_set.requests, link - 1).next != following:
            link = request_at(tag_set.requests, link - 1).next + 0
        request_at(tag_set.requests, link - 1).next = index + 1
    if following == 0:
        queue.dispatch_tail = index + 1
