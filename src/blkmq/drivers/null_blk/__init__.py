# SPDX-License-Identifier: MIT
"""null_blk in Python: the reference driver."""

from blkmq.drivers.null_blk.config import IrqMode, NullBlkConfig
from blkmq.drivers.null_blk.main import NullBlk
from blkmq.drivers.null_blk.module import null_blk_devices

__all__ = ["IrqMode", "NullBlk", "NullBlkConfig", "null_blk_devices"]
