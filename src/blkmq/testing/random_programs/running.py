# SPDX-License-Identifier: MIT
"""Runs a module's programs on a target: one request at a time, without a door."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from blkmq.device.target import executable_for
from blkmq.dispatch.nouns.lock import release_held
from blkmq.dispatch.ownership import IDLE, STATE_SHIFT
from blkmq.dispatch.report import LINE_BITS, LINE_MASK
from blkmq.dispatch.request import GENERATION_SHIFT, RequestRecord, segment_at
from blkmq.dispatch.running_set import RunningSet
from blkmq.mq.errors import Fault
from blkmq.mq.integer import S64_MAX
from blkmq.mq.operations import SLOT_BY_NAME, Operations
from blkmq.mq.req_op import ReqFlag, ReqOp
from blkmq.testing.random_programs.names import EDGES
from blkmq.testing.random_programs.stage import ARGUMENTS, CAPACITY, ENUMS, NR_BYTES
from blkmq.testing.random_programs.state import State, Values

FUEL = 2_000
GENERATION = 5
QUEUE_RQ = SLOT_BY_NAME["queue_rq"].number


@dataclass(frozen=True)
class Case:
    """One call of a program: its arguments, and a seed for everything else."""

    program: int
    arguments: tuple[int, int, int, int]
    seed: str


@dataclass
class Outcome:
    """What a call came to."""

    fault: Fault
    at: str = ""  #: file:line of the fault
    value: int = 0  #: of the fault; only compiled targets tell it
    result: int = 0
    fuel: int = 0
    state: Values = field(default_factory=dict)


def cases_of(seed: int, program: int, count: int) -> Iterator[Case]:
    """Calls of a program, with edge values among the arguments."""
    random = Random(f"{seed}/cases/{program}")
    for number in range(count):
        integers = [random.choice(EDGES) if random.random() < 0.4 else random.randrange(-20, 300) for _ in "ab"]
        a, b = (-n if random.random() < 0.2 else n for n in integers)
        level = random.choice(list(ENUMS["Level"].values()))
        yield Case(program, (a, b, random.getrandbits(1), level), f"{seed}/{program}/{number}")


class Runner:
    """A driver on a target."""

    def __init__(self, cls: type[Operations], target: str) -> None:
        self.target = target
        driver = cls()
        self.running = RunningSet([driver], executable_for([driver], target))
        self.state = State(self.running, cls)
        self.buffer = ctypes.create_string_buffer(sum(NR_BYTES))
        self.request = self.running.requests[0]

    def close(self) -> None:
        self.running.close()

    def run(self, case: Case) -> Outcome:
        """Calls ``queue_rq`` for one program."""
        random = Random(case.seed)
        self.state.set(case.seed)
        handle = self._prepare(random)
        data: Any = self.state.objects["hw"]
        for name, value in zip(ARGUMENTS, case.arguments, strict=True):
            setattr(data, name, value)
        data.program, data.result = case.program, 0
        call, record, queue = self.running.calls[0], self.running.record, self.running.queues[0]
        call.error = call.value = call.at = call.error_at = 0
        call.fuel, call.slot, call.rq, call.may_sleep = FUEL, QUEUE_RQ, handle, 1
        record.nr_stale_ends = record.nr_reports = 0
        self.running.executable.call(QUEUE_RQ, ctypes.addressof(call), 0, handle, 1)
        held = 0 if call.error else call.nr_held
        release_held(call)
        outcome = Outcome(Fault(call.error), result=data.result, fuel=call.fuel, state=self.state.get())
        if call.error:
            file = self.running.executable.files[call.error_at >> LINE_BITS]
            outcome.at, outcome.value = f"{Path(file).name}:{call.error_at & LINE_MASK}", call.value
            if call.error == Fault.PYTHON:
                outcome.at += f": {self.running.executable.exceptions.get((call.error, call.error_at))}"
        request = self.request
        outcome.state |= {
            f"rq.{name}": getattr(request, name) for name in ("ownership", "sector", "nr_bytes", "status")
        }
        outcome.state |= {
            name: getattr(queue, name) for name in ("requeued", "ended", "ended_head", "completed", "kicked")
        }
        outcome.state["held"] = held
        disk = self.running.disks[0].record
        outcome.state |= {"capacity": disk.capacity_sectors, "read only": disk.read_only}
        outcome.state |= {"stale ends": record.nr_stale_ends, "reports": record.nr_reports, "data": self.buffer.raw}
        return outcome

    def _prepare(self, random: Random) -> int:
        """Makes the tag's request idle, as ``queue_rq`` gets it: its handle."""
        request, queue = self.request, self.running.queues[0]
        segments = request.segments
        ctypes.memset(ctypes.addressof(request), 0, ctypes.sizeof(RequestRecord))
        request.segments = segments
        handle = GENERATION << GENERATION_SHIFT
        request.ownership = handle | IDLE << STATE_SHIFT
        request.op = random.choice((ReqOp.READ, ReqOp.WRITE, ReqOp.DISCARD))
        request.flags = random.choice((0, int(ReqFlag.FUA)))
        request.sector = random.choice((0, 1, 7, 8, 1024, 1 << 40))
        request.nr_bytes, request.nr_segments = sum(NR_BYTES), len(NR_BYTES)
        ctypes.memmove(self.buffer, random.randbytes(16) * (sum(NR_BYTES) // 16), sum(NR_BYTES))
        address = ctypes.addressof(self.buffer)
        for index, nr_bytes in enumerate(NR_BYTES):
            piece = segment_at(segments, index)
            piece.address, piece.nr_bytes = address, nr_bytes
            address += nr_bytes
        disk = self.running.disks[0]
        disk.record.capacity_sectors, disk.record.read_only = CAPACITY, 0
        disk.gen_disk.capacity_sectors, disk.gen_disk.read_only = CAPACITY, False
        queue.nr_timers, queue.next_timer_nsec, self.running.record.works = 0, S64_MAX, 0
        queue.requeued = queue.ended = queue.ended_head = queue.completed = queue.kicked = queue.now_nsec = 0
        return handle
