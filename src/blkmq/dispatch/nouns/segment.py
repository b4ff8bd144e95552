# SPDX-License-Identifier: MIT
"""The verbs of ``Segment``: a tuple (handle, index of the piece, bytes eaten), never an address.

Each access pins the request while it copies, so that nobody can end it and take its buffer away.
"""

from __future__ import annotations

from typing import TypeAlias

from blkmq.abi.page import PAGE_SIZE
from blkmq.dispatch.call import Call, burn, fail
from blkmq.dispatch.ownership import pin, unpin
from blkmq.dispatch.request import INDEX_MASK, SegmentRecord, request_at, segment_at
from blkmq.dispatch.request_verbs import live
from blkmq.dispatch.tag_set import tag_set_at
from blkmq.mq.errors import Fault
from blkmq.native.hot import hot, hot_inline
from blkmq.native.memory import byte_at, clear_bytes, copy_bytes, prefetch_to_write

FAULT_INDEX, FAULT_VALUE, FAULT_ABSENT = int(Fault.INDEX), int(Fault.VALUE), int(Fault.ABSENT)
BYTES_PER_FUEL = 64

Place: TypeAlias = tuple[int, int, int]  #: handle, index of the piece, bytes eaten


@hot
def piece_of(call: Call, segment: Place) -> SegmentRecord:
    """The door's record of a segment; its memory outlives the request, what it points to does not."""
    request = request_at(tag_set_at(call.set_address, 0).requests, segment[0] & INDEX_MASK)
    return segment_at(request.segments, segment[1])


@hot
def segment_first(call: Call, rq: int) -> Place:
    """The first segment with something left to do."""
    request = live(call, rq)
    index = 0
    skip = request.done_bytes + 0
    while index < request.nr_segments and skip >= segment_at(request.segments, index).nr_bytes:
        skip -= segment_at(request.segments, index).nr_bytes
        index += 1
    return rq, index, skip


@hot
def segment_more(call: Call, segment: Place) -> bool:
    """Whether there is such a segment."""
    request = live(call, segment[0])
    return call.error == 0 and segment[1] < request.nr_segments


@hot
def segment_next(segment: Place) -> Place:
    return segment[0], segment[1] + 1, 0


@hot
def segment_len(call: Call, segment: Place) -> int:
    """Bytes left of it."""
    return piece_of(call, segment).nr_bytes - segment[2]


@hot
def fitting(call: Call, segment: Place, page: int, offset: int, nr_bytes: int) -> int:
    """How much can be copied between a segment and a page; -1 with an error noted."""
    if page == 0:
        fail(call, FAULT_ABSENT, 0)
        return -1
    if offset < 0 or offset > PAGE_SIZE:
        fail(call, FAULT_INDEX, offset)
        return -1
    return clipped(call, segment, min(nr_bytes, PAGE_SIZE - offset))


@hot
def clipped(call: Call, segment: Place, nr_bytes: int) -> int:
    """``nr_bytes`` or what is left of the segment; pays the fuel; -1 with an error noted."""
    if nr_bytes < 0:
        fail(call, FAULT_INDEX, nr_bytes)
        return -1
    count = min(nr_bytes, segment_len(call, segment))
    if burn(call, count // BYTES_PER_FUEL):
        return -1
    return count


@hot
def eaten(segment: Place, count: int) -> Place:
    return segment[0], segment[1], segment[2] + count


@hot
def copy_to_page(call: Call, rq: int, piece: int, skip: int, page: int, offset: int, nr_bytes: int) -> int:
    """How much was copied.  Words in, a word out: a call that passes tuples goes through memory."""
    segment = rq, piece, skip
    count = fitting(call, segment, page, offset, nr_bytes)
    if count < 0:
        return 0
    prefetch_to_write(page + offset, count)  # pinning would wait for one line after the other
    if not pin(call, rq):
        return 0
    copy_bytes(page + offset, piece_of(call, segment).address + skip, count)
    unpin(call, rq)
    return count


@hot
def copy_from_page(call: Call, rq: int, piece: int, skip: int, page: int, offset: int, nr_bytes: int) -> int:
    segment = rq, piece, skip
    count = fitting(call, segment, page, offset, nr_bytes)
    if count < 0 or not pin(call, rq):
        return 0
    copy_bytes(piece_of(call, segment).address + skip, page + offset, count)
    unpin(call, rq)
    return count


@hot
def clear(call: Call, rq: int, piece: int, skip: int, nr_bytes: int) -> int:
    segment = rq, piece, skip
    count = clipped(call, segment, nr_bytes)
    if count < 0 or not pin(call, rq):
        return 0
    clear_bytes(piece_of(call, segment).address + skip, count)
    unpin(call, rq)
    return count


@hot_inline
def segment_copy_to_page(call: Call, segment: Place, page: int, offset: int, nr_bytes: int) -> tuple[int, Place]:
    count = copy_to_page(call, segment[0], segment[1], segment[2], page, offset, nr_bytes)
    return count, eaten(segment, count)


@hot_inline
def segment_copy_from_page(call: Call, segment: Place, page: int, offset: int, nr_bytes: int) -> tuple[int, Place]:
    count = copy_from_page(call, segment[0], segment[1], segment[2], page, offset, nr_bytes)
    return count, eaten(segment, count)


@hot_inline
def segment_zero(call: Call, segment: Place, nr_bytes: int) -> tuple[int, Place]:
    count = clear(call, segment[0], segment[1], segment[2], nr_bytes)
    return count, eaten(segment, count)


@hot
def segment_advance(call: Call, segment: Place, nr_bytes: int) -> tuple[int, Place]:
    if nr_bytes < 0 or nr_bytes > segment_len(call, segment):
        fail(call, FAULT_INDEX, nr_bytes)
        return 0, segment
    return 0, eaten(segment, nr_bytes)


@hot
def segment_getitem(call: Call, segment: Place, index: int) -> int:
    if index < 0 or index >= segment_len(call, segment):
        return fail(call, FAULT_INDEX, index)
    if not pin(call, segment[0]):
        return 0
    value = byte_at(piece_of(call, segment).address, segment[2] + index).value + 0
    unpin(call, segment[0])
    return value


@hot
def segment_setitem(call: Call, segment: Place, index: int, value: int) -> None:
    if index < 0 or index >= segment_len(call, segment):
        fail(call, FAULT_INDEX, index)
    elif value < 0 or value > 255:
        fail(call, FAULT_VALUE, value)
    elif pin(call, segment[0]):
        byte_at(piece_of(call, segment).address, segment[2] + index).value = value
        unpin(call, segment[0])
