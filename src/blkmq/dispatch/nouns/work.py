# SPDX-License-Identifier: MIT
"""The verb of ``Work``, and the tag set's stack of queued works. C twin: ``struct work_struct``."""

from __future__ import annotations

from blkmq.dispatch.call import Call, fail
from blkmq.dispatch.nouns.records import WorkRecord
from blkmq.dispatch.ownership import FAULT_STALE, is_live
from blkmq.dispatch.request import INDEX_MASK, request_at
from blkmq.dispatch.tag_set import tag_set_at
from blkmq.native.atomic import atomic_cas, atomic_load
from blkmq.native.clock import wake
from blkmq.native.hot import hot
from blkmq.native.memory import address_of
from blkmq.native.record import accessor

work_at = accessor(WorkRecord)


@hot
def work_queue(call: Call, work: WorkRecord, rq: int, slot: int) -> bool:
    tag_set = tag_set_at(call.set_address, 0)
    if rq != 0 and not is_live(request_at(tag_set.requests, rq & INDEX_MASK), rq):
        fail(call, FAULT_STALE, rq)
        return False
    if not atomic_cas(work, "queued", 0, 1):
        return False
    work.rq = rq
    work.slot = slot
    work.disk = call.disk_address
    address = address_of(work, "next")
    while True:
        first = atomic_load(tag_set, "works")
        work.next = first
        if atomic_cas(tag_set, "works", first, address):
            break
    wake(tag_set.work_fd)
    return True
