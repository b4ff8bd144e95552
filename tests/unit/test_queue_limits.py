# SPDX-License-Identifier: MIT
"""The rules of ``blk_validate_limits``, each by example (``block/blk-settings.c``, Linux 7.3)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from blkmq.abi import blk_integrity as integrity_abi
from blkmq.abi import blkdev
from blkmq.abi.limits import UINT_MAX
from blkmq.mq.atomic_write_limits import why_no_atomic_writes
from blkmq.mq.blk_integrity import BlkIntegrity
from blkmq.mq.errors import ConfigError, DriverValueError
from blkmq.mq.queue_limits import QueueLimits

CRC, CRC64 = blkdev.BLK_INTEGRITY_CSUM_CRC, blkdev.BLK_INTEGRITY_CSUM_CRC64
REF_TAG = integrity_abi.BLK_INTEGRITY_REF_TAG
ZONED = {"features": blkdev.BLK_FEAT_ZONED, "chunk_sectors": 0x80000}
ATOMIC = {
    "features": blkdev.BLK_FEAT_ATOMIC_WRITES,
    "max_hw_sectors": 2048,
    "atomic_write_hw_max": 1 << 20,
    "atomic_write_hw_unit_min": 4096,
    "atomic_write_hw_unit_max": 1 << 16,
}
T10_PI = {"csum_type": CRC, "metadata_size": 8, "pi_tuple_size": 8}


def validated(*, integrity: Any = None, **settings: int) -> QueueLimits:
    """Validated limits; ``integrity`` is a dict."""
    limits = QueueLimits(**settings, integrity=BlkIntegrity(**integrity or {}))
    limits.validate()
    return limits


def test_defaults() -> None:
    before, after = asdict(QueueLimits()), asdict(validated())
    assert {name: value for name, value in after.items() if value != before[name]} == {
        "seg_boundary_mask": 0xFFFFFFFF,
        "max_hw_sectors": 255,
        "max_sectors": 255,
        "max_segment_size": 65536,
        "max_fast_segment_size": 4096,
        "physical_block_size": 512,
        "logical_block_size": 512,
        "io_min": 512,
        "max_segments": 128,
        "max_discard_segments": 1,
        "dma_alignment": 511,
        "integrity": before["integrity"]
        | {"flags": integrity_abi.BLK_INTEGRITY_NOGENERATE | integrity_abi.BLK_INTEGRITY_NOVERIFY},
    }


def test_a_new_object_is_zero_but_for_what_users_may_lower() -> None:
    new = asdict(QueueLimits())
    assert {name: value for name, value in new.items() if value} == {
        "max_user_discard_sectors": UINT_MAX,
        "max_user_wzeroes_unmap_sectors": UINT_MAX,
        "integrity": asdict(BlkIntegrity()),
    }
    assert not any(new["integrity"].values())


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        # block sizes
        ({"logical_block_size": 4096}, {"physical_block_size": 4096, "io_min": 4096, "max_hw_sectors": 248}),
        ({"logical_block_size": 65536, "max_hw_sectors": 128}, {"max_sectors": 128, "io_min": 65536}),
        ({"physical_block_size": 4096}, {"logical_block_size": 512, "io_min": 4096}),
        ({"logical_block_size": 4096, "physical_block_size": 512}, {"physical_block_size": 4096}),
        ({"logical_block_size": 4096, "physical_block_size": 1000}, {"physical_block_size": 4096}),
        ({"physical_block_size": 4096, "io_min": 16384}, {"io_min": 16384}),
        ({"physical_block_size": 4096, "io_opt": 10_000}, {"io_opt": 8192}),
        ({"physical_block_size": 4096, "io_opt": 4095}, {"io_opt": 0}),
        # request size
        ({"max_hw_sectors": 8}, {"max_hw_sectors": 8, "max_sectors": 8}),
        ({"max_hw_sectors": UINT_MAX}, {"max_hw_sectors": UINT_MAX, "max_sectors": 8192}),
        (
            {"max_hw_sectors": 100_000, "max_dev_sectors": 100},
            {"max_hw_sectors": 100_000, "max_sectors": 100},
        ),
        ({"max_hw_sectors": 100_000, "max_user_sectors": 20_000}, {"max_sectors": 20_000}),
        ({"max_hw_sectors": 100_000, "io_opt": 8 << 20}, {"max_sectors": 16384}),
        ({"max_hw_sectors": 10_000, "io_opt": 8 << 20}, {"max_sectors": 10_000}),
        ({"max_hw_sectors": 100_000, "io_opt": 4 << 20}, {"max_sectors": 8192}),
        ({"max_hw_sectors": 100_000, "io_min": 8 << 20, "io_opt": 4 << 20}, {"max_sectors": 16384}),
        ({"max_hw_sectors": 255, "logical_block_size": 4096, "max_dev_sectors": 30}, {"max_sectors": 24}),
        ({"logical_block_size": 4096, "max_dev_sectors": 7}, {"max_sectors": 0}),  # the kernel's, as it is
        ({"max_sectors": 1}, {"max_sectors": 255}),  # derived
        # write zeroes and discard
        (
            {"max_write_zeroes_sectors": 64, "max_hw_wzeroes_unmap_sectors": 64},
            {"max_wzeroes_unmap_sectors": 64},
        ),
        (
            {
                "max_write_zeroes_sectors": 64,
                "max_hw_wzeroes_unmap_sectors": 64,
                "max_user_wzeroes_unmap_sectors": 8,
            },
            {"max_wzeroes_unmap_sectors": 8},
        ),
        ({"max_write_zeroes_sectors": 64}, {"max_write_zeroes_sectors": 64, "max_wzeroes_unmap_sectors": 0}),
        ({"max_secure_erase_sectors": 64}, {"max_secure_erase_sectors": 64}),
        ({"max_hw_discard_sectors": 64}, {"max_discard_sectors": 64, "discard_granularity": 512}),
        ({"max_hw_discard_sectors": 64, "max_user_discard_sectors": 8}, {"max_discard_sectors": 8}),
        (
            {"max_hw_discard_sectors": 64, "physical_block_size": 4096, "discard_granularity": 512},
            {"discard_granularity": 4096},
        ),
        ({"max_hw_discard_sectors": 64, "discard_granularity": 8192}, {"discard_granularity": 8192}),
        ({"discard_granularity": 8192}, {"discard_granularity": 0, "max_discard_sectors": 0}),
        ({"max_discard_segments": 256}, {"max_discard_segments": 256}),
        # segments
        ({"max_segments": 1}, {"max_segments": 1}),
        ({"seg_boundary_mask": 4095}, {"seg_boundary_mask": 4095, "max_fast_segment_size": 4096}),
        ({"max_segment_size": 4096}, {"max_segment_size": 4096, "max_fast_segment_size": 4096}),
        ({"virt_boundary_mask": 4095}, {"max_segment_size": UINT_MAX, "max_fast_segment_size": 4096}),
        (
            {"virt_boundary_mask": 4095, "max_segment_size": 512},
            {"max_segment_size": 512, "max_fast_segment_size": 512},
        ),
        # alignment
        ({"dma_alignment": 3}, {"dma_alignment": 3}),
        ({"dma_alignment": 4096}, {"dma_alignment": 4096}),
        (
            {"physical_block_size": 4096, "alignment_offset": 7168, "flags": blkdev.BLK_FLAG_MISALIGNED},
            {"alignment_offset": 3072, "flags": 0},
        ),
        ({"flags": blkdev.BLK_FLAG_MISALIGNED}, {"flags": blkdev.BLK_FLAG_MISALIGNED}),
        # write cache
        ({"features": blkdev.BLK_FEAT_FUA}, {"features": 0}),
        ({"features": blkdev.BLK_FEAT_WRITE_CACHE}, {"features": blkdev.BLK_FEAT_WRITE_CACHE}),
        (
            {"features": blkdev.BLK_FEAT_WRITE_CACHE | blkdev.BLK_FEAT_FUA},
            {"features": blkdev.BLK_FEAT_WRITE_CACHE | blkdev.BLK_FEAT_FUA},
        ),
        # zoned
        (ZONED, {"zone_write_granularity": 512, "max_zone_append_sectors": 255}),
        (
            ZONED | {"logical_block_size": 4096},
            {"zone_write_granularity": 4096, "max_zone_append_sectors": 248},
        ),
        (ZONED | {"zone_write_granularity": 16384}, {"zone_write_granularity": 16384}),
        (ZONED | {"max_hw_zone_append_sectors": 16}, {"max_zone_append_sectors": 16}),
        (ZONED | {"max_hw_sectors": 1 << 20}, {"max_zone_append_sectors": 0x80000}),
        (ZONED | {"chunk_sectors": 0, "max_hw_zone_append_sectors": 16}, {"max_zone_append_sectors": 16}),
        (ZONED | {"max_open_zones": 5}, {"max_open_zones": 5}),
        (ZONED | {"max_open_zones": 5, "max_active_zones": 5}, {"max_active_zones": 5}),
    ],
)
def test_accepted(given: dict[str, int], expected: dict[str, int]) -> None:
    limits = validated(**given)
    assert {field: getattr(limits, field) for field in expected} == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"logical_block_size": 1000}, "logical_block_size = 1000: must be a power of two from 512 to 65536"),
        ({"logical_block_size": 256}, "logical_block_size = 256: must be a power of two from 512 to 65536"),
        (
            {"logical_block_size": 1 << 17},
            "logical_block_size = 131072: must be a power of two from 512 to 65536",
        ),
        ({"physical_block_size": 1000}, "physical_block_size = 1000: must be a power of two"),
        (
            {"max_hw_sectors": 7},
            "max_hw_sectors = 7: must hold a page (8 sectors) and a logical block (1 sectors)",
        ),
        (
            {"max_hw_sectors": 64, "logical_block_size": 65536},
            "max_hw_sectors = 64: must hold a page (8 sectors) and a logical block (128 sectors)",
        ),
        ({"max_user_sectors": 7}, "max_user_sectors = 7: must hold a page: 8 sectors"),
        (
            {"max_write_zeroes_sectors": 64, "max_hw_wzeroes_unmap_sectors": 32},
            "max_hw_wzeroes_unmap_sectors = 32: must be 0 or max_write_zeroes_sectors, which is 64",
        ),
        (
            {"seg_boundary_mask": 4094},
            "seg_boundary_mask = 4094: must leave a page in one segment: at least 4095",
        ),
        ({"max_segment_size": 4095}, "max_segment_size = 4095: must hold a page: at least 4096 bytes"),
        ({"dma_alignment": 4097}, "dma_alignment = 4097: must be at most 4096"),
        ({"max_open_zones": 1}, "max_open_zones = 1: must be 0 for a disk that is not zoned"),
        ({"max_active_zones": 1}, "max_active_zones = 1: must be 0 for a disk that is not zoned"),
        ({"zone_write_granularity": 1}, "zone_write_granularity = 1: must be 0 for a disk that is not zoned"),
        (
            {"max_zone_append_sectors": 1},
            "max_zone_append_sectors = 1: must be 0 for a disk that is not zoned",
        ),
        (
            ZONED | {"max_open_zones": 6, "max_active_zones": 5},
            "max_open_zones = 6: must not exceed max_active_zones, which is 5",
        ),
        ({"integrity": {"csum_type": CRC}}, "csum_type = 2: must be 0 where metadata_size is 0"),
        ({"integrity": {"tag_size": 2}}, "tag_size = 2: must be 0 where metadata_size is 0"),
        ({"integrity": {"flags": REF_TAG}}, "flags = 8: has BLK_INTEGRITY_REF_TAG, but metadata_size is 0"),
        (
            {"integrity": {"metadata_size": 8, "flags": REF_TAG}},
            "flags = 8: has BLK_INTEGRITY_REF_TAG, but no checksum goes with it",
        ),
        ({"integrity": T10_PI | {"csum_type": 4}}, "csum_type = 4: must be one of BLK_INTEGRITY_CSUM_*"),
        (
            {"integrity": T10_PI | {"pi_offset": 1}},
            "pi_offset = 1: plus pi_tuple_size 8 must fit metadata_size 8",
        ),
        (
            {"integrity": {"metadata_size": 8, "pi_tuple_size": 8}},
            "pi_tuple_size = 8: must be 0 with csum_type 0",
        ),
        ({"integrity": T10_PI | {"pi_tuple_size": 4}}, "pi_tuple_size = 4: must be 8 with csum_type 2"),
        ({"integrity": T10_PI | {"csum_type": CRC64}}, "pi_tuple_size = 8: must be 16 with csum_type 3"),
        ({"integrity": T10_PI | {"interval_exp": 8}}, "interval_exp = 8: must be from 9 (a sector) to 9"),
        ({"integrity": T10_PI | {"interval_exp": 10}}, "interval_exp = 10: must be from 9 (a sector) to 9"),
    ],
)
def test_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        validated(**given)
    assert str(refused.value).startswith(message)
    assert refused.value.field == message.split()[0]


def test_integrity_bounds_requests_and_alignment() -> None:
    limits = validated(logical_block_size=4096, max_hw_sectors=4096, max_segment_size=1 << 19, integrity=T10_PI)
    assert limits.integrity.interval_exp == 12
    assert limits.dma_alignment == 4095
    assert limits.max_sectors == (1 << 19) >> 9

    splits = T10_PI | {"flags": integrity_abi.BLK_SPLIT_INTERVAL_CAPABLE, "metadata_size": 255}
    limits = validated(max_hw_sectors=1 << 20, max_segment_size=UINT_MAX, io_opt=1 << 29, integrity=splits)
    assert limits.dma_alignment == 511
    assert limits.max_sectors == (2 << 20) // 255


def test_the_kernel_refuses_its_own_result_for_large_protected_blocks() -> None:
    """It bounds ``dma_alignment`` by a page, then raises it to the interval: the next update is refused."""
    limits = validated(logical_block_size=8192, integrity=T10_PI)
    assert limits.dma_alignment == 8191
    with pytest.raises(ConfigError, match="dma_alignment = 8191"):
        limits.validate()


def test_atomic_writes() -> None:
    limits = validated(**ATOMIC)
    assert not why_no_atomic_writes(limits)
    assert limits.atomic_write_max_sectors == 2048
    assert (limits.atomic_write_unit_min, limits.atomic_write_unit_max) == (4096, 1 << 16)
    assert limits.atomic_write_boundary_sectors == 0

    limits = validated(**ATOMIC | {"atomic_write_hw_boundary": 1 << 21, "max_segments": 4})
    assert limits.atomic_write_boundary_sectors == 4096
    assert limits.atomic_write_unit_max == 8192  # two blocks and two pages, rounded down


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"features": 0}, "features lacks BLK_FEAT_ATOMIC_WRITES"),
        ({"atomic_write_hw_max": 0}, "atomic_write_hw_max is not set"),
        ({"atomic_write_hw_max": UINT_MAX}, "atomic_write_hw_max is not set"),
        ({"atomic_write_hw_unit_min": 0}, "atomic_write_hw_unit_min is no power of two"),
        ({"atomic_write_hw_unit_max": 5000}, "atomic_write_hw_unit_max is no power of two"),
        ({"atomic_write_hw_unit_min": 1 << 17}, "atomic_write_hw_unit_min exceeds atomic_write_hw_unit_max"),
        ({"atomic_write_hw_unit_max": 1 << 21}, "atomic_write_hw_unit_max exceeds atomic_write_hw_max"),
        ({"chunk_sectors": 2047}, "atomic_write_hw_max exceeds chunk_sectors"),
        ({"atomic_write_hw_boundary": 1 << 19}, "atomic_write_hw_max exceeds atomic_write_hw_boundary"),
        (
            {"chunk_sectors": 3000, "atomic_write_hw_boundary": 1 << 21},
            "neither of chunk_sectors and atomic_write_hw_boundary is a multiple of the other",
        ),
        ({"atomic_write_hw_boundary": 3 << 20}, "atomic_write_hw_boundary is no power of two"),
    ],
)
def test_no_atomic_writes(given: dict[str, int], reason: str) -> None:
    limits = validated(**ATOMIC | given)
    assert why_no_atomic_writes(limits) == reason
    assert limits.atomic_write_max_sectors == 0
    assert limits.atomic_write_unit_min == 0
    assert limits.atomic_write_unit_max == 0
    assert limits.atomic_write_boundary_sectors == 0


def test_a_value_that_does_not_fit_is_refused_where_it_enters() -> None:
    limits = QueueLimits()
    with pytest.raises(DriverValueError, match=r"max_segments: 65536 outside 0\.\.65535 of a u16"):
        limits.max_segments = 65536
    with pytest.raises(DriverValueError, match="metadata_size"):
        limits.integrity.metadata_size = -1
