# SPDX-License-Identifier: MIT
"""A tag's request, at rest, and the handle that a driver holds of it.

A handle is ``generation << 32 | index``: the index counts the tags of all hardware queues, the
generation the lives of that tag.  C twin: ``struct request``.
"""

from __future__ import annotations

from blkmq.mq.integer import s32, s64
from blkmq.native.record import Record, accessor


class SegmentRecord(Record):
    """A piece of a request's data, within a page's length. Owner: the door. C twin: ``struct bio_vec``."""

    address: s64
    nr_bytes: s64


class RequestRecord(Record):
    """One tag's request: 128 bytes, two cache lines."""

    ownership: s64  #: generation << 32 | state << 16 | pins (see dispatch/ownership.py)
    next: s64  #: index + 1 of the next request on the list that this one is on; 0 ends it
    op: s32
    flags: s32
    sector: s64
    nr_bytes: s64  #: what is left to do
    done_bytes: s64  #: what ``update`` completed
    tag: s32
    hctx: s32
    disk: s32  #: index of the disk that it is for
    status: s32  #: how it ended
    deadline_nsec: s64  #: when it is late; it and ``watched`` are the timeouts' own
    segments: s64  #: address of its SegmentRecords
    nr_segments: s64
    budget_token: s64
    cookie: s64  #: the door's own
    watched: s64  #: which life of the tag that is for, and whether started
    touched: s64  #: UNTOUCHED, or a verb has reached its data: TOUCHED, or FILLED where it wrote all of it
    spare: s64


request_at = accessor(RequestRecord)
segment_at = accessor(SegmentRecord)

UNTOUCHED, TOUCHED, FILLED = range(3)

INDEX_MASK = 0xFFFF_FFFF
GENERATION_SHIFT = 32
