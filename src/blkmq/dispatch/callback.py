# SPDX-License-Identifier: MIT
"""Calling the driver: fuel before, and afterwards the errors, so that no callback can hang or poison a queue."""

from __future__ import annotations

from blkmq.dispatch.call import Call, call_at
from blkmq.dispatch.nouns.lock import release_held
from blkmq.dispatch.ownership import COMPLETED, FAULT_STALE, GONE, claim, give_up, is_live, report, state_of
from blkmq.dispatch.request import INDEX_MASK, RequestRecord, request_at
from blkmq.dispatch.tag_set import TagSetRecord, disk_at, tag_set_at
from blkmq.mq.blk_status import BlkStatus
from blkmq.mq.operations import SLOT_BY_NAME
from blkmq.native.atomic import atomic_add, atomic_load
from blkmq.native.hot import hot, hot_apart, hot_inline
from blkmq.native.invoke import call_entry
from blkmq.native.memory import address_of

FUEL_CONTROL = 1 << 24  #: of a control callback
FUEL_DATA = 1 << 20  #: of a data-path callback, beyond its request's own size
BYTES_PER_FUEL = 64
IOERR = int(BlkStatus.IOERR)

QUEUE_RQ = SLOT_BY_NAME["queue_rq"].number
COMMIT_RQS = SLOT_BY_NAME["commit_rqs"].number
QUEUE_RQS = SLOT_BY_NAME["queue_rqs"].number
GET_BUDGET = SLOT_BY_NAME["get_budget"].number
PUT_BUDGET = SLOT_BY_NAME["put_budget"].number
GET_RQ_BUDGET_TOKEN = SLOT_BY_NAME["get_rq_budget_token"].number
SET_RQ_BUDGET_TOKEN = SLOT_BY_NAME["set_rq_budget_token"].number
TIMEOUT = SLOT_BY_NAME["timeout"].number
POLL = SLOT_BY_NAME["poll"].number
CLEANUP_RQ = SLOT_BY_NAME["cleanup_rq"].number
COMPLETE = SLOT_BY_NAME["complete"].number


@hot_inline
def has_callback(tag_set: TagSetRecord, slot: int) -> bool:
    """Whether the driver fills the slot."""
    return ((tag_set.callbacks >> slot) & 1) == 1


@hot_inline
def enter_disk(call: Call, tag_set: TagSetRecord, index: int) -> None:
    """Makes a disk the one that the next callback is for."""
    disk = disk_at(tag_set.disks, index)
    call.disk_address = address_of(disk, "capacity_sectors")
    call.driver = disk.driver


@hot_inline
def call_back(call: Call, slot: int, a: int, b: int, c: int, rq: int, fuel: int) -> int:
    """Calls one slot for the request ``rq`` (0: none).  An error that escapes ends that request."""
    tag_set = tag_set_at(call.set_address, 0)
    call.error = 0
    call.fuel = fuel
    call.slot = slot
    call.rq = rq
    result = call_entry(tag_set.entry, slot, address_of(call, "fuel"), a, b, c)
    if call.nr_held > 0:
        release_held(call)
    if call.error != 0:
        escaped(call, tag_set, rq)
    return result


@hot
def call_back_with(call: Call, slot: int, request: RequestRecord, rq: int) -> int:
    """Calls a slot that takes just a request, on that request's disk."""
    tag_set = tag_set_at(call.set_address, 0)
    enter_disk(call, tag_set, request.disk)
    return call_back(call, slot, rq, 0, 0, rq, FUEL_DATA + request.nr_bytes // BYTES_PER_FUEL)


@hot
def is_with_driver(request: RequestRecord, rq: int) -> bool:
    """Whether the driver has it, and it does not wait for ``complete``, which comes anyway."""
    return is_live(request, rq) and state_of(atomic_load(request, "ownership")) != COMPLETED


@hot
def abandon(call: Call, tag_set: TagSetRecord, rq: int, status: int) -> int:
    """Ends a request that the driver did not; before, ``cleanup_rq`` may free what its Pdu holds.  What it came to."""
    request = request_at(tag_set.requests, rq & INDEX_MASK)
    if has_callback(tag_set, CLEANUP_RQ) and is_with_driver(request, rq):
        if not claim(request, rq, status):
            return GONE  # another thread cleans up, and ends it
        error = call.error
        call.error = 0
        call.fuel = FUEL_DATA
        call.slot = CLEANUP_RQ
        call_entry(tag_set.entry, CLEANUP_RQ, address_of(call, "fuel"), rq, 0, 0)
        if call.nr_held > 0:
            release_held(call)
        if call.error != 0:
            atomic_add(tag_set, "nr_errors", 1)
            report(call, call.error, call.error_at, call.value, rq)
        call.error = error
    return give_up(call, tag_set, request, rq, status)


@hot_apart
def escaped(call: Call, tag_set: TagSetRecord, rq: int) -> None:
    """Counts and reports the error, and ends the request that the callback was for."""
    if (
        call.slot == TIMEOUT
        and call.error == FAULT_STALE
        and not is_live(request_at(tag_set.requests, rq & INDEX_MASK), rq)
    ):
        return  # it ended while ``timeout`` ran beside the rest of the driver: nobody's mistake
    atomic_add(tag_set, "nr_errors", 1)
    report(call, call.error, call.error_at, call.value, rq)
    if rq != 0:
        abandon(call, tag_set, rq, IOERR)


__all__ = ["Call", "call_at", "call_back", "call_back_with", "enter_disk", "has_callback"]
