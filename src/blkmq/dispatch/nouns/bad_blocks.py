# SPDX-License-Identifier: MIT
"""The verbs of ``BadBlocks``: a sorted array of [first, end) ranges under a lock of its own."""

from __future__ import annotations

from blkmq.dispatch.call import Call, fail
from blkmq.dispatch.nouns.records import BadBlocksRecord
from blkmq.mq.bad_blocks import NR_RANGES_MAX
from blkmq.mq.errno import Errno
from blkmq.mq.errors import Fault
from blkmq.mq.integer import S64_MAX
from blkmq.native.atomic import atomic_cas, atomic_load, atomic_store, pause
from blkmq.native.hot import hot, hot_apart
from blkmq.native.memory import Word, alloc_zeroed, free_memory, word_at

FAULT_INDEX = int(Fault.INDEX)
ENOMEM, ENOSPC = int(Errno.ENOMEM), int(Errno.ENOSPC)
BYTES = (NR_RANGES_MAX + 1) * 16  #: one more than may stay, for a split on the way


@hot
def first_at(bad: BadBlocksRecord, i: int) -> Word:
    return word_at(bad.ranges, 2 * i)


@hot
def end_at(bad: BadBlocksRecord, i: int) -> Word:
    return word_at(bad.ranges, 2 * i + 1)


@hot
def leaves_disk(call: Call, sector: int, nr_sectors: int) -> bool:
    if sector < 0 or nr_sectors < 0 or sector > S64_MAX - nr_sectors:
        fail(call, FAULT_INDEX, sector)
        return True
    return False


@hot
def lock_ranges(bad: BadBlocksRecord) -> None:
    while not atomic_cas(bad, "lock", 0, 1):
        pause()


@hot
def remove_range(bad: BadBlocksRecord, i: int) -> None:
    nr = bad.nr_ranges - 1
    while i < nr:
        first_at(bad, i).value = first_at(bad, i + 1).value
        end_at(bad, i).value = end_at(bad, i + 1).value
        i += 1
    bad.nr_ranges = nr


@hot
def insert_range(bad: BadBlocksRecord, first: int, end: int) -> None:
    """Keeps the array sorted."""
    i = bad.nr_ranges + 0
    while i > 0 and first_at(bad, i - 1).value > first:
        first_at(bad, i).value = first_at(bad, i - 1).value
        end_at(bad, i).value = end_at(bad, i - 1).value
        i -= 1
    first_at(bad, i).value = first
    end_at(bad, i).value = end
    bad.nr_ranges = bad.nr_ranges + 1


@hot_apart
def bad_blocks_set(call: Call, bad: BadBlocksRecord, sector: int, nr_sectors: int) -> int:
    if leaves_disk(call, sector, nr_sectors) or nr_sectors == 0:
        return 0
    first = sector
    end = sector + nr_sectors
    lock_ranges(bad)
    if bad.ranges == 0:
        bad.ranges = alloc_zeroed(BYTES)
    result = 0 if bad.ranges != 0 else ENOMEM
    nr_touched = 0
    if result == 0:
        for i in range(bad.nr_ranges):
            if end_at(bad, i).value >= first and first_at(bad, i).value <= end:
                nr_touched += 1
        if bad.nr_ranges - nr_touched >= NR_RANGES_MAX:
            result = ENOSPC
    if result == 0:
        i = 0
        while i < bad.nr_ranges:
            if end_at(bad, i).value >= first and first_at(bad, i).value <= end:
                first = min(first, first_at(bad, i).value + 0)
                end = max(end, end_at(bad, i).value + 0)
                remove_range(bad, i)
            else:
                i += 1
        insert_range(bad, first, end)
    atomic_store(bad, "lock", 0)
    return result


@hot_apart
def bad_blocks_clear(call: Call, bad: BadBlocksRecord, sector: int, nr_sectors: int) -> int:
    if leaves_disk(call, sector, nr_sectors) or nr_sectors == 0 or atomic_load(bad, "nr_ranges") == 0:
        return 0
    first = sector
    end = sector + nr_sectors
    result = 0
    lock_ranges(bad)
    i = 0
    while i < bad.nr_ranges:
        old_first = first_at(bad, i).value + 0
        old_end = end_at(bad, i).value + 0
        if old_end <= first or old_first >= end:
            i += 1
        elif old_first < first and old_end > end:
            if bad.nr_ranges >= NR_RANGES_MAX:
                result = ENOSPC
            else:
                end_at(bad, i).value = first
                insert_range(bad, end, old_end)
            break
        elif old_first < first:
            end_at(bad, i).value = first
            i += 1
        elif old_end > end:
            first_at(bad, i).value = end
            i += 1
        else:
            remove_range(bad, i)
    atomic_store(bad, "lock", 0)
    return result


@hot_apart
def bad_blocks_first_bad(call: Call, bad: BadBlocksRecord, sector: int, nr_sectors: int) -> int:
    if leaves_disk(call, sector, nr_sectors) or nr_sectors == 0 or atomic_load(bad, "nr_ranges") == 0:
        return -1
    found = -1
    lock_ranges(bad)
    low = 0
    high = bad.nr_ranges + 0
    while low < high:  # the first range that ends behind the sector
        middle = (low + high) // 2
        if end_at(bad, middle).value <= sector:
            low = middle + 1
        else:
            high = middle
    if low < bad.nr_ranges and first_at(bad, low).value < sector + nr_sectors:
        found = max(sector, first_at(bad, low).value + 0)
    atomic_store(bad, "lock", 0)
    return found


@hot
def bad_blocks_destroy(bad: BadBlocksRecord) -> None:
    free_memory(bad.ranges)
    bad.ranges = 0
    bad.nr_ranges = 0
