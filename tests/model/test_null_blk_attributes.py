# SPDX-License-Identifier: MIT
"""null_blk's attributes, line by line beside ``drivers/block/null_blk/main.c`` of Linux 7.3."""

from __future__ import annotations

import errno
import logging
import os
import re
from pathlib import Path
from typing import Any

import pytest

from blkmq import (  # isort: skip
    BLK_FEAT_FUA, BLK_FEAT_ROTATIONAL, BLK_FEAT_WRITE_CACHE, BLK_MQ_F_BLOCKING, SZ_1G, SZ_1M, ConfigError,
)  # fmt: skip
from blkmq.drivers.null_blk import IrqMode, NullBlk, NullBlkConfig, null_blk_devices
from blkmq.mq.configuration import attributes_of
from tests.targets import limits_of, served, tag_set_of

NR_CPUS = os.cpu_count() or 1
CACHE, FUA, ROTATIONAL = BLK_FEAT_WRITE_CACHE, BLK_FEAT_FUA, BLK_FEAT_ROTATIONAL

#: name, type, unit, default; the lines of C that make the attribute and give it its default.
DECLARED: list[tuple[str, str, str, int, str, str]] = [
    ("size", "u64", "MiB", 250 * 1024, "NULLB_DEVICE_ATTR(size, ulong, NULL);", "static int g_gb = 250;"),
    ("completion_nsec", "u64", "ns", 10_000, "NULLB_DEVICE_ATTR(completion_nsec, ulong, NULL);",
     "static unsigned long g_completion_nsec = 10000;"),
    ("submit_queues", "u32", "queues", 1, "NULLB_DEVICE_ATTR(submit_queues, uint, nullb_apply_submit_queues);",
     "static int g_submit_queues = 1;"),
    ("blocksize", "u32", "bytes", 512, "NULLB_DEVICE_ATTR(blocksize, uint, NULL);", "static int g_bs = 512;"),
    ("max_sectors", "u32", "sectors of 512 bytes", 0, "NULLB_DEVICE_ATTR(max_sectors, uint, NULL);",
     "static int g_max_sectors;"),
    ("irqmode", "IrqMode", "", 1, "NULLB_DEVICE_ATTR(irqmode, uint, NULL);",
     "static int g_irqmode = NULL_IRQ_SOFTIRQ;"),
    ("hw_queue_depth", "u32", "tags", 64, "NULLB_DEVICE_ATTR(hw_queue_depth, uint, NULL);",
     "static int g_hw_queue_depth = 64;"),
    ("index", "u32", "", 0, "NULLB_DEVICE_ATTR(index, uint, NULL);", "dev = kzalloc_obj(*dev);"),
    ("blocking", "bool", "", 0, "NULLB_DEVICE_ATTR(blocking, bool, NULL);", "static bool g_blocking;"),
    ("memory_backed", "bool", "", 0, "NULLB_DEVICE_ATTR(memory_backed, bool, NULL);", "static bool g_memory_backed;"),
    ("discard", "bool", "", 0, "NULLB_DEVICE_ATTR(discard, bool, NULL);", "static bool g_discard;"),
    ("cache_size", "u64", "MiB", 0, "NULLB_DEVICE_ATTR(cache_size, ulong, NULL);",
     "static unsigned long g_cache_size;"),
    ("virt_boundary", "bool", "", 0, "NULLB_DEVICE_ATTR(virt_boundary, bool, NULL);", "static bool g_virt_boundary;"),
    ("fua", "bool", "", 1, "NULLB_DEVICE_ATTR(fua, bool, NULL);", "static bool g_fua = true;"),
    ("rotational", "bool", "", 0, "NULLB_DEVICE_ATTR(rotational, bool, NULL);", "static bool g_rotational;"),
]  # fmt: skip

#: attributes; what the disk has; what is said of it; the C behind it.
MADE: list[tuple[dict[str, Any], dict[str, int], list[str], str]] = [
    ({"size": 7}, {"size": 7 * SZ_1M}, [], "((sector_t)nullb->dev->size * SZ_1M) >> SECTOR_SHIFT);"),
    ({"size": 0}, {"size": 0}, [], "((sector_t)nullb->dev->size * SZ_1M) >> SECTOR_SHIFT);"),
    # Where C's product leaves 64 bits it wraps, after set_capacity() has cut what is beyond 2^63.
    ({"size": 1 << 44}, {"size": (1 << 63) - 512}, [f"size = {1 << 44} is lowered to {1 << 43}: 2^63 bytes"],
     "((sector_t)nullb->dev->size * SZ_1M) >> SECTOR_SHIFT);"),
    ({"blocksize": 4096}, {"logical_block_size": 4096, "physical_block_size": 4096}, [],
     ".physical_block_size = dev->blocksize,"),
    ({"blocksize": 65_536}, {"logical_block_size": 65_536}, [], ".logical_block_size = dev->blocksize,"),
    ({"submit_queues": NR_CPUS}, {"nr_hw_queues": NR_CPUS}, [], "} else if (dev->submit_queues > nr_cpu_ids)"),
    ({"submit_queues": NR_CPUS + 1}, {"nr_hw_queues": NR_CPUS},
     [f"nr_hw_queues = {NR_CPUS + 1} is lowered to {NR_CPUS}: one for each CPU"], "dev->submit_queues = nr_cpu_ids;"),
    ({"submit_queues": 0}, {"nr_hw_queues": 1}, ["submit_queues = 0 is raised to 1"],
     "else if (dev->submit_queues == 0) dev->submit_queues = 1;"),
    ({"hw_queue_depth": 1}, {"queue_depth": 1}, [], "nullb->tag_set->queue_depth = nullb->dev->hw_queue_depth;"),
    ({"hw_queue_depth": 20_000}, {"queue_depth": 10_240},
     ["queue_depth = 20000 is lowered to 10240: the most that a queue can have"],
     "nullb->tag_set->queue_depth = nullb->dev->hw_queue_depth;"),  # pr_info in blk_mq_alloc_tag_set
    ({}, {"max_sectors": 255, "dma_alignment": 1, "timeout_msec": 5_000, "flags": 0, "virt_boundary_mask": 0},
     [], "set->timeout = 5 * HZ;"),
    ({"max_sectors": 8}, {"max_sectors": 8}, [], ".max_hw_sectors = dev->max_sectors,"),
    ({"max_sectors": 9, "blocksize": 4096}, {"max_sectors": 8}, [], ".max_hw_sectors = dev->max_sectors,"),
    ({"virt_boundary": 1}, {"virt_boundary_mask": 4095}, [],
     "if (dev->virt_boundary) lim.virt_boundary_mask = PAGE_SIZE - 1;"),
    ({"rotational": 1}, {"features": ROTATIONAL}, [], "if (dev->rotational) lim.features |= BLK_FEAT_ROTATIONAL;"),
    ({"blocking": 1}, {"flags": BLK_MQ_F_BLOCKING}, [],
     "if (nullb->dev->blocking) nullb->tag_set->flags |= BLK_MQ_F_BLOCKING;"),
    ({"memory_backed": 1}, {"flags": BLK_MQ_F_BLOCKING}, [], "if (dev->memory_backed) dev->blocking = true;"),
    ({"discard": 1}, {"max_discard_sectors": 0}, ["discard option is ignored without memory backing"],
     'pr_info("discard option is ignored without memory backing\\n");'),
    ({"discard": 1, "memory_backed": 1}, {"max_discard_sectors": 0xFFFFFFFF >> 9}, [],
     "lim->max_hw_discard_sectors = UINT_MAX >> 9;"),
    ({"cache_size": 5}, {"features": 0}, ["cache_size is ignored without memory backing"],
     "else /* cache is meaningless */ dev->cache_size = 0;"),
    ({"cache_size": 5, "memory_backed": 1}, {"features": CACHE | FUA}, [],
     "if (dev->fua) lim.features |= BLK_FEAT_FUA;"),
    ({"cache_size": 5, "memory_backed": 1, "fua": 0}, {"features": CACHE}, [],
     "if (dev->cache_size > 0) { set_bit(NULLB_DEV_FL_CACHE, &nullb->dev->flags);"),
    ({"fua": 1, "memory_backed": 1}, {"features": 0}, [], "lim.features |= BLK_FEAT_WRITE_CACHE;"),
    # C's most is 2^44 - 1 MiB; ours is what one callback can write back.
    ({"cache_size": 4096, "memory_backed": 1}, {"features": CACHE | FUA},
     ["cache_size = 4096 is lowered to 2048: as much as one flush can write"],
     "dev->cache_size = min_t(unsigned long, ULONG_MAX / 1024 / 1024, dev->cache_size);"),
    ({"index": 7}, {"size": 250 * SZ_1G}, [], "dev->index = rv;"),  # C's own number, whatever was asked for
]  # fmt: skip

#: attributes; errno and field of the refusal; the C behind it.
REFUSED: list[tuple[dict[str, Any], int, str, str]] = [
    ({"blocksize": 1 << 32}, errno.ERANGE, "blocksize", "result = kstrtouint(page, 0, &tmp);"),
    ({"blocksize": -1}, errno.EINVAL, "blocksize", "result = kstrtouint(page, 0, &tmp);"),
    ({"blocksize": "big"}, errno.EINVAL, "blocksize", "result = kstrtouint(page, 0, &tmp);"),
    ({"size": 1 << 64}, errno.ERANGE, "size", "result = kstrtoul(page, 0, &tmp);"),
    ({"size": -1}, errno.EINVAL, "size", "result = kstrtoul(page, 0, &tmp);"),
    ({"discard": "perhaps"}, errno.EINVAL, "discard", "result = kstrtobool(page, &tmp);"),
    # As the module's parameter does; the attribute takes any number above for the timer.
    ({"irqmode": 3}, errno.EINVAL, "irqmode",
     "return null_param_store_val(str, &g_irqmode, NULL_IRQ_NONE, NULL_IRQ_TIMER);"),
    # Left to the block layer: blk_validate_limits, blk_mq_alloc_tag_set.
    ({"blocksize": 256}, errno.EINVAL, "logical_block_size", ".logical_block_size = dev->blocksize,"),
    ({"blocksize": 1000}, errno.EINVAL, "logical_block_size", ".logical_block_size = dev->blocksize,"),
    ({"blocksize": 131_072}, errno.EINVAL, "logical_block_size", ".logical_block_size = dev->blocksize,"),
    ({"max_sectors": 7}, errno.EINVAL, "max_hw_sectors", ".max_hw_sectors = dev->max_sectors,"),
    ({"max_sectors": 8, "blocksize": 8192}, errno.EINVAL, "max_hw_sectors", ".max_hw_sectors = dev->max_sectors,"),
    ({"hw_queue_depth": 0}, errno.EINVAL, "queue_depth",
     "nullb->tag_set->queue_depth = nullb->dev->hw_queue_depth;"),
]  # fmt: skip

#: words of a command line; the attribute's value. C: ``kstrtobool`` and ``kstrtouint`` with base 0.
SPELLED: list[tuple[str, str, int]] = [
    *((word, "fua", True) for word in ("1", "y", "Y", "t", "T", "on", "ON")),
    *((word, "fua", False) for word in ("0", "n", "N", "f", "F", "off", "Off")),
    ("0x1000", "blocksize", 4096),
    ("4096", "blocksize", 4096),
    ("2", "irqmode", IrqMode.TIMER),
]


@pytest.mark.parametrize(("name", "kind", "unit", "default", "_made", "_default"), DECLARED, ids=lambda row: str(row))
def test_name_type_unit_and_default(name: str, kind: str, unit: str, default: int, _made: str, _default: str) -> None:
    attribute = next(one for one in attributes_of(NullBlk) if one.name == name)
    assert (attribute.type_name, attribute.unit, attribute.default) == (kind, unit, default)
    assert getattr(NullBlkConfig(), name) == default


def test_there_is_no_other_attribute() -> None:
    assert {row[0] for row in DECLARED} == {attribute.name for attribute in attributes_of(NullBlk)}


@pytest.mark.parametrize(("attributes", "expected", "notes", "_c"), MADE)
def test_what_is_made_of_it(
    attributes: dict[str, Any], expected: dict[str, int], notes: list[str], _c: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "blkmq"), served(NullBlk(**attributes), "interpreted") as disk:
        limits, tag_set = limits_of(disk), tag_set_of(disk)
        found = {"size": disk.size, "features": limits.features & (CACHE | FUA | ROTATIONAL)}
        for name in expected.keys() - found.keys():
            found[name] = getattr(tag_set if hasattr(tag_set, name) else limits, name)
    assert {name: found[name] for name in expected} == expected
    assert caplog.messages == notes


@pytest.mark.parametrize(("attributes", "number", "field", "_c"), REFUSED)
def test_what_is_refused(attributes: dict[str, Any], number: int, field: str, _c: str) -> None:
    with pytest.raises(ConfigError) as refused, served(NullBlk(**attributes), "interpreted"):
        pass
    assert (refused.value.errno, refused.value.field) == (number, field)
    assert refused.value.hint


@pytest.mark.parametrize(("word", "name", "value"), SPELLED)
def test_words_of_the_command_line(word: str, name: str, value: int) -> None:
    assert getattr(NullBlk(**{name: word}).config, name) == value


#: Parameters of the module; size, blocksize and number of the disks; the C behind it.
MODULE: list[tuple[dict[str, int], list[tuple[int, int]], str]] = [
    ({}, [(250 * 1024, 512)], "static unsigned int nr_devices = 1;"),
    ({"gb": 3}, [(3 * 1024, 512)], "dev->size = g_gb * 1024;"),
    ({"bs": 2048}, [(250 * 1024, 2048)], "dev->blocksize = g_bs;"),
    ({"bs": 8192}, [(250 * 1024, 4096)], "g_bs = PAGE_SIZE;"),
    ({"nr_devices": 2, "gb": 1}, [(1024, 512)] * 2, "for (i = 0; i < nr_devices; i++) {"),
    ({"nr_devices": 0}, [], "for (i = 0; i < nr_devices; i++) {"),
]


@pytest.mark.parametrize(("parameters", "expected", "_c"), MODULE)
def test_what_the_module_makes(parameters: dict[str, int], expected: list[tuple[int, int]], _c: str) -> None:
    made = null_blk_devices(**parameters)
    assert [(driver.config.size, driver.config.blocksize) for driver in made] == expected
    assert [driver.config.index for driver in made] == list(range(len(made)))


@pytest.mark.parametrize("name", ["gb", "bs", "nr_devices", "queue_mode"])
def test_a_parameter_of_the_module_is_no_attribute(name: str) -> None:
    with pytest.raises(ConfigError, match="has no such attribute") as refused:
        NullBlk(**{name: 1})
    assert any(word in refused.value.hint for word in ("size", "blocksize", "null_blk_devices", "leave it out"))


def test_the_lines_of_c_are_there() -> None:
    source = Path(os.environ.get("BLKMQ_KERNEL_SOURCE") or "/nonexistent", "drivers/block/null_blk/main.c")
    if not source.is_file():
        pytest.skip("cannot be had: needs BLKMQ_KERNEL_SOURCE to name a whole kernel source: `make kernel-source`")
    text = re.sub(r"\s+", " ", source.read_text())
    lines = [line for row in DECLARED for line in (row[4], row[5])]
    lines += [row[3] for row in MADE] + [row[3] for row in REFUSED] + [row[2] for row in MODULE]
    assert [line for line in lines if line not in text] == []
