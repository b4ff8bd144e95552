# SPDX-License-Identifier: MIT
"""What a null_blk costs in memory: nothing when it is large, and what is written when it keeps that."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from blkmq import SZ_1M

ROOT = Path(__file__).parents[2]

PROGRAM = """
import ctypes, json, sys
from blkmq.drivers.null_blk import NullBlk
from tests.targets import served

def resident():
    ctypes.CDLL(None).malloc_trim(0)  # gives back what Python has freed
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096

def fill(disk, nr_mib):
    for mib in range(nr_mib):
        disk.write(mib << 20, b"x" * (1 << 20))

target, attributes, large, program = sys.argv[1], *map(json.loads, sys.argv[2:5])
with served(NullBlk(size=1, **attributes), target) as disk:
    disk.write(0, b"x" * 4096)
before, grown = resident(), []
with served(NullBlk(size=large, **attributes), target) as disk:
    for step, argument in program:
        if step == "fill":
            fill(disk, argument)
        elif step == "discard":
            disk.discard(0, argument << 20)
        elif step == "flush":
            disk.flush()
        grown.append(resident() - before)
print(json.dumps(grown))
"""


def growth(target: str, attributes: dict[str, int], size: int, *steps: tuple[str, int]) -> list[float]:
    """By how many MiB a process has grown after each step, on a disk of ``size`` MiB."""
    arguments = [target, json.dumps(attributes), json.dumps(size), json.dumps(steps)]
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    return [nr_bytes / SZ_1M for nr_bytes in json.loads(run.stdout)]


def test_a_large_disk_costs_nothing(target: str) -> None:
    (grown,) = growth(target, {"memory_backed": 1}, 250 * 1024, ("fill", 0))
    assert grown < 4


def test_memory_grows_with_writes_and_shrinks_with_discards(target: str) -> None:
    attributes = {"memory_backed": 1, "discard": 1}
    steps = ("fill", 64), ("fill", 64), ("discard", 32), ("discard", 64)
    written, rewritten, half, none = growth(target, attributes, 250 * 1024, *steps)
    assert 64 <= written < 96
    assert rewritten < written + 8
    assert half < written - 24
    assert none < written - 48


def test_a_flush_leaves_one_copy_of_a_page(target: str) -> None:
    attributes = {"memory_backed": 1, "cache_size": 64}
    steps = ("fill", 32), ("flush", 0), ("fill", 32), ("flush", 0)
    _, flushed, rewritten, flushed_again = growth(target, attributes, 64, *steps)
    assert rewritten >= flushed + 24
    assert flushed_again < flushed + 12
