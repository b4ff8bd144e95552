# SPDX-License-Identifier: MIT
"""A thread that does file I/O that may wait. C twin: a kworker of ``lo->workqueue``."""

from __future__ import annotations

from blkmq.dispatch.call import call_at
from blkmq.dispatch.file_io import backing_file_at, carry_out, end_file_io, file_io_at
from blkmq.dispatch.file_queue import file_queue_at, take_file_io
from blkmq.dispatch.nouns.backing_file import note_time
from blkmq.dispatch.request import request_at
from blkmq.dispatch.tag_set import tag_set_at
from blkmq.mq.integer import s64
from blkmq.native.atomic import atomic_load
from blkmq.native.clock import monotonic_nsec
from blkmq.native.file import wait_semaphore
from blkmq.native.hot import hot
from blkmq.native.memory import address_of
from blkmq.native.record import Record, accessor


class FileWorkerRecord(Record):
    """One thread's own. Owner: that thread."""

    call: s64  #: address of its Call
    bounce: s64  #: BOUNCE_BYTES, page-aligned
    zeroes: s64  #: ZEROES_BYTES that are never written, page-aligned


file_worker_at = accessor(FileWorkerRecord)


@hot
def serve_files(worker_address: int, until_nsec: int) -> int:
    """Does what waits, one after the other, until the queue's ``stopping``; how much it did."""
    worker = file_worker_at(worker_address, 0)
    call = call_at(worker.call, 0)
    tag_set = tag_set_at(call.set_address, 0)
    files = file_queue_at(tag_set.file_queue, 0)
    count = 0
    while atomic_load(files, "stopping") == 0:
        if wait_semaphore(address_of(files, "semaphore")) < 0:
            continue
        index = take_file_io(files)
        if index >= 0:
            io = file_io_at(files.ios, index)
            file = backing_file_at(io.file, 0)
            request = request_at(tag_set.requests, index)
            begin = monotonic_nsec()
            result = carry_out(file, request, io, worker.bounce, worker.zeroes)
            note_time(file, request, io, begin)
            end_file_io(call, tag_set, request, io, result)
            count += 1
    return count
