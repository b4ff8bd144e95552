# SPDX-License-Identifier: MIT
"""What of a request's file I/O its queue's ring does, and what becomes of it. C twin: ``lo_rw_aio``.

All of it runs on the queue's own thread.  What a ring does not do in one step, or refuses, threads do from where it is:
they know other ways.
"""

from __future__ import annotations

from blkmq.abi.blk_types import REQ_FUA, REQ_NOUNMAP
from blkmq.abi.fs import RWF_DSYNC
from blkmq.abi.io_uring import (
    IORING_FSYNC_DATASYNC,
    IORING_OP_FALLOCATE,
    IORING_OP_FSYNC,
    IORING_OP_READV,
    IORING_OP_WRITEV,
)
from blkmq.dispatch.call import Call
from blkmq.dispatch.file_io import (
    DISCARD,
    EINVAL,
    EOPNOTSUPP,
    FLUSH,
    HERE_BYTES,
    OK,
    PUNCH_HOLE,
    READ,
    WRITE,
    ZERO_RANGE,
    FileIoRecord,
    backing_file_at,
    copy_data,
    count_moved,
    end_file_io,
    file_io_at,
    find_run,
)
from blkmq.dispatch.file_queue import FileQueueRecord, file_queue_at, put_file_io
from blkmq.dispatch.file_ring import (
    FileRingRecord,
    answered,
    enter,
    file_ring_at,
    lies_answer,
    put_entry,
    take_answer,
    take_back,
)
from blkmq.dispatch.hw_queue import HwQueueRecord
from blkmq.dispatch.nouns.records import BackingFileRecord
from blkmq.dispatch.request import RequestRecord, request_at
from blkmq.dispatch.tag_set import TagSetRecord
from blkmq.mq.errno import Errno
from blkmq.native.hot import hot
from blkmq.native.memory import address_of

RING_BOUNCE_BYTES = 1 << 16  #: of data that is not aligned, past the page cache: threads move more
EAGAIN, EINTR, ECANCELED = int(Errno.EAGAIN), int(Errno.EINTR), int(Errno.ECANCELED)


@hot
def bounce_of(ring: FileRingRecord, request: RequestRecord) -> int:
    """Aligned memory for a request's data."""
    return ring.bounces + request.tag * RING_BOUNCE_BYTES


@hot
def put_in_ring(
    queue: HwQueueRecord, file: BackingFileRecord, request: RequestRecord, io: FileIoRecord, index: int
) -> bool:
    """Puts what is left of it into the queue's ring; False: it is for threads."""
    if queue.file_ring == 0:
        return False
    ring = file_ring_at(queue.file_ring, 0)
    if io.verb == FLUSH:
        put_entry(ring, IORING_OP_FSYNC, file.fd, 0, 0, 0, IORING_FSYNC_DATASYNC, index)
        return True
    if request.nr_bytes == 0:
        return False
    if io.verb > WRITE:
        mode = ZERO_RANGE if io.verb != DISCARD and request.flags & REQ_NOUNMAP != 0 else PUNCH_HOLE
        put_entry(ring, IORING_OP_FALLOCATE, file.fd, io.position, request.nr_bytes, mode, 0, index)
        return True
    return put_transfer(ring, file, request, io, index)


@hot
def put_transfer(
    ring: FileRingRecord, file: BackingFileRecord, request: RequestRecord, io: FileIoRecord, index: int
) -> bool:
    """Puts a transfer into the ring: of all the data at once, if it can be."""
    rest = request.nr_bytes - io.done_bytes
    iovecs = address_of(io, "address")
    nr_iovecs = 1
    is_whole = find_run(request, io)
    io.is_bounced = 0
    if file.direct == 0:
        if rest > HERE_BYTES or io.verb == WRITE:  # io_uring does buffered writes of a file one after the other
            return False
        if not is_whole and request.done_bytes + io.done_bytes == 0:
            iovecs = request.segments + 0
            nr_iovecs = request.nr_segments + 0
    elif not is_whole or io.address % file.direct != 0:
        if rest > RING_BOUNCE_BYTES:
            return False
        io.is_bounced = 1
        io.address = bounce_of(ring, request)
        io.nr_bytes = rest
        if io.verb == WRITE:
            copy_data(request, request.done_bytes + io.done_bytes, io.address, rest, WRITE)
    opcode = IORING_OP_READV if io.verb == READ else IORING_OP_WRITEV
    flags = RWF_DSYNC if io.verb == WRITE and request.flags & REQ_FUA != 0 else 0
    put_entry(ring, opcode, file.fd, io.position + io.done_bytes, iovecs, nr_iovecs, flags, index)
    return True


@hot
def is_refused(result: int) -> bool:
    """Whether there may be another way."""
    return (
        result == EOPNOTSUPP or result == EINVAL or result == EAGAIN or result == EINTR or result == ECANCELED
    )  # fmt: skip


@hot
def follow_answer(
    call: Call, tag_set: TagSetRecord, queue: HwQueueRecord, files: FileQueueRecord, index: int, result: int
) -> None:
    """Ends a request, or goes on with it: in the ring, or by threads."""
    io = file_io_at(files.ios, index)
    request = request_at(tag_set.requests, index)
    if is_refused(result):
        put_file_io(files, index)
        return
    if io.verb <= WRITE:
        if result > 0 and io.is_bounced != 0 and io.verb == READ:
            copy_data(request, request.done_bytes + io.done_bytes, io.address, result, READ)
        result = count_moved(io, result)
        if result == OK and io.done_bytes < request.nr_bytes:
            if not put_in_ring(queue, backing_file_at(io.file, 0), request, io, index):
                put_file_io(files, index)
            return
    end_file_io(call, tag_set, request, io, result)


@hot
def run_ring(call: Call, tag_set: TagSetRecord, queue: HwQueueRecord) -> None:
    """Submits what was put into a queue's ring, and takes what it has answered."""
    files = file_queue_at(tag_set.file_queue, 0)
    ring = file_ring_at(queue.file_ring, 0)
    while True:
        enter(ring)
        index = take_back(ring)
        while index >= 0:
            put_file_io(files, index)
            index = take_back(ring)
        if not lies_answer(ring):
            return
        while lies_answer(ring):
            index = answered(ring)
            follow_answer(call, tag_set, queue, files, index, take_answer(ring))
