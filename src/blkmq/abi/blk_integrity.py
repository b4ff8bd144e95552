# SPDX-License-Identifier: MIT
"""Flags of ``blk_integrity.flags``.  Header: ``include/linux/blk-integrity.h``, Linux 7.3."""

BLK_INTEGRITY_NOVERIFY = 1 << 0
BLK_INTEGRITY_NOGENERATE = 1 << 1
BLK_INTEGRITY_DEVICE_CAPABLE = 1 << 2
BLK_INTEGRITY_REF_TAG = 1 << 3
BLK_INTEGRITY_STACKED = 1 << 4
BLK_SPLIT_INTERVAL_CAPABLE = 1 << 5
