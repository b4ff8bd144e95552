# SPDX-License-Identifier: MIT
"""The verbs of ``GenDisk``, for compiled drivers."""

from __future__ import annotations

from blkmq.abi.block_blk import BLK_DEV_MAX_SECTORS
from blkmq.dispatch.call import Call, fail
from blkmq.dispatch.tag_set import disk_at
from blkmq.mq.errors import Fault
from blkmq.native.hot import hot

FAULT_VALUE = int(Fault.VALUE)


@hot
def gen_disk_set_capacity(call: Call, nr_sectors: int) -> None:
    if nr_sectors < 0:
        fail(call, FAULT_VALUE, nr_sectors)
    else:
        disk_at(call.disk_address, 0).capacity_sectors = min(nr_sectors, BLK_DEV_MAX_SECTORS)


@hot
def gen_disk_set_read_only(call: Call, flag: bool) -> None:
    disk_at(call.disk_address, 0).read_only = 1 if flag else 0
