# SPDX-License-Identifier: MIT
"""Protection information beside the data. C: ``struct blk_integrity`` (``include/linux/blkdev.h``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from blkmq.abi.blk_integrity import (
    BLK_INTEGRITY_NOGENERATE,
    BLK_INTEGRITY_NOVERIFY,
    BLK_INTEGRITY_REF_TAG,
    BLK_SPLIT_INTERVAL_CAPABLE,
)
from blkmq.abi.blk_types import SECTOR_SHIFT
from blkmq.abi.blkdev import (
    BLK_INTEGRITY_CSUM_CRC,
    BLK_INTEGRITY_CSUM_CRC64,
    BLK_INTEGRITY_CSUM_IP,
    BLK_INTEGRITY_CSUM_NONE,
    BLK_INTEGRITY_MAX_SIZE,
)
from blkmq.abi.limits import UINT_MAX
from blkmq.mq.integer import u8
from blkmq.mq.sized_record import SizedRecord

if TYPE_CHECKING:
    from blkmq.mq.queue_limits import QueueLimits

PI_TUPLE_SIZE = {
    BLK_INTEGRITY_CSUM_NONE: 0,
    BLK_INTEGRITY_CSUM_IP: 8,  # struct t10_pi_tuple
    BLK_INTEGRITY_CSUM_CRC: 8,
    BLK_INTEGRITY_CSUM_CRC64: 16,  # struct crc64_pi_tuple
}


@dataclass(slots=True)
class BlkIntegrity(SizedRecord):
    """How a disk's metadata is laid out: one tuple for each interval of data; all 0: no metadata."""

    flags: u8 = 0  #: BLK_INTEGRITY_*, BLK_SPLIT_INTERVAL_CAPABLE
    csum_type: u8 = 0  #: BLK_INTEGRITY_CSUM_*
    metadata_size: u8 = 0  #: bytes for each interval
    pi_offset: u8 = 0  #: where in them the protection information begins
    interval_exp: u8 = 0  #: the interval is 2^this bytes; default a logical block
    tag_size: u8 = 0  #: bytes of application tag
    pi_tuple_size: u8 = 0  #: bytes of protection information; the checksum type determines it


def validate_integrity_limits(limits: QueueLimits) -> None:
    """The integrity part of ``QueueLimits.validate``. C: ``blk_validate_integrity_limits``."""
    integrity = limits.integrity
    if integrity.metadata_size == 0:
        _require_unused(integrity)
        integrity.flags |= BLK_INTEGRITY_NOGENERATE | BLK_INTEGRITY_NOVERIFY
        return

    _require_consistent_tuple(integrity)
    block_exp = limits.logical_block_size.bit_length() - 1
    integrity.interval_exp = integrity.interval_exp or block_exp
    if not SECTOR_SHIFT <= integrity.interval_exp <= block_exp:
        raise integrity.refusal(
            "interval_exp",
            f"must be from {SECTOR_SHIFT} (a sector) to {block_exp} (a logical block)",
            hint="leave it 0 for a logical block",
        )

    if integrity.csum_type and not integrity.flags & BLK_SPLIT_INTERVAL_CAPABLE:
        limits.dma_alignment = max(limits.dma_alignment, (1 << integrity.interval_exp) - 1)
    limits.max_sectors = min(limits.max_sectors, _max_io_size(limits) >> SECTOR_SHIFT)


def _require_unused(integrity: BlkIntegrity) -> None:
    hint = "set metadata_size to have metadata"
    for field in ("csum_type", "tag_size"):
        if getattr(integrity, field):
            raise integrity.refusal(field, "must be 0 where metadata_size is 0", hint=hint)
    if integrity.flags & BLK_INTEGRITY_REF_TAG:
        raise integrity.refusal("flags", "has BLK_INTEGRITY_REF_TAG, but metadata_size is 0", hint=hint)


def _require_consistent_tuple(integrity: BlkIntegrity) -> None:
    if integrity.csum_type not in PI_TUPLE_SIZE:
        raise integrity.refusal("csum_type", "must be one of BLK_INTEGRITY_CSUM_*")
    if integrity.csum_type == BLK_INTEGRITY_CSUM_NONE and integrity.flags & BLK_INTEGRITY_REF_TAG:
        raise integrity.refusal(
            "flags",
            "has BLK_INTEGRITY_REF_TAG, but no checksum goes with it",
            hint="set csum_type, or clear the flag",
        )
    if integrity.pi_offset + integrity.pi_tuple_size > integrity.metadata_size:
        raise integrity.refusal(
            "pi_offset",
            f"plus pi_tuple_size {integrity.pi_tuple_size} must fit metadata_size {integrity.metadata_size}",
        )
    if integrity.pi_tuple_size != PI_TUPLE_SIZE[integrity.csum_type]:
        raise integrity.refusal(
            "pi_tuple_size",
            f"must be {PI_TUPLE_SIZE[integrity.csum_type]} with csum_type {integrity.csum_type}",
        )


def _max_io_size(limits: QueueLimits) -> int:
    """Bytes whose metadata fits one buffer. C: ``max_integrity_io_size``, whose int wraps as here."""
    integrity = limits.integrity
    intervals = BLK_INTEGRITY_MAX_SIZE // integrity.metadata_size
    return min(limits.max_segment_size, intervals << integrity.interval_exp & UINT_MAX)
