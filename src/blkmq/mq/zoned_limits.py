# SPDX-License-Identifier: MIT
"""The zoned part of ``QueueLimits``. C: ``blk_validate_zoned_limits``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blkmq.abi.blkdev import BLK_FEAT_ZONED

if TYPE_CHECKING:
    from blkmq.mq.queue_limits import QueueLimits

ZONED_ONLY = ("max_open_zones", "max_active_zones", "zone_write_granularity", "max_zone_append_sectors")


def validate_zoned_limits(limits: QueueLimits) -> None:
    """Defaults and rules for a disk with BLK_FEAT_ZONED; for others, that nothing zoned is set.

    That ``chunk_sectors``, the zone size, is a power of two is for the later scan of the zones to refuse.
    """
    if not limits.features & BLK_FEAT_ZONED:
        for field in ZONED_ONLY:
            if getattr(limits, field):
                raise limits.refusal(
                    field, "must be 0 for a disk that is not zoned", hint="add BLK_FEAT_ZONED to features"
                )
        return

    if limits.max_active_zones and limits.max_open_zones > limits.max_active_zones:
        raise limits.refusal(
            "max_open_zones",
            f"must not exceed max_active_zones, which is {limits.max_active_zones}",
            hint="an open zone is an active one too",
        )
    limits.zone_write_granularity = max(limits.zone_write_granularity, limits.logical_block_size)

    possible = min(limits.chunk_sectors, limits.max_hw_sectors)
    by_device = limits.max_hw_zone_append_sectors
    limits.max_zone_append_sectors = min(by_device or possible, possible or by_device)
