# SPDX-License-Identifier: MIT
"""A request whose end is polled for: io_uring's way, the only one that block devices have."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable

from blkmq.abi.io_uring import IORING_ENTER_GETEVENTS, IORING_OP_READV, IORING_OP_WRITEV
from blkmq.dispatch.file_ring import FileRingRecord
from blkmq.dispatch.file_rings import FileRing, accepted, map_all
from blkmq.native.io_uring import IoUringParams, cqe_at, enter_ring, set_up_ring, sqe_at

IORING_SETUP_IOPOLL = 1


class Iovec(ctypes.Structure):
    """C: ``struct iovec``."""

    _fields_ = [("base", ctypes.c_uint64), ("length", ctypes.c_uint64)]


class PolledIo:
    """One read or write, on a ring of its own: sent by who makes it, and polled for on a thread."""

    def __init__(
        self, fd: int, address: int, nr_bytes: int, offset: int, writes: bool, ended: Callable[[int], None]
    ) -> None:
        self._iovec = Iovec(address, nr_bytes)
        self._ended = ended
        params = IoUringParams(flags=IORING_SETUP_IOPOLL)
        self._ring = FileRing(FileRingRecord(), accepted(set_up_ring(1, params)), [])
        map_all(self._ring, params)
        entry = sqe_at(self._ring.record.sqes, 0)
        entry.opcode = IORING_OP_WRITEV if writes else IORING_OP_READV
        entry.fd, entry.off = fd, offset
        entry.addr, entry.len = ctypes.addressof(self._iovec), 1
        ctypes.c_uint32.from_address(self._ring.record.sq_tail).value = 1
        accepted(enter_ring(self._ring.fd, 1, 0, 0))
        threading.Thread(target=self._poll, name="poll", daemon=True).start()

    def _poll(self) -> None:
        """``ended`` gets what the request came to: bytes, or a negative errno."""
        answers = ctypes.c_uint32.from_address(self._ring.record.cq_tail)
        while answers.value == 0:
            enter_ring(self._ring.fd, 0, 1, IORING_ENTER_GETEVENTS)
            os.sched_yield()
        result = int(cqe_at(self._ring.record.cqes, 0).res)
        self._ring.close()
        self._ended(result)
