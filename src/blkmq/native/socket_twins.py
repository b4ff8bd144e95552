# SPDX-License-Identifier: MIT
"""The compiled twins of the verbs for sockets and big-endian integers: libc by name, loads and stores in place."""

from __future__ import annotations

import sys
from typing import Any

from llvmlite import ir
from numba import types

from blkmq.mq.integer import S64_MAX
from blkmq.native import big_endian, invoke, socket
from blkmq.native.twins import Emit, _libc, _stack_words, _verb, _word

_I64, _I32 = ir.IntType(64), ir.IntType(32)
NSEC_PER_SEC = 1_000_000_000
_done: list[bool] = []


def _c_int(builder: Any, value: Any) -> Any:
    return builder.trunc(value, _I32)


def _or_errno(builder: Any, result: Any) -> Any:
    """The result, or the negative errno where libc said -1."""
    answer = _word(builder, _stack_words(builder, 1))
    builder.store(result, answer)
    with builder.if_then(builder.icmp_signed("<", result, _I64(0)), likely=False):
        place = _libc(builder, "__errno_location", _I64)
        errno = builder.load(builder.inttoptr(place, _I32.as_pointer()))
        builder.store(builder.neg(builder.sext(errno, _I64)), answer)
    return builder.load(answer)


def _transfer(name: str, flags: int) -> Emit:
    """``recv`` or ``send``."""

    def emit(context: Any, builder: Any, fd: Any, address: Any, nr_bytes: Any) -> Any:
        words = _c_int(builder, fd), address, nr_bytes, _I32(flags)
        return _or_errno(builder, _libc(builder, name, _I64, *words))

    return emit


def _sendmsg_now(context: Any, builder: Any, fd: Any, msghdr: Any) -> Any:
    flags = _I32(socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
    return _or_errno(builder, _libc(builder, "sendmsg", _I64, _c_int(builder, fd), msghdr, flags))


def _epoll_control(context: Any, builder: Any, epoll_fd: Any, op: Any, fd: Any, events: Any, data: Any) -> Any:
    event = _stack_words(builder, 2)
    mask = builder.inttoptr(event, _I32.as_pointer())
    builder.store(_c_int(builder, events), mask)
    place = builder.inttoptr(builder.add(event, _I64(socket.EVENT_DATA)), _I64.as_pointer())
    builder.store(data, place, align=1)
    numbers = [_c_int(builder, value) for value in (epoll_fd, op, fd)]
    return _or_errno(builder, builder.sext(_libc(builder, "epoll_ctl", _I32, *numbers, event), _I64))


def _epoll_wait_nsec(context: Any, builder: Any, epoll_fd: Any, events: Any, nr_events: Any, timeout: Any) -> Any:
    # By its number: glibc has a wrapper since 2.35 only.
    words = _stack_words(builder, 2)
    timeout = builder.select(builder.icmp_signed("<", timeout, _I64(0)), _I64(0), timeout)
    builder.store(builder.sdiv(timeout, _I64(NSEC_PER_SEC)), _word(builder, words))
    builder.store(builder.srem(timeout, _I64(NSEC_PER_SEC)), _word(builder, builder.add(words, _I64(8))))
    for_ever = builder.icmp_signed("==", timeout, _I64(S64_MAX))
    timespec = builder.select(for_ever, _I64(0), words)
    number = _I64(socket.SYS_EPOLL_PWAIT2)
    return _or_errno(
        builder, _libc(builder, "syscall", _I64, number, epoll_fd, events, nr_events, timespec, _I64(0), _I64(8))
    )


def _event_mask(context: Any, builder: Any, events: Any, index: Any) -> Any:
    address = builder.add(events, builder.mul(index, _I64(socket.EVENT_BYTES)))
    return builder.zext(builder.load(builder.inttoptr(address, _I32.as_pointer()), align=1), _I64)


def _event_data(context: Any, builder: Any, events: Any, index: Any) -> Any:
    address = builder.add(events, builder.mul(index, _I64(socket.EVENT_BYTES)))
    place = builder.inttoptr(builder.add(address, _I64(socket.EVENT_DATA)), _I64.as_pointer())
    return builder.load(place, align=1)


def _read_word(context: Any, builder: Any, fd: Any) -> Any:
    word = _stack_words(builder, 1)
    builder.store(_I64(0), _word(builder, word))
    _libc(builder, "read", _I64, _c_int(builder, fd), word, _I64(8))
    return builder.load(_word(builder, word))


def _write_word(context: Any, builder: Any, fd: Any, value: Any) -> None:
    word = _stack_words(builder, 1)
    builder.store(value, _word(builder, word))
    _libc(builder, "write", _I64, _c_int(builder, fd), word, _I64(8))


def _call_loop(context: Any, builder: Any, loop: Any, address: Any, until_nsec: Any) -> Any:
    function = ir.FunctionType(_I64, [_I64, _I64]).as_pointer()
    return builder.call(builder.inttoptr(loop, function), [address, until_nsec])


def _swapped(builder: Any, value: Any) -> Any:
    return builder.bswap(value) if sys.byteorder == "little" else value


def _get(bits: int) -> Emit:
    kind = ir.IntType(bits)

    def emit(context: Any, builder: Any, address: Any) -> Any:
        value = _swapped(builder, builder.load(builder.inttoptr(address, kind.as_pointer()), align=1))
        return value if bits == 64 else builder.zext(value, _I64)

    return emit


def _put(bits: int) -> Emit:
    kind = ir.IntType(bits)

    def emit(context: Any, builder: Any, address: Any, value: Any) -> None:
        value = value if bits == 64 else builder.trunc(value, kind)
        builder.store(_swapped(builder, value), builder.inttoptr(address, kind.as_pointer()), align=1)

    return emit


def register() -> None:
    """Tells Numba the twins, once."""
    if _done:
        return
    _done.append(True)
    none = types.none
    _verb(socket.recv_now, _transfer("recv", socket.MSG_DONTWAIT), 3)
    _verb(socket.recv_soon, _transfer("recv", 0), 3)
    _verb(socket.send_now, _transfer("send", socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL), 3)
    _verb(socket.sendmsg_now, _sendmsg_now, 2)
    _verb(socket.epoll_control, _epoll_control, 5)
    _verb(socket.epoll_wait_nsec, _epoll_wait_nsec, 4)
    _verb(socket.event_mask, _event_mask, 2)
    _verb(socket.event_data, _event_data, 2)
    _verb(socket.read_word, _read_word, 1)
    _verb(socket.write_word, _write_word, 2, none)
    _verb(invoke.call_loop, _call_loop, 3)
    for bits, get, put in (
        (16, big_endian.get_be16, big_endian.put_be16),
        (32, big_endian.get_be32, big_endian.put_be32),
        (64, big_endian.get_be64, big_endian.put_be64),
    ):
        _verb(get, _get(bits), 1)
        _verb(put, _put(bits), 2, none)
