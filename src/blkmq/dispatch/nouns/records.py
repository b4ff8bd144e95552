# SPDX-License-Identifier: MIT
"""How each noun rests in a record.  Zeroed memory is a noun in its first state."""

from __future__ import annotations

from typing import Annotated, Any

from blkmq.mq.integer import s32, s64
from blkmq.native.record import Record, Times


class SpinLockRecord(Record):
    """A lock with a cache line of its own."""

    owner: s64  #: Call.id of the holder; 0: free
    pad: Annotated[Any, s64, Times(7)]


class MutexRecord(Record):
    owner: s64
    pad: Annotated[Any, s64, Times(7)]


class AtomicRecord(Record):
    value: s64


class PageStoreRecord(Record):
    """Two levels: a table of chunks, each a gigabyte of reserved address space with bitmaps of its pages."""

    chunks: s64  #: address of NR_CHUNKS words; 0 until first used
    lock: s64
    nr_pages: s64
    erased: s64  #: 1 when pages were erased: what is absent may have been written to since


class XArrayRecord(Record):
    """A radix tree of 64-way nodes, grown from the root; nodes are freed only with the array."""

    root: s64
    height: s64
    lock: s64


class HrTimerRecord(Record):
    expires_nsec: s64
    rq: s64  #: handle of the request that it serves; 0: the disk
    disk: s64  #: address of the disk's record
    queue: s64  #: whose heap it is in; changes only under that heap's lock, while it is not armed
    heap_index: s32  #: 1 + place in its queue's heap; 0: not armed
    slot: s32


class WorkRecord(Record):
    next: s64  #: address of the next queued Work
    queued: s64
    rq: s64
    disk: s64
    slot: s32
    spare: s32


class BadBlocksRecord(Record):
    ranges: s64  #: address of 2 * NR_RANGES_MAX words, [first, end) pairs, sorted; 0 until first used
    nr_ranges: s64
    lock: s64
    version: s64  #: odd while a writer is at it


class RequestListRecord(Record):
    """A ring of handles."""

    ring: s64  #: address of ``capacity`` words; 0 until first used
    capacity: s64
    head: s64  #: ever taken
    tail: s64  #: ever added


class KeptRequestRecord(Record):
    handle: s64


NOUN_RECORDS: dict[str, type[Record]] = {
    "SpinLock": SpinLockRecord,
    "Mutex": MutexRecord,
    "Atomic": AtomicRecord,
    "PageStore": PageStoreRecord,
    "XArray": XArrayRecord,
    "HrTimer": HrTimerRecord,
    "Work": WorkRecord,
    "BadBlocks": BadBlocksRecord,
    "RequestList": RequestListRecord,
    "Request": KeptRequestRecord,
}
