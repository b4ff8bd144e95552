# SPDX-License-Identifier: MIT
"""Who has a request: a state table, and one word per request that every thread agrees on.

The word holds ``generation << 32 | status << 24 | state << 16 | pins``.  A verb is one compare-and-swap from
a state that :data:`TABLE` allows.  Pins keep the data of a request in place while a copy is under
way: a request that ends meanwhile is handed to its door by the last pin.  Rust twin: the reference count of
``kernel::block::mq::Request``; C twin: ``rq->state`` with ``rq->ref``.
"""

from __future__ import annotations

from enum import IntEnum

from blkmq.dispatch.call import Call, fail
from blkmq.dispatch.hw_queue import HwQueueRecord, queue_at
from blkmq.dispatch.request import GENERATION_SHIFT, INDEX_MASK, TOUCHED, RequestRecord, request_at
from blkmq.dispatch.tag_set import NR_REPORTS, TagSetRecord, report_at, tag_set_at
from blkmq.mq.errors import Fault
from blkmq.native.atomic import atomic_add, atomic_cas, atomic_load, atomic_store, atomic_xchg
from blkmq.native.clock import wake
from blkmq.native.hot import hot, hot_apart, hot_inline
from blkmq.native.memory import address_of, word_at


class State(IntEnum):
    """Where a request is."""

    FREE = 0  #: its tag is not in use
    WAITING = 1  #: on dispatch's list, to be issued
    IDLE = 2  #: in ``queue_rq``, before ``start``
    STARTED = 3  #: the driver has it
    COMPLETED = 4  #: on its queue's stack, waiting for the ``complete`` callback
    COMPLETING = 5  #: in that callback, or kept by it
    ENDED = 6  #: on its way back through the door


#: What a verb makes of a state.  What is not here is refused: by an error in the states that a live request has,
#: as stale in the others (an ``end`` that comes too late is counted and ignored).
TABLE: dict[tuple[str, State], State] = {
    ("get tag", State.FREE): State.WAITING,
    ("issue", State.WAITING): State.IDLE,
    ("start", State.IDLE): State.STARTED,
    ("complete", State.STARTED): State.COMPLETED,
    ("end", State.STARTED): State.ENDED,
    ("call complete", State.COMPLETED): State.COMPLETING,
    ("end", State.COMPLETING): State.ENDED,
    ("requeue", State.STARTED): State.WAITING,
    ("requeue", State.COMPLETING): State.WAITING,
    ("put tag", State.ENDED): State.FREE,
    # What dispatch does on the driver's behalf: an error status, an escaped error, a timeout.  A completed request
    # is on a stack, which has its ``next``: it ends after the callback, with that status.
    ("fail", State.IDLE): State.ENDED,
    ("fail", State.STARTED): State.ENDED,
    ("fail", State.COMPLETED): State.COMPLETED,
    ("fail", State.COMPLETING): State.ENDED,
    # queue_rq returned RESOURCE or DEV_RESOURCE.
    ("take back", State.IDLE): State.WAITING,
    ("take back", State.STARTED): State.WAITING,
}


def _sources(verb: str, target: State | None = None) -> int:
    """The states from which a verb leads on, or to ``target``, a bit each."""
    return sum(1 << old for (name, old), new in TABLE.items() if name == verb and target in (None, new))


STATE_SHIFT = 16
STATUS_SHIFT = 24
PINS_MASK = 0xFFFF
STATE_MASK = 0xFF << STATE_SHIFT
STATUS_MASK = 0xFF << STATUS_SHIFT
GENERATION_MAX = (1 << 31) - 1

FREE, WAITING, IDLE, STARTED, COMPLETED, COMPLETING, ENDED = (int(state) for state in State)
FROM_START, FROM_COMPLETE, FROM_END = _sources("start"), _sources("complete"), _sources("end")
FROM_REQUEUE, FROM_FAIL, FROM_TAKE_BACK = _sources("requeue"), _sources("fail", State.ENDED), _sources("take back")
#: A driver has it, and handles of it are good.
LIVE = 1 << IDLE | 1 << STARTED | 1 << COMPLETED | 1 << COMPLETING

FAULT_STALE, FAULT_STATE, FAULT_ABSENT = int(Fault.STALE), int(Fault.STATE), int(Fault.ABSENT)

# What a transition came to.
DONE, DONE_PINNED, NOT_ALLOWED, GONE = 0, 1, 2, 3


@hot_inline
def generation_of(word: int) -> int:
    return word >> GENERATION_SHIFT


@hot_inline
def state_of(word: int) -> int:
    return (word >> STATE_SHIFT) & 0xFF


@hot_inline
def is_live(request: RequestRecord, handle: int) -> bool:
    """Whether the handle's request is the tag's present one, and not ended."""
    word = atomic_load(request, "ownership")
    return (word >> GENERATION_SHIFT) == (handle >> GENERATION_SHIFT) and ((LIVE >> state_of(word)) & 1) == 1


@hot_inline
def transition(request: RequestRecord, handle: int, sources: int, target: int, status: int, lives: int) -> int:
    """Moves the request to ``target`` if its state is one of ``sources``; with ``lives``, as a new generation."""
    while True:
        word = atomic_load(request, "ownership")
        state = state_of(word)
        is_its_life = (word >> GENERATION_SHIFT) == (handle >> GENERATION_SHIFT)
        if not is_its_life or ((sources >> state) & 1) == 0:
            return NOT_ALLOWED if is_its_life and ((LIVE >> state) & 1) == 1 else GONE
        generation = word >> GENERATION_SHIFT
        if lives > 0:
            generation = next_generation(generation)
        changed = generation << GENERATION_SHIFT | status << STATUS_SHIFT | target << STATE_SHIFT | (word & PINS_MASK)
        if atomic_cas(request, "ownership", word, changed):
            return DONE if (word & PINS_MASK) == 0 else DONE_PINNED


@hot_inline
def next_generation(generation: int) -> int:
    """1..2^31-1, so that a handle is never 0 and never negative."""
    return generation + 1 if generation < GENERATION_MAX else 1


@hot_inline
def mark_issued(request: RequestRecord) -> int:
    """Waiting to idle; the handle that the driver gets.  Only dispatch can have a waiting request."""
    while True:
        word = atomic_load(request, "ownership")
        issued = (word ^ WAITING << STATE_SHIFT) | IDLE << STATE_SHIFT
        if (word & PINS_MASK) == 0:  # nobody else may change it: only the pins of its past life can
            atomic_store(request, "ownership", issued)
            return (word >> GENERATION_SHIFT) << GENERATION_SHIFT
        if atomic_cas(request, "ownership", word, issued):
            return (word >> GENERATION_SHIFT) << GENERATION_SHIFT


@hot_inline
def push(stack: int, request: RequestRecord, index: int) -> None:
    """Puts a request on one of its queue's stacks, from any thread. C twin: ``llist_add``."""
    head = word_at(stack, 0)
    while True:
        first = atomic_load(head, "value")
        request.next = first
        if atomic_cas(head, "value", first, index + 1):
            return


@hot_inline
def kick(queue: HwQueueRecord) -> None:
    """Wakes the thread that runs the queue, if it sleeps. C twin: ``blk_mq_run_hw_queue``."""
    if atomic_load(queue, "sleeping") != 0 and atomic_xchg(queue, "sleeping", 0) != 0:
        wake(queue.wake_fd)


@hot_inline
def append_ended(tag_set: TagSetRecord, queue: HwQueueRecord, request: RequestRecord, index: int) -> None:
    """Puts a request behind those that the queue's own thread, which this is, ended before."""
    request.next = 0
    if queue.ended_head == 0:
        queue.ended_head = index + 1
    else:
        request_at(tag_set.requests, queue.ended_tail - 1).next = index + 1
    queue.ended_tail = index + 1


@hot_inline
def hand_over(call: Call, tag_set: TagSetRecord, request: RequestRecord, index: int) -> None:
    """An ended request without pins goes back to its queue, which is most often this thread's own."""
    queue = queue_at(tag_set.queues, request.hctx)
    if call.queue == address_of(queue, "incoming"):
        append_ended(tag_set, queue, request, index)
    else:
        send_back(queue, request, index)


@hot_apart
def send_back(queue: HwQueueRecord, request: RequestRecord, index: int) -> None:
    """Gives an ended request to the thread that runs its queue, which is another."""
    push(address_of(queue, "ended"), request, index)
    kick(queue)


@hot_inline
def finish(call: Call, tag_set: TagSetRecord, request: RequestRecord, handle: int, sources: int, status: int) -> int:
    """Ends a request with ``status``, once, whoever comes first."""
    outcome = transition(request, handle, sources, ENDED, status, 0)
    if outcome == DONE:
        hand_over(call, tag_set, request, handle & INDEX_MASK)
    return outcome  # DONE_PINNED: the last pin hands it over


@hot_apart
def drop(call: Call, tag_set: TagSetRecord, request: RequestRecord, index: int, status: int) -> None:
    """Ends a waiting request, which nobody but dispatch has."""
    while True:
        word = atomic_load(request, "ownership")
        kept = word & ~(STATE_MASK | STATUS_MASK)
        if atomic_cas(request, "ownership", word, kept | status << STATUS_SHIFT | ENDED << STATE_SHIFT):
            break
    if (word & PINS_MASK) == 0:
        hand_over(call, tag_set, request, index)


@hot
def claim(request: RequestRecord, handle: int, status: int) -> bool:
    """Takes it on oneself to end a request on the driver's behalf: whether nobody else has, and it is not over."""
    while True:
        word = atomic_load(request, "ownership")
        if (word >> GENERATION_SHIFT) != (handle >> GENERATION_SHIFT) or ((FROM_FAIL >> state_of(word)) & 1) == 0:
            return False
        if (word & STATUS_MASK) != 0:
            return False
        if atomic_cas(request, "ownership", word, word | status << STATUS_SHIFT):
            return True


@hot_apart
def give_up(call: Call, tag_set: TagSetRecord, request: RequestRecord, handle: int, status: int) -> int:
    """Ends a request on the driver's behalf; one that waits for ``complete`` after that, with this status."""
    while True:
        outcome = finish(call, tag_set, request, handle, FROM_FAIL, status)
        if outcome == NOT_ALLOWED:
            outcome = transition(request, handle, 1 << COMPLETED, COMPLETED, status, 0)
        if outcome != NOT_ALLOWED:  # else ``complete`` was being called at this moment
            return outcome


@hot
def pin(call: Call, handle: int) -> bool:
    """Keeps a live request's data in place; False, with an error noted, if it is not live."""
    tag_set = tag_set_at(call.set_address, 0)
    request = request_at(tag_set.requests, handle & INDEX_MASK)
    while True:
        word = atomic_load(request, "ownership")
        if (word >> GENERATION_SHIFT) != (handle >> GENERATION_SHIFT) or ((LIVE >> state_of(word)) & 1) == 0:
            fail(call, FAULT_STALE if handle != 0 else FAULT_ABSENT, handle)
            return False
        if atomic_cas(request, "ownership", word, word + 1):
            request.touched = TOUCHED
            return True


@hot
def unpin(call: Call, handle: int) -> None:
    """Ends :func:`pin`; hands an ended request over if this was its last pin."""
    tag_set = tag_set_at(call.set_address, 0)
    request = request_at(tag_set.requests, handle & INDEX_MASK)
    word = atomic_add(request, "ownership", -1)
    if (word & PINS_MASK) == 1 and state_of(word) == ENDED:
        hand_over(call, tag_set, request, handle & INDEX_MASK)


@hot_apart
def report(call: Call, fault: int, at: int, value: int, handle: int) -> None:
    """Writes one line for the log; the newest NR_REPORTS are kept."""
    tag_set = tag_set_at(call.set_address, 0)
    line = report_at(tag_set.reports, atomic_add(tag_set, "nr_reports", 1) % NR_REPORTS)
    line.fault = fault
    line.at = at
    line.value = value
    line.slot = call.slot
    line.rq = handle
