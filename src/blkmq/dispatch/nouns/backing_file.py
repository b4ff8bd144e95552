# SPDX-License-Identifier: MIT
"""The verbs of ``BackingFile``, and what becomes of them on the request's hardware queue.

A verb pins the request and puts it on its queue's stack.  The queue's thread does at once what the page cache can
do, and leaves the rest to the queue's io_uring (``dispatch/ring_io.py``) or to threads (``dispatch/file_worker.py``).
Whether a file system would wait, RWF_NOWAIT says.  Some do not know it, as ext4 does not for writes: those the queue's
thread just does, as the page cache nearly always takes them; when one was slow, threads do them for a while.
"""

from __future__ import annotations

from blkmq.abi.blk_types import REQ_FUA
from blkmq.abi.fs import RWF_NOWAIT
from blkmq.dispatch.call import Call, fail
from blkmq.dispatch.file_io import (
    DISCARD,
    EOPNOTSUPP,
    FLUSH,
    HERE_BYTES,
    READ,
    WRITE,
    WRITE_ZEROES,
    FileIoRecord,
    backing_file_at,
    end_file_io,
    file_io_at,
    transfer,
)
from blkmq.dispatch.file_queue import file_queue_at, put_file_io
from blkmq.dispatch.hw_queue import HwQueueRecord, queue_at
from blkmq.dispatch.nouns.records import BackingFileRecord
from blkmq.dispatch.ownership import FAULT_ABSENT, FAULT_STATE, FROM_END, kick, pin, state_of, unpin
from blkmq.dispatch.request import INDEX_MASK, RequestRecord, request_at
from blkmq.dispatch.ring_io import put_in_ring, run_ring
from blkmq.dispatch.tag_set import TagSetRecord, tag_set_at
from blkmq.mq.errno import Errno
from blkmq.mq.errors import Fault
from blkmq.native.atomic import atomic_cas, atomic_load, atomic_store, atomic_xchg
from blkmq.native.clock import monotonic_nsec
from blkmq.native.hot import hot, hot_apart
from blkmq.native.invoke import call_loop
from blkmq.native.memory import address_of

FAULT_INDEX, FAULT_VALUE = int(Fault.INDEX), int(Fault.VALUE)
EAGAIN = int(Errno.EAGAIN)
BLOCK_SIZE_MAX = 1 << 16
MODE_READ_ONLY, MODE_DIRECT_IO, MODE_BLOCK_SHIFT = 1, 2, 8  #: how to open; the block size above
SLOW_NSEC, SLOW_NSEC_PER_BYTE = 1_000_000, 10  #: what takes longer has waited for something
REST_NSEC = 100_000_000  #: how long threads do it then


@hot_apart
def backing_file_open(
    call: Call, file: BackingFileRecord, read_only: bool, direct_io: bool, begin: int, block_size: int
) -> int:
    if begin < 0:
        return fail(call, FAULT_VALUE, begin)
    if block_size < 1 or block_size > BLOCK_SIZE_MAX:
        return fail(call, FAULT_VALUE, block_size)
    mode = (MODE_READ_ONLY if read_only else 0) | (MODE_DIRECT_IO if direct_io else 0)
    file.begin = begin
    return call_loop(file.opener, address_of(file, "fd"), mode | block_size << MODE_BLOCK_SHIFT)


@hot
def backing_file_size(call: Call, file: BackingFileRecord) -> int:
    return file.size + 0


@hot
def backing_file_is_read_only(call: Call, file: BackingFileRecord) -> bool:
    return file.read_only != 0


@hot
def backing_file_can_discard(call: Call, file: BackingFileRecord) -> bool:
    return file.can_discard != 0


@hot
def submit(call: Call, file: BackingFileRecord, rq: int, position: int, verb: int) -> None:
    if position < 0:
        fail(call, FAULT_INDEX, position)
        return
    if file.fd == 0:
        fail(call, FAULT_ABSENT, 0)
        return
    if not pin(call, rq):
        return
    tag_set = tag_set_at(call.set_address, 0)
    index = rq & INDEX_MASK
    request = request_at(tag_set.requests, index)
    io = file_io_at(file_queue_at(tag_set.file_queue, 0).ios, index)
    is_started = ((FROM_END >> state_of(atomic_load(request, "ownership"))) & 1) == 1
    if not is_started or not atomic_cas(io, "rq", 0, rq):
        fail(call, FAULT_STATE, rq)
        unpin(call, rq)
        return
    io.file = address_of(file, "fd")
    io.position = position
    io.verb = verb
    io.done_bytes = 0
    queue = queue_at(tag_set.queues, request.hctx)
    while True:
        first = atomic_load(queue, "file_ios")
        io.next = first
        if atomic_cas(queue, "file_ios", first, index + 1):
            break
    kick(queue)


@hot_apart
def backing_file_read(call: Call, file: BackingFileRecord, rq: int, position: int) -> None:
    submit(call, file, rq, position, READ)


@hot_apart
def backing_file_write(call: Call, file: BackingFileRecord, rq: int, position: int) -> None:
    submit(call, file, rq, position, WRITE)


@hot_apart
def backing_file_flush(call: Call, file: BackingFileRecord, rq: int) -> None:
    submit(call, file, rq, 0, FLUSH)


@hot_apart
def backing_file_discard(call: Call, file: BackingFileRecord, rq: int, position: int) -> None:
    submit(call, file, rq, position, DISCARD)


@hot_apart
def backing_file_write_zeroes(call: Call, file: BackingFileRecord, rq: int, position: int) -> None:
    submit(call, file, rq, position, WRITE_ZEROES)


@hot
def note_time(file: BackingFileRecord, request: RequestRecord, io: FileIoRecord, begin_nsec: int) -> None:
    """Notes that the page cache was slow; a FUA write has to be."""
    if (file.always_waits >> io.verb) & 1 != 0 and request.flags & REQ_FUA == 0:
        end_nsec = monotonic_nsec()
        if end_nsec - begin_nsec > SLOW_NSEC + io.done_bytes * SLOW_NSEC_PER_BYTE:
            atomic_store(file, "slow_until_nsec", end_nsec + REST_NSEC)


@hot
def try_here(file: BackingFileRecord, request: RequestRecord, io: FileIoRecord) -> int:
    """Does it if that takes no time to speak of: what came of it, or EAGAIN."""
    if io.verb > WRITE or file.direct != 0 or request.nr_bytes > HERE_BYTES or request.flags & REQ_FUA != 0:
        return EAGAIN
    if (file.always_waits >> io.verb) & 1 == 0:
        result = transfer(file, request, io, RWF_NOWAIT)
        if result != EOPNOTSUPP:
            return result
        file.always_waits = file.always_waits | 1 << io.verb
    begin_nsec = monotonic_nsec()
    if begin_nsec < atomic_load(file, "slow_until_nsec"):
        return EAGAIN
    result = transfer(file, request, io, 0)
    note_time(file, request, io, begin_nsec)
    return result


@hot_apart
def run_file_ios(call: Call, tag_set: TagSetRecord, queue: HwQueueRecord) -> None:
    """Does or hands on what the verbs put on the queue's stack, oldest first."""
    files = file_queue_at(tag_set.file_queue, 0)
    link = atomic_xchg(queue, "file_ios", 0)
    oldest = 0
    while link != 0:
        io = file_io_at(files.ios, link - 1)
        following = io.next + 0
        io.next = oldest
        oldest = link
        link = following
    while oldest != 0:
        index = oldest - 1
        io = file_io_at(files.ios, index)
        oldest = io.next + 0
        request = request_at(tag_set.requests, index)
        file = backing_file_at(io.file, 0)
        result = try_here(file, request, io)
        if result != EAGAIN:
            end_file_io(call, tag_set, request, io, result)
        elif not put_in_ring(queue, file, request, io, index):
            put_file_io(files, index)
    if queue.file_ring != 0:
        run_ring(call, tag_set, queue)
