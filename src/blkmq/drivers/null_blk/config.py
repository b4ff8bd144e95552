# SPDX-License-Identifier: MIT
"""The attributes of null_blk: C's names, units and defaults (``struct nullb_device``, ``null_alloc_dev``)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from blkmq import Const, u32, u64


class IrqMode(IntEnum):
    """How a request completes."""

    NONE = 0  #: at once, in ``queue_rq``
    SOFTIRQ = 1  #: in the ``complete`` callback
    TIMER = 2  #: after ``completion_nsec``


@dataclass(frozen=True, kw_only=True)
class NullBlkConfig:
    """One disk.  Still to come, in groups that have a file each:

    badblocks, badblocks_once, badblocks_partial_io · mbps · poll_queues · power ·
    home_node, no_sched, queue_mode, shared_tag_bitmap, shared_tags, use_per_node_hctx ·
    zoned, zone_append_max_sectors, zone_capacity, zone_full, zone_max_active, zone_max_open, zone_nr_conv,
    zone_offline, zone_readonly, zone_size.
    """

    index: u32 = 0  #: number of the disk, as in nullb0
    size: u64 = 250 * 1024  #: MiB
    blocksize: u32 = 512  #: bytes, a power of two from 512 to 65536
    max_sectors: u32 = 0  #: largest request, in sectors of 512 bytes; 0: 255
    virt_boundary: bool = False  #: no gaps within pages between the segments of a request
    rotational: bool = False  #: says that it rotates

    submit_queues: u32 = 1  #: hardware queues, as many as there are CPUs at most
    hw_queue_depth: u32 = 64  #: tags of each hardware queue, 1..10240
    blocking: bool = False  #: queue_rq may sleep; implied by memory_backed

    irqmode: Const[IrqMode] = IrqMode.SOFTIRQ  #: completes 0: at once, 1: in the softirq, 2: by a timer
    completion_nsec: u64 = 10_000  #: ns until the timer of irqmode 2 completes a request

    memory_backed: Const[bool] = False  #: keeps what is written
    discard: bool = False  #: takes discards; needs memory_backed
    cache_size: u64 = 0  #: MiB of volatile write cache; needs memory_backed
    fua: bool = True  #: takes FUA writes past the cache

    def notes(self) -> list[str]:
        """What C says in the kernel log about attributes that it ignores."""
        if self.discard and not self.memory_backed:
            return ["discard option is ignored without memory backing"]
        return []
