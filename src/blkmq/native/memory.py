# SPDX-License-Identifier: MIT
"""Raw memory by address, for hot loops.  Nothing is checked here: callers have checked."""

from __future__ import annotations

import ctypes
from typing import Any

from blkmq.mq.integer import s64, u8
from blkmq.native.record import Record, accessor

_libc = ctypes.CDLL(None, use_errno=True)
_libc.malloc.restype = _libc.calloc.restype = _libc.mmap.restype = ctypes.c_void_p
_libc.calloc.argtypes = [ctypes.c_size_t, ctypes.c_size_t]
_libc.free.argtypes = [ctypes.c_void_p]
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

# The numbers of <sys/mman.h> on Linux, all architectures but alpha, mips, parisc and xtensa.
PROT_READ, PROT_WRITE = 1, 2
MAP_PRIVATE, MAP_ANONYMOUS, MAP_NORESERVE = 0x02, 0x20, 0x4000
MADV_DONTNEED, MADV_NOHUGEPAGE = 4, 15
CACHE_LINE_BYTES = 64  #: of most CPUs; elsewhere some lines are asked for twice, or not
_offsets: dict[tuple[type, str], int] = {}
_MAP_FAILED = ctypes.c_void_p(-1).value


class Word(Record):
    """One 64-bit cell, for arrays of them."""

    value: s64


class Byte(Record):
    """One byte."""

    value: u8


word_at = accessor(Word)
byte_at = accessor(Byte)


def address_of(record: Any, field: str) -> int:
    """Address of a record's field, named by a string constant."""
    kind = type(record), field
    if kind not in _offsets:
        _offsets[kind] = getattr(*kind).offset
    return ctypes.addressof(record) + _offsets[kind]


def copy_bytes(target: int, source: int, nr_bytes: int) -> None:
    """C twin: ``memcpy``."""
    ctypes.memmove(target, source, nr_bytes)


def clear_bytes(target: int, nr_bytes: int) -> None:
    """C twin: ``memset(target, 0, nr_bytes)``."""
    ctypes.memset(target, 0, nr_bytes)


def prefetch_to_write(address: int, nr_bytes: int) -> None:
    """Has the CPU fetch cache lines that are about to be written, all at once. C twin: ``prefetchw``."""


def alloc_zeroed(nr_bytes: int) -> int:
    """Address of zeroed memory, 0 when it is out. C twin: ``kzalloc``."""
    return _libc.calloc(1, nr_bytes) or 0


def free_memory(address: int) -> None:
    """Frees what :func:`alloc_zeroed` gave; 0 is ignored. C twin: ``kfree``."""
    _libc.free(address)


def reserve_pages(nr_bytes: int) -> int:
    """Address space that reads as zeroes and costs nothing until written; 0 when there is none."""
    flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    address = _libc.mmap(None, nr_bytes, PROT_READ | PROT_WRITE, flags, -1, 0)
    if address == _MAP_FAILED:
        return 0
    _libc.madvise(address, nr_bytes, MADV_NOHUGEPAGE)
    return int(address)


def give_back_pages(address: int, nr_bytes: int) -> None:
    """The memory behind whole pages goes back to the system; they stay mapped and read as zeroes."""
    _libc.madvise(address, nr_bytes, MADV_DONTNEED)


def unreserve_pages(address: int, nr_bytes: int) -> None:
    """Ends what :func:`reserve_pages` began."""
    _libc.munmap(address, nr_bytes)
