# SPDX-License-Identifier: MIT
"""One I/O of a client, before it has a tag. C twin: ``struct bio``."""

from __future__ import annotations

import ctypes
import logging
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field

from blkmq.mq.blk_status import BlkStatus
from blkmq.mq.req_op import ReqFlag, ReqOp


class DiskError(OSError):
    """An I/O that ended with a block status other than OK; ``errno`` is the kernel's for it."""

    def __init__(self, status: BlkStatus, op: ReqOp, sector: int) -> None:
        errno = -status.to_errno()
        super().__init__(errno, f"{op.name} at sector {sector} ended with BLK_STS_{status.name}")
        self.status = status


@dataclass(eq=False)
class Operation:
    """What a client asked for; ``buffer`` is what is read into or written from."""

    op: ReqOp
    sector: int
    nr_bytes: int
    flags: ReqFlag
    disk: int
    buffer: ctypes.Array[ctypes.c_char] | None
    future: Future[bytes] = field(default_factory=Future)
    _once: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def begin(self) -> bool:
        """Whether the client still wants it; from here on it cannot be cancelled."""
        return self.future.set_running_or_notify_cancel()

    def finish(self, status: BlkStatus, why: str = "") -> None:
        """Hands the result to the client, once; ``why`` is the driver's own error, if it made one.  Any thread."""
        if not self._once.acquire(blocking=False) or not (self.future.running() or self.begin()):
            return
        try:
            if status is not BlkStatus.OK:
                error = DiskError(status, self.op, self.sector)
                if why:
                    error.add_note(why)
                self.future.set_exception(error)
            else:
                self.future.set_result(self.buffer.raw if self.buffer is not None and self.op is ReqOp.READ else b"")
        except BaseException:  # sys.exit() in a client's callback, which the future only lets pass: not the disk's
            logging.getLogger(__name__).exception("a callback of %s", self.future)
