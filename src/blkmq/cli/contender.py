# SPDX-License-Identifier: MIT
"""A driver in service on one target, under the in-process load: what ``blkmq bench`` measures."""

from __future__ import annotations

import statistics
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from blkmq.device.target import executable_for
from blkmq.dispatch.running_set import RunningSet
from blkmq.mq.errors import BlkmqError
from blkmq.transport.in_process.generator import Load, run_load
from blkmq.transport.in_process.queue_thread import WorkThread

if TYPE_CHECKING:
    from blkmq.mq.operations import Operations

ROUND_SEC = 0.2  #: how long a round should take, unless the number of requests is given
NR_ERRORS_SHOWN = 5
GRACE_SEC = 1.0  #: how long an interrupted round may still take


class AbandonedError(KeyboardInterrupt):
    """Interrupted, while a round still runs: its memory must stay, and the process has to be left at once."""


@dataclass
class Contender:
    """One target's running set, with the rounds that it has had."""

    target: str
    running: RunningSet
    worker: WorkThread
    depth: int
    write_percent: int
    nr_requests: int = 0  #: of each round; 0: not found out yet
    loads: list[Load] = field(default_factory=list)

    @classmethod
    def start(
        cls, driver: Operations, target: str, depth: int, write_percent: int, nr_requests: int | None
    ) -> Contender:
        """Puts a driver into service; a target that cannot take it refuses."""
        running = RunningSet([driver], executable_for([driver], target))
        try:
            running.open_disk(0)
        except BaseException:
            running.close()
            raise
        worker = WorkThread(running)
        worker.start()
        depth = min(depth, running.tag_set.queue_depth)
        return cls(target, running, worker, depth, write_percent, nr_requests or 0)

    def warm_up(self) -> None:
        """Compiles the load, touches the memory, and finds out how many requests fill a round."""
        load = self._load(self.depth)
        if load.nr_failed == load.nr_requests:
            text = f"{self.target}: each of the first {load.nr_requests} requests failed"
            raise BlkmqError(text, hint=self.errors_hint())
        wanted = self.nr_requests
        while not wanted:
            load = self._load(load.nr_requests * 4)
            if load.elapsed_nsec > ROUND_SEC * 1e9 / 10:
                wanted = max(int(load.requests_per_sec * ROUND_SEC), self.depth)
        self.nr_requests = wanted

    def round(self) -> None:
        """One measured round."""
        self.loads.append(self._load(self.nr_requests))

    def _load(self, nr_requests: int) -> Load:
        return in_thread(
            lambda: run_load(self.running, nr_requests, depth=self.depth, write_percent=self.write_percent)
        )

    def close(self) -> None:
        self.worker.stop()
        self.worker.join()
        self.running.close()

    # --- what came of it --------------------------------------------------------------------------------------
    @property
    def rates(self) -> list[float]:
        """Requests per second of each round."""
        return [load.requests_per_sec for load in self.loads]

    @property
    def median(self) -> float:
        return statistics.median(self.rates)

    @property
    def nr_failed(self) -> int:
        return sum(load.nr_failed for load in self.loads)

    def errors(self) -> list[str]:
        """The driver's errors, each once."""
        return list(dict.fromkeys(str(report) for report in self.running.reports()))

    def errors_hint(self) -> str:
        """Why requests fail."""
        errors = self.errors()[:NR_ERRORS_SHOWN]
        if errors:
            return "\n".join(["its callbacks have errors:", *(f"  {error}" for error in errors)])
        if self.running.counters()["nr_timeouts"]:
            return "they timed out: a request that was started has to be ended, by rq.end(status)"
        return "the driver ended them with an error status"


def in_thread(work: Callable[[], Load]) -> Load:
    """Runs on a thread of its own, so that Ctrl-C reaches us and not the driver."""
    results: list[Load] = []
    errors: list[BaseException] = []
    done = threading.Event()  # Thread.join() takes a thread for dead when Ctrl-C interrupts it (Python 3.11)

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)
        done.set()

    try:
        threading.Thread(target=run, name="blkmq-bench", daemon=True).start()
        done.wait()
    except KeyboardInterrupt:
        if not done.wait(GRACE_SEC):
            raise AbandonedError from None
        raise
    if errors:
        raise errors[0]
    return results[0]
