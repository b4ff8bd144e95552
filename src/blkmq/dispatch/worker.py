# SPDX-License-Identifier: MIT
"""The thread that runs queued works. C twin: a kworker."""

from __future__ import annotations

from blkmq.dispatch.call import call_at
from blkmq.dispatch.callback import FUEL_DATA, call_back, call_back_with
from blkmq.dispatch.nouns.work import work_at
from blkmq.dispatch.ownership import is_live
from blkmq.dispatch.request import INDEX_MASK, request_at
from blkmq.dispatch.tag_set import disk_at, tag_set_at
from blkmq.native.atomic import atomic_add, atomic_store, atomic_xchg
from blkmq.native.clock import drain, monotonic_nsec, wait_readable
from blkmq.native.hot import hot


@hot
def serve_works(call_address: int, until_nsec: int) -> int:
    """Runs what is queued, or waits for some until ``until_nsec``; how many it ran."""
    call = call_at(call_address, 0)
    tag_set = tag_set_at(call.set_address, 0)
    newest = atomic_xchg(tag_set, "works", 0)
    if newest == 0:
        if wait_readable(tag_set.work_fd, until_nsec - monotonic_nsec()):
            drain(tag_set.work_fd)
        newest = atomic_xchg(tag_set, "works", 0)
    oldest = 0
    while newest != 0:
        following = work_at(newest, 0).next + 0
        work_at(newest, 0).next = oldest
        oldest = newest
        newest = following
    count = 0
    while oldest != 0:
        work = work_at(oldest, 0)
        oldest = work.next + 0
        rq = work.rq + 0
        slot = work.slot + 0
        disk = work.disk + 0
        atomic_store(work, "queued", 0)  # from here on it may be queued again
        count += 1
        if rq == 0:
            call.disk_address = disk
            call.driver = disk_at(disk, 0).driver
            call_back(call, slot, 0, 0, 0, 0, FUEL_DATA)
        elif is_live(request_at(tag_set.requests, rq & INDEX_MASK), rq):
            call_back_with(call, slot, request_at(tag_set.requests, rq & INDEX_MASK), rq)
        else:
            atomic_add(tag_set, "nr_stale_timers", 1)
    return count
