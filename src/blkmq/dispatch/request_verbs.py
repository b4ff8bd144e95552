# SPDX-License-Identifier: MIT
"""The verbs of ``Request``, for compiled drivers; interpreted ones call the same through :mod:`interpreted`."""

from __future__ import annotations

from blkmq.dispatch.call import Call, fail
from blkmq.dispatch.hw_queue import queue_at
from blkmq.dispatch.ownership import (
    COMPLETED,
    DONE,
    DONE_PINNED,
    FAULT_ABSENT,
    FAULT_STALE,
    FAULT_STATE,
    FROM_COMPLETE,
    FROM_END,
    FROM_REQUEUE,
    FROM_START,
    GONE,
    NOT_ALLOWED,
    STARTED,
    WAITING,
    finish,
    is_live,
    kick,
    pin,
    push,
    report,
    transition,
    unpin,
)
from blkmq.dispatch.request import GENERATION_SHIFT, INDEX_MASK, RequestRecord, request_at
from blkmq.dispatch.tag_set import TagSetRecord, tag_set_at
from blkmq.mq.blk_status import BlkStatus
from blkmq.mq.errors import Fault
from blkmq.native.atomic import atomic_add, atomic_load, atomic_store
from blkmq.native.hot import hot, hot_apart, hot_inline
from blkmq.native.memory import address_of

FAULT_STATUS, FAULT_VALUE, FAULT_INDEX = int(Fault.STATUS), int(Fault.VALUE), int(Fault.INDEX)
STATUS_MAX = max(int(status) for status in BlkStatus)
VALID_STATUSES = sum(1 << int(status) for status in BlkStatus)


@hot_inline
def is_status(status: int) -> bool:
    """Whether a number is a block status."""
    return 0 <= status <= STATUS_MAX and ((VALID_STATUSES >> status) & 1) == 1


@hot_inline
def live(call: Call, rq: int) -> RequestRecord:
    """The record of a handle's request; an error is noted if it is not live."""
    request = request_at(tag_set_at(call.set_address, 0).requests, rq & INDEX_MASK)
    if not is_live(request, rq):
        fail(call, FAULT_STALE if rq != 0 else FAULT_ABSENT, rq)
    return request


@hot_inline
def request_op(call: Call, rq: int) -> int:
    return live(call, rq).op + 0


@hot
def request_flags(call: Call, rq: int) -> int:
    return live(call, rq).flags + 0


@hot_inline
def request_sector(call: Call, rq: int) -> int:
    return live(call, rq).sector + 0


@hot
def request_nr_sectors(call: Call, rq: int) -> int:
    return live(call, rq).nr_bytes >> 9


@hot
def request_nr_bytes(call: Call, rq: int) -> int:
    return live(call, rq).nr_bytes + 0


@hot
def request_tag(call: Call, rq: int) -> int:
    return live(call, rq).tag + 0


@hot
def request_hctx(call: Call, rq: int) -> int:
    return live(call, rq).hctx + 0


@hot_inline
def pdu_address(call: Call, rq: int) -> int:
    """Where the driver's own data of a live request lies."""
    live(call, rq)
    tag_set = tag_set_at(call.set_address, 0)
    return tag_set.pdus + (rq & INDEX_MASK) * tag_set.pdu_size


@hot_apart
def refuse(call: Call, outcome: int, rq: int) -> None:
    """Notes why a transition was not made."""
    if outcome == NOT_ALLOWED:
        fail(call, FAULT_STATE, rq)
    elif outcome == GONE:
        fail(call, FAULT_STALE if rq != 0 else FAULT_ABSENT, rq)


@hot_inline
def request_start(call: Call, rq: int) -> None:
    tag_set = tag_set_at(call.set_address, 0)
    request = request_at(tag_set.requests, rq & INDEX_MASK)
    outcome = transition(request, rq, FROM_START, STARTED, 0, 0)
    if outcome > DONE_PINNED:
        refuse(call, outcome, rq)


@hot
def request_complete(call: Call, rq: int) -> None:
    tag_set = tag_set_at(call.set_address, 0)
    index = rq & INDEX_MASK
    request = request_at(tag_set.requests, index)
    outcome = transition(request, rq, FROM_COMPLETE, COMPLETED, 0, 0)
    if outcome == DONE or outcome == DONE_PINNED:
        queue = queue_at(tag_set.queues, request.hctx)
        push(address_of(queue, "completed"), request, index)
        kick(queue)
    else:
        refuse(call, outcome, rq)


@hot_inline
def request_end(call: Call, rq: int, status: int) -> None:
    if not is_status(status):
        fail(call, FAULT_STATUS, status)
        return
    tag_set = tag_set_at(call.set_address, 0)
    request = request_at(tag_set.requests, rq & INDEX_MASK)
    outcome = finish(call, tag_set, request, rq, FROM_END, status)
    if outcome > DONE_PINNED:
        refuse_end(call, tag_set, outcome, rq, status)


@hot_apart
def refuse_end(call: Call, tag_set: TagSetRecord, outcome: int, rq: int, status: int) -> None:
    """An end that does not count: too early is an error, too late is counted, reported and ignored."""
    if outcome == NOT_ALLOWED or rq == 0:
        refuse(call, outcome, rq)
    else:
        atomic_add(tag_set, "nr_stale_ends", 1)
        report(call, FAULT_STALE, call.at, status, rq)


@hot
def request_requeue(call: Call, rq: int, kick_now: bool) -> None:
    tag_set = tag_set_at(call.set_address, 0)
    index = rq & INDEX_MASK
    request = request_at(tag_set.requests, index)
    # A new generation: what the driver still holds of it, a timer say, is stale from here on.
    outcome = transition(request, rq, FROM_REQUEUE, WAITING, 0, 1)
    if outcome == DONE or outcome == DONE_PINNED:
        queue = queue_at(tag_set.queues, request.hctx)
        push(address_of(queue, "requeued"), request, index)
        if kick_now:
            atomic_store(queue, "kicked", 1)
            kick(queue)
    else:
        refuse(call, outcome, rq)


@hot
def request_update(call: Call, rq: int, status: int, nr_bytes: int) -> bool:
    if not is_status(status):
        fail(call, FAULT_STATUS, status)
        return False
    if not pin(call, rq):  # else another thread could end it, and its tag be another's below
        return False
    request = request_at(tag_set_at(call.set_address, 0).requests, rq & INDEX_MASK)
    left = 0
    if nr_bytes < 0 or nr_bytes > request.nr_bytes or nr_bytes % 512 != 0:
        fail(call, FAULT_VALUE, nr_bytes)
    else:
        left = request.nr_bytes - nr_bytes
        request.done_bytes = request.done_bytes + nr_bytes
        request.nr_bytes = left
        request.sector = request.sector + nr_bytes // 512
        if request.status == 0:
            request.status = status
    unpin(call, rq)
    return left > 0


@hot
def tag_set_tag_to_rq(call: Call, hctx: int, tag: int) -> int:
    """The handle of the live request that has the tag, 0 for none."""
    tag_set = tag_set_at(call.set_address, 0)
    if tag < 0 or tag >= tag_set.queue_depth:
        return fail(call, FAULT_INDEX, tag)
    index = hctx * tag_set.queue_depth + tag
    word = atomic_load(request_at(tag_set.requests, index), "ownership")
    handle = (word >> GENERATION_SHIFT) << GENERATION_SHIFT | index
    return handle if is_live(request_at(tag_set.requests, index), handle) else 0
