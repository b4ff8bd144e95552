# SPDX-License-Identifier: MIT
"""Random operations on a disk and on its oracle, one after the other, and then many at once."""

from __future__ import annotations

from concurrent.futures import Future
from random import Random

from blkmq.mq.req_op import ReqOp
from blkmq.testing.model import ByteArrayDisk
from blkmq.transport.in_process.disk import InProcessDisk
from tests.targets import tag_set_of


def compare(disk: InProcessDisk, oracle: ByteArrayDisk, nr_operations: int, *, ops: str, seed: int = 1) -> None:
    """``ops`` has a letter for each kind: (r)ead, (w)rite, write with f(u)a, (d)iscard, (f)lush, write (z)eroes."""
    random = Random(seed)
    block, nr_blocks = disk.block_size, disk.size // disk.block_size
    for number in range(nr_operations):
        op = random.choice(ops)
        length = min(random.choice([1, 1, 2, 3, 8, 8, 9, 16, 33]), nr_blocks)
        offset = random.randrange(nr_blocks - length + 1) * block
        nr_bytes = length * block
        data = random.randbytes(nr_bytes)
        match op:
            case "r":
                assert disk.read(offset, nr_bytes) == oracle.read(offset, nr_bytes), f"operation {number}"
            case "w" | "u":
                disk.write(offset, data, fua=op == "u")
                oracle.write(offset, data, fua=op == "u")
            case "d":
                disk.discard(offset, nr_bytes)
                oracle.discard(offset, nr_bytes)
            case "f":
                disk.flush()
                oracle.flush()
            case "z":
                disk.write_zeroes(offset, nr_bytes)
                oracle.write_zeroes(offset, nr_bytes)
    assert disk.read(0, disk.size) == oracle.read(0, disk.size)


def compare_at_once(disk: InProcessDisk, oracle: ByteArrayDisk, *, seed: int = 2) -> None:
    """Fills the disk by requests that are all under way together, on all queues, then reads it in the same way."""
    random = Random(seed)
    pieces = [(offset, random.randbytes(disk.block_size)) for offset in range(0, disk.size, disk.block_size)]
    random.shuffle(pieces)
    writes: list[Future[bytes]] = []
    for number, (offset, data) in enumerate(pieces):
        oracle.write(offset, data)
        queue = number % tag_set_of(disk).nr_hw_queues
        writes.append(disk.submit(ReqOp.WRITE, offset, len(data), data=data, queue=queue))
    for write in writes:
        write.result()
    reads = [(offset, disk.submit(ReqOp.READ, offset, len(data))) for offset, data in pieces]
    for offset, read in reads:
        assert read.result() == oracle.read(offset, disk.block_size)
