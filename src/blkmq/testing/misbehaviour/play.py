# SPDX-License-Identifier: MIT
"""Plays one row of the table on one target; an AssertionError says what came out differently."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import cache
from pathlib import Path
from typing import Any

from blkmq.compiler.frontend.refused import Refused
from blkmq.compiler.frontend.translate import translate
from blkmq.device.target import executable_for
from blkmq.dispatch.executable import Executable
from blkmq.dispatch.report import Report
from blkmq.dispatch.running_set import RunningSet
from blkmq.mq.blk_status import BlkStatus
from blkmq.mq.errors import BlkmqError, Fault
from blkmq.mq.operations import Operations
from blkmq.native.invoke import interpreted_entries
from blkmq.testing.misbehaviour.crowd import PATIENCE_SEC, Crowd, status_of
from blkmq.testing.misbehaviour.outcome import Others, Outcome, Row
from blkmq.testing.misbehaviour.victim import BAD_SECTOR, PREPARE_SECTOR
from blkmq.transport.in_process.door import Door

TARGETS = ("interpreted", "host", "c")
SANITIZED = "c, sanitized"
REMOVAL_SEC = 5  #: that taking a disk down may take beyond its requests' time


def served(driver: Operations, target: str) -> Door:
    """The driver in service; the target may be SANITIZED."""
    return Door(running(driver, target))


def running(driver: Operations, target: str) -> RunningSet:
    """The driver's tag set, which no door serves yet."""
    return RunningSet([driver], _executable(driver, target))


def as_it_is(status: BlkStatus) -> BlkStatus:
    """What a client of the in-process door sees of a status."""
    return status


def play(
    row: Row,
    target: str,
    serve: Callable[[Operations, str], Any] = served,
    seen: Callable[[BlkStatus], BlkStatus] = as_it_is,
) -> None:
    """Does what the row describes and compares what happens.

    ``serve`` makes another door than the in-process one, with a disk that has its ``submit``; its clients see ``seen``
    of a status.
    """
    outcome = row.outcome(target)
    if outcome.rule:
        check_refused(row, outcome)
    elif outcome.raises:
        check_raises(row, target, outcome, serve)
    else:
        door = serve(row.make(), target)
        try:
            _Scene(row, outcome, door, seen).play()
        finally:
            door.close()


def _executable(driver: Operations, target: str) -> Executable:
    cls: Any = type(driver)
    return executable_for([driver], target) if target == "interpreted" else _compiled(cls, target)


@cache
def _compiled(driver: Any, target: str) -> Executable:
    """A driver class on a compiled target: the same for all its misdeeds."""
    if target != SANITIZED:
        return executable_for([driver()], target)
    from blkmq.compiler.c.build import build_c, load_c
    from blkmq.dispatch.c_layout import c_layout
    from blkmq.dispatch.executable import CompiledDriver

    program = translate(driver)
    return CompiledDriver(program, load_c(build_c(program, c_layout(), sanitize=True)))


def check_refused(row: Row, outcome: Outcome) -> None:
    """The front end names rule, file and line."""
    file, line = row.place()
    cls: Any = row.driver
    refused = _refusals(cls)
    assert (file, line, outcome.rule) in refused, f"refused for something else: {refused}"


@cache
def _refusals(driver: Any) -> list[tuple[Path, int, str]]:
    try:
        translate(driver)
    except Refused as error:
        return [(Path(refusal.file), refusal.line, refusal.rule) for refusal in error.refusals]
    return []


def check_raises(row: Row, target: str, outcome: Outcome, serve: Callable[[Operations, str], Any]) -> None:
    """``serve()`` says where the error is, and leaves nothing behind."""
    before = _belongings()
    text = ""
    try:
        serve(row.make(), target).close()
    except BlkmqError as error:
        text = str(error)
    file, line = row.place()
    wanted = f"{file}:{line}: {outcome.fault.name}: " if outcome.fault else outcome.text
    assert wanted in text, f"serve() was to say {wanted!r}, but said {text!r}"
    assert _belongings() == before, "something was not undone"


def _belongings() -> tuple[int, int, int]:
    """Threads, file descriptors and interpreted drivers in this process."""
    return threading.active_count(), len(os.listdir("/proc/self/fd")), len(interpreted_entries)


class _Scene:
    """A disk with its crowd, and the bad request among it."""

    def __init__(self, row: Row, outcome: Outcome, door: Any, seen: Callable[[BlkStatus], BlkStatus]) -> None:
        self.row = row
        self.seen = seen
        self.outcome = outcome
        self.disk = door.disks[0]
        self.crowd = Crowd(self.disk)
        self.nr_queues = len(door.queues)
        every = range(self.nr_queues)
        self.free = {
            Others.GO_ON: list(every),
            Others.WAIT_ON_QUEUE: [queue for queue in every if queue != row.queue],
            Others.WAIT: [],
        }[row.others]  #: queues that go on

    def play(self) -> None:
        crowd, row, outcome = self.crowd, self.row, self.outcome
        crowd.go_round(range(self.nr_queues))
        assert status_of(crowd.write(PREPARE_SECTOR, row.queue)) == self.seen(row.prepared)
        held = self.free if row.is_patient else []
        for queue in held:
            crowd.hold(queue)
        bad = crowd.write(BAD_SECTOR, row.queue)
        waiting = [] if row.queue in self.free else [crowd.write(queue * 64, queue) for queue in (row.queue,)]
        releases: dict[int, Future[bytes]] = {}
        if row.queue in held:
            releases[row.queue] = crowd.send_release(row.queue)  # behind the bad one
        if not outcome.at_removal:
            self.check_status(bad)
        for queue in held:
            crowd.released(queue, releases.get(queue) or crowd.send_release(queue))
        if not outcome.after_removal:
            self.settle()
        if self.free:
            crowd.go_round(self.free)
        assert bad.done() is not outcome.at_removal, "the request ended before the disk was removed"
        self.remove()
        self.check_status(bad)
        ends = {self.seen(status) for status in (BlkStatus.OK, BlkStatus.TIMEOUT)}
        assert {status_of(request) for request in waiting} <= ends
        self.check_counters()
        reports = self.disk.reports()
        self.check_reports([report for report in reports if report.fault is not Fault.TIMEOUT])
        self.check_late([report.text for report in reports if report.fault is Fault.TIMEOUT])
        assert self.disk.counters()["nr_in_flight"] == 0

    def check_status(self, bad: Future[bytes]) -> None:
        status = status_of(bad)
        wanted = self.seen(self.outcome.status)
        assert status == wanted, f"the bad request ended with {status.name}, not {wanted.name}"

    def settle(self) -> None:
        """Goes on working until the counters say what happened."""
        until = time.monotonic() + PATIENCE_SEC
        while self.free and self.differences() and time.monotonic() < until:
            self.crowd.go_round(self.free)

    def differences(self) -> list[str]:
        """Counters that are not what the row wants."""
        counted = self.disk.counters()
        wanted = {name: getattr(self.outcome, name) for name in ("nr_errors", "nr_stale_ends", "nr_stale_timers")}
        found = [f"{name} = {counted[name]}, not {value}" for name, value in wanted.items() if counted[name] != value]
        if not self.outcome.nr_timeouts <= counted["nr_timeouts"] <= 100 * self.outcome.nr_timeouts:
            found.append(f"nr_timeouts = {counted['nr_timeouts']}, not {self.outcome.nr_timeouts}")
        return found

    def check_counters(self) -> None:
        differences = self.differences()
        reports = "".join(f"\n{report}" for report in self.disk.reports())
        assert not differences, ", ".join(differences) + reports

    def check_reports(self, reports: Sequence[Report]) -> None:
        assert len(reports) == self.outcome.nr_reports, f"{len(reports)} reports: {list(map(str, reports))}"
        file, line = self.row.place()
        for report in reports:
            found = report.fault, Path(report.file), report.line
            assert found == (self.outcome.fault, file, line), (
                f"{report}; expected {file}:{line}: {self.outcome.fault.name}"
            )
            assert self.outcome.text in str(report)
        assert (self.outcome.fault is Fault.NONE) == (not reports)

    def check_late(self, late: Sequence[str]) -> None:
        """Who times out is reported, and nobody else."""
        told = any(f"at sector {BAD_SECTOR}," in text for text in late)
        assert told == (self.outcome.status is BlkStatus.TIMEOUT), late
        assert self.outcome.nr_timeouts > 0 or not late, late

    def remove(self) -> None:
        begin = time.monotonic()
        self.disk.close()
        took = time.monotonic() - begin
        bound = self.row.timeout_msec / 1000 * self.outcome.at_removal + REMOVAL_SEC
        assert took < bound, f"the disk took {took:.1f} s to go"
