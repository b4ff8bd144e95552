# SPDX-License-Identifier: MIT
"""A disk's geometry, for who still asks (HDIO_GETGEO). C twin: ``struct hd_geometry``."""

from __future__ import annotations

from dataclasses import dataclass

from blkmq.mq.integer import u8, u16, u64
from blkmq.mq.sized_record import SizedRecord


@dataclass(slots=True)
class HdGeometry(SizedRecord):
    """What ``getgeo`` fills in; ``start`` is the disk's own, 0 for a whole disk."""

    heads: u8 = 0
    sectors: u8 = 0  #: sectors of 512 bytes on a track
    cylinders: u16 = 0
    start: u64 = 0  #: first sector, in units of 512 bytes
