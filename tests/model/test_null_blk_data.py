# SPDX-License-Identifier: MIT
"""null_blk with memory_backed=1 against a bytearray, on every target: plain, with a write cache, and without power."""

from __future__ import annotations

from random import Random

import pytest

from blkmq.drivers.null_blk import NullBlk
from blkmq.testing.model import ByteArrayDisk
from tests.model.against_oracle import compare, compare_at_once
from tests.model.null_blk_drivers import PowerCutNullBlk
from tests.targets import served


@pytest.mark.parametrize("irqmode", ["NONE", "SOFTIRQ", "TIMER"])
def test_it_holds_what_the_oracle_holds(target: str, irqmode: str) -> None:
    with served(NullBlk(size=1, irqmode=irqmode, memory_backed=1, discard=1, completion_nsec=100), target) as disk:
        compare(disk, ByteArrayDisk(disk.size), 300, ops="rwwd")


@pytest.mark.parametrize("blocksize", [1024, 4096, 65536])
def test_every_block_size(target: str, blocksize: int) -> None:
    with served(NullBlk(size=2, blocksize=blocksize, memory_backed=1, discard=1), target) as disk:
        compare(disk, ByteArrayDisk(disk.size), 100, ops="rwwd")


@pytest.mark.parametrize("fua", [True, False])
@pytest.mark.parametrize("size", [1, 4])
def test_a_write_cache_changes_no_data(target: str, size: int, fua: bool) -> None:
    with served(NullBlk(size=size, memory_backed=1, discard=1, cache_size=1, fua=fua), target) as disk:
        compare(disk, ByteArrayDisk(disk.size), 600, ops="rwwwwudf")


@pytest.mark.parametrize("cache_size", [0, 1])
def test_many_requests_at_once_on_two_queues(target: str, cache_size: int) -> None:
    driver = NullBlk(size=2, submit_queues=2, irqmode="NONE", memory_backed=1, cache_size=cache_size)
    with served(driver, target) as disk:
        compare_at_once(disk, ByteArrayDisk(disk.size))


def test_what_was_flushed_or_written_with_fua_survives_a_power_cut(target: str) -> None:
    random = Random(3)
    with served(PowerCutNullBlk(size=1, memory_backed=1, discard=1, cache_size=1), target) as disk:
        oracle = ByteArrayDisk(disk.size)
        for round_ in range(5):
            compare(disk, oracle, random.randrange(1, 100), ops="wwwwwudf", seed=round_)
            disk.write_zeroes(0, 512)  # the power fails
            oracle.lose_power()
            assert disk.read(0, disk.size) == oracle.read(0, disk.size)


def test_a_full_cache_writes_back_its_oldest_page_first(target: str) -> None:
    nr_pages = 256  # of 1 MiB
    with served(PowerCutNullBlk(size=2, blocksize=4096, memory_backed=1, cache_size=1), target) as disk:
        for number in range(nr_pages + 3):
            disk.write(number * 4096, bytes([number % 255 + 1]) * 4096)
        disk.write_zeroes(0, 4096)  # the power fails
        kept = [number for number in range(nr_pages + 3) if disk.read(number * 4096, 4096)[0]]
    assert kept == [0, 1, 2]
