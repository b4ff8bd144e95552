# SPDX-License-Identifier: MIT
"""The rings of a tag set's hardware queues: made where io_uring can be had, freed with their queues."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from dataclasses import dataclass

from blkmq.abi.io_uring import (
    IO_URING_OP_SUPPORTED,
    IORING_FEAT_NODROP,
    IORING_FEAT_SINGLE_MMAP,
    IORING_FEAT_SUBMIT_STABLE,
    IORING_OFF_SQ_RING,
    IORING_OFF_SQES,
    IORING_OP_FALLOCATE,
    IORING_OP_FSYNC,
    IORING_OP_READV,
    IORING_OP_WRITEV,
    IORING_REGISTER_EVENTFD,
    IORING_REGISTER_PROBE,
    IORING_SETUP_DEFER_TASKRUN,
    IORING_SETUP_R_DISABLED,
    IORING_SETUP_SINGLE_ISSUER,
    IORING_SETUP_TASKRUN_FLAG,
)
from blkmq.dispatch.file_ring import FileRingRecord
from blkmq.dispatch.hw_queue import HwQueueRecord
from blkmq.dispatch.ring_io import RING_BOUNCE_BYTES
from blkmq.native.io_uring import (
    NR_PROBED,
    CqeRecord,
    IoUringParams,
    Probe,
    SqeRecord,
    map_ring,
    register_with_ring,
    set_up_ring,
    unmap_ring,
)

OPCODES = (IORING_OP_READV, IORING_OP_WRITEV, IORING_OP_FSYNC, IORING_OP_FALLOCATE)
FEATURES = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE
ONE_THREAD = (
    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_R_DISABLED
)
INDEX_BYTES = 4  #: of an index into the entries, and of a file descriptor


@dataclass
class FileRing:
    """An open ring and its memory."""

    record: FileRingRecord
    fd: int
    maps: list[tuple[int, int]]  #: what it shares with the kernel: addresses and lengths

    def close(self) -> None:
        for address, nr_bytes in self.maps:
            unmap_ring(address, nr_bytes)
        self.maps.clear()
        os.close(self.fd)


class FileRings:
    """Makes a ring for each hardware queue, as far as it may."""

    def __init__(self) -> None:
        self.refusal: OSError | None = None  #: why the last queue has none
        self._rings: dict[int, FileRing] = {}  #: by number of their queue
        self._bounces: dict[int, int] = {}  #: by number of a queue: they stay when it goes, as it may come back

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._rings)

    def open(self, queue: HwQueueRecord, depth: int, take: Callable[[int], int]) -> None:
        """Gives a queue of ``depth`` tags a ring; none if io_uring is refused.  ``take`` reserves memory of the set."""
        try:
            ring = open_ring(depth, queue.wake_fd)
        except OSError as error:
            self.refusal = error
            return
        if queue.index not in self._bounces:
            self._bounces[queue.index] = take(depth * RING_BOUNCE_BYTES)
        ring.record.bounces = self._bounces[queue.index]
        self._rings[queue.index] = ring
        queue.file_ring = ctypes.addressof(ring.record)

    def close(self, queue: HwQueueRecord) -> None:
        """A queue goes; nothing is in flight on it, and no thread runs it."""
        ring = self._rings.pop(queue.index, None)
        if ring is not None:
            queue.file_ring = 0
            ring.close()


def open_ring(nr_entries: int, eventfd: int) -> FileRing:
    """A ring that signals an eventfd; OSError where io_uring is refused, or cannot do all that is asked of it.

    Where it can be had, one thread enters it, the first that does, and is interrupted by nothing in between.
    """
    params = IoUringParams(flags=ONE_THREAD)
    fd = set_up_ring(nr_entries, params)
    if fd == -errno.EINVAL:
        params = IoUringParams()
        fd = set_up_ring(nr_entries, params)
    ring = FileRing(FileRingRecord(), accepted(fd), [])
    try:
        check_abilities(fd, params)
        map_all(ring, params)
        number = ctypes.c_int32(eventfd)
        accepted(register_with_ring(fd, IORING_REGISTER_EVENTFD, ctypes.addressof(number), 1))
    except BaseException:
        ring.close()
        raise
    return ring


def accepted(result: int) -> int:
    """What a system call answered; OSError if that is a negative errno."""
    if result < 0:
        raise OSError(-result, os.strerror(-result))
    return result


def check_abilities(fd: int, params: IoUringParams) -> None:
    """OSError if the ring cannot do what is needed of it."""
    probe = Probe()
    accepted(register_with_ring(fd, IORING_REGISTER_PROBE, ctypes.addressof(probe), NR_PROBED))
    known = [probe.ops[opcode].flags & IO_URING_OP_SUPPORTED for opcode in OPCODES]
    if params.features & FEATURES != FEATURES or not all(known):
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))


def map_all(ring: FileRing, params: IoUringParams) -> None:
    """Maps what the ring shares, and notes where it lies."""
    sq, cq, record = params.sq_off, params.cq_off, ring.record
    rings_bytes = max(
        sq.array + params.sq_entries * INDEX_BYTES, cq.cqes + params.cq_entries * ctypes.sizeof(CqeRecord)
    )
    places = (IORING_OFF_SQ_RING, rings_bytes), (IORING_OFF_SQES, params.sq_entries * ctypes.sizeof(SqeRecord))
    for place, nr_bytes in places:
        ring.maps.append((accepted(map_ring(ring.fd, place, nr_bytes)), nr_bytes))
    (base, _), (sqes, _) = ring.maps
    record.fd, record.is_disabled = ring.fd, int(params.flags & IORING_SETUP_R_DISABLED != 0)
    record.sq_flags, record.cq_flags = base + sq.flags, base + cq.flags
    record.sqes, record.cqes = sqes, base + cq.cqes
    record.sq_tail, record.cq_head, record.cq_tail = base + sq.tail, base + cq.head, base + cq.tail
    record.sq_mask, record.cq_mask = params.sq_entries - 1, params.cq_entries - 1
    indexes = (ctypes.c_uint32 * params.sq_entries).from_address(base + sq.array)
    indexes[:] = list(range(params.sq_entries))  # each entry has its place
