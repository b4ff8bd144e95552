# SPDX-License-Identifier: MIT
"""What ``statx`` is asked for.  Header: ``include/uapi/linux/stat.h``, Linux 7.3."""

STATX_DIOALIGN = 0x00002000
