# SPDX-License-Identifier: MIT
"""What a disk's requests may look like. C twin: ``struct queue_limits`` (``include/linux/blkdev.h``)."""

from __future__ import annotations

from dataclasses import dataclass, field

from blkmq.abi.blk_types import PAGE_SECTORS, SECTOR_SHIFT, SECTOR_SIZE
from blkmq.abi.blkdev import (
    BLK_FEAT_FUA,
    BLK_FEAT_WRITE_CACHE,
    BLK_FLAG_MISALIGNED,
    BLK_MAX_BLOCK_SIZE,
    BLK_MAX_SEGMENT_SIZE,
    BLK_MAX_SEGMENTS,
    BLK_SAFE_MAX_SECTORS,
    BLK_SEG_BOUNDARY_MASK,
)
from blkmq.abi.block_blk import BLK_DEF_MAX_SECTORS_CAP, BLK_MIN_SEGMENT_SIZE
from blkmq.abi.limits import UINT_MAX
from blkmq.abi.page import PAGE_SIZE
from blkmq.mq.atomic_write_limits import validate_atomic_write_limits
from blkmq.mq.blk_integrity import BlkIntegrity, validate_integrity_limits
from blkmq.mq.integer import u16, u32, u64
from blkmq.mq.sized_record import SizedRecord
from blkmq.mq.zoned_limits import validate_zoned_limits


@dataclass(slots=True)
class QueueLimits(SizedRecord):
    """The limits of one disk: ``configure`` fills in what the device demands, ``validate`` the rest.

    Fields have the kernel's names, order and units: sectors are 512 bytes whatever the block size, sizes and
    masks are bytes.  0 means "not set".  A new object is what a driver passes, zeroed, to
    ``blk_mq_alloc_disk``, with the two user limits that the kernel opens there (``blk_set_default_limits``).
    "Derived" fields are computed by ``validate``; writing them has no effect.
    """

    features: u32 = 0  #: BLK_FEAT_*, the driver's to set
    flags: u32 = 0  #: BLK_FLAG_*, the block layer's own
    seg_boundary_mask: u64 = 0  #: no segment crosses a multiple of this + 1; default 4 GiB - 1
    virt_boundary_mask: u64 = 0  #: segments but the first start, but the last end, at a multiple of this + 1

    max_hw_sectors: u32 = 0  #: largest request that the device takes; default 255
    max_dev_sectors: u32 = 0  #: as ``max_hw_sectors``, of a device behind a controller; 0: none
    chunk_sectors: u32 = 0  #: no request crosses a multiple of this; zone size of a zoned disk; 0: none
    max_sectors: u32 = 0  #: derived: largest request that reads and writes are made
    max_user_sectors: u32 = 0  #: the administrator's wish for ``max_sectors``; 0: none
    max_segment_size: u32 = 0  #: largest segment; default 64 KiB, with a virt boundary no limit
    max_fast_segment_size: u32 = 0  #: derived: largest segment that needs no splitting, a page at most
    physical_block_size: u32 = 0  #: what the device writes without read-modify-write; default the logical one
    logical_block_size: u32 = 0  #: what the device addresses, 512..65536; default 512
    alignment_offset: u32 = 0  #: how far the disk's start is off its physical blocks
    io_min: u32 = 0  #: smallest efficient request; at least a physical block
    io_opt: u32 = 0  #: best request size, rounded down to physical blocks; 0: none
    max_discard_sectors: u32 = 0  #: derived: the smaller of the next two; 0: no discard
    max_hw_discard_sectors: u32 = 0  #: largest discard that the device takes; 0: no discard
    max_user_discard_sectors: u32 = UINT_MAX  #: the administrator's; reset when the disk is made
    max_secure_erase_sectors: u32 = 0  #: largest secure erase; 0: no secure erase
    max_write_zeroes_sectors: u32 = 0  #: largest write zeroes; 0: no write zeroes
    max_wzeroes_unmap_sectors: u32 = 0  #: derived: the smaller of the next two
    max_hw_wzeroes_unmap_sectors: u32 = 0  #: write zeroes that may unmap: 0 or ``max_write_zeroes_sectors``
    max_user_wzeroes_unmap_sectors: u32 = UINT_MAX  #: the administrator's; reset when the disk is made
    max_hw_zone_append_sectors: u32 = 0  #: largest zone append of the device; 0: emulated by writes
    max_zone_append_sectors: u32 = 0  #: derived, zoned disks only
    discard_granularity: u32 = 0  #: unit of discard; at least a physical block, 0 without discard
    discard_alignment: u32 = 0  #: how far the disk's start is off its discard granules
    zone_write_granularity: u32 = 0  #: zoned: unit of writes to sequential zones; at least a block

    atomic_write_hw_max: u32 = 0  #: largest write that the device does all or nothing; 0: none
    atomic_write_max_sectors: u32 = 0  #: derived
    atomic_write_hw_boundary: u32 = 0  #: no atomic write crosses a multiple of this; 0: none
    atomic_write_boundary_sectors: u32 = 0  #: derived
    atomic_write_hw_unit_min: u32 = 0  #: smallest atomic write, a power of two
    atomic_write_unit_min: u32 = 0  #: derived
    atomic_write_hw_unit_max: u32 = 0  #: largest aligned atomic write, a power of two
    atomic_write_unit_max: u32 = 0  #: derived

    max_segments: u16 = 0  #: segments of a request; default 128
    max_integrity_segments: u16 = 0  #: segments of its protection information
    max_discard_segments: u16 = 0  #: ranges of a discard; default 1

    max_write_streams: u16 = 0  #: write streams of the device; 0: none
    write_stream_granularity: u32 = 0  #: bytes

    max_open_zones: u32 = 0  #: zoned: 0: no limit
    max_active_zones: u32 = 0  #: zoned: open and closed ones; 0: no limit

    dma_alignment: u32 = 0  #: mask for the address and length of a segment; default 511
    dma_pad_mask: u32 = 0  #: mask to which drivers round lengths up

    integrity: BlkIntegrity = field(default_factory=BlkIntegrity)

    def validate(self) -> None:
        """Fills in defaults and derived fields, and refuses what the kernel does. C: ``blk_validate_limits``.

        The rules are Linux 7.3's, with pages of 4 KiB and zoned disks and integrity configured in.  A broken
        one raises :class:`~blkmq.mq.errors.ConfigError` with the field's name; what is filled in by then
        stays.  Atomic-write limits that break a rule turn atomic writes off instead.
        """
        self._validate_block_sizes()
        self._validate_request_size()
        self._validate_zeroes_and_discard()
        self._validate_segments()
        self._validate_alignment()
        if not self.features & BLK_FEAT_WRITE_CACHE:
            self.features &= ~BLK_FEAT_FUA
        validate_atomic_write_limits(self)
        validate_integrity_limits(self)
        validate_zoned_limits(self)

    def _validate_block_sizes(self) -> None:
        self.logical_block_size = self.logical_block_size or SECTOR_SIZE
        if self.logical_block_size.bit_count() != 1 or not (
            SECTOR_SIZE <= self.logical_block_size <= BLK_MAX_BLOCK_SIZE
        ):
            raise self.refusal(
                "logical_block_size",
                f"must be a power of two from {SECTOR_SIZE} to {BLK_MAX_BLOCK_SIZE}",
                hint="most disks have 512 or 4096",
            )
        self.physical_block_size = max(self.physical_block_size, self.logical_block_size)
        if self.physical_block_size.bit_count() != 1:
            raise self.refusal(
                "physical_block_size",
                "must be a power of two",
                hint="leave it 0 to have it equal logical_block_size",
            )

        self.io_min = max(self.io_min, self.physical_block_size)
        self.io_opt -= self.io_opt % self.physical_block_size

    def _validate_request_size(self) -> None:
        block_sectors = self.logical_block_size >> SECTOR_SHIFT
        self.max_hw_sectors = self.max_hw_sectors or BLK_SAFE_MAX_SECTORS
        if self.max_hw_sectors < max(PAGE_SECTORS, block_sectors):
            raise self.refusal(
                "max_hw_sectors",
                f"must hold a page ({PAGE_SECTORS} sectors) and a logical block ({block_sectors} sectors)",
                hint=f"it counts sectors of {SECTOR_SIZE} bytes, not bytes",
            )
        self.max_hw_sectors -= self.max_hw_sectors % block_sectors

        if self.max_user_sectors:
            if self.max_user_sectors < PAGE_SECTORS:
                raise self.refusal(
                    "max_user_sectors",
                    f"must hold a page: {PAGE_SECTORS} sectors",
                    hint="leave it 0 unless an administrator asked for it",
                )
            wanted = self.max_user_sectors
        else:
            efficient = (size >> SECTOR_SHIFT for size in (self.io_opt, self.io_min))
            wanted = next((size for size in efficient if size > BLK_DEF_MAX_SECTORS_CAP), BLK_DEF_MAX_SECTORS_CAP)
        self.max_sectors = min(self.max_hw_sectors, self.max_dev_sectors or UINT_MAX, wanted)
        self.max_sectors -= self.max_sectors % block_sectors

    def _validate_zeroes_and_discard(self) -> None:
        if self.max_hw_wzeroes_unmap_sectors not in (0, self.max_write_zeroes_sectors):
            raise self.refusal(
                "max_hw_wzeroes_unmap_sectors",
                f"must be 0 or max_write_zeroes_sectors, which is {self.max_write_zeroes_sectors}",
            )
        self.max_wzeroes_unmap_sectors = min(self.max_hw_wzeroes_unmap_sectors, self.max_user_wzeroes_unmap_sectors)

        self.max_discard_sectors = min(self.max_hw_discard_sectors, self.max_user_discard_sectors)
        if self.max_discard_sectors:
            self.discard_granularity = max(self.discard_granularity, self.physical_block_size)
        else:
            self.discard_granularity = 0
        self.max_discard_segments = self.max_discard_segments or 1

    def _validate_segments(self) -> None:
        self.max_segments = self.max_segments or BLK_MAX_SEGMENTS
        self.seg_boundary_mask = self.seg_boundary_mask or BLK_SEG_BOUNDARY_MASK
        if self.seg_boundary_mask < BLK_MIN_SEGMENT_SIZE - 1:
            raise self.refusal(
                "seg_boundary_mask",
                f"must leave a page in one segment: at least {BLK_MIN_SEGMENT_SIZE - 1}",
                hint="it is a mask: the boundary minus one",
            )

        has_virt_boundary = self.virt_boundary_mask != 0
        self.max_segment_size = self.max_segment_size or (UINT_MAX if has_virt_boundary else BLK_MAX_SEGMENT_SIZE)
        if self.max_segment_size < BLK_MIN_SEGMENT_SIZE and not has_virt_boundary:
            raise self.refusal("max_segment_size", f"must hold a page: at least {BLK_MIN_SEGMENT_SIZE} bytes")
        self.max_fast_segment_size = min(self.max_segment_size, PAGE_SIZE)

    def _validate_alignment(self) -> None:
        self.dma_alignment = self.dma_alignment or SECTOR_SIZE - 1
        if self.dma_alignment > PAGE_SIZE:
            raise self.refusal(
                "dma_alignment", f"must be at most {PAGE_SIZE}", hint="it is a mask: the alignment minus one"
            )
        if self.alignment_offset:
            self.alignment_offset %= self.physical_block_size
            self.flags &= ~BLK_FLAG_MISALIGNED
