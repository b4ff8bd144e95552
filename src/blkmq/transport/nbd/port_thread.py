# SPDX-License-Identifier: MIT
"""The thread of one port: runs its loop until the port is stopped and the last connection is gone."""

from __future__ import annotations

import ctypes
import os
import select
import threading
import time
from collections.abc import Callable, Sequence

from blkmq.abi.page import PAGE_SIZE
from blkmq.dispatch.running_set import RunningSet
from blkmq.mq.integer import S64_MAX
from blkmq.native.clock import monotonic_nsec
from blkmq.native.interrupt import interrupt
from blkmq.native.socket import EPOLL_CTL_ADD, EPOLLIN, EVENT_BYTES, IoVec, MsgHdr, epoll_control
from blkmq.transport.nbd.buffer import free_all_buffers
from blkmq.transport.nbd.loop import is_over
from blkmq.transport.nbd.loop_build import LoopBuild
from blkmq.transport.nbd.port import NR_EVENTS, NR_IOVECS, PortRecord
from blkmq.transport.nbd.sleep import ARRIVALS, WAKE

GLANCE_NSEC = 3_000  #: a busy look before each sleep; a sleep, with the wake-up that the client pays, takes longer
STOP_NSEC = 5_000_000_000  #: how long clients may take to read their last replies


class Memory(ctypes.Structure):
    """What a port's loop needs room for."""

    _fields_ = (
        ("zeroes", ctypes.c_char * PAGE_SIZE),
        ("msghdr", MsgHdr),
        ("iovecs", IoVec * NR_IOVECS),
        ("events", ctypes.c_char * (NR_EVENTS * EVENT_BYTES)),
    )


class PortThread(threading.Thread):
    """Owns a hardware queue and the connections that were given to it."""

    def __init__(self, running: RunningSet, index: int, departures_fd: int, poll_nsec: int, build: LoopBuild) -> None:
        super().__init__(name=f"{running.executable.name}-nbd{index}", daemon=True)
        self.running = running
        self.queue = running.queues[index]
        self.call_address = running.call_address(index)
        self.failure: BaseException | None = None
        self._nr_freezes = 0
        self._memory = Memory()
        self._epoll = select.epoll()
        arrivals, self._arrivals = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._still_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._fds = [arrivals, self._arrivals, self._still_fd]
        self.record = record = PortRecord()
        self.address = ctypes.addressof(record)
        record.call = self.call_address
        record.epoll_fd = self._epoll.fileno()
        record.arrivals_fd = arrivals
        record.departures_fd = departures_fd
        record.still_fd = self._still_fd
        record.is_polling = int(poll_nsec > 0)
        record.poll_nsec = record.poll_now_nsec = max(poll_nsec, GLANCE_NSEC)
        base = ctypes.addressof(self._memory)
        record.zeroes = base + Memory.zeroes.offset
        record.msghdr = base + Memory.msghdr.offset
        record.iovecs = base + Memory.iovecs.offset
        record.events = base + Memory.events.offset
        epoll_control(record.epoll_fd, EPOLL_CTL_ADD, self.queue.wake_fd, EPOLLIN, WAKE)
        epoll_control(record.epoll_fd, EPOLL_CTL_ADD, arrivals, EPOLLIN, ARRIVALS)
        self._build = build

    def give(self, connection: int) -> None:
        """Hands a connection over, by its record's address."""
        os.write(self._arrivals, connection.to_bytes(8, "little"))
        self._interrupt()

    def stop(self) -> None:
        """No connection is read any more; the thread ends when all is answered, or cannot be."""
        self.record.stop_nsec = monotonic_nsec() + STOP_NSEC
        self.wake()

    def wake(self) -> None:
        os.eventfd_write(self.queue.wake_fd, 1)
        self._interrupt()

    def _interrupt(self) -> None:
        """Ends its wait for a lone client: it looks at all that has happened."""
        if self.record.is_waiting:
            interrupt(self)

    # --- C: blk_mq_freeze_queue --------------------------------------------------------------------------------
    def freeze(self) -> None:
        """Gives no more tags."""
        self._nr_freezes += 1
        self.record.frozen = self._nr_freezes
        self.wake()

    def is_still(self, until: float) -> bool:
        """Whether what was in flight has ended, by that time of the monotonic clock at the latest."""
        return self._wait(lambda: self.record.still_at == self._nr_freezes, until)

    def _wait(self, is_so: Callable[[], bool], until: float | None = None) -> bool:
        """Waits for what the thread tells; False: it was not so in time."""
        while not is_so():
            left_sec = None if until is None else max(until - time.monotonic(), 0)
            ready, _, _ = select.select([self._still_fd], [], [], left_sec)
            if not ready:
                return False
            os.eventfd_read(self._still_fd)
        return True

    def unfreeze(self) -> None:
        """Goes on."""
        self.record.frozen = 0
        self.wake()

    def hand_on(self, heirs: Sequence[PortThread], first: int, *, leaving: bool = False) -> None:
        """Spreads its connections over some ports, from the first-th on; it is still.  Leaving, the thread ends."""
        self._heirs = (ctypes.c_int64 * len(heirs))(*(heir._arrivals for heir in heirs))
        self.record.heirs, self.record.next_heir = ctypes.addressof(self._heirs), first
        self.record.nr_heirs = len(heirs)
        self.record.leaving = int(leaving)
        self.wake()
        if leaving:
            self.join()
        else:
            self._wait(lambda: self.record.nr_heirs == 0)

    def run(self) -> None:
        try:
            self._run()
        except BaseException as error:  # a bug of ours: the door shows it when it closes
            self.failure = error
            raise

    def _run(self) -> None:
        """Batch after batch, with the loop's halves as they are now: in Python until their machine code is there."""
        executable = self.running.executable
        serve: Callable[[int, int], int] = executable.engine.serve
        is_compiled = executable.entry >= 0
        while True:
            loop = self._build.loop
            if is_compiled and loop.serve_port is not None:
                self.record.collect, self.record.answer = loop.addresses
                self.record.serve = ctypes.cast(serve, ctypes.c_void_p).value or 0  # type: ignore[arg-type]
                while loop.serve_port(self.address, S64_MAX) != 0:
                    pass
                return
            loop.collect(self.address, S64_MAX)
            link = serve(self.call_address, 0)
            if loop.answer(self.address, link) == 0 and is_over(self.record):
                return

    def close(self) -> None:
        """Frees what the port had; the thread has ended."""
        free_all_buffers(self.record)
        self._epoll.close()
        for fd in self._fds:
            os.close(fd)
        self._fds.clear()
