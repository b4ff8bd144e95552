# SPDX-License-Identifier: MIT
"""Bounds that the block layer keeps to itself.  Header: ``block/blk.h`` (kernel source only), Linux 7.3."""

BLK_DEF_MAX_SECTORS_CAP = 8192  # 4 MiB
BLK_DEV_MAX_SECTORS = ((1 << 63) - 1) >> 9
BLK_MIN_SEGMENT_SIZE = 4096
