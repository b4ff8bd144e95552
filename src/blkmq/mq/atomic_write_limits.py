# SPDX-License-Identifier: MIT
"""The atomic-write part of ``QueueLimits``. C: ``blk_validate_atomic_write_limits``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blkmq.abi.bio import BIO_MAX_VECS
from blkmq.abi.blk_types import SECTOR_SHIFT
from blkmq.abi.blkdev import BLK_FEAT_ATOMIC_WRITES
from blkmq.abi.limits import UINT_MAX
from blkmq.abi.page import PAGE_SIZE

if TYPE_CHECKING:
    from blkmq.mq.queue_limits import QueueLimits


def validate_atomic_write_limits(limits: QueueLimits) -> None:
    """Derives what the block layer offers from what the device can do; all 0 where that breaks a rule."""
    if why_no_atomic_writes(limits):
        limits.atomic_write_max_sectors = 0
        limits.atomic_write_boundary_sectors = 0
        limits.atomic_write_unit_min = 0
        limits.atomic_write_unit_max = 0
        return

    unit = _largest_unit(limits)
    limits.atomic_write_max_sectors = min(limits.atomic_write_hw_max >> SECTOR_SHIFT, limits.max_hw_sectors)
    limits.atomic_write_boundary_sectors = limits.atomic_write_hw_boundary >> SECTOR_SHIFT
    limits.atomic_write_unit_min = min(limits.atomic_write_hw_unit_min, unit)
    limits.atomic_write_unit_max = min(limits.atomic_write_hw_unit_max, unit)


def why_no_atomic_writes(limits: QueueLimits) -> str:
    """The first rule that denies a disk its atomic writes; empty if it has them.  The kernel does not say."""
    hw_max, unit_min, unit_max = (
        limits.atomic_write_hw_max,
        limits.atomic_write_hw_unit_min,
        limits.atomic_write_hw_unit_max,
    )
    chunk, boundary = limits.chunk_sectors, limits.atomic_write_hw_boundary >> SECTOR_SHIFT
    rules = (
        (limits.features & BLK_FEAT_ATOMIC_WRITES, "features lacks BLK_FEAT_ATOMIC_WRITES"),
        (hw_max not in (0, UINT_MAX), "atomic_write_hw_max is not set"),
        (unit_min.bit_count() == 1, "atomic_write_hw_unit_min is no power of two"),
        (unit_max.bit_count() == 1, "atomic_write_hw_unit_max is no power of two"),
        (unit_min <= unit_max, "atomic_write_hw_unit_min exceeds atomic_write_hw_unit_max"),
        (unit_max <= hw_max, "atomic_write_hw_unit_max exceeds atomic_write_hw_max"),
        (not chunk or hw_max >> SECTOR_SHIFT <= chunk, "atomic_write_hw_max exceeds chunk_sectors"),
        (
            not boundary or hw_max <= limits.atomic_write_hw_boundary,
            "atomic_write_hw_max exceeds atomic_write_hw_boundary",
        ),
        (
            not chunk or not boundary or max(chunk, boundary) % min(chunk, boundary) == 0,
            "neither of chunk_sectors and atomic_write_hw_boundary is a multiple of the other",
        ),
        (not boundary or boundary.bit_count() == 1, "atomic_write_hw_boundary is no power of two"),
    )
    return next((complaint for holds, complaint in rules if not holds), "")


def _largest_unit(limits: QueueLimits) -> int:
    """The largest power of two that surely fits one bio, in bytes; the kernel's 32 bits wrap as here."""
    segments = min(BIO_MAX_VECS, limits.max_segments)
    guaranteed = min(segments, 2) * limits.logical_block_size + max(segments - 2, 0) * PAGE_SIZE
    largest = min(limits.max_hw_sectors << SECTOR_SHIFT & UINT_MAX, guaranteed)
    return 1 << largest.bit_length() >> 1
