# SPDX-License-Identifier: MIT
"""A disk as programs see it. C twin: ``struct gendisk``; Rust: ``kernel::block::mq::gen_disk::GenDisk``."""

from __future__ import annotations

from dataclasses import dataclass

from blkmq.abi.block_blk import BLK_DEV_MAX_SECTORS
from blkmq.mq.integer import u8, u64
from blkmq.mq.sized_record import SizedRecord
from blkmq.mq.verb import verb


@dataclass(slots=True)
class GenDisk(SizedRecord):
    """One disk: its name, its size, and whether it can be written."""

    disk_name: str = ""  #: as under /dev, at most 31 bytes
    capacity_sectors: u64 = 0  #: size in units of 512 bytes, whatever the block size
    read_only: u8 = 0  #: 1: writes are refused before they reach the driver

    @verb()
    def set_capacity(self, nr_sectors: int) -> None:
        """Resizes the disk and tells who uses it. C: ``set_capacity_and_notify``.

        A size beyond 2^63 - 1 bytes is cut to that, as the kernel does; a negative one is a value error.
        """
        self.capacity_sectors = min(nr_sectors, BLK_DEV_MAX_SECTORS)

    @verb()
    def set_read_only(self, flag: bool) -> None:
        """Makes the disk read-only or writable; requests under way still end. C: ``set_disk_ro``."""
        self.read_only = int(flag)
