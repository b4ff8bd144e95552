# SPDX-License-Identifier: MIT
"""Threads on which an interpreted driver's ``queue_rq`` may sleep. C twin: kblockd's, for a queue that may block."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeAlias

Work: TypeAlias = tuple[int, int, int, int]


class BlockingThreads:
    """As many threads as callbacks have run at once, up to ``nr_max``; what then comes waits for one."""

    def __init__(self, name: str, run: Callable[[int, int, int, int], None]) -> None:
        self.nr_max = 0
        self._name = name
        self._run = run
        self._work: SimpleQueue[Work | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._is_still = threading.Condition(self._lock)
        self._nr_running = 0  #: callbacks that run, or wait for a thread

    def put(self, disk_address: int, hctx: int, rq: int, is_last: int) -> None:
        """Has a thread run it: one that waits, else a new one."""
        with self._lock:
            self._nr_running += 1
            if len(self._threads) < min(self._nr_running, self.nr_max):
                self._start_one()
        self._work.put((disk_address, hctx, rq, is_last))

    def _start_one(self) -> None:
        name = f"{self._name}-{len(self._threads)}"
        thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            try:
                self._run(*work)
            finally:
                with self._lock:
                    self._nr_running -= 1
                    if self._nr_running == 0:
                        self._is_still.notify_all()

    def settle(self) -> None:
        """Waits until no callback runs or waits."""
        with self._lock:
            self._is_still.wait_for(lambda: self._nr_running == 0)

    def end(self) -> None:
        """Waits until what was put has run, and no thread is left."""
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            thread.join()
