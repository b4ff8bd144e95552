# SPDX-License-Identifier: MIT
"""What a request does with a backing file. C twin: ``do_req_filebacked`` of ``drivers/block/loop.c``.

Results are 0 or a negative errno.  The data is where the door put it: its pieces are an array of ``struct iovec``.
"""

from __future__ import annotations

from blkmq.abi.blk_types import REQ_FUA, REQ_NOUNMAP
from blkmq.abi.falloc import FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, FALLOC_FL_ZERO_RANGE
from blkmq.abi.fs import RWF_DSYNC
from blkmq.dispatch.call import Call
from blkmq.dispatch.file_queue import file_queue_at
from blkmq.dispatch.nouns.records import BackingFileRecord
from blkmq.dispatch.ownership import FROM_END, finish, unpin
from blkmq.dispatch.request import FILLED, RequestRecord, segment_at
from blkmq.dispatch.tag_set import TagSetRecord
from blkmq.mq.blk_status import BlkStatus
from blkmq.mq.errno import Errno
from blkmq.mq.integer import s64
from blkmq.native.atomic import atomic_store
from blkmq.native.file import allocate, read_vector, sync_data, write_vector
from blkmq.native.hot import hot
from blkmq.native.memory import address_of, copy_bytes, word_at
from blkmq.native.record import Record, accessor

READ, WRITE, FLUSH, DISCARD, WRITE_ZEROES = range(5)  #: verbs of a BackingFile
PUNCH_HOLE = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
ZERO_RANGE = FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE
BOUNCE_BYTES = 1 << 22  #: a request's data at most: NR_SEGMENTS_MAX pages
ZEROES_BYTES = 1 << 20  #: of one write of zeroes
HERE_BYTES = 1 << 20  #: of the data that the page cache has, moved by the queue's own thread: waking another costs more
OK, EIO, EINTR = int(Errno.OK), int(Errno.EIO), int(Errno.EINTR)
EINVAL, EOPNOTSUPP = int(Errno.EINVAL), int(Errno.EOPNOTSUPP)
NR_ERRNOS = 1 - min(Errno)  #: and 0; what a file system makes up beyond them is IOERR
IOERR = int(BlkStatus.IOERR)


class FileIoRecord(Record):
    """What a tag's request asks of a file.  Owner: who took it, from its queue's stack or the threads' ring.

    What lies in an io_uring is its queue's thread's, but for the memory that the entry names.
    """

    next: s64  #: index + 1 of the next on its queue's stack
    rq: s64  #: handle of the request, which is pinned; 0: there is none
    file: s64  #: address of the BackingFileRecord
    position: s64  #: in the file [bytes]
    verb: s64
    done_bytes: s64
    address: s64  #: a ``struct iovec`` of its own: a run of its data
    nr_bytes: s64
    is_bounced: s64  #: 1: a ring moves the data by aligned memory, which ``address`` is


file_io_at = accessor(FileIoRecord)
backing_file_at = accessor(BackingFileRecord)


@hot
def find_run(request: RequestRecord, io: FileIoRecord) -> bool:
    """Puts what is left of the data, as far as it lies in one piece, into the iovec; whether that is all."""
    skip = request.done_bytes + io.done_bytes
    index = 0
    while skip >= segment_at(request.segments, index).nr_bytes:
        skip -= segment_at(request.segments, index).nr_bytes
        index += 1
    address = segment_at(request.segments, index).address + skip
    nr_bytes = segment_at(request.segments, index).nr_bytes - skip
    index += 1
    while index < request.nr_segments and segment_at(request.segments, index).address == address + nr_bytes:
        nr_bytes += segment_at(request.segments, index).nr_bytes
        index += 1
    io.address = address
    io.nr_bytes = nr_bytes
    return index >= request.nr_segments


@hot
def move(file: BackingFileRecord, io: FileIoRecord, iovecs: int, nr_iovecs: int, flags: int) -> int:
    """One call: bytes that it moved, or a negative errno."""
    position = io.position + io.done_bytes
    if io.verb == READ:
        return read_vector(file.fd, iovecs, nr_iovecs, position, flags)
    return write_vector(file.fd, iovecs, nr_iovecs, position, flags)


@hot
def count_moved(io: FileIoRecord, moved: int) -> int:
    """Counts what :func:`move` answered: OK to go on, else why not; EIO where the file ends."""
    if moved > 0:
        io.done_bytes = io.done_bytes + moved
    elif moved != EINTR:
        return moved if moved < 0 else EIO
    return OK


@hot
def transfer(file: BackingFileRecord, request: RequestRecord, io: FileIoRecord, flags: int) -> int:
    """Moves what is left between the file and where the data lies."""
    while io.done_bytes < request.nr_bytes:
        if find_run(request, io) or request.done_bytes + io.done_bytes != 0:
            moved = move(file, io, address_of(io, "address"), 1, flags)
        else:
            moved = move(file, io, request.segments, request.nr_segments, flags)
        result = count_moved(io, moved)
        if result != OK:
            return result
    return OK


@hot
def copy_data(request: RequestRecord, offset: int, memory: int, nr_bytes: int, verb: int) -> None:
    """Copies between the request's data, from ``offset`` on, and other memory."""
    index = 0
    done = 0
    while done < nr_bytes:
        piece = segment_at(request.segments, index)
        if offset >= piece.nr_bytes:
            offset -= piece.nr_bytes
            index += 1
            continue
        count = min(piece.nr_bytes - offset, nr_bytes - done)
        if verb == READ:
            copy_bytes(piece.address + offset, memory + done, count)
        else:
            copy_bytes(memory + done, piece.address + offset, count)
        done += count
        offset += count


@hot
def transfer_direct(file: BackingFileRecord, request: RequestRecord, io: FileIoRecord, flags: int, bounce: int) -> int:
    """As :func:`transfer`, past the page cache: by aligned memory, unless the data lies so already."""
    while io.done_bytes < request.nr_bytes:
        rest = request.nr_bytes - io.done_bytes
        offset = request.done_bytes + io.done_bytes
        bounces = not find_run(request, io) or io.address % file.direct != 0
        if bounces:
            io.address = bounce
            io.nr_bytes = min(rest, BOUNCE_BYTES)
            if io.verb == WRITE:
                copy_data(request, offset, bounce, io.nr_bytes, WRITE)
        moved = move(file, io, address_of(io, "address"), 1, flags)
        if moved > 0 and bounces and io.verb == READ:
            copy_data(request, offset, bounce, moved, READ)
        result = count_moved(io, moved)
        if result != OK:
            return result
    return OK


@hot
def transfer_in_any_way(
    file: BackingFileRecord, request: RequestRecord, io: FileIoRecord, flags: int, bounce: int
) -> int:
    if file.direct != 0:
        return transfer_direct(file, request, io, flags, bounce)
    return transfer(file, request, io, flags)


@hot
def punch(fd: int, mode: int, position: int, nr_bytes: int) -> int:
    """``fallocate``, through interruptions."""
    while True:
        result = allocate(fd, mode, position, nr_bytes)
        if result != EINTR:
            return result


@hot
def zero(file: BackingFileRecord, request: RequestRecord, io: FileIoRecord, zeroes: int) -> int:
    """Makes a range zeroes, in the first way that the file has."""
    first = ZERO_RANGE if request.flags & REQ_NOUNMAP != 0 else PUNCH_HOLE
    result = punch(file.fd, first, io.position, request.nr_bytes)
    if result == EOPNOTSUPP or result == EINVAL:
        result = punch(file.fd, ZERO_RANGE, io.position, request.nr_bytes)
    if result != EOPNOTSUPP and result != EINVAL:
        return result
    while io.done_bytes < request.nr_bytes:
        io.address = zeroes
        io.nr_bytes = min(request.nr_bytes - io.done_bytes, ZEROES_BYTES)
        moved = move(file, io, address_of(io, "address"), 1, 0)
        result = count_moved(io, moved)
        if result != OK:
            return result
    return OK


@hot
def carry_out(file: BackingFileRecord, request: RequestRecord, io: FileIoRecord, bounce: int, zeroes: int) -> int:
    """Does all of it, however long that takes."""
    if io.verb == FLUSH:
        return sync_data(file.fd)
    if request.nr_bytes == 0:
        return OK
    if io.verb == DISCARD:
        return punch(file.fd, PUNCH_HOLE, io.position, request.nr_bytes)
    if io.verb == WRITE_ZEROES:
        return zero(file, request, io, zeroes)
    flags = RWF_DSYNC if io.verb == WRITE and request.flags & REQ_FUA != 0 else 0
    result = transfer_in_any_way(file, request, io, flags, bounce)
    if result == EOPNOTSUPP and flags != 0:
        result = transfer_in_any_way(file, request, io, 0, bounce)
        if result == OK:
            result = sync_data(file.fd)
    return result


@hot
def end_file_io(call: Call, tag_set: TagSetRecord, request: RequestRecord, io: FileIoRecord, result: int) -> None:
    """Ends the request, unless somebody else has (its time was over); its data is free from here on."""
    rq = io.rq + 0
    atomic_store(io, "rq", 0)
    status = IOERR
    if -result < NR_ERRNOS:
        status = word_at(file_queue_at(tag_set.file_queue, 0).statuses, -result).value + 0
    if io.verb == READ and result == OK:
        request.touched = FILLED
    finish(call, tag_set, request, rq, FROM_END, status)
    unpin(call, rq)
