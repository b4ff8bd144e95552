# SPDX-License-Identifier: MIT
"""What the promises are tested with: batches of writes, and the drivers' log, read from the disk."""

from __future__ import annotations

import struct
from concurrent.futures import Future

from blkmq import BlkStatus, ReqOp
from blkmq.transport.in_process.disk import InProcessDisk
from blkmq.transport.in_process.operation import DiskError
from tests.promises.drivers import ARGUMENT_SHIFT, EVENT_BYTES, Event

LOG_BYTES = 1024


def write(disk: InProcessDisk, sector: int, *, queue: int = 0, nr_sectors: int = 1) -> Future[bytes]:
    """Sends one write; each of its sectors holds its own number in every byte."""
    data = b"".join(bytes([(sector + i) % 256]) * 512 for i in range(nr_sectors))
    return disk.submit(ReqOp.WRITE, sector * 512, len(data), data=data, queue=queue)


def batch(disk: InProcessDisk, sectors: list[int], *, queue: int = 0) -> list[Future[bytes]]:
    """Sends writes so that the queue finds them all together, as after an unplug."""
    disk.quiesce()
    futures = [write(disk, sector, queue=queue) for sector in sectors]
    disk.quiesce()  # waits until the queue's thread has seen them
    disk.unquiesce()
    return futures


def status(future: Future[bytes]) -> BlkStatus:
    """How it ended; waits for that."""
    error = future.exception(timeout=20)
    if error is None:
        return BlkStatus.OK
    assert isinstance(error, DiskError), error
    return error.status


def statuses(futures: list[Future[bytes]]) -> list[BlkStatus]:
    return [status(future) for future in futures]


def log(disk: InProcessDisk, *events: Event) -> list[tuple[Event, int]]:
    """What the driver recorded so far; with ``events``, only these."""
    words = struct.unpack(f"<{LOG_BYTES // EVENT_BYTES}Q", disk.read(0, LOG_BYTES))
    recorded = [(Event(word & 0xFF), word >> ARGUMENT_SHIFT) for word in words if word]
    assert len(recorded) < len(words), "the log is full"
    return [entry for entry in recorded if not events or entry[0] in events]


def arguments(disk: InProcessDisk, *events: Event) -> list[int]:
    """The arguments of some events."""
    return [argument for _, argument in log(disk, *events)]
