# SPDX-License-Identifier: MIT
"""The compiled twins of the verbs for files and semaphores: libc by name."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from blkmq.native import file
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
