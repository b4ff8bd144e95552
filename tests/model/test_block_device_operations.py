# SPDX-License-Identifier: MIT
"""The callbacks of ``struct block_device_operations``, through the disk object, on every target."""

from __future__ import annotations

import errno

import pytest

from blkmq import BlkStatus, Errno, HdGeometry, HwCtx, Operations, QueueLimits, Request, TagSet, UniqueId, u64
from blkmq.drivers.ramdisk import RamDisk
from tests.targets import served

NAA = 3


class Ioctls(Operations):
    """Answers all that may be asked of it."""

    nr_opens: u64

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        self.disk.capacity_sectors = 4096
        return Errno.OK

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        rq.start()
        rq.end()
        return BlkStatus.OK

    def open(self) -> Errno:
        self.nr_opens += 1
        return Errno.OK

    def getgeo(self, geo: HdGeometry) -> Errno:
        geo.heads = 4
        geo.sectors = 16
        geo.cylinders = self.disk.capacity_sectors // 64
        return Errno.OK

    def get_unique_id(self, unique_id: UniqueId, id_type: int) -> int:
        if id_type != NAA:
            return Errno.EINVAL
        unique_id.word0 = 0x50_00_12_34
        unique_id.word1 = 0xFF_EE_DD_CC
        return 8

    def report_zones(self, sector: int, nr_zones: int) -> int:
        if sector >= self.disk.capacity_sectors:
            return Errno.EINVAL
        return min(nr_zones, (self.disk.capacity_sectors - sector) // 1024)

    def ioctl(self, cmd: int, arg: int) -> int:
        if cmd == 1:
            return self.nr_opens
        if cmd == 2:
            self.disk.set_capacity(arg)
            return 0
        return Errno.ENOTTY

    def busy(self) -> bool:
        return self.disk.read_only == 1


def test_a_disk_answers_what_it_is_asked(target: str) -> None:
    with served(Ioctls(), target) as disk:
        assert disk.getgeo() == HdGeometry(heads=4, sectors=16, cylinders=64)
        assert disk.get_unique_id(NAA) == bytes.fromhex("50001234ffeeddcc")
        assert disk.ioctl(1) == 1
        assert (disk.report_zones(0, 100), disk.report_zones(3072, 100), disk.report_zones(0, 2)) == (4, 1, 2)
        with pytest.raises(OSError, match="EINVAL"):
            disk.report_zones(4096, 1)
        assert not disk.busy()
        with pytest.raises(OSError, match="EINVAL") as refused:
            disk.get_unique_id(1)
        assert refused.value.errno == errno.EINVAL
        with pytest.raises(OSError, match="ENOTTY"):
            disk.ioctl(3)


def test_a_disk_can_be_resized_while_it_is_in_use(target: str) -> None:
    with served(Ioctls(), target) as disk:
        assert disk.size == 2 << 20
        disk.ioctl(2, 8192)
        assert disk.size == 4 << 20
        disk.read(disk.size - 512, 512)


def test_what_a_driver_does_not_fill_is_not_there(target: str) -> None:
    with served(RamDisk(size=1), target) as disk:
        for ask in (
            disk.getgeo,
            lambda: disk.get_unique_id(NAA),
            lambda: disk.ioctl(1),
            lambda: disk.report_zones(0, 1),
        ):
            with pytest.raises(OSError, match="has no") as absent:
                ask()
            assert absent.value.errno == errno.ENOTTY
        assert not disk.busy()
