# SPDX-License-Identifier: MIT
"""The io_uring of a hardware queue: entries that are put into it, and whether answers lie in it.

While the queue's thread sleeps, the ring signals the queue's ``wake_fd`` when it has something for it.  What the kernel
has to do on that thread, such as to write an answer, it does when the thread enters the ring, not in between.
"""

from __future__ import annotations

from blkmq.abi.io_uring import IORING_CQ_EVENTFD_DISABLED, IORING_ENTER_GETEVENTS, IORING_SQ_TASKRUN
from blkmq.dispatch.hw_queue import HwQueueRecord
from blkmq.mq.errno import Errno
from blkmq.mq.integer import s64
from blkmq.native.atomic import atomic_load_u32, atomic_store_u32, atomic_xchg
from blkmq.native.hot import hot, hot_inline
from blkmq.native.io_uring import cqe_at, enable_ring, enter_ring, sqe_at
from blkmq.native.record import Record, accessor

U32_MASK = 0xFFFF_FFFF
EINTR = int(Errno.EINTR)


class FileRingRecord(Record):
    """A ring. Owner: the thread that runs its queue; what the addresses name is shared with the kernel."""

    fd: s64
    is_disabled: s64  #: 1: no thread has entered it yet, and the first that does is the only one that may
    sq_flags: s64  #: address of a u32: IORING_SQ_*
    sq_tail: s64  #: address of a u32: entries ever put
    sq_mask: s64
    sqes: s64  #: address of its entries, struct io_uring_sqe
    cq_head: s64  #: address of a u32: answers ever taken
    cq_tail: s64  #: address of a u32: answers that ever came
    cq_flags: s64  #: address of a u32: IORING_CQ_*
    cq_mask: s64
    cqes: s64  #: address of its answers, struct io_uring_cqe
    tail: s64  #: entries ever put, those too that the kernel has not been told of
    head: s64  #: answers ever taken
    nr_put: s64  #: entries that the kernel has not been told of
    bounces: s64  #: RING_BOUNCE_BYTES for each tag, page-aligned


file_ring_at = accessor(FileRingRecord)


@hot_inline
def lies_answer(ring: FileRingRecord) -> bool:
    """Whether an answer lies in a ring."""
    return atomic_load_u32(ring.cq_tail) != ring.head & U32_MASK


@hot_inline
def has_kernel_work(ring: FileRingRecord) -> bool:
    """Whether the kernel waits for the thread to enter the ring."""
    return atomic_load_u32(ring.sq_flags) & IORING_SQ_TASKRUN != 0


@hot_inline
def has_answers(queue: HwQueueRecord) -> bool:
    """Whether a queue's ring has something for its thread, if it has one."""
    if queue.file_ring == 0:
        return False
    ring = file_ring_at(queue.file_ring, 0)
    return lies_answer(ring) or has_kernel_work(ring)


@hot
def put_entry(
    ring: FileRingRecord, opcode: int, fd: int, position: int, address: int, length: int, flags: int, index: int
) -> None:
    """Puts an entry for a tag's request into the ring; there is room, as a request has one at most."""
    sqe = sqe_at(ring.sqes, ring.tail & ring.sq_mask)
    sqe.opcode = opcode
    sqe.fd = fd
    sqe.off = position
    sqe.addr = address
    sqe.len = length
    sqe.op_flags = flags
    sqe.user_data = index
    ring.tail = ring.tail + 1
    ring.nr_put = ring.nr_put + 1


@hot
def enter(ring: FileRingRecord) -> None:
    """Gives the kernel the entries that were put, with one call, and lets it work; it may refuse some of them."""
    if ring.is_disabled != 0:
        enable_ring(ring.fd)
        ring.is_disabled = 0
    atomic_store_u32(ring.sq_tail, ring.tail)
    while ring.nr_put > 0 or has_kernel_work(ring):
        count = enter_ring(ring.fd, ring.nr_put, 0, IORING_ENTER_GETEVENTS)
        if count > 0:
            ring.nr_put = ring.nr_put - count
        elif count != EINTR:
            return


@hot
def take_back(ring: FileRingRecord) -> int:
    """The last entry that the kernel refuses, out of the ring: index of its request; -1 for none."""
    if ring.nr_put == 0:
        return -1
    ring.nr_put = ring.nr_put - 1
    ring.tail = ring.tail - 1
    atomic_store_u32(ring.sq_tail, ring.tail)
    return sqe_at(ring.sqes, ring.tail & ring.sq_mask).user_data + 0


@hot
def answered(ring: FileRingRecord) -> int:
    """Index of the request whose answer is the oldest."""
    return cqe_at(ring.cqes, ring.head & ring.cq_mask).user_data + 0


@hot
def take_answer(ring: FileRingRecord) -> int:
    """The oldest answer, taken: what the system call of its kind would have returned, or a negative errno."""
    result = cqe_at(ring.cqes, ring.head & ring.cq_mask).res + 0
    ring.head = ring.head + 1
    atomic_store_u32(ring.cq_head, ring.head)
    return result


@hot_inline
def fall_asleep(queue: HwQueueRecord) -> None:
    """Has the queue's thread woken from here on.  It looks once more whether there is something: nothing is lost."""
    if queue.file_ring != 0:
        atomic_store_u32(file_ring_at(queue.file_ring, 0).cq_flags, 0)
    atomic_xchg(queue, "sleeping", 1)  # ordered before the look at what there is


@hot_inline
def wake_up(queue: HwQueueRecord) -> None:
    """The queue's thread looks by itself from here on."""
    atomic_xchg(queue, "sleeping", 0)
    if queue.file_ring != 0:
        atomic_store_u32(file_ring_at(queue.file_ring, 0).cq_flags, IORING_CQ_EVENTFD_DISABLED)
