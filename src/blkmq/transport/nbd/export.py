# SPDX-License-Identifier: MIT
"""A disk as NBD describes it: what the handshake offers, and what requests are checked against."""

from __future__ import annotations

import ctypes

from blkmq.abi import nbd
from blkmq.abi.blk_types import SECTOR_SHIFT
from blkmq.abi.blkdev import BLK_FEAT_FUA, BLK_FEAT_ROTATIONAL, BLK_FEAT_WRITE_CACHE
from blkmq.abi.page import PAGE_SIZE
from blkmq.dispatch.executable import Executable
from blkmq.dispatch.running_set import Disk
from blkmq.mq.integer import s64
from blkmq.mq.queue_limits import QueueLimits
from blkmq.native.record import Record, accessor
from blkmq.transport.nbd.buffer import BIG_BYTES
from blkmq.transport.nbd.handshake import Offer
from blkmq.transport.nbd.wire import BlockSizes

REQUEST_BYTES_MAX = (1 << 32) - 1  #: C: ``rq->__data_len`` is an unsigned int
PREFERRED_BYTES_MAX = 32 << 20


class ExportRecord(Record):
    """An export's rules for requests. Owner: the door; nothing in it changes while the disk is in service."""

    disk: s64  #: index in the tag set
    disk_record: s64  #: address: its capacity and read-only flag may change
    block_mask: s64  #: logical block size - 1
    transfer_limit: s64  #: bytes of one READ or WRITE
    discard_limit: s64  #: bytes; 0: the disk takes no discards
    zeroes_limit: s64  #: bytes; 0: zeroes are written as data
    has_cache: s64  #: FLUSH means something
    has_fua: s64  #: a write may carry FUA
    alignment: s64  #: of data in memory, as far as the door can choose
    clears_late: s64  #: a file fills reads: what it did not is cleared when they end, not before


export_at = accessor(ExportRecord)


def fill_export(record: ExportRecord, disk: Disk, executable: Executable) -> None:
    """The rules of a disk in service."""
    limits = disk.limits
    record.disk = disk.index
    record.disk_record = ctypes.addressof(disk.record)
    record.block_mask = limits.logical_block_size - 1
    record.transfer_limit = min(_bytes(limits, limits.max_sectors), BIG_BYTES)
    record.discard_limit = _bytes(limits, limits.max_discard_sectors)
    record.zeroes_limit = _bytes(limits, limits.max_write_zeroes_sectors)
    record.has_cache = int(bool(limits.features & BLK_FEAT_WRITE_CACHE))
    record.has_fua = int(bool(limits.features & BLK_FEAT_FUA))
    record.alignment = limits.dma_alignment + 1
    record.clears_late = int(executable.reads_files_alone)


def _bytes(limits: QueueLimits, nr_sectors: int) -> int:
    """A limit in sectors as bytes, in whole logical blocks."""
    nr_bytes = min(nr_sectors << SECTOR_SHIFT, REQUEST_BYTES_MAX)
    return nr_bytes - nr_bytes % limits.logical_block_size


def offer_of(disk: Disk, description: str) -> Offer:
    """What a client hears of a disk."""
    limits = disk.limits
    preferred = max(limits.io_opt, limits.physical_block_size, limits.logical_block_size, PAGE_SIZE)
    sizes = BlockSizes(
        limits.logical_block_size,
        min(1 << (preferred.bit_length() - 1), PREFERRED_BYTES_MAX),
        nbd.NBD_MAXIMUM_PAYLOAD,
    )
    return Offer(
        disk.gen_disk.disk_name,
        disk.record.capacity_sectors << SECTOR_SHIFT,
        transmission_flags(disk),
        sizes,
        description,
    )


def transmission_flags(disk: Disk) -> int:
    """NBD_FLAG_* of a disk.

    A flush of blk-mq covers what was written through any queue, so that clients may use several connections.
    Zeroes can always be written, as data if need be; NBD_CMD_CACHE is a hint that costs nothing to accept.
    """
    limits = disk.limits
    flags = nbd.NBD_FLAG_HAS_FLAGS | nbd.NBD_FLAG_SEND_FLUSH | nbd.NBD_FLAG_SEND_FUA | nbd.NBD_FLAG_CAN_MULTI_CONN
    flags |= nbd.NBD_FLAG_SEND_WRITE_ZEROES | nbd.NBD_FLAG_SEND_FAST_ZERO | nbd.NBD_FLAG_SEND_CACHE
    if limits.max_discard_sectors:
        flags |= nbd.NBD_FLAG_SEND_TRIM
    if limits.features & BLK_FEAT_ROTATIONAL:
        flags |= nbd.NBD_FLAG_ROTATIONAL
    if disk.record.read_only:
        flags |= nbd.NBD_FLAG_READ_ONLY
    return flags
