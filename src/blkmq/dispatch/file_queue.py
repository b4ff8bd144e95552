# SPDX-License-Identifier: MIT
"""What waits for the threads that do file I/O: a ring of requests, and a semaphore that counts them."""

from __future__ import annotations

from typing import Annotated, Any

from blkmq.mq.integer import s64
from blkmq.native.atomic import atomic_cas, atomic_store, pause
from blkmq.native.file import SEMAPHORE_WORDS, post_semaphore
from blkmq.native.hot import hot
from blkmq.native.memory import address_of, word_at
from blkmq.native.record import Record, Times, accessor


class FileQueueRecord(Record):
    """The file I/O of a tag set. Owner: the device."""

    ios: s64  #: nr_requests FileIoRecords
    ring: s64  #: nr_requests words: a request is in it once at most
    capacity: s64
    head: s64  #: ever taken
    tail: s64  #: ever added
    lock: s64  #: of the ring
    statuses: s64  #: a word for each errno: the BlkStatus that it is. C: ``errno_to_blk_status``
    stopping: s64  #: 1: the threads go home
    semaphore: Annotated[Any, s64, Times(SEMAPHORE_WORDS)]


file_queue_at = accessor(FileQueueRecord)


@hot
def lock_ring(files: FileQueueRecord) -> None:
    while not atomic_cas(files, "lock", 0, 1):
        pause()


@hot
def put_file_io(files: FileQueueRecord, index: int) -> None:
    """Leaves a request's file I/O to the threads."""
    lock_ring(files)
    word_at(files.ring, files.tail % files.capacity).value = index
    files.tail = files.tail + 1
    atomic_store(files, "lock", 0)
    post_semaphore(address_of(files, "semaphore"))


@hot
def take_file_io(files: FileQueueRecord) -> int:
    """The request that has waited longest; -1 for none."""
    index = -1
    lock_ring(files)
    if files.head < files.tail:
        index = word_at(files.ring, files.head % files.capacity).value + 0
        files.head = files.head + 1
    atomic_store(files, "lock", 0)
    return index
