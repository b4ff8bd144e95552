# SPDX-License-Identifier: MIT
"""The thread that ends late requests, whatever the queues' threads are at. C twin: ``blk_mq_timeout_work``."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Sequence
from types import TracebackType

from blkmq.dispatch.running_set import RunningSet
from blkmq.transport.in_process.queue_thread import QueueThread

BUILD_LOOK_SEC = 0.05  #: between looks whether the loop is compiled
PATIENCE_SEC = 0.02  #: with a queue's thread, to hand back what has ended


class TimeoutThread(threading.Thread):
    """Looks at a tag set's requests until :meth:`stop`; as a context manager it runs meanwhile."""

    def __init__(self, running: RunningSet, queues: Sequence[QueueThread] = ()) -> None:
        super().__init__(name=f"{running.executable.name}-timeout", daemon=True)
        self.running = running
        self.queues = queues
        self.stopping = False
        self._woken = threading.Event()

    def wake(self) -> None:
        """Has it look now: a removal begins."""
        self._woken.set()

    def stop(self) -> None:
        self.stopping = True
        self.wake()

    def run(self) -> None:
        engine = self.running.executable.engine
        while not engine.can_expire_requests():  # a disk that goes meanwhile does not wait for it
            if self.stopping:
                return
            self._woken.wait(BUILD_LOOK_SEC)
            self._woken.clear()
        expire_requests = engine.expire_requests
        address = ctypes.addressof(self.running.timeout_call)
        while not self.stopping:
            again_nsec = expire_requests(address, time.monotonic_ns())
            held_up = [queue.answer_ended() for queue in self.queues]
            wait_sec = max(again_nsec - time.monotonic_ns(), 0) / 1e9
            if any(held_up):
                wait_sec = min(wait_sec, PATIENCE_SEC)
            self._woken.wait(wait_sec)
            self._woken.clear()

    def __enter__(self) -> TimeoutThread:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
        self.join()


__all__ = ["TimeoutThread"]
