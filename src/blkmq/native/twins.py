# SPDX-License-Identifier: MIT
"""The compiled twins of the native verbs: what Numba puts where hot code calls them.

Public Numba API only: ``overload`` and ``intrinsic``.  LLVM's builder makes atomics and fences; libc is called
by name.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from llvmlite import ir
from numba import from_dtype, types
from numba.extending import intrinsic, overload

from blkmq.native import atomic, clock, integer, invoke, memory
from blkmq.native.hot import JIT_OPTIONS
from blkmq.native.record import ACCESSORS

_done: set[Any] = set()
CLOCK_MONOTONIC = 1
NSEC_PER_SEC = 1_000_000_000
POLLIN = 1

_I64 = ir.IntType(64)
_I32 = ir.IntType(32)
_I8 = ir.IntType(8)
_PTR = _I8.as_pointer()


def numba_record(record: type[ctypes.Structure]) -> Any:
    """The Numba type of a record."""
    return from_dtype(np.dtype(record))


def _accessor_twin(record: type[ctypes.Structure]) -> Any:
    record_type = numba_record(record)
    size = ctypes.sizeof(record)

    @intrinsic
    def at(typingctx: Any, base: Any, index: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            address = builder.add(args[0], builder.mul(args[1], _I64(size)))
            return builder.inttoptr(address, context.get_value_type(record_type))

        return record_type(types.int64, types.int64), codegen

    return at


@intrinsic(prefer_literal=True)
def _field_address(typingctx: Any, record: Any, field: Any) -> Any:
    offset = record.offset(field.literal_value)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.add(builder.ptrtoint(args[0], _I64), _I64(offset))

    return types.int64(record, field), codegen


def _on_word(emit: Any, nr_args: int, returns: Any = types.int64) -> Any:
    """An intrinsic over the 64-bit word at an address."""

    def word(builder: Any, address: Any) -> Any:
        return builder.inttoptr(address, _I64.as_pointer())

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return emit(context, builder, word(builder, args[0]), *args[1:])

    if nr_args == 0:

        @intrinsic
        def op0(typingctx: Any, address: Any) -> Any:
            return returns(types.int64), codegen

        return op0
    if nr_args == 1:

        @intrinsic
        def op1(typingctx: Any, address: Any, value: Any) -> Any:
            return returns(types.int64, types.int64), codegen

        return op1

    @intrinsic
    def op2(typingctx: Any, address: Any, old: Any, new: Any) -> Any:
        return returns(types.int64, types.int64, types.int64), codegen

    return op2


def _emit_store(context: Any, builder: Any, pointer: Any, value: Any) -> Any:
    builder.store_atomic(value, pointer, "release", 8)
    return context.get_dummy_value()


def _emit_cas(context: Any, builder: Any, pointer: Any, old: Any, new: Any) -> Any:
    result = builder.cmpxchg(pointer, old, new, "seq_cst", "seq_cst")
    return builder.zext(builder.extract_value(result, 1), _I8)


_load = _on_word(lambda cx, b, p: b.load_atomic(p, "acquire", 8), 0)
_store = _on_word(_emit_store, 1, types.none)
_add = _on_word(lambda cx, b, p, v: b.atomic_rmw("add", p, v, "seq_cst"), 1)
_xchg = _on_word(lambda cx, b, p, v: b.atomic_rmw("xchg", p, v, "seq_cst"), 1)
_cas = _on_word(_emit_cas, 2, types.int8)


def _libc(name: str, returns: Any, *args: Any) -> Any:
    return types.ExternalFunction(name, returns(*args))


_memcpy = _libc("memcpy", types.int64, types.int64, types.int64, types.int64)
_memset = _libc("memset", types.int64, types.int64, types.int32, types.int64)
_calloc = _libc("calloc", types.int64, types.int64, types.int64)
_free = _libc("free", types.void, types.int64)
_mmap = _libc("mmap", types.int64, types.int64, types.int64, types.int32, types.int32, types.int32, types.int64)
_munmap = _libc("munmap", types.int32, types.int64, types.int64)
_madvise = _libc("madvise", types.int32, types.int64, types.int64, types.int32)
_clock_gettime = _libc("clock_gettime", types.int32, types.int32, types.int64)
_ppoll = _libc("ppoll", types.int32, types.int64, types.int64, types.int64, types.int64)
_eventfd_write = _libc("eventfd_write", types.int32, types.int32, types.int64)
_eventfd_read = _libc("eventfd_read", types.int32, types.int32, types.int64)
_sched_yield = _libc("sched_yield", types.int32)


@intrinsic(prefer_literal=True)
def _stack_words(typingctx: Any, count: Any) -> Any:
    """Address of ``count`` (a constant) words on the stack of the caller."""
    words = count.literal_value

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        with builder.goto_entry_block():
            slot = builder.alloca(_I64, words)
        return builder.ptrtoint(slot, _I64)

    return types.int64(count), codegen


@intrinsic
def _pause(typingctx: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        # A fence, since a target-specific pause would tie the text to one architecture.
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.none(), codegen


def _arithmetic(name: str) -> Any:
    @intrinsic
    def op(typingctx: Any, left: Any, right: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return getattr(builder, name)(*args)  # no nsw: wraps

        return types.int64(types.int64, types.int64), codegen

    return op


@intrinsic
def _call_entry(typingctx: Any, entry: Any, slot: Any, call: Any, a: Any, b: Any, c: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        function = ir.FunctionType(_I64, [_I64] * 5).as_pointer()
        return builder.call(builder.inttoptr(args[0], function), args[1:])

    return types.int64(*[types.int64] * 6), codegen


def _overload(function: Any, implementation: Any, *, literal: bool = False) -> None:
    if function in _done:
        return
    _done.add(function)
    options: dict[str, Any] = {"prefer_literal": True} if literal else {}
    overload(function, jit_options=JIT_OPTIONS, strict=False, **options)(implementation)


def register() -> None:
    """Tells Numba the twin of each native verb and record accessor; again for accessors made since."""
    for function, record in list(ACCESSORS.items()):
        if function not in _done:
            twin = _accessor_twin(record)
            _overload(function, lambda base, index, twin=twin: _accessor_of(twin))
    if atomic.atomic_load in _done:
        return
    address = _field_address
    _overload(atomic.atomic_load, _atomic_load, literal=True)
    _overload(atomic.atomic_store, _atomic_store, literal=True)
    _overload(atomic.atomic_add, _atomic_add, literal=True)
    _overload(atomic.atomic_xchg, _atomic_xchg, literal=True)
    _overload(atomic.atomic_cas, _atomic_cas, literal=True)
    _overload(atomic.pause, lambda: lambda: _pause())
    _overload(atomic.yield_cpu, lambda: _yield_cpu)
    _overload(memory.address_of, _address_of, literal=True)
    _overload(memory.copy_bytes, lambda target, source, nr_bytes: _copy_bytes)
    _overload(memory.clear_bytes, lambda target, nr_bytes: _clear_bytes)
    _overload(memory.alloc_zeroed, lambda nr_bytes: lambda nr_bytes: _calloc(1, nr_bytes))
    _overload(memory.free_memory, lambda address: lambda address: _free(address))
    _overload(memory.reserve_pages, lambda nr_bytes: _reserve_pages)
    _overload(memory.give_back_pages, lambda address, nr_bytes: _give_back_pages)
    _overload(memory.unreserve_pages, lambda address, nr_bytes: _unreserve_pages)
    _overload(clock.monotonic_nsec, lambda: _monotonic_nsec)
    _overload(clock.wake, lambda fd: lambda fd: _eventfd_write(fd, 1))
    _overload(clock.drain, lambda fd: lambda fd: _eventfd_read(fd, _stack_words(1)))
    _overload(clock.wait_readable, lambda fd, timeout_nsec: _wait_readable)
    for function, name in ((integer.add, "add"), (integer.sub, "sub"), (integer.mul, "mul"), (integer.shl, "shl")):
        twin = _arithmetic(name)
        _overload(function, lambda left, right, twin=twin: _binary_of(twin))
    _overload(invoke.call_entry, lambda entry, slot, call, a, b, c: _invoke)


def _accessor_of(twin: Any) -> Any:
    return lambda base, index: twin(base, index)


def _binary_of(twin: Any) -> Any:
    return lambda left, right: twin(left, right)


def _address_of(record: Any, field: Any) -> Any:
    return lambda record, field: _field_address(record, field)


def _atomic_load(record: Any, field: Any) -> Any:
    return lambda record, field: _load(_field_address(record, field))


def _atomic_store(record: Any, field: Any, value: Any) -> Any:
    return lambda record, field, value: _store(_field_address(record, field), value)


def _atomic_add(record: Any, field: Any, value: Any) -> Any:
    return lambda record, field, value: _add(_field_address(record, field), value)


def _atomic_xchg(record: Any, field: Any, value: Any) -> Any:
    return lambda record, field, value: _xchg(_field_address(record, field), value)


def _atomic_cas(record: Any, field: Any, old: Any, new: Any) -> Any:
    return lambda record, field, old, new: _cas(_field_address(record, field), old, new) != 0


def _yield_cpu() -> None:
    _sched_yield()


def _copy_bytes(target: int, source: int, nr_bytes: int) -> None:
    _memcpy(target, source, nr_bytes)


def _clear_bytes(target: int, nr_bytes: int) -> None:
    _memset(target, 0, nr_bytes)


def _reserve_pages(nr_bytes: int) -> int:
    flags = memory.MAP_PRIVATE | memory.MAP_ANONYMOUS | memory.MAP_NORESERVE
    address = _mmap(0, nr_bytes, memory.PROT_READ | memory.PROT_WRITE, flags, -1, 0)
    if address == -1:
        return 0
    _madvise(address, nr_bytes, memory.MADV_NOHUGEPAGE)
    return address


def _give_back_pages(address: int, nr_bytes: int) -> None:
    _madvise(address, nr_bytes, memory.MADV_DONTNEED)


def _unreserve_pages(address: int, nr_bytes: int) -> None:
    _munmap(address, nr_bytes)


def _monotonic_nsec() -> int:
    timespec = _stack_words(2)
    _clock_gettime(CLOCK_MONOTONIC, timespec)
    return _load(timespec) * NSEC_PER_SEC + _load(timespec + 8)


def _wait_readable(fd: int, timeout_nsec: int) -> bool:
    words = _stack_words(3)
    timeout_nsec = max(timeout_nsec, 0)
    _store(words, timeout_nsec // NSEC_PER_SEC)
    _store(words + 8, timeout_nsec % NSEC_PER_SEC)
    _store(words + 16, fd | POLLIN << 32)  # struct pollfd: int fd; short events; short revents
    return _ppoll(words + 16, 1, words, 0) > 0


def _invoke(entry: int, slot: int, call: int, a: int, b: int, c: int) -> int:
    return _call_entry(entry, slot, call, a, b, c)
