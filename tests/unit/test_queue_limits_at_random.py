# SPDX-License-Identifier: MIT
"""``QueueLimits.validate`` for limits at random: its properties, and that it does what the kernel's own C does."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import asdict, fields
from itertools import chain
from pathlib import Path
from random import Random
from typing import Any, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blkmq.abi import blk_integrity as integrity_abi
from blkmq.abi import blkdev
from blkmq.abi.limits import UINT_MAX
from blkmq.mq.blk_integrity import BlkIntegrity
from blkmq.mq.errors import ConfigError
from blkmq.mq.integer import sized
from blkmq.mq.queue_limits import QueueLimits

# What drivers say; now and then it is anything.
CRC = blkdev.BLK_INTEGRITY_CSUM_CRC
POWERS = tuple(1 << exponent for exponent in range(9, 32))
USUAL: dict[str, tuple[int, ...]] = {
    "seg_boundary_mask": (0, 4094, 4095, 65535, 0xFFFFFFFF, (1 << 63) - 1),
    "virt_boundary_mask": (0, 0, 4095),
    "max_hw_sectors": (0, 0, 7, 8, 100, 255, 1024, 20_000, 1 << 23, UINT_MAX),
    "max_dev_sectors": (0, 0, 7, 100, 10_000, UINT_MAX),
    "chunk_sectors": (0, 8, 255, 256, 2048, 3000, 1 << 19),
    "max_user_sectors": (0, 0, 0, 7, 8, 100, 10_000, UINT_MAX),
    "max_segment_size": (0, 0, 4095, 4096, 5000, 1 << 20, UINT_MAX),
    "physical_block_size": (0, 0, 512, 1000, 4096, 65536, 1 << 20, 1 << 31),
    "logical_block_size": (0, 0, 0, 512, 512, 1024, 4096, 4096, 65536, 1 << 17),
    "alignment_offset": (0, 0, 512, 3584, 7168),
    "io_min": (0, 0, 1000, *POWERS),
    "io_opt": (0, 0, 1000, *POWERS),
    "max_hw_discard_sectors": (0, 8, UINT_MAX),
    "max_user_discard_sectors": (0, 8, UINT_MAX),
    "max_write_zeroes_sectors": (0, 64),
    "max_hw_wzeroes_unmap_sectors": (0, 0, 0, 64),
    "max_user_wzeroes_unmap_sectors": (0, 8, UINT_MAX),
    "max_hw_zone_append_sectors": (0, 16, UINT_MAX),
    "discard_granularity": (0, 512, 8192),
    "atomic_write_hw_max": (0, 4096, 65536, 1 << 20, UINT_MAX),
    "atomic_write_hw_boundary": (0, 0, 65536, 1 << 20, 3 << 20),
    "atomic_write_hw_unit_min": (0, 512, 512, 4096, 4096, 65536),
    "atomic_write_hw_unit_max": (0, 4096, 4096, 5000, 65536, 1 << 20),
    "max_segments": (0, 1, 2, 3, 128, 256, 257, 65535),
    "max_discard_segments": (0, 1, 256),
    "max_open_zones": (0, 0, 4, 6),
    "max_active_zones": (0, 0, 5),
    "zone_write_granularity": (0, 512, 4096),
    "dma_alignment": (0, 3, 511, 4095, 4096, 4096, 4097),
}
USUAL_INTEGRITY: dict[str, tuple[int, ...]] = {
    "flags": (0, 0, integrity_abi.BLK_INTEGRITY_REF_TAG, integrity_abi.BLK_SPLIT_INTERVAL_CAPABLE),
    "csum_type": (0, CRC, CRC, blkdev.BLK_INTEGRITY_CSUM_CRC64),
    "metadata_size": (8, 8, 16, 255),
    "pi_offset": (0, 0, 0, 8),
    "interval_exp": (0, 0, 0, 8, 9, 12, 63),
    "tag_size": (0, 0, 2),
    "pi_tuple_size": (0, 8, 8, 16),
}
MAXIMUM = {
    name: size.maximum
    for name, annotation in get_type_hints(QueueLimits, include_extras=True).items()
    if (size := sized(annotation))
}
SPECIAL: list[dict[str, Any]] = [
    {},
    {  # the kernel's 32 bits wrap
        "logical_block_size": 65536,
        "max_hw_sectors": UINT_MAX,
        "integrity": {"csum_type": CRC, "metadata_size": 8, "pi_tuple_size": 8},
    },
    {  # and here
        "features": blkdev.BLK_FEAT_ATOMIC_WRITES,
        "max_hw_sectors": 1 << 23,
        "atomic_write_hw_max": 4096,
        "atomic_write_hw_unit_min": 4096,
        "atomic_write_hw_unit_max": 4096,
    },
]


def limits_of(values: dict[str, Any]) -> QueueLimits:
    limits = QueueLimits()
    for name, value in values.items():
        setattr(limits, name, BlkIntegrity(**value) if name == "integrity" else value)
    return limits


def limits_at_random(seed: int) -> dict[str, Any]:
    random = Random(seed)
    values: dict[str, Any] = {name: random.choice(usual) for name, usual in USUAL.items()}
    values["features"] = random.getrandbits(16)
    values["flags"] = random.getrandbits(3)
    if not values["features"] & blkdev.BLK_FEAT_ZONED and random.random() < 0.9:
        values |= {"max_open_zones": 0, "max_active_zones": 0, "zone_write_granularity": 0}
    for name in random.sample(list(MAXIMUM), random.choice((0, 0, 0, 1, 5))):
        values[name] = random.randint(0, MAXIMUM[name])
    if random.random() < 0.3:
        values["integrity"] = {name: random.choice(usual) for name, usual in USUAL_INTEGRITY.items()}
    return values


@settings(max_examples=max(1000, settings().max_examples))
@given(st.integers(0).map(limits_at_random))
def test_what_is_valid_is_in_order_and_stays_as_it_is(values: dict[str, Any]) -> None:
    try:
        limits = limits_of(values)
        limits.validate()
    except ConfigError:
        return
    assert 512 <= limits.logical_block_size <= limits.physical_block_size <= limits.io_min
    assert limits.io_opt % limits.physical_block_size == 0
    assert limits.max_sectors <= limits.max_hw_sectors
    assert limits.max_hw_sectors % (limits.logical_block_size >> 9) == 0
    assert limits.max_discard_sectors <= limits.max_hw_discard_sectors
    assert limits.atomic_write_unit_min <= limits.atomic_write_unit_max
    assert limits.max_fast_segment_size <= min(limits.max_segment_size, 4096)
    before = asdict(limits)
    if limits.dma_alignment <= 4096:  # else: see the test of that
        limits.validate()
        assert asdict(limits) == before


# The oracle: the kernel's own functions, built for user space.

SHIM = r"""
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
typedef uint64_t u64;
#define __bitwise
#define __force
#define __packed __attribute__((packed))
#define CONFIG_TRANSPARENT_HUGEPAGE
#define IS_ENABLED(option) 1
#define WARN_ON_ONCE(condition) (condition)
#define pr_warn(...) ((void)0)
#define min_t(type, a, b) ((type)(a) < (type)(b) ? (type)(a) : (type)(b))
#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))
#define min_not_zero(a, b) ((a) == 0 ? (b) : (b) == 0 ? (a) : min(a, b))
#define round_down(x, y) ((x) & ~((__typeof__(x))((y) - 1)))
#define SECTOR_SHIFT 9
#define SECTOR_SIZE (1 << SECTOR_SHIFT)
#define PAGE_SIZE 4096UL
#define PAGE_SECTORS (1 << 3)
#define SZ_64K 0x00010000
#define SZ_2M 0x00200000
#define SZ_4M 0x00400000
#define BIO_MAX_VECS 256U
struct t10_pi_tuple { uint64_t bytes; };
struct crc64_pi_tuple { uint64_t bytes[2]; };
static bool is_power_of_2(unsigned long n) { return n && !(n & (n - 1)); }
static int ilog2(unsigned long n) { return 63 - __builtin_clzl(n); }
static unsigned long rounddown_pow_of_two(unsigned long n) { return n ? 1UL << ilog2(n) : 0; }
"""
PASSAGES = [  # file, first words, words that it ends before
    ("include/linux/blk-integrity.h", "enum blk_integrity_flags {", "const char *"),
    ("include/linux/blkdev.h", "enum blk_integrity_checksum {", "/* open for reading */"),
    (
        "include/linux/blkdev.h",
        "#ifdef CONFIG_TRANSPARENT_HUGEPAGE",
        "static inline bool blk_op_is_passthrough",
    ),
    (
        "include/linux/blkdev.h",
        "typedef unsigned int __bitwise blk_features_t;",
        "typedef int (*report_zones_cb)",
    ),
    ("include/linux/blkdev.h", "enum blk_default_limits {", "static inline struct queue_limits *bdev_limits"),
    ("include/linux/blkdev.h", "#define BLK_INTEGRITY_MAX_SIZE", "#define DEFINE_IO_COMP_BATCH"),
    ("block/blk.h", "#define BLK_DEF_MAX_SECTORS_CAP", "/* Max future timer"),
    (
        "block/blk-settings.c",
        "static int blk_validate_zoned_limits(",
        "EXPORT_SYMBOL_GPL(blk_validate_limits);",
    ),
]
CTYPES = {"u8": ctypes.c_uint8, "u16": ctypes.c_uint16, "u32": ctypes.c_uint32, "u64": ctypes.c_uint64}


class CIntegrity(ctypes.Structure):
    _fields_ = [(field.name, CTYPES[str(field.type)]) for field in fields(BlkIntegrity)]


class CLimits(ctypes.Structure):
    _fields_ = [(field.name, CTYPES.get(str(field.type), CIntegrity)) for field in fields(QueueLimits)]


def passage(text: str, first: str, end: str) -> str:
    found = re.search(f"{re.escape(first)}.*?(?={re.escape(end)})", text, re.DOTALL)
    assert found, f"{first!r} … {end!r} is not there"
    return found[0]


@pytest.fixture(scope="module")
def kernels_validate(tmp_path_factory: pytest.TempPathFactory) -> Callable[[CLimits], int]:
    """``blk_validate_limits`` as the kernel has it."""
    root = Path(os.environ.get("BLKMQ_KERNEL_SOURCE") or "/nonexistent")
    compiler = shutil.which("cc")
    if not (root / "block/blk-settings.c").is_file() or not compiler:
        pytest.skip("cannot be had: needs a C compiler, and BLKMQ_KERNEL_SOURCE to name a whole kernel source")
    parts = [passage((root / path).read_text(), first, end) for path, first, end in PASSAGES]
    place = tmp_path_factory.mktemp("oracle")
    (place / "limits.c").write_text(SHIM + "\n".join(parts))
    subprocess.run(
        [compiler, "-std=gnu11", "-O1", "-fwrapv", "-w", "-shared", "-fPIC", "-o", "limits.so", "limits.c"],
        cwd=place,
        check=True,
    )
    validate = ctypes.CDLL(str(place / "limits.so")).blk_validate_limits
    return lambda limits: int(validate(ctypes.byref(limits)))


def as_c(limits: QueueLimits) -> CLimits:
    values = asdict(limits)
    return CLimits(**values | {"integrity": CIntegrity(**values["integrity"])})


def from_c(limits: CLimits) -> dict[str, Any]:
    values = {field.name: getattr(limits, field.name) for field in fields(QueueLimits)}
    return values | {"integrity": {field.name: getattr(limits.integrity, field.name) for field in fields(BlkIntegrity)}}


def test_validate_does_what_the_kernel_does(kernels_validate: Callable[[CLimits], int]) -> None:
    accepted = refused = 0
    for values in chain(SPECIAL, map(limits_at_random, range(10_000))):
        limits = limits_of(values)
        theirs = as_c(limits)
        error = kernels_validate(theirs)
        try:
            limits.validate()
        except ConfigError:
            refused += 1
            assert error == -22, values
        else:
            accepted += 1
            assert error == 0, values
            assert asdict(limits) == from_c(theirs), values
    assert min(accepted, refused) > 1000
