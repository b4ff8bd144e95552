# SPDX-License-Identifier: MIT
"""The compiled twins of the verbs for files, semaphores and rings: libc by name."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from blkmq.abi.io_uring import IORING_REGISTER_ENABLE_RINGS
from blkmq.native import file, io_uring
from blkmq.native.socket_twins import _c_int, _or_errno
from blkmq.native.twins import Emit, _libc, _verb

_I64, _I32 = ir.IntType(64), ir.IntType(32)
_done: list[bool] = []


def _vector(name: str) -> Emit:
    def emit(context: Any, builder: Any, fd: Any, iovecs: Any, nr_iovecs: Any, position: Any, flags: Any) -> Any:
        numbers = [_c_int(builder, fd), iovecs, _c_int(builder, nr_iovecs), position, _c_int(builder, flags)]
        return _or_errno(builder, _libc(builder, name, _I64, *numbers))

    return emit


def _answer(builder: Any, name: str, *values: Any) -> Any:
    return _or_errno(builder, builder.sext(_libc(builder, name, _I32, *values), _I64))


def _allocate(context: Any, builder: Any, fd: Any, mode: Any, position: Any, nr_bytes: Any) -> Any:
    return _answer(builder, "fallocate", _c_int(builder, fd), _c_int(builder, mode), position, nr_bytes)


def _sync_data(context: Any, builder: Any, fd: Any) -> Any:
    return _answer(builder, "fdatasync", _c_int(builder, fd))


def _semaphore(name: str) -> Emit:
    return lambda context, builder, address: _answer(builder, name, address)


def _enter_ring(context: Any, builder: Any, *words: Any) -> Any:
    number = _I64(io_uring.SYS_IO_URING_ENTER)
    return _or_errno(builder, _libc(builder, "syscall", _I64, number, *words, _I64(0), _I64(0)))


def _enable_ring(context: Any, builder: Any, fd: Any) -> Any:
    words = [io_uring.SYS_IO_URING_REGISTER, fd, IORING_REGISTER_ENABLE_RINGS, 0, 0, 0, 0]
    numbers = [_I64(word) if isinstance(word, int) else word for word in words]
    return _or_errno(builder, _libc(builder, "syscall", _I64, *numbers))


def register() -> None:
    """Tells Numba the twins, once."""
    if _done:
        return
    _done.append(True)
    _verb(file.read_vector, _vector("preadv2"), 5)
    _verb(file.write_vector, _vector("pwritev2"), 5)
    _verb(file.allocate, _allocate, 4)
    _verb(file.sync_data, _sync_data, 1)
    _verb(file.wait_semaphore, _semaphore("sem_wait"), 1)
    _verb(file.post_semaphore, _semaphore("sem_post"), 1)
    _verb(io_uring.enter_ring, _enter_ring, 4)
    _verb(io_uring.enable_ring, _enable_ring, 1)
