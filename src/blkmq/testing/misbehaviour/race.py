# SPDX-License-Identifier: MIT
"""Lets the Racers race: ``python -m blkmq.testing.misbehaviour.race TARGET``; a crash is what must not happen.

Buffers lie between pages that cannot be touched, and cannot be touched themselves once their request has ended.
"""

from __future__ import annotations

import ctypes
import sys
from collections import Counter
from concurrent.futures import Future
from random import Random

from blkmq.abi.page import PAGE_SIZE
from blkmq.mq.blk_status import BlkStatus
from blkmq.mq.errors import Fault
from blkmq.mq.req_op import ReqFlag, ReqOp
from blkmq.native.memory import reserve_pages, unreserve_pages
from blkmq.testing.misbehaviour.crowd import status_of
from blkmq.testing.misbehaviour.play import served
from blkmq.testing.misbehaviour.racers import Part, Racers
from blkmq.transport.in_process.operation import Operation

PROT_NONE, PROT_READ_WRITE = 0, 3
USERS = tuple(part for part in Part if part.name.startswith("USE_"))
#: What a user may come to, if the field is not what it was when it looked.
FAULTS = {Fault.INDEX, Fault.VALUE, Fault.SHIFT, Fault.ZERO_DIVISION, Fault.DIVISION}
_libc = ctypes.CDLL(None)


def _protect(address: int, nr_bytes: int, access: int) -> None:
    if _libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(nr_bytes), access):
        raise OSError("mprotect failed")


class GuardedBuffer:
    """Memory right at a page's beginning or end, with nothing beside it."""

    def __init__(self, nr_bytes: int, *, at_end: bool) -> None:
        self.base = reserve_pages(3 * PAGE_SIZE)
        start = PAGE_SIZE - nr_bytes if at_end else 0
        _protect(self.base, 3 * PAGE_SIZE, PROT_NONE)
        _protect(self.base + PAGE_SIZE, PAGE_SIZE, PROT_READ_WRITE)
        self.bytes = (ctypes.c_char * nr_bytes).from_address(self.base + PAGE_SIZE + start)

    def shut(self, _: Future[bytes]) -> None:
        """Its request has ended: from here on nobody may touch it."""
        _protect(self.base, 3 * PAGE_SIZE, PROT_NONE)

    def free(self) -> None:
        unreserve_pages(self.base, 3 * PAGE_SIZE)


class Race:
    """Racers in service, and what comes of them."""

    def __init__(self, target: str, nr_rounds: int) -> None:
        self.door = served(Racers(nr_rounds=nr_rounds), target)
        self.disk = self.door.disks[0]
        self.random = Random(3)
        self.buffers: list[GuardedBuffer] = []
        self.counts: Counter[str] = Counter()

    def send(self, part: int, queue: int, nr_bytes: int = 512) -> Future[bytes]:
        buffer = GuardedBuffer(nr_bytes, at_end=self.random.random() < 0.5)
        self.buffers.append(buffer)
        operation = Operation(ReqOp.WRITE, part * 8, nr_bytes, ReqFlag(0), 0, buffer.bytes)
        operation.future.add_done_callback(buffer.shut)
        self.door.queues[queue].submit(operation)
        return operation.future

    def finish(self, part: Part, future: Future[bytes], *statuses: BlkStatus) -> None:
        status = status_of(future)
        assert status in statuses, f"{part.name} ended with {status.name}"
        self.counts[f"{part.name} {status.name}"] += 1

    def send_anchor(self) -> Future[bytes]:
        """A request that stays with the driver; it is there when this returns."""
        anchor = self.send(Part.ANCHOR, 0, PAGE_SIZE)
        assert status_of(self.send(0, 0)) is BlkStatus.OK
        return anchor

    def change_and_use(self, nr_times: int) -> None:
        """Queue 1 changes the fields that queue 0 uses."""
        anchor = self.send_anchor()
        for _ in range(nr_times):
            for part in USERS:
                changes = [self.send(Part.CHANGE, 1) for _ in range(4)]
                uses = [self.send(part, 0, self.random.choice((512, PAGE_SIZE))) for _ in range(4)]
                for change in changes:
                    self.finish(Part.CHANGE, change, BlkStatus.OK)
                for use in uses:
                    self.finish(part, use, BlkStatus.OK, BlkStatus.IOERR)
                faults = {report.fault for report in self.disk.reports()}
                assert faults <= FAULTS, f"{part.name}: {sorted(faults)}"
        self.finish(Part.CHECK, self.send(Part.CHECK, 0), BlkStatus.OK)
        self.end(anchor)

    def end(self, anchor: Future[bytes]) -> None:
        copy, end = self.send(Part.COPY, 1), self.send(Part.END, 0, 512 * self.random.randint(1, 8))
        self.finish(Part.ANCHOR, anchor, BlkStatus.OK)
        self.finish(Part.END, end, BlkStatus.OK)
        self.finish(Part.COPY, copy, BlkStatus.IOERR)

    def copy_and_end(self, nr_times: int) -> None:
        """Queue 1 copies the data of a request that queue 0 ends, and whose buffer is gone with it."""
        for _ in range(nr_times):
            self.end(self.send_anchor())
        self.finish(Part.CHECK, self.send(Part.CHECK, 0), BlkStatus.OK)

    def contest(self, nr_times: int) -> None:
        """A timer, on the queue's thread, and work, on another one, end the same request."""
        futures = [self.send(Part.CONTEST, n % 2) for n in range(nr_times)]
        for future in futures:
            self.finish(Part.CONTEST, future, BlkStatus.OK, BlkStatus.MEDIUM)

    def run(self, nr_times: int) -> None:
        try:
            self.change_and_use(nr_times)
            self.copy_and_end(10 * nr_times)
            self.contest(100 * nr_times)
        finally:
            self.disk.close()
        counters = self.disk.counters()
        assert counters["nr_in_flight"] == counters["nr_timeouts"] == 0, counters
        assert counters["nr_ended"] == counters["nr_queued"] == len(self.buffers), counters
        for buffer in self.buffers:
            buffer.free()


def main(target: str) -> None:
    interpreted = target == "interpreted"
    sys.setswitchinterval(1e-5)
    race = Race(target, 300 if interpreted else 300_000)
    race.run(2 if interpreted else 10)
    print(target, dict(sorted(race.counts.items())), {k: v for k, v in race.disk.counters().items() if v})


if __name__ == "__main__":
    main(sys.argv[1])
