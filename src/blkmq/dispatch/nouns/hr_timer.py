# SPDX-License-Identifier: MIT
"""The verbs of ``HrTimer``, the heap of armed timers that each hardware queue keeps, and what is due of it."""

from __future__ import annotations

from blkmq.dispatch.call import Call, fail
from blkmq.dispatch.callback import FUEL_DATA, call_back, call_back_with
from blkmq.dispatch.hw_queue import HwQueueRecord, queue_at
from blkmq.dispatch.nouns.records import HrTimerRecord
from blkmq.dispatch.ownership import FAULT_STALE, is_live, kick
from blkmq.dispatch.request import INDEX_MASK, request_at
from blkmq.dispatch.tag_set import TagSetRecord, disk_at, tag_set_at
from blkmq.mq.errors import Fault
from blkmq.mq.integer import S64_MAX
from blkmq.native.atomic import atomic_add, atomic_cas, atomic_load, atomic_store, pause
from blkmq.native.clock import monotonic_nsec
from blkmq.native.hot import hot, hot_apart
from blkmq.native.memory import address_of, word_at
from blkmq.native.record import accessor

FAULT_VALUE = int(Fault.VALUE)

timer_at = accessor(HrTimerRecord)


@hot
def lock_timers(queue: HwQueueRecord) -> None:
    while not atomic_cas(queue, "timer_lock", 0, 1):
        pause()


@hot
def unlock_timers(queue: HwQueueRecord) -> None:
    """Also tells the queue's thread what comes first now."""
    first = S64_MAX
    if queue.nr_timers > 0:
        first = timer_at(word_at(queue.timers, 0).value, 0).expires_nsec + 0
    atomic_store(queue, "next_timer_nsec", first)
    atomic_store(queue, "timer_lock", 0)


@hot
def lock_timer(tag_set: TagSetRecord, timer: HrTimerRecord) -> HwQueueRecord:
    """Locks the heap that a timer belongs to, so that two threads cannot put it into two heaps."""
    while True:
        number = atomic_load(timer, "queue")
        queue = queue_at(tag_set.queues, number)
        lock_timers(queue)
        if atomic_load(timer, "queue") == number:
            return queue
        unlock_timers(queue)


@hot
def place(queue: HwQueueRecord, address: int, i: int) -> None:
    word_at(queue.timers, i).value = address
    timer_at(address, 0).heap_index = i + 1


@hot
def sift_up(queue: HwQueueRecord, address: int, i: int) -> None:
    """Finds the place of a timer that may be earlier than those above ``i``."""
    expires = timer_at(address, 0).expires_nsec + 0
    while i > 0:
        parent = (i - 1) // 2
        above = word_at(queue.timers, parent).value + 0
        if timer_at(above, 0).expires_nsec <= expires:
            break
        place(queue, above, i)
        i = parent
    place(queue, address, i)


@hot
def sift_down(queue: HwQueueRecord, address: int, i: int) -> None:
    """Finds the place of a timer that may be later than those below ``i``."""
    expires = timer_at(address, 0).expires_nsec + 0
    while True:
        child = 2 * i + 1
        if child >= queue.nr_timers:
            break
        below = word_at(queue.timers, child).value + 0
        if child + 1 < queue.nr_timers:
            other = word_at(queue.timers, child + 1).value + 0
            if timer_at(other, 0).expires_nsec < timer_at(below, 0).expires_nsec:
                child += 1
                below = other
        if timer_at(below, 0).expires_nsec >= expires:
            break
        place(queue, below, i)
        i = child
    place(queue, address, i)


@hot
def take_out(queue: HwQueueRecord, address: int) -> bool:
    """Takes an armed timer off the heap; whether it was armed.  The heap's lock is held."""
    timer = timer_at(address, 0)
    i = timer.heap_index - 1
    if i < 0:
        return False
    timer.heap_index = 0
    queue.nr_timers = queue.nr_timers - 1
    last = word_at(queue.timers, queue.nr_timers).value + 0
    if last != address:
        if timer_at(last, 0).expires_nsec < timer.expires_nsec:
            sift_up(queue, last, i)
        else:
            sift_down(queue, last, i)
    return True


@hot_apart
def hr_timer_start(call: Call, timer: HrTimerRecord, nsec: int, rq: int, slot: int) -> None:
    tag_set = tag_set_at(call.set_address, 0)
    number = 0
    if nsec < 0:
        fail(call, FAULT_VALUE, nsec)
        return
    if rq != 0:
        request = request_at(tag_set.requests, rq & INDEX_MASK)
        if not is_live(request, rq):
            fail(call, FAULT_STALE, rq)
            return
        number = request.hctx + 0
    address = address_of(timer, "expires_nsec")
    now = monotonic_nsec()
    queue = lock_timer(tag_set, timer)
    take_out(queue, address)
    while timer.queue != number:  # it moves to another queue's heap
        atomic_store(timer, "queue", number)
        unlock_timers(queue)
        queue = lock_timer(tag_set, timer)
        take_out(queue, address)
    timer.expires_nsec = now + nsec if nsec < S64_MAX - now else S64_MAX
    timer.rq = rq
    timer.slot = slot
    timer.disk = call.disk_address
    queue.nr_timers = queue.nr_timers + 1
    sift_up(queue, address, queue.nr_timers - 1)
    unlock_timers(queue)
    kick(queue)


@hot_apart
def hr_timer_cancel(call: Call, timer: HrTimerRecord) -> bool:
    queue = lock_timer(tag_set_at(call.set_address, 0), timer)
    was_armed = take_out(queue, address_of(timer, "expires_nsec"))
    unlock_timers(queue)
    return was_armed


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


def drop_timers(queue: HwQueueRecord) -> int:
    """Disarms the timers of a queue that goes: their requests have ended; how many."""
    lock_timers(queue)
    count = queue.nr_timers
    while queue.nr_timers > 0:
        take_out(queue, word_at(queue.timers, 0).value)
    unlock_timers(queue)
    return count
