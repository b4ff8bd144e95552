# SPDX-License-Identifier: MIT
"""Write Linux block device drivers in Python.

A disk of a driver that is here already; how to write one is told by :mod:`blkmq.mq`::

    >>> import blkmq
    >>> from blkmq.drivers.ramdisk import RamDisk
    >>> with blkmq.serve(RamDisk(size=16), via="in_process", target="interpreted") as disk:
    ...     disk.write(0, b"Hello, block layer".ljust(512, b"."))
    ...     disk.read(0, 512)[:18]
    b'Hello, block layer'
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from blkmq.abi.blk_mq import BLK_MQ_F_BLOCKING
from blkmq.abi.blk_types import SECTOR_SHIFT, SECTOR_SIZE
from blkmq.abi.blkdev import BLK_FEAT_FUA, BLK_FEAT_ROTATIONAL, BLK_FEAT_WRITE_CACHE
from blkmq.abi.page import PAGE_SHIFT, PAGE_SIZE
from blkmq.abi.sizes import SZ_1G, SZ_1K, SZ_1M
from blkmq.mq.array import Array
from blkmq.mq.atomic import Atomic
from blkmq.mq.backing_file import BackingFile
from blkmq.mq.bad_blocks import BadBlocks
from blkmq.mq.blk_eh import BlkEhTimerReturn
from blkmq.mq.blk_status import BlkStatus
from blkmq.mq.clock import ktime_get_ns
from blkmq.mq.errno import Errno
from blkmq.mq.errors import BlkmqError, ConfigError, DriverError
from blkmq.mq.gen_disk import GenDisk
from blkmq.mq.hctx_type import HctxType
from blkmq.mq.hd_geometry import HdGeometry
from blkmq.mq.hr_timer import HrTimer
from blkmq.mq.hw_ctx import HwCtx
from blkmq.mq.integer import Const, Live, s8, s16, s32, s64, u8, u16, u32, u64
from blkmq.mq.io_completion_batch import IoCompletionBatch
from blkmq.mq.mutex import Mutex
from blkmq.mq.operations import Operations
from blkmq.mq.page import Page
from blkmq.mq.page_store import PageStore
from blkmq.mq.queue_limits import QueueLimits
from blkmq.mq.req_op import ReqFlag, ReqOp
from blkmq.mq.request import Request
from blkmq.mq.request_list import RequestList
from blkmq.mq.segment import Segment
from blkmq.mq.spin_lock import SpinLock
from blkmq.mq.tag_set import TagSet
from blkmq.mq.unique_id import UniqueId
from blkmq.mq.work import Work
from blkmq.mq.xarray import XArray

if TYPE_CHECKING:
    from blkmq.device.serve import serve

__version__ = "0.1.0"

__all__ = [
    "BLK_FEAT_FUA",
    "BLK_FEAT_ROTATIONAL",
    "BLK_FEAT_WRITE_CACHE",
    "BLK_MQ_F_BLOCKING",
    "PAGE_SHIFT",
    "PAGE_SIZE",
    "SECTOR_SHIFT",
    "SECTOR_SIZE",
    "SZ_1G",
    "SZ_1K",
    "SZ_1M",
    "Annotated",
    "Array",
    "Atomic",
    "BackingFile",
    "BadBlocks",
    "BlkEhTimerReturn",
    "BlkStatus",
    "BlkmqError",
    "ConfigError",
    "Const",
    "DriverError",
    "Errno",
    "GenDisk",
    "HctxType",
    "HdGeometry",
    "HrTimer",
    "HwCtx",
    "IoCompletionBatch",
    "Live",
    "Mutex",
    "Operations",
    "Page",
    "PageStore",
    "Path",
    "QueueLimits",
    "ReqFlag",
    "ReqOp",
    "Request",
    "RequestList",
    "Segment",
    "SpinLock",
    "TagSet",
    "UniqueId",
    "Work",
    "XArray",
    "ktime_get_ns",
    "s8",
    "s16",
    "s32",
    "s64",
    "serve",
    "u8",
    "u16",
    "u32",
    "u64",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """``serve`` and what it needs are imported when first asked for."""
    if name == "serve":
        from blkmq.device.serve import serve

        return serve
    raise AttributeError(f"module 'blkmq' has no attribute {name!r}")
