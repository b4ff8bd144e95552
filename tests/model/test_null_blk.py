# SPDX-License-Identifier: MIT
"""null_blk's attributes: what each does, what C says to bad ones, and when requests complete."""

from __future__ import annotations

import os
import time

import pytest

from blkmq import (  # isort: skip
    BLK_FEAT_FUA, BLK_FEAT_ROTATIONAL, BLK_FEAT_WRITE_CACHE, BLK_MQ_F_BLOCKING, PAGE_SIZE, SZ_1G, SZ_1M, BlkStatus,
    ConfigError,
)  # fmt: skip
from blkmq.drivers.null_blk import IrqMode, NullBlk, NullBlkConfig, null_blk_devices
from blkmq.transport.in_process.operation import DiskError
from tests.model.null_blk_drivers import ImpatientNullBlk
from tests.targets import limits_of, served, tag_set_of

NR_CPUS = os.cpu_count() or 1


def test_defaults_are_those_of_c() -> None:
    assert NullBlk().config == NullBlkConfig(
        size=250 * 1024, blocksize=512, submit_queues=1, hw_queue_depth=64, irqmode=IrqMode.SOFTIRQ,
        completion_nsec=10_000, memory_backed=False, discard=False, max_sectors=0, blocking=False, rotational=False,
        fua=True, cache_size=0, virt_boundary=False, index=0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"blocksise": 512}, "blocksise = 512: NullBlk has no such attribute\nhint: did you mean blocksize"),
        ({"irqmode": 3}, "irqmode = 3: is no IrqMode\nhint: one of NONE (0), SOFTIRQ (1), TIMER (2)"),
        ({"irqmode": "hard"}, "irqmode = 'hard': is no IrqMode\nhint: one of NONE (0), SOFTIRQ (1), TIMER (2)"),
        ({"memory_backed": 2}, "memory_backed = 2: is no bool\nhint: Y or N"),
        ({"blocksize": -1}, "blocksize = -1: outside 0..4294967295 of a u32"),
        ({"size": 1 << 63}, "size = 9223372036854775808: outside 0..9223372036854775807 of a u64"),
        ({"size": "a lot"}, "size = 'a lot': is no u64\nhint: an integer 0..2^43 (MiB), capacity"),
    ],
)
def test_values_that_no_attribute_takes(attributes: dict[str, int | str], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        NullBlk(**attributes)
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("attributes", "field"),
    [
        ({"blocksize": 513}, "logical_block_size"),
        ({"blocksize": 256}, "logical_block_size"),
        ({"blocksize": 131_072}, "logical_block_size"),
        ({"max_sectors": 7}, "max_hw_sectors"),
        ({"hw_queue_depth": 0}, "queue_depth"),
    ],
)
def test_values_that_the_block_layer_refuses(target: str, attributes: dict[str, int], field: str) -> None:
    with pytest.raises(ConfigError) as refused:
        served(NullBlk(**attributes), target)
    assert refused.value.field == field
    assert refused.value.value == next(iter(attributes.values()))


@pytest.mark.parametrize(("asked", "made"), [(0, 1), (1, 1), (NR_CPUS, NR_CPUS), (NR_CPUS + 1, NR_CPUS)])
def test_there_are_as_many_submit_queues_as_cpus_at_most(target: str, asked: int, made: int) -> None:
    with served(NullBlk(submit_queues=asked), target) as disk:
        assert tag_set_of(disk).nr_hw_queues == made


def test_each_attribute_arrives_where_it_belongs(target: str) -> None:
    driver = NullBlk(size=7, blocksize=1024, max_sectors=64, hw_queue_depth=20_000, rotational=1, virt_boundary=1)
    with served(driver, target) as disk:
        limits, tag_set = limits_of(disk), tag_set_of(disk)
        assert disk.size == 7 * SZ_1M
        assert (limits.logical_block_size, limits.physical_block_size) == (1024, 1024)
        assert (limits.max_sectors, limits.dma_alignment, limits.virt_boundary_mask) == (64, 1, 4095)
        assert limits.features & BLK_FEAT_ROTATIONAL
        assert (tag_set.queue_depth, tag_set.timeout_msec, tag_set.flags) == (10_240, 5_000, 0)


def test_what_is_not_asked_for_is_not_there(target: str) -> None:
    with served(NullBlk(), target) as disk:
        limits = limits_of(disk)
        assert disk.size == 250 * SZ_1G
        assert (limits.max_sectors, limits.virt_boundary_mask, limits.max_discard_sectors) == (255, 0, 0)
        assert not limits.features & (BLK_FEAT_ROTATIONAL | BLK_FEAT_WRITE_CACHE | BLK_FEAT_FUA)


def test_a_disk_of_any_size_is_cut_to_what_the_kernel_takes(target: str) -> None:
    with served(NullBlk(size=(1 << 63) - 1), target) as disk:
        assert disk.size == (1 << 63) - 512


@pytest.mark.parametrize(("attributes", "flags"), [
    ({}, 0), ({"blocking": 1}, BLK_MQ_F_BLOCKING), ({"memory_backed": 1}, BLK_MQ_F_BLOCKING),
])  # fmt: skip
def test_memory_backed_implies_blocking(target: str, attributes: dict[str, int], flags: int) -> None:
    with served(NullBlk(size=1, **attributes), target) as disk:
        assert tag_set_of(disk).flags == flags


@pytest.mark.parametrize(("cache_size", "fua", "features"), [
    (0, 1, 0), (1, 0, BLK_FEAT_WRITE_CACHE), (1, 1, BLK_FEAT_WRITE_CACHE | BLK_FEAT_FUA),
])  # fmt: skip
def test_fua_needs_a_cache_and_a_cache_needs_memory(target: str, cache_size: int, fua: int, features: int) -> None:
    for memory_backed, expected in (1, features), (0, 0):
        with served(NullBlk(size=1, memory_backed=memory_backed, cache_size=cache_size, fua=fua), target) as disk:
            assert limits_of(disk).features & (BLK_FEAT_WRITE_CACHE | BLK_FEAT_FUA) == expected


def test_discard_needs_memory(target: str) -> None:
    with served(NullBlk(size=1, memory_backed=1, discard=1), target) as disk:
        assert limits_of(disk).max_discard_sectors == 0xFFFFFFFF >> 9
        assert limits_of(disk).discard_granularity == 512
    with served(NullBlk(size=1, discard=1), target) as disk, pytest.raises(DiskError) as refused:
        disk.discard(0, 4096)
    assert refused.value.status is BlkStatus.NOTSUPP


def test_a_read_without_memory_gives_zeroes_whatever_was_written(target: str) -> None:
    with served(NullBlk(size=1), target) as disk:
        disk.write(0, b"x" * 65_536)
        assert disk.read(0, 65_536) == bytes(65_536)


def test_max_sectors_splits_requests(target: str) -> None:
    with served(NullBlk(size=1, max_sectors=8), target) as disk:
        disk.write(0, bytes(65_536))
        assert disk.counters()["nr_queued"] == 16


def test_more_requests_than_tags(target: str) -> None:
    with served(NullBlk(size=1, hw_queue_depth=3, irqmode="TIMER"), target) as disk:
        for future in [disk.submit_read(0, 512) for _ in range(50)]:
            assert future.result() == bytes(512)


@pytest.mark.parametrize("memory_backed", [0, 1])
def test_a_timer_is_never_early(target: str, memory_backed: int) -> None:
    nsec = 20_000_000
    driver = NullBlk(size=1, irqmode="TIMER", completion_nsec=nsec, memory_backed=memory_backed)
    with served(driver, target) as disk:
        for _ in range(3):
            begin = time.monotonic_ns()
            disk.read(0, 512)
            assert time.monotonic_ns() - begin >= nsec


def test_timers_run_side_by_side(target: str) -> None:
    nsec = 200_000_000
    with served(NullBlk(size=1, irqmode="TIMER", completion_nsec=nsec), target) as disk:
        begin = time.monotonic_ns()
        for future in [disk.submit_read(0, 512) for _ in range(60)]:
            future.result()
        assert nsec <= time.monotonic_ns() - begin < 60 * nsec


@pytest.mark.parametrize("irqmode", ["NONE", "SOFTIRQ"])
def test_other_modes_wait_for_no_timer(target: str, irqmode: str) -> None:
    with served(NullBlk(size=1, irqmode=irqmode, completion_nsec=1 << 62), target) as disk:
        assert disk.read(0, 512) == bytes(512)


def test_a_request_that_takes_too_long_times_out(target: str) -> None:
    begin = time.monotonic_ns()
    with served(ImpatientNullBlk(size=1, irqmode="TIMER", completion_nsec=1 << 62), target) as disk:
        with pytest.raises(DiskError) as failed:
            disk.read(0, 512)
        assert failed.value.status is BlkStatus.TIMEOUT
        assert time.monotonic_ns() - begin >= 50_000_000
        assert disk.counters()["nr_timeouts"] == 1
        assert disk.counters()["nr_errors"] == 0


def test_a_cache_is_no_larger_than_a_flush_can_be() -> None:
    driver = NullBlk()
    driver.set_cache_size((1 << 63) - 1)
    assert driver.cache_pages * PAGE_SIZE == 2 * SZ_1G


def test_module_parameters_make_equal_disks() -> None:
    made = null_blk_devices(gb=3, bs=65_536, nr_devices=2, irqmode=0)
    assert [driver.config for driver in made] == [
        NullBlkConfig(index=index, size=3 * 1024, blocksize=4096, irqmode=IrqMode.NONE) for index in (0, 1)
    ]
    assert null_blk_devices(nr_devices=0) == []
    assert null_blk_devices()[0].config == NullBlkConfig()
