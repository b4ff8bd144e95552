# SPDX-License-Identifier: MIT
"""The in-process door of a running set: its threads, and a disk object for each disk."""

from __future__ import annotations

import errno
import threading
from collections.abc import Sequence

from blkmq.dispatch.running_set import RunningSet
from blkmq.mq.hctx_type import HctxType
from blkmq.transport.file_threads import FileThreads
from blkmq.transport.in_process.disk import InProcessDisk
from blkmq.transport.in_process.queue_thread import QueueThread
from blkmq.transport.in_process.timeout_thread import TimeoutThread
from blkmq.transport.work_thread import WorkThread


class Door:
    """The threads of a running set: one for each hardware queue, one for works, and one for timeouts."""

    def __init__(self, running: RunningSet) -> None:
        self.running = running
        self.queues = [QueueThread(running, index) for index in range(running.tag_set.nr_hw_queues)]
        self.worker = WorkThread(running)
        self.timeouts = TimeoutThread(running, self.queues)
        self.files = FileThreads(running)
        self._map_queues()
        self.open = True
        for thread in (*self.queues, self.worker, self.timeouts):
            thread.start()
        self.files.start()
        self.disks = [InProcessDisk(self, index) for index in range(len(running.disks))]
        try:
            for disk in self.disks:
                running.open_disk(disk.index)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Waits for what is in flight (the tag set's timeout bounds it), then takes everything down."""
        if not self.open:
            return
        self.must_be_outside()
        self.open = False
        self.running.begin_removal()
        self.timeouts.wake()
        for thread in self.queues:
            thread.stop()
        for thread in self.queues:
            thread.join()
        self.files.stop()
        for other in (self.worker, self.timeouts):
            other.stop()
            other.join()
        self.running.close()

    def _map_queues(self) -> None:
        """Which threads serve which kind of operation. C: ``blk_mq_map_swqueue``."""
        tag_set = self.running.tag_set
        self.map = {
            kind: [self.queues[number] for number in tag_set.queues(kind) or tag_set.queues(HctxType.DEFAULT)]
            for kind in HctxType
        }

    # --- its queues change: see live_change --------------------------------------------------------------------
    def runners(self) -> Sequence[QueueThread]:
        """The threads of its queues; OSError if it is closed."""
        if not self.open:
            raise OSError(errno.ENODEV, f"{self.running.executable.name} is gone")
        return tuple(self.queues)

    def drop_queues(self, nr_hw_queues: int) -> None:
        """Ends the threads of all but that many; what waits there goes to the first."""
        staying, going = self.queues[:nr_hw_queues], self.queues[nr_hw_queues:]
        self.map = dict.fromkeys(HctxType, staying)
        for thread in going:
            thread.leave_to(staying[0])
        del self.queues[nr_hw_queues:]

    def run_queues(self) -> None:
        """Starts a thread for each new queue of the set; operations go where its maps say now."""
        for index in range(len(self.queues), self.running.tag_set.nr_hw_queues):
            thread = QueueThread(self.running, index)
            thread.start()
            self.queues.append(thread)
        self._map_queues()

    def must_be_outside(self) -> None:
        """A client's callback, which runs on one of these threads, would wait for itself."""
        if threading.current_thread() in (*self.queues, self.worker, self.timeouts):
            raise RuntimeError("not in the callback of a future: its thread would wait for itself")
