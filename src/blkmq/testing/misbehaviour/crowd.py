# SPDX-License-Identifier: MIT
"""Good requests around a bad one, on all queues, each checked against the oracle."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from random import Random

from blkmq.mq.blk_status import BlkStatus
from blkmq.mq.req_op import ReqOp
from blkmq.testing.misbehaviour.victim import HELD_SECTOR, NR_SECTORS, RELEASE_SECTOR
from blkmq.testing.model import ByteArrayDisk
from blkmq.transport.in_process.disk import InProcessDisk
from blkmq.transport.in_process.operation import DiskError

PATIENCE_SEC = 60  #: what hangs fails, instead of hanging the tests
LENGTH = 6 * 1024  #: across a page's end
SECTOR = 512


def status_of(future: Future[bytes]) -> BlkStatus:
    """How a request ended."""
    error = future.exception(timeout=PATIENCE_SEC)
    if isinstance(error, DiskError):
        return error.status
    if error is not None:
        raise error
    return BlkStatus.OK


class Crowd:
    """The requests that a bad one must not touch."""

    def __init__(self, disk: InProcessDisk) -> None:
        self.disk = disk
        self.oracle = ByteArrayDisk(NR_SECTORS * SECTOR)
        self.random = Random(7)
        self.held: dict[int, tuple[int, bytes, Future[bytes]]] = {}

    def write(self, sector: int, queue: int) -> Future[bytes]:
        """Sends a write of random data, which the oracle does not learn yet."""
        data = self.random.randbytes(LENGTH)
        self._sent = sector * SECTOR, data
        return self.disk.submit(ReqOp.WRITE, sector * SECTOR, LENGTH, data=data, queue=queue)

    def check(self, sector: int, queue: int) -> None:
        """Reads and compares."""
        found = self.disk.submit(ReqOp.READ, sector * SECTOR, LENGTH, queue=queue).result(PATIENCE_SEC)
        assert found == self.oracle.read(sector * SECTOR, LENGTH), f"wrong data at sector {sector}"

    def go_round(self, queues: Sequence[int]) -> None:
        """Writes and reads on each queue, several under way at once."""
        sectors = self.random.sample(range(0, HELD_SECTOR - LENGTH // SECTOR, LENGTH // SECTOR), 3 * len(queues))
        under_way = []
        for number, sector in enumerate(sectors):
            under_way.append(self.write(sector, queues[number % len(queues)]))
            self.oracle.write(*self._sent)
        found = [status_of(write).name for write in under_way]
        assert found == ["OK"] * len(sectors), f"good requests suffered: {found}"
        for number, sector in enumerate(sectors):
            self.check(sector, queues[(number + 1) % len(queues)])

    def hold(self, queue: int) -> None:
        """Sends a write that stays with the driver."""
        future = self.write(HELD_SECTOR + queue * 64, queue)
        self.held[queue] = (*self._sent, future)

    def send_release(self, queue: int) -> Future[bytes]:
        """Sends the request that lets the held one of the queue go."""
        return self.write(RELEASE_SECTOR, queue)

    def released(self, queue: int, release: Future[bytes]) -> None:
        """Checks that both have ended well, and that the held one's data is there."""
        offset, data, future = self.held.pop(queue)
        assert status_of(release) == BlkStatus.OK, f"the request behind the bad one suffered on queue {queue}"
        assert status_of(future) == BlkStatus.OK, f"the request that was held on queue {queue} suffered"
        self.oracle.write(offset, data)
        read = self.disk.submit(ReqOp.READ, offset, LENGTH, queue=queue)
        assert status_of(self.send_release(queue)) == BlkStatus.OK
        assert read.result(PATIENCE_SEC) == data, f"the data of the request that was held on queue {queue} suffered"
