# SPDX-License-Identifier: MIT
"""Sockets, epoll and pipes, for hot loops: libc's calls, of which :func:`epoll_wait_nsec` and :func:`recv_soon`
alone wait.

What libc answers with -1 comes back as a negative errno.
"""

from __future__ import annotations

import ctypes
import os
import platform
import select
import struct

from blkmq.mq.integer import S64_MAX, s64
from blkmq.native.record import Record, accessor

MSG_DONTWAIT, MSG_NOSIGNAL = 0x40, 0x4000
EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP, EPOLLRDHUP = 0x1, 0x4, 0x8, 0x10, 0x2000
EPOLLET = 1 << 31
EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD = 1, 2, 3
SYS_EPOLL_PWAIT2 = 441  #: Linux 5.11, the same number on every architecture but alpha
EAGAIN, EINTR = 11, 4

#: ``struct epoll_event`` is packed on x86-64 only.
_EVENT = struct.Struct("<Iq" if platform.machine() == "x86_64" else "=I4xq")
EVENT_BYTES = _EVENT.size
EVENT_DATA = EVENT_BYTES - 8

_libc = ctypes.CDLL(None, use_errno=True)
for _name in ("recv", "send", "sendmsg"):
    getattr(_libc, _name).restype = ctypes.c_ssize_t


class IoVec(Record):
    """C twin: ``struct iovec``."""

    address: s64
    nr_bytes: s64


class MsgHdr(Record):
    """C twin: ``struct msghdr`` of a 64-bit machine."""

    name: s64
    name_bytes: s64
    iovecs: s64
    nr_iovecs: s64
    control: s64
    control_bytes: s64
    flags: s64


iovec_at = accessor(IoVec)
msghdr_at = accessor(MsgHdr)


def _answer(result: int) -> int:
    return result if result >= 0 else -ctypes.get_errno()


def recv_now(fd: int, address: int, nr_bytes: int) -> int:
    """What is there, up to ``nr_bytes``; 0 at the stream's end. C twin: ``recv(…, MSG_DONTWAIT)``."""
    return _answer(_libc.recv(fd, ctypes.c_void_p(address), ctypes.c_size_t(nr_bytes), MSG_DONTWAIT))


def recv_soon(fd: int, address: int, nr_bytes: int) -> int:
    """The same, but waits for the socket's SO_RCVTIMEO at most, if there is nothing. C twin: ``recv(…, 0)``."""
    return _answer(_libc.recv(fd, ctypes.c_void_p(address), ctypes.c_size_t(nr_bytes), 0))


def send_now(fd: int, address: int, nr_bytes: int) -> int:
    """Bytes that the socket took. C twin: ``send(…, MSG_DONTWAIT | MSG_NOSIGNAL)``."""
    flags = MSG_DONTWAIT | MSG_NOSIGNAL
    return _answer(_libc.send(fd, ctypes.c_void_p(address), ctypes.c_size_t(nr_bytes), flags))


def sendmsg_now(fd: int, msghdr: int) -> int:
    """The same, of several pieces. C twin: ``sendmsg(…, MSG_DONTWAIT | MSG_NOSIGNAL)``."""
    return _answer(_libc.sendmsg(fd, ctypes.c_void_p(msghdr), MSG_DONTWAIT | MSG_NOSIGNAL))


def epoll_control(epoll_fd: int, op: int, fd: int, events: int, data: int) -> int:
    """0 or a negative errno. C twin: ``epoll_ctl``."""
    event = ctypes.create_string_buffer(_EVENT.pack(events, data), EVENT_BYTES)
    return _answer(_libc.epoll_ctl(epoll_fd, op, fd, event))


def epoll_wait_nsec(epoll_fd: int, events: int, nr_events: int, timeout_nsec: int) -> int:
    """How many events came within the time; S64_MAX waits for ever. C twin: ``epoll_pwait2``."""
    timeout = None if timeout_nsec == S64_MAX else max(timeout_nsec, 0) / 1e9
    poll = select.poll()
    poll.register(epoll_fd, select.POLLIN)
    poll.poll(None if timeout is None else timeout * 1000)
    return _answer(_libc.epoll_wait(epoll_fd, ctypes.c_void_p(events), nr_events, 0))


def event_mask(events: int, index: int) -> int:
    """EPOLL* of one of the events that came."""
    mask: int = _EVENT.unpack(ctypes.string_at(events + index * EVENT_BYTES, EVENT_BYTES))[0]
    return mask


def event_data(events: int, index: int) -> int:
    """What its file was registered with."""
    data: int = _EVENT.unpack(ctypes.string_at(events + index * EVENT_BYTES, EVENT_BYTES))[1]
    return data


def read_word(fd: int) -> int:
    """The next 64-bit word of a pipe that does not block; 0 if there is none."""
    try:
        return int.from_bytes(os.read(fd, 8), "little")
    except BlockingIOError:
        return 0


def write_word(fd: int, word: int) -> None:
    """Puts a 64-bit word into a pipe, whole."""
    os.write(fd, word.to_bytes(8, "little"))
