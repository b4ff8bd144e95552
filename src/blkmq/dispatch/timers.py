# SPDX-License-Identifier: MIT
"""Timers that are due, for drivers that have some. C twin: ``hrtimer_interrupt``."""

from __future__ import annotations

from blkmq.dispatch.call import Call
from blkmq.dispatch.callback import FUEL_DATA, call_back, call_back_with
from blkmq.dispatch.hw_queue import HwQueueRecord
from blkmq.dispatch.nouns.hr_timer import lock_timers, take_out, timer_at, unlock_timers
from blkmq.dispatch.ownership import is_live
from blkmq.dispatch.request import INDEX_MASK, request_at
from blkmq.dispatch.tag_set import TagSetRecord, disk_at
from blkmq.native.atomic import atomic_add, atomic_load
from blkmq.native.hot import hot_apart
from blkmq.native.memory import word_at


@hot_apart
def run_timers(call: Call, tag_set: TagSetRecord, queue: HwQueueRecord) -> None:
    """Calls the methods of the timers that are due."""
    while queue.nr_timers > 0 and atomic_load(queue, "next_timer_nsec") <= queue.now_nsec:
        lock_timers(queue)
        address = 0
        if queue.nr_timers > 0:
            address = word_at(queue.timers, 0).value + 0
        if address == 0 or timer_at(address, 0).expires_nsec > queue.now_nsec:
            unlock_timers(queue)
            break
        timer = timer_at(address, 0)
        take_out(queue, address)
        rq = timer.rq + 0
        slot = timer.slot + 0
        disk = timer.disk + 0
        unlock_timers(queue)
        if rq == 0:
            call.disk_address = disk
            call.driver = disk_at(disk, 0).driver
            call_back(call, slot, 0, 0, 0, 0, FUEL_DATA)
        elif is_live(request_at(tag_set.requests, rq & INDEX_MASK), rq):
            call_back_with(call, slot, request_at(tag_set.requests, rq & INDEX_MASK), rq)
        else:
            atomic_add(tag_set, "nr_stale_timers", 1)
