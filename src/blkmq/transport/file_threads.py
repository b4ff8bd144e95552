# SPDX-License-Identifier: MIT
"""The threads of a door that do file I/O that may wait."""

from __future__ import annotations

import threading

from blkmq.dispatch.running_set import RunningSet
from blkmq.native.file import post_semaphore, wait_semaphore
from blkmq.native.memory import address_of

NR_THREADS = 16  #: as nbdkit has


class FileThreads:
    """Threads for a tag set with backing files; none for another.

    One waits for what a ring leaves to them, which may never come; the others start when something does.
    """

    def __init__(self, running: RunningSet) -> None:
        self.running = running
        self._gate = threading.Lock()  #: of their start and of their end
        self._threads = [
            threading.Thread(
                target=self._run,
                args=(running.make_file_worker(), number == 0),
                name=f"{running.executable.name}-file{number}",
                daemon=True,
            )
            for number in range(NR_THREADS if running.files else 0)
        ]

    def start(self) -> None:
        if self._threads:
            self.running.executable.engine.begin_serve_files()
            self._threads[0].start()

    def stop(self) -> None:
        """Sends them home when they have done what they are at, and waits for that."""
        with self._gate:
            started = [thread for thread in self._threads if thread.ident is not None]
            if started:
                self.running.file_queue.stopping = 1
        for _ in started:
            post_semaphore(self._semaphore)
        for thread in started:
            thread.join()

    @property
    def _semaphore(self) -> int:
        return address_of(self.running.file_queue, "semaphore")

    def _run(self, worker: int, is_first: bool) -> None:
        while is_first and wait_semaphore(self._semaphore) < 0:
            pass
        with self._gate:
            if self.running.file_queue.stopping:  # nothing ever came: the loop need not be there
                return
            for thread in self._threads[1:] if is_first else ():
                thread.start()
        if is_first:
            post_semaphore(self._semaphore)
        self.running.executable.engine.serve_files(worker, 0)
