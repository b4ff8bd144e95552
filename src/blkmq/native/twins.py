# SPDX-License-Identifier: MIT
"""The compiled twins of the native verbs: what Numba puts where hot code calls them.

Public Numba API only (``numba.extending``): a typing and a lowering for each verb, written with LLVM's
builder.  libc is called by name.  A verb of this file costs no compilation of its own.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import from_dtype, types
from numba.extending import lower_builtin, type_callable

from blkmq.native import atomic, clock, integer, invoke, memory
from blkmq.native.record import ACCESSORS

CLOCK_MONOTONIC = 1
NSEC_PER_SEC = 1_000_000_000
POLLIN = 1

_I64, _I32, _I8 = ir.IntType(64), ir.IntType(32), ir.IntType(8)
_WORD = _I64.as_pointer()

Emit = Callable[..., Any]  #: (context, builder, *values) -> value
_done: set[Any] = set()


def typer(nr_args: int, signature: Callable[[], Any]) -> Any:
    """What Numba asks for the signature of a call; it reads the number of parameters from the function."""
    names = ", ".join(f"a{i}" for i in range(nr_args))
    return eval(f"lambda {names}: signature()", {"signature": signature})


def _verb(function: Callable[..., Any], emit: Emit, nr_args: int, returns: Any = types.int64) -> None:
    """A verb over int64 values."""
    signature = returns(*[types.int64] * nr_args)

    @type_callable(function)
    def typing(context: Any) -> Any:
        return typer(nr_args, lambda: signature)

    @lower_builtin(function, *[types.int64] * nr_args)  # type: ignore[no-untyped-call, untyped-decorator]
    def lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        value = emit(context, builder, *args)
        return context.get_dummy_value() if value is None else value


def _field_verb(function: Callable[..., Any], emit: Emit, nr_values: int, returns: Any = types.int64) -> None:
    """A verb over a record's field, named by a string constant, and int64 values."""

    def signature(record: Any, field: Any, *values: Any) -> Any:
        if isinstance(record, types.Record) and isinstance(field, types.StringLiteral):
            return returns(record, field, *[types.int64] * nr_values)
        return None

    @type_callable(function)
    def typing(context: Any) -> Any:
        names = ", ".join(["r", "f", *"abc"[:nr_values]])
        return eval(f"lambda {names}: signature({names})", {"signature": signature})

    @lower_builtin(function, types.Record, types.StringLiteral, *[types.int64] * nr_values)  # type: ignore[no-untyped-call, untyped-decorator]
    def lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        offset = sig.args[0].offset(sig.args[1].literal_value)
        address = builder.add(builder.ptrtoint(args[0], _I64), _I64(offset))
        value = emit(context, builder, address, *args[2:])
        return context.get_dummy_value() if value is None else value


def _accessor(function: Callable[..., Any], record: type[ctypes.Structure]) -> None:
    record_type = from_dtype(np.dtype(record))
    size = ctypes.sizeof(record)

    def emit(context: Any, builder: Any, base: Any, index: Any) -> Any:
        address = builder.add(base, builder.mul(index, _I64(size)))
        return builder.inttoptr(address, context.get_value_type(record_type))

    _verb(function, emit, 2, record_type)


def _word(builder: Any, address: Any) -> Any:
    return builder.inttoptr(address, _WORD)


def _load(context: Any, builder: Any, address: Any) -> Any:
    return builder.load_atomic(_word(builder, address), "acquire", 8)


def _store(context: Any, builder: Any, address: Any, value: Any) -> None:
    builder.store_atomic(value, _word(builder, address), "release", 8)


def _load_u32(context: Any, builder: Any, address: Any) -> Any:
    return builder.zext(builder.load_atomic(builder.inttoptr(address, _I32.as_pointer()), "acquire", 4), _I64)


def _store_u32(context: Any, builder: Any, address: Any, value: Any) -> None:
    builder.store_atomic(builder.trunc(value, _I32), builder.inttoptr(address, _I32.as_pointer()), "release", 4)


def _rmw(op: str) -> Emit:
    return lambda context, builder, address, value: builder.atomic_rmw(op, _word(builder, address), value, "seq_cst")


def _cas(context: Any, builder: Any, address: Any, old: Any, new: Any) -> Any:
    result = builder.cmpxchg(_word(builder, address), old, new, "seq_cst", "seq_cst")
    return builder.extract_value(result, 1)


def _libc(builder: Any, name: str, returns: Any, *values: Any) -> Any:
    """Calls a function of libc; values are LLVM's, with the types that C expects."""
    module = builder.module
    function = module.globals.get(name)
    if function is None:
        kind = ir.FunctionType(returns, [value.type for value in values])
        function = ir.Function(module, kind, name)
    return builder.call(function, values)


def _stack_words(builder: Any, count: int) -> Any:
    """Address of words on the caller's stack."""
    with builder.goto_entry_block():
        slot = builder.alloca(_I64, count)
    return builder.ptrtoint(slot, _I64)


def _copy_bytes(context: Any, builder: Any, target: Any, source: Any, nr_bytes: Any) -> None:
    _libc(builder, "memcpy", _I64, target, source, nr_bytes)


def _clear_bytes(context: Any, builder: Any, target: Any, nr_bytes: Any) -> None:
    _libc(builder, "memset", _I64, target, _I32(0), nr_bytes)


def _prefetch_to_write(context: Any, builder: Any, address: Any, nr_bytes: Any) -> None:
    kind = ir.FunctionType(ir.VoidType(), [_I8.as_pointer(), _I32, _I32, _I32])
    prefetch = builder.module.declare_intrinsic("llvm.prefetch", [_I8.as_pointer()], kind)
    before, loop, after = builder.block, builder.append_basic_block(), builder.append_basic_block()
    builder.cbranch(builder.icmp_signed(">", nr_bytes, _I64(0)), loop, after)
    builder.position_at_end(loop)
    offset = builder.phi(_I64)
    line = builder.inttoptr(builder.add(address, offset), _I8.as_pointer())
    builder.call(prefetch, [line, _I32(1), _I32(3), _I32(1)])  # to write, to keep, data
    following = builder.add(offset, _I64(memory.CACHE_LINE_BYTES))
    offset.add_incoming(_I64(0), before)
    offset.add_incoming(following, loop)
    builder.cbranch(builder.icmp_signed("<", following, nr_bytes), loop, after)
    builder.position_at_end(after)


def _alloc_zeroed(context: Any, builder: Any, nr_bytes: Any) -> Any:
    return _libc(builder, "calloc", _I64, _I64(1), nr_bytes)


def _free_memory(context: Any, builder: Any, address: Any) -> None:
    _libc(builder, "free", ir.VoidType(), address)


def _reserve_pages(context: Any, builder: Any, nr_bytes: Any) -> Any:
    flags = memory.MAP_PRIVATE | memory.MAP_ANONYMOUS | memory.MAP_NORESERVE
    access = memory.PROT_READ | memory.PROT_WRITE
    address = _libc(builder, "mmap", _I64, _I64(0), nr_bytes, _I32(access), _I32(flags), _I32(-1), _I64(0))
    failed = builder.icmp_signed("==", address, _I64(-1))
    with builder.if_then(builder.not_(failed)):
        _libc(builder, "madvise", _I32, address, nr_bytes, _I32(memory.MADV_NOHUGEPAGE))
    return builder.select(failed, _I64(0), address)


def _give_back_pages(context: Any, builder: Any, address: Any, nr_bytes: Any) -> None:
    _libc(builder, "madvise", _I32, address, nr_bytes, _I32(memory.MADV_DONTNEED))


def _unreserve_pages(context: Any, builder: Any, address: Any, nr_bytes: Any) -> None:
    _libc(builder, "munmap", _I32, address, nr_bytes)


def _monotonic_nsec(context: Any, builder: Any) -> Any:
    timespec = _stack_words(builder, 2)
    _libc(builder, "clock_gettime", _I32, _I32(CLOCK_MONOTONIC), timespec)
    seconds = builder.load(_word(builder, timespec))
    rest = builder.load(_word(builder, builder.add(timespec, _I64(8))))
    return builder.add(builder.mul(seconds, _I64(NSEC_PER_SEC)), rest)


def _wait_readable(context: Any, builder: Any, fd: Any, timeout_nsec: Any) -> Any:
    words = _stack_words(builder, 3)
    negative = builder.icmp_signed("<", timeout_nsec, _I64(0))
    timeout_nsec = builder.select(negative, _I64(0), timeout_nsec)
    pollfd = builder.add(words, _I64(16))
    events = builder.or_(fd, _I64(POLLIN << 32))  # struct pollfd: int fd; short events; short revents
    builder.store(builder.sdiv(timeout_nsec, _I64(NSEC_PER_SEC)), _word(builder, words))
    builder.store(builder.srem(timeout_nsec, _I64(NSEC_PER_SEC)), _word(builder, builder.add(words, _I64(8))))
    builder.store(events, _word(builder, pollfd))
    ready = _libc(builder, "ppoll", _I32, pollfd, _I64(1), words, _I64(0))
    return builder.icmp_signed(">", ready, _I32(0))


def _wake(context: Any, builder: Any, fd: Any) -> None:
    _libc(builder, "eventfd_write", _I32, builder.trunc(fd, _I32), _I64(1))


def _drain(context: Any, builder: Any, fd: Any) -> None:
    _libc(builder, "eventfd_read", _I32, builder.trunc(fd, _I32), _stack_words(builder, 1))


def _pause(context: Any, builder: Any) -> None:
    builder.fence("seq_cst")  # a pause instruction would tie the text to one architecture


def _yield_cpu(context: Any, builder: Any) -> None:
    _libc(builder, "sched_yield", _I32)


def _call_entry(context: Any, builder: Any, entry: Any, *values: Any) -> Any:
    function = ir.FunctionType(_I64, [_I64] * len(values)).as_pointer()
    return builder.call(builder.inttoptr(entry, function), values)


def _arithmetic(name: str) -> Emit:
    return lambda context, builder, left, right: getattr(builder, name)(left, right)  # without nsw: wraps


def _register_once() -> None:
    boolean, none = types.boolean, types.none
    _field_verb(atomic.atomic_load, _load, 0)
    _field_verb(atomic.atomic_store, _store, 1, none)
    _field_verb(atomic.atomic_add, _rmw("add"), 1)
    _field_verb(atomic.atomic_xchg, _rmw("xchg"), 1)
    _field_verb(atomic.atomic_cas, _cas, 2, boolean)
    _field_verb(memory.address_of, lambda context, builder, address: address, 0)
    _verb(atomic.atomic_load_u32, _load_u32, 1)
    _verb(atomic.atomic_store_u32, _store_u32, 2, none)
    _verb(atomic.pause, _pause, 0, none)
    _verb(atomic.yield_cpu, _yield_cpu, 0, none)
    _verb(memory.copy_bytes, _copy_bytes, 3, none)
    _verb(memory.clear_bytes, _clear_bytes, 2, none)
    _verb(memory.prefetch_to_write, _prefetch_to_write, 2, none)
    _verb(memory.alloc_zeroed, _alloc_zeroed, 1)
    _verb(memory.free_memory, _free_memory, 1, none)
    _verb(memory.reserve_pages, _reserve_pages, 1)
    _verb(memory.give_back_pages, _give_back_pages, 2, none)
    _verb(memory.unreserve_pages, _unreserve_pages, 2, none)
    _verb(clock.monotonic_nsec, _monotonic_nsec, 0)
    _verb(clock.wait_readable, _wait_readable, 2, boolean)
    _verb(clock.wake, _wake, 1, none)
    _verb(clock.drain, _drain, 1, none)
    _verb(invoke.call_entry, _call_entry, 6)
    for function, name in ((integer.add, "add"), (integer.sub, "sub"), (integer.mul, "mul"), (integer.shl, "shl")):
        _verb(function, _arithmetic(name), 2)


def register() -> None:
    """Tells Numba the twin of each native verb and record accessor; again for accessors made since."""
    if not _done:
        _register_once()
        _done.add(register)
    for function, record in list(ACCESSORS.items()):
        if function not in _done:
            _done.add(function)
            _accessor(function, record)
