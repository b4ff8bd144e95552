# SPDX-License-Identifier: MIT
"""A disk and its oracle under random requests, many at once; what each request comes to is known beforehand."""

from __future__ import annotations

import os
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from blkmq import BlkStatus, Operations, ReqOp
from blkmq.abi.blk_types import SECTOR_SHIFT
from blkmq.device.target import executable_for
from blkmq.dispatch.executable import Executable
from blkmq.dispatch.running_set import RunningSet
from blkmq.testing.model import ByteArrayDisk
from blkmq.testing.moody import STATUS_OF_MOOD, Mood, flags_of
from blkmq.transport.in_process.disk import InProcessDisk
from blkmq.transport.in_process.door import Door
from blkmq.transport.in_process.operation import DiskError

SECONDS_MAX = 60  #: that a request may take on a slow machine
NR_BLOCKS = 64  #: where most requests go, so that they meet

BLOCKS = st.one_of(st.integers(0, NR_BLOCKS - 1), st.integers(-8, -1))  #: negative ones from the end
LENGTHS = st.one_of(st.integers(1, 4), st.sampled_from([7, 8, 9, 16, 24]))
OPS = st.sampled_from([ReqOp.READ, ReqOp.READ, ReqOp.WRITE, ReqOp.WRITE, ReqOp.DISCARD, ReqOp.WRITE_ZEROES])
MOODS = st.sampled_from([*Mood, *list(Mood)[: Mood.WITHHELD]])  #: those that end well are likelier


@dataclass
class Pending:
    """A request under way, and what is to come of it."""

    future: Future[bytes]
    op: ReqOp
    blocks: range
    status: BlkStatus
    data: bytes  #: that a read returns

    def meets(self, op: ReqOp, blocks: range) -> bool:
        """Whether the result would depend on which of both comes first."""
        apart = blocks.stop <= self.blocks.start or self.blocks.stop <= blocks.start
        return not apart and (self.op is not ReqOp.READ or op is not ReqOp.READ)

    def check(self) -> None:
        """Waits for it, and looks whether it came as expected."""
        error = self.future.exception(SECONDS_MAX)
        if error is None:
            assert self.status is BlkStatus.OK, f"{self.op.name} ended well"
            assert self.op is not ReqOp.READ or self.future.result() == self.data
        else:
            assert isinstance(error, DiskError), error
            assert error.status is self.status


@cache
def compiled(cls: type[Operations], target: str) -> Executable:
    """A driver for a compiled target, made once."""
    return executable_for([cls()], target)


class DiskMachine(RuleBasedStateMachine):
    """Submits requests, gathers what came of them, and takes the disk away at any time."""

    driver: ClassVar[type[Operations]]
    target: ClassVar[str]
    moody: ClassVar[bool] = False  #: whether the driver knows moods

    disk: InProcessDisk

    @initialize()
    def add(self) -> None:
        driver = self.driver(size=1)
        executable = (
            executable_for([driver], self.target)
            if self.target == "interpreted"
            else compiled(self.driver, self.target)  # type: ignore[arg-type]
        )
        self.running = RunningSet([driver], executable)
        self.disk = Door(self.running).disks[0]
        limits = self.disk._disk.limits
        self.block = limits.logical_block_size
        self.oracle = ByteArrayDisk(self.disk.size, discard_granularity=limits.discard_granularity)
        self.takes = {ReqOp.READ, ReqOp.WRITE}
        self.takes |= {ReqOp.DISCARD} if limits.max_discard_sectors else set()
        self.takes |= {ReqOp.WRITE_ZEROES} if limits.max_write_zeroes_sectors else set()
        self.pending: list[Pending] = []
        self.nr_faulty = 0

    @rule(op=OPS, block=BLOCKS, length=LENGTHS, mood=MOODS, queue=st.integers(0, 2), byte=st.integers(1, 255))
    def submit(self, op: ReqOp, block: int, length: int, mood: Mood, queue: int, byte: int) -> None:
        """Sends one request; first waits for those whose range it meets."""
        if op not in self.takes:
            return
        mood = mood if self.moody else Mood.ENDED
        first = min(block % (self.disk.size // self.block), self.disk.size // self.block - length)
        blocks = range(first, first + length)
        if any(pending.meets(op, blocks) for pending in self.pending):
            self.gather()
        offset, nr_bytes = first * self.block, length * self.block
        data = bytes((byte + i) & 0xFF for i in range(nr_bytes)) if op is ReqOp.WRITE else None
        queue %= self.running.tag_set.nr_hw_queues
        future = self.disk.submit(op, offset, nr_bytes, data=data, flags=flags_of(mood), queue=queue)
        status = STATUS_OF_MOOD.get(mood, BlkStatus.OK)
        self.nr_faulty += mood in (Mood.FAULTY, Mood.FAULTY_LATER)
        self.pending.append(Pending(future, op, blocks, status, self.oracle.read(offset, nr_bytes)))
        if status is BlkStatus.OK:
            self.apply(op, offset, nr_bytes, data)

    def apply(self, op: ReqOp, offset: int, nr_bytes: int, data: bytes | None) -> None:
        if data is not None:
            self.oracle.write(offset, data)
        elif op is ReqOp.DISCARD:
            self.oracle.discard(offset, nr_bytes)
        elif op is ReqOp.WRITE_ZEROES:
            self.oracle.write_zeroes(offset, nr_bytes)

    @rule(mood=MOODS)
    def flush(self, mood: Mood) -> None:
        future = self.disk.submit(ReqOp.FLUSH, 0, 0, flags=flags_of(mood) if self.moody else flags_of(Mood.ENDED))
        asked = self.moody  # the others have no cache: nobody asks them
        status = STATUS_OF_MOOD.get(mood, BlkStatus.OK) if asked else BlkStatus.OK
        self.nr_faulty += asked and mood in (Mood.FAULTY, Mood.FAULTY_LATER)
        self.pending.append(Pending(future, ReqOp.FLUSH, range(0), status, b""))

    @rule()
    def gather(self) -> None:
        """Waits for everything that is under way."""
        while self.pending:
            self.pending.pop(0).check()

    @rule()
    def read_everything(self) -> None:
        self.gather()
        assert self.disk.read(0, self.disk.size) == self.oracle.read(0, self.disk.size)

    @precondition(lambda self: self.moody)
    @rule(number=st.integers(1, 3))
    def change_queues(self, number: int) -> None:
        """What is under way ends, well or badly; what waits goes on at another queue."""
        self.disk.set(submit_queues=min(number, os.cpu_count() or 1))

    @rule()
    def refuse_what_is_beyond(self) -> None:
        with pytest.raises(OSError, match="beyond the end"):
            self.disk.submit(ReqOp.READ, self.disk.size, self.block)

    @precondition(lambda self: self.pending)
    @rule()
    def remove_while_busy_and_add(self) -> None:
        """Takes the disk away from under its requests: each comes to an end; the new disk is empty."""
        pending, disk = self.pending, self.disk
        disk.close()
        for each in pending:
            error = each.future.exception(0)
            assert error is None or isinstance(error, DiskError)
            if isinstance(error, DiskError) and error.status is not each.status:
                assert error.status in (BlkStatus.TIMEOUT, BlkStatus.OFFLINE, BlkStatus.IOERR), error
        with pytest.raises(OSError, match="gone"):
            disk.submit(ReqOp.READ, 0, self.block)
        self.add()

    def teardown(self) -> None:
        if hasattr(self, "disk"):
            try:
                self.read_everything()
                self.disk.quiesce()  # a tag is free a little after its request's future is done
                counters = self.disk.counters()
                assert counters["nr_errors"] == self.nr_faulty
                assert counters["nr_in_flight"] == 0
            finally:
                self.disk.close()


assert SECTOR_SHIFT == 9


def check_disk(examples: int, steps: int, **parts: object) -> None:
    """Runs the machine with these parts: ``driver``, ``target``, ``moody``."""
    machine: Any = type("Disk", (DiskMachine,), parts)
    run_state_machine_as_test(
        machine,
        settings=settings(
            settings.default,
            max_examples=examples,
            stateful_step_count=steps,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
