# SPDX-License-Identifier: MIT
"""A driver in service on one target, under the in-process load: what ``blkmq bench`` measures."""

from __future__ import annotations

import math
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from blkmq.abi.blk_types import SECTOR_SHIFT
from blkmq.abi.page import PAGE_SIZE
from blkmq.device.target import executable_for
from blkmq.dispatch.running_set import RunningSet
from blkmq.mq.errors import BlkmqError, ConfigError, Fault
from blkmq.transport.file_threads import FileThreads
from blkmq.transport.in_process.generator import Load, run_load
from blkmq.transport.work_thread import WorkThread

if TYPE_CHECKING:
    from blkmq.mq.operations import Operations

PAGE_SECTORS = PAGE_SIZE >> SECTOR_SHIFT
ROUND_SEC = 0.2  #: how long a round should take, unless the number of requests is given
NR_ERRORS_SHOWN = 5
LATE_SEC = 10.0  #: how much later than their timeout the first requests may end
GRACE_SEC = 1.0  #: how long an interrupted round may still take
STEP_SEC = 0.2  #: how long Ctrl-C may go unnoticed


class AbandonedError(KeyboardInterrupt):
    """Interrupted, while a round still runs: its memory must stay, and the process has to be left at once."""


class StuckError(BlkmqError):
    """A load that does not end, as nothing times out that the driver refuses again and again; as for AbandonedError."""


@dataclass
class Contender:
    """One target's running set, with the rounds that it has had."""

    target: str
    running: RunningSet
    worker: WorkThread
    files: FileThreads
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
            _refuse_unmeasurable(running, write_percent)
            running.open_disk(0)
        except BaseException:
            running.close()
            raise
        worker, files = WorkThread(running), FileThreads(running)
        worker.start()
        files.start()
        depth = min(depth, running.tag_set.queue_depth)
        return cls(target, running, worker, files, depth, write_percent, nr_requests or 0)

    def warm_up(self) -> None:
        """Compiles the load, touches the memory, and finds out how many requests fill a round."""
        self._load(0)  # compiles it
        load = self._load(self.depth, limit_sec=self.running.tag_set.timeout_msec / 1000 + LATE_SEC)
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

    def _load(self, nr_requests: int, limit_sec: float | None = None) -> Load:
        load = in_thread(
            lambda: run_load(self.running, nr_requests, depth=self.depth, write_percent=self.write_percent), limit_sec
        )
        if load is None:
            text = f"{self.target}: the first {nr_requests} requests do not end"
            counters = self.running.counters()
            raise StuckError(
                text, hint=f"queue_rq refused {counters['nr_busy']:,} times: RESOURCE means later, and later must come"
            )
        return load

    def close(self) -> None:
        self.worker.stop()
        self.worker.join()
        self.files.stop()
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
        if not errors:
            return "the driver ended them with an error status"
        head = "its callbacks have errors:"
        if all(report.fault is Fault.TIMEOUT for report in self.running.reports()):
            head = "they timed out: a request that was started has to be ended, by rq.end(status)"
        return "\n".join([head, *(f"  {error}" for error in errors)])


def _refuse_unmeasurable(running: RunningSet, write_percent: int) -> None:
    """A disk that takes no request of the load."""
    disk = running.disks[0]
    sectors, block = disk.record.capacity_sectors, disk.limits.logical_block_size
    if sectors < PAGE_SECTORS:
        rule = f"there is nothing to measure: a request of 4 KiB needs {PAGE_SECTORS} sectors"
        hint = "`configure` sets self.disk.capacity_sectors: give the attribute that it is made from, such as size=1"
        raise ConfigError("capacity_sectors", sectors, rule, hint=hint)
    if block > PAGE_SIZE:
        rule = "the load's requests of 4 KiB are smaller than a block"
        raise ConfigError(
            "logical_block_size", block, rule, hint=f"measure it with blocks of {PAGE_SIZE} bytes or less"
        )
    if disk.record.read_only and write_percent:
        rule = "writes would never reach the driver"
        raise ConfigError("read_only", 1, rule, hint="--write-percent 0 measures reads")


def in_thread(work: Callable[[], Load], limit_sec: float | None) -> Load | None:
    """Runs on a thread of its own, so that Ctrl-C reaches us and not the driver; None if that takes too long."""
    outcomes: SimpleQueue[Load | BaseException] = SimpleQueue()  # an Event interrupted midway may stay locked

    def run() -> None:
        try:
            outcomes.put(work())
        except BaseException as error:
            outcomes.put(error)

    try:
        threading.Thread(target=run, name="blkmq-bench", daemon=True).start()
        outcome = _first(outcomes, limit_sec)
    except KeyboardInterrupt:
        if _first(outcomes, GRACE_SEC) is None:
            raise AbandonedError from None
        raise
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


def _first(outcomes: SimpleQueue[Load | BaseException], limit_sec: float | None) -> Load | BaseException | None:
    """Waits in steps: a signal that comes right before a wait does not end it, and Python sees it only afterwards."""
    until = math.inf if limit_sec is None else time.monotonic() + limit_sec
    while (left := until - time.monotonic()) > 0:
        try:
            return outcomes.get(timeout=min(left, STEP_SEC))
        except Empty:
            continue
    return None
