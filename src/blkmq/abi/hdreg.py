# SPDX-License-Identifier: MIT
"""Disk geometry, for who still asks.  Header: ``include/uapi/linux/hdreg.h``, Linux 7.3."""

HDIO_GETGEO = 0x0301
