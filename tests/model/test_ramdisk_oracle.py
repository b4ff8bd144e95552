# SPDX-License-Identifier: MIT
"""RamDisk against a bytearray, on every target."""

from __future__ import annotations

import pytest

from blkmq import SZ_1K, SZ_1M
from blkmq.drivers.ramdisk import RamDisk
from blkmq.testing.model import ByteArrayDisk
from tests.model.against_oracle import compare, compare_at_once
from tests.targets import served


@pytest.mark.parametrize("blocksize", [512, 4096, 16384])
def test_it_holds_what_the_oracle_holds(target: str, blocksize: int) -> None:
    with served(RamDisk(size=1, blocksize=blocksize), target) as disk:
        oracle = ByteArrayDisk(disk.size, discard_granularity=max(blocksize, 4096))
        compare(disk, oracle, 300, ops="rwwd")


def test_it_holds_what_many_requests_at_once_wrote(target: str) -> None:
    with served(RamDisk(size=1), target) as disk:
        compare_at_once(disk, ByteArrayDisk(disk.size))


def test_large_requests(target: str) -> None:
    data = bytes(range(256)) * (4 * SZ_1K)
    with served(RamDisk(size=2), target) as disk:
        disk.write(0, data)
        disk.write(SZ_1M, data[::-1])
        assert disk.read(0, 2 * SZ_1M) == data + data[::-1]
        disk.discard(0, 2 * SZ_1M)
        assert disk.read(0, 2 * SZ_1M) == bytes(2 * SZ_1M)


def test_the_last_block(target: str) -> None:
    with served(RamDisk(size=1), target) as disk:
        disk.write(disk.size - 512, b"x" * 512)
        assert disk.read(disk.size - 1024, 1024) == bytes(512) + b"x" * 512


def test_two_disks_keep_apart(target: str) -> None:
    with served(RamDisk(size=1), target) as one, served(RamDisk(size=1), target) as other:
        one.write(0, b"1" * 512)
        other.write(0, b"2" * 512)
        assert (one.read(0, 512), other.read(0, 512)) == (b"1" * 512, b"2" * 512)
