# SPDX-License-Identifier: MIT
"""Tags of a hardware queue: a stack of free ones, touched only by the thread that runs the queue.

C twin: ``struct sbitmap_queue`` of ``struct blk_mq_tags``.
"""

from __future__ import annotations

from blkmq.dispatch.hw_queue import HwQueueRecord
from blkmq.dispatch.ownership import FREE, STATE_SHIFT, STATUS_SHIFT, WAITING, next_generation
from blkmq.dispatch.request import GENERATION_SHIFT, UNTOUCHED, RequestRecord, request_at
from blkmq.dispatch.tag_set import TagSetRecord
from blkmq.native.atomic import atomic_load, atomic_store
from blkmq.native.hot import hot_inline
from blkmq.native.memory import word_at

NO_TAG = -1


@hot_inline
def get_tag(tag_set: TagSetRecord, queue: HwQueueRecord) -> int:
    """A free request of this queue, waiting and cleared: its index, or NO_TAG. C: ``blk_mq_get_tag``."""
    if queue.nr_free == 0:
        return NO_TAG
    queue.nr_free = queue.nr_free - 1
    index = word_at(queue.free_tags, queue.nr_free).value + 0
    request = request_at(tag_set.requests, index)
    generation = atomic_load(request, "ownership") >> GENERATION_SHIFT
    request.done_bytes = 0
    request.status = 0
    request.nr_segments = 0
    request.touched = UNTOUCHED
    atomic_store(request, "ownership", generation << GENERATION_SHIFT | WAITING << STATE_SHIFT)
    return index


@hot_inline
def nr_in_flight(tag_set: TagSetRecord, queue: HwQueueRecord) -> int:
    """Tags in use."""
    return tag_set.queue_depth - queue.nr_free


@hot_inline
def put_tag(tag_set: TagSetRecord, queue: HwQueueRecord, index: int) -> None:
    """Frees an ended request's tag; every handle of it is stale from here on. C: ``blk_mq_put_tag``."""
    request = request_at(tag_set.requests, index)
    generation = next_generation(atomic_load(request, "ownership") >> GENERATION_SHIFT)
    atomic_store(request, "ownership", generation << GENERATION_SHIFT | FREE << STATE_SHIFT)
    word_at(queue.free_tags, queue.nr_free).value = index
    queue.nr_free = queue.nr_free + 1
    queue.nr_ended = queue.nr_ended + 1
    queue.rerun_nsec = 0  # room again: what RESOURCE put back may be tried


@hot_inline
def status_of(request: RequestRecord) -> int:
    """The block status that an ended request goes back with: the first error of its parts, or its own."""
    if request.status != 0:
        return request.status + 0
    return (atomic_load(request, "ownership") >> STATUS_SHIFT) & 0xFF


__all__ = ["NO_TAG", "RequestRecord", "get_tag", "nr_in_flight", "put_tag", "status_of"]
