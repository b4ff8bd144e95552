# SPDX-License-Identifier: MIT
"""What ``modprobe null_blk gb=… bs=… nr_devices=…`` makes.  C: ``null_init``."""

from __future__ import annotations

from blkmq import PAGE_SIZE, SZ_1K
from blkmq.drivers.null_blk.main import NullBlk


def null_blk_devices(*, gb: int = 250, bs: int = 512, nr_devices: int = 1, **attributes: int | str) -> list[NullBlk]:
    """``nr_devices`` equal disks of ``gb`` GiB in blocks of ``bs`` bytes, of a page at most; any attribute besides.

    ``serve()`` gives such a list one tag set, as ``shared_tags=1`` does.
    """
    return [
        NullBlk(index=index, size=gb * SZ_1K, blocksize=min(bs, PAGE_SIZE), **attributes) for index in range(nr_devices)
    ]
