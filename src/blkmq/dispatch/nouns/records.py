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


class BackingFileRecord(Record):
    """An open file; the path is Python's (``dispatch/open_files.py``)."""

    fd: s64  #: 0: not open
    size: s64  #: bytes, when it was opened
    begin: s64  #: where the disk begins in it [bytes]
    read_only: s64
    can_discard: s64
    direct: s64  #: what memory must be aligned to, past the page cache [bytes]; 0: through it
    always_waits: s64  #: bit per verb that the file system does not do without waiting: RWF_NOWAIT is EOPNOTSUPP
    slow_until_nsec: s64  #: until then its verbs that may wait are left to threads
    opener: s64  #: address of what opens it: (this record, mode) -> 0 or a negative errno


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
    "BackingFile": BackingFileRecord,
    "Request": KeptRequestRecord,
}
