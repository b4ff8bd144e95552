# SPDX-License-Identifier: MIT
"""The threads of a door that do file I/O that may wait."""

from __future__ import annotations

import threading

from blkmq.dispatch.running_set import RunningSet
from blkmq.native.file import post_semaphore, wait_semaphore
from blkmq.native.memory import address_of

NR_THREADS = 16  #: as nbdkit has


class FileThreads:
    """Threads for a tag set with backing files; none for another."""

    def __init__(self, running: RunningSet) -> None:
        self.running = running
        count = NR_THREADS if running.files else 0
        self._threads = [
            threading.Thread(
                target=self._run,
                args=(running.make_file_worker(),),
                name=f"{running.executable.name}-file{number}",
                daemon=True,
            )
            for number in range(count)
        ]

    def start(self) -> None:
        if self._threads:
            self.running.executable.engine.begin_serve_files()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Sends them home when they have done what they are at, and waits for that."""
        started = [thread for thread in self._threads if thread.ident is not None]
        if not started:
            return
        self.running.file_queue.stopping = 1
        for _ in started:
            post_semaphore(self._semaphore)
        for thread in started:
            thread.join()

    @property
    def _semaphore(self) -> int:
        return address_of(self.running.file_queue, "semaphore")

    def _run(self, worker: int) -> None:
        while wait_semaphore(self._semaphore) < 0:
            pass
        if self.running.file_queue.stopping:  # nothing ever came: the loop need not be there
            return
        post_semaphore(self._semaphore)
        self.running.executable.engine.serve_files(worker, 0)
