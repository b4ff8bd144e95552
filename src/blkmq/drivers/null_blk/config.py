# SPDX-License-Identifier: MIT
"""The attributes of null_blk: C's names, units and defaults (``struct nullb_device``, ``null_alloc_dev``)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from blkmq import PAGE_SIZE, SZ_1K, Const, Live, u32, u64

MAX_SIZE = 1 << 43  #: MiB: 2^63 bytes
MAX_CACHE_MIB = 2048  #: one callback has the fuel to flush that


#: Attributes of C's that are still to come, in groups that will have a file each.
TO_COME = (
    "badblocks", "badblocks_once", "badblocks_partial_io", "mbps", "poll_queues", "power",
    "home_node", "no_sched", "shared_tag_bitmap", "shared_tags", "use_per_node_hctx",
    "zoned", "zone_append_max_sectors", "zone_capacity", "zone_full", "zone_max_active", "zone_max_open",
    "zone_nr_conv", "zone_offline", "zone_readonly", "zone_size",
)  # fmt: skip


class IrqMode(IntEnum):
    """How a request completes."""

    NONE = 0  #: at once, in ``queue_rq``
    SOFTIRQ = 1  #: in the ``complete`` callback
    TIMER = 2  #: after ``completion_nsec``


@dataclass(frozen=True, kw_only=True)
class NullBlkConfig:
    """One disk; what C's has besides is in TO_COME."""

    index: u32 = 0  #: number of the disk among those made together
    size: u64 = 250 * 1024  #: capacity [MiB, 0..2^43]
    blocksize: u32 = 512  #: logical and physical block [bytes, 512..65536 by powers of two]
    max_sectors: u32 = 0  #: largest request; 0: 255 [sectors of 512 bytes, 0 or 8..2^32-1]
    virt_boundary: bool = False  #: no gaps within pages between the segments of a request
    rotational: bool = False  #: says that it rotates

    submit_queues: Live[u32] = 1  #: hardware queues [queues, 1..CPUs]
    hw_queue_depth: u32 = 64  #: tags of each hardware queue [tags, 1..10240]
    blocking: bool = False  #: queue_rq may sleep; implied by memory_backed

    irqmode: Const[IrqMode] = IrqMode.SOFTIRQ  #: completes at once, in the softirq, or by a timer
    completion_nsec: u64 = 10_000  #: how long the timer takes, with irqmode=TIMER [ns]

    memory_backed: Const[bool] = False  #: keeps what is written
    discard: bool = False  #: takes discards; needs memory_backed
    cache_size: u64 = 0  #: volatile write cache; needs memory_backed [MiB, 0..2048]
    fua: bool = True  #: takes FUA writes past the cache; needs cache_size

    module_names = ("null_blk", "nullb", "nullb")  # C's: of the module, its configfs tree, its disks
    of_module = (("gb", "size", SZ_1K, MAX_SIZE), ("bs", "blocksize", 1, PAGE_SIZE))  # what `blkmq add` takes besides
    instead = (  # hints for who is used to the parameters of the C module
        ("gb", "that is the C module's: give size, in MiB, 1024 for each GiB"),
        ("bs", "that is the C module's: give blocksize"),
        ("nr_devices", "that is the C module's; here one disk is made: in Python, null_blk_devices() makes several"),
        *((name, "C's null_blk has it; here it is still to come") for name in TO_COME),
        ("queue_mode", "leave it out: there is multiqueue alone, C's queue_mode=2"),
    )

    def notes(self) -> list[str]:
        """What differs from what was asked for. C: ``null_validate_conf``, mostly without a word.

        What the tag set lowers, submit_queues to the CPUs and hw_queue_depth to 10240, it says itself.
        """
        notes = []
        if self.size > MAX_SIZE:
            notes.append(f"size = {self.size} is lowered to {MAX_SIZE}: 2^63 bytes")
        if self.submit_queues == 0:
            notes.append("submit_queues = 0 is raised to 1")
        if self.discard and not self.memory_backed:
            notes.append("discard option is ignored without memory backing")
        if self.cache_size and not self.memory_backed:
            notes.append("cache_size is ignored without memory backing")
        elif self.cache_size > MAX_CACHE_MIB:
            notes.append(
                f"cache_size = {self.cache_size} is lowered to {MAX_CACHE_MIB}: as much as one flush can write"
            )
        return notes
