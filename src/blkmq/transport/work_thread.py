# SPDX-License-Identifier: MIT
"""The thread of a door that runs the tag set's works."""

from __future__ import annotations

import ctypes
import os
import select
import threading
import time

from blkmq.dispatch.running_set import RunningSet

WAIT_NSEC = 60_000_000_000  #: of one sleep; :meth:`WorkThread.stop` ends it


class WorkThread(threading.Thread):
    """Runs the tag set's queued works."""

    def __init__(self, running: RunningSet) -> None:
        super().__init__(name=f"{running.executable.name}-work", daemon=True)
        self.running = running
        self.stopping = False

    def stop(self) -> None:
        self.stopping = True
        os.eventfd_write(self.running.record.work_fd, 1)

    def run(self) -> None:
        while not select.select([self.running.record.work_fd], [], [])[0]:
            pass
        if self.stopping:  # no work was ever queued: the loop need not be there
            return
        serve_works = self.running.executable.engine.serve_works
        address = ctypes.addressof(self.running.worker_call)
        while not self.stopping:
            serve_works(address, time.monotonic_ns() + WAIT_NSEC)
