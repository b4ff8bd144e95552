# SPDX-License-Identifier: MIT
"""Modes of ``fallocate``.  Header: ``include/uapi/linux/falloc.h``, Linux 7.3."""

FALLOC_FL_KEEP_SIZE = 0x01
FALLOC_FL_PUNCH_HOLE = 0x02
FALLOC_FL_ZERO_RANGE = 0x10
