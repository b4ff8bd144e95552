# SPDX-License-Identifier: MIT
"""io_uring's system calls and what it shares with them; what fails comes back as a negative errno.

Only :func:`enter_ring` and :func:`enable_ring` are for hot loops.  Rings are set up once, in Python.
"""

from __future__ import annotations

import ctypes
from typing import Annotated, Any

from blkmq.abi.io_uring import IORING_REGISTER_ENABLE_RINGS
from blkmq.mq.integer import s32, s64, u8, u16, u32
from blkmq.native.memory import PROT_READ, PROT_WRITE, unreserve_pages
from blkmq.native.record import Record, Times, accessor

#: Linux 5.1, the same numbers on every architecture but alpha and mips.
SYS_IO_URING_SETUP, SYS_IO_URING_ENTER, SYS_IO_URING_REGISTER = 425, 426, 427
MAP_SHARED, MAP_POPULATE = 0x01, 0x8000  #: of <sys/mman.h>, on all architectures but alpha, mips, parisc and xtensa
_MAP_FAILED = ctypes.c_void_p(-1).value

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_libc.syscall.argtypes = [ctypes.c_long] * 7
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int64]


class SqeRecord(Record):
    """C twin: ``struct io_uring_sqe``."""

    opcode: u8
    flags: u8
    ioprio: u16
    fd: s32
    off: s64
    addr: s64
    len: u32
    op_flags: u32  #: C: ``rw_flags``, ``fsync_flags``
    user_data: s64
    rest: Annotated[Any, s64, Times(3)]


class CqeRecord(Record):
    """C twin: ``struct io_uring_cqe``."""

    user_data: s64
    res: s32
    flags: u32


class SqRingOffsets(Record):
    """C twin: ``struct io_sqring_offsets``."""

    head: u32
    tail: u32
    ring_mask: u32
    ring_entries: u32
    flags: u32
    dropped: u32
    array: u32
    resv1: u32
    user_addr: s64


class CqRingOffsets(Record):
    """C twin: ``struct io_cqring_offsets``."""

    head: u32
    tail: u32
    ring_mask: u32
    ring_entries: u32
    overflow: u32
    cqes: u32
    flags: u32
    resv1: u32
    user_addr: s64


class IoUringParams(Record):
    """C twin: ``struct io_uring_params``."""

    sq_entries: u32
    cq_entries: u32
    flags: u32
    sq_thread_cpu: u32
    sq_thread_idle: u32
    features: u32
    wq_fd: u32
    resv: Annotated[Any, u32, Times(3)]
    sq_off: SqRingOffsets
    cq_off: CqRingOffsets


class ProbeOp(Record):
    """C twin: ``struct io_uring_probe_op``."""

    op: u8
    resv: u8
    flags: u16
    resv2: u32


NR_PROBED = 256  #: opcodes are bytes


class Probe(Record):
    """C twin: ``struct io_uring_probe`` with room for every opcode."""

    last_op: u8
    ops_len: u8
    resv: u16
    resv2: Annotated[Any, u32, Times(3)]
    ops: Annotated[Any, ProbeOp, Times(NR_PROBED)]


sqe_at = accessor(SqeRecord)
cqe_at = accessor(CqeRecord)


def _call(number: int, *words: int) -> int:
    result: int = _libc.syscall(number, *words, *[0] * (6 - len(words)))
    return result if result >= 0 else -ctypes.get_errno()


def set_up_ring(nr_entries: int, params: IoUringParams) -> int:
    """A file descriptor. C twin: ``io_uring_setup``."""
    return _call(SYS_IO_URING_SETUP, nr_entries, ctypes.addressof(params))


def register_with_ring(fd: int, opcode: int, argument: int, nr_args: int) -> int:
    """0 or more. C twin: ``io_uring_register``, ``opcode`` IORING_REGISTER_*."""
    return _call(SYS_IO_URING_REGISTER, fd, opcode, argument, nr_args)


def enter_ring(fd: int, nr_entries: int, min_complete: int, flags: int) -> int:
    """How many entries the kernel took. C twin: ``io_uring_enter``, ``flags`` IORING_ENTER_*."""
    return _call(SYS_IO_URING_ENTER, fd, nr_entries, min_complete, flags)


def enable_ring(fd: int) -> int:
    """The calling thread is from now on the one that enters the ring; 0. C: IORING_REGISTER_ENABLE_RINGS."""
    return register_with_ring(fd, IORING_REGISTER_ENABLE_RINGS, 0, 0)


def map_ring(fd: int, place: int, nr_bytes: int) -> int:
    """Address of what a ring shares at ``place``, IORING_OFF_*; :func:`unmap_ring` ends it. C twin: ``mmap``."""
    address = _libc.mmap(None, nr_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, place)
    return int(address) if address != _MAP_FAILED else -ctypes.get_errno()


def unmap_ring(address: int, nr_bytes: int) -> None:
    """C twin: ``munmap``."""
    unreserve_pages(address, nr_bytes)
