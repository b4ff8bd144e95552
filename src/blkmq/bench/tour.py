# SPDX-License-Identifier: MIT
"""``make run``: every driver on every target, its data verified, and a table of how fast it is."""

from __future__ import annotations

import random
from collections.abc import Callable

from rich.console import Console
from rich.progress import Progress

import blkmq
from blkmq.bench.figures import COMPARISONS, Comparison, compare, terminal_table
from blkmq.bench.nbd import NBD_COMPARISONS, NbdArena
from blkmq.bench.rounds import alternate
from blkmq.device.target import TARGETS
from blkmq.drivers.null_blk import NullBlk
from blkmq.drivers.ramdisk import RamDisk
from blkmq.mq.operations import Operations

NR_ROUNDS = 5
NR_NBD_ROUNDS = 3
NR_VERIFIED = 300  #: operations on each driver and target
SIZE_MIB = 16

DRIVERS: dict[str, Callable[[], Operations]] = {
    "ramdisk": lambda: RamDisk(size=SIZE_MIB),
    "null_blk": lambda: NullBlk(size=SIZE_MIB, memory_backed=1, discard=1),
}


def verify(driver: Operations, target: str, step: Callable[[], None]) -> int:
    """Random reads, writes, discards beside a bytearray; how many requests the driver saw."""
    chance = random.Random(1)
    with blkmq.serve(driver, via="in_process", target=target) as disk:
        model = bytearray(disk.size)
        for _ in range(NR_VERIFIED):
            offset = chance.randrange(disk.size // 4096) * 4096
            length = min(chance.choice((4096, 8192, 65536)), disk.size - offset)
            match chance.randrange(4):
                case 0:
                    disk.discard(offset, length)
                    model[offset : offset + length] = bytes(length)
                case 1:
                    if disk.read(offset, length) != model[offset : offset + length]:
                        raise SystemExit(f"{type(driver).__name__} on {target}: wrong data at {offset}")
                case _:
                    data = chance.randbytes(length)
                    disk.write(offset, data)
                    model[offset : offset + length] = data
            step()
        if disk.read(0, disk.size) != model:
            raise SystemExit(f"{type(driver).__name__} on {target}: wrong data at the end")
        return disk.counters()["nr_ended"]


def verify_nbd(console: Console) -> None:
    """fio writes at random through the NBD door, reads all back, and checks its sums."""
    with NbdArena() as arena:
        for name, make in DRIVERS.items():
            if arena.verify(arena.driver(make()), SIZE_MIB):
                console.print(f"{name} through NBD: {SIZE_MIB} MiB written by fio, read back, crc32c verified")


def run_nbd(console: Console, progress: Progress) -> None:
    """The NBD door beside its peers."""
    missing: set[str] = set()
    for title, make_contenders in NBD_COMPARISONS.items():
        with NbdArena() as arena:
            comparison = Comparison(title, make_contenders(arena))
            missing |= arena.missing
            task = progress.add_task(title, total=NR_NBD_ROUNDS * len(comparison.contenders))
            for _ in alternate(comparison.contenders, NR_NBD_ROUNDS):
                progress.advance(task)
            progress.remove_task(task)
        if comparison.contenders:
            console.print(terminal_table(comparison))
    if missing:
        console.print(f"not installed, so left out: {', '.join(sorted(missing))}")


def run(console: Console) -> None:
    """The whole tour."""
    with Progress(console=console, transient=True) as progress:
        for name, make in DRIVERS.items():
            for target in TARGETS:
                task = progress.add_task(f"{name} on {target}", total=NR_VERIFIED)
                count = verify(make(), target, lambda task=task: progress.advance(task))  # type: ignore[misc]
                progress.remove_task(task)
                console.print(f"{name} on {target}: {count} requests, data verified")
        for title, make_contenders in COMPARISONS.items():
            task = progress.add_task(title)
            comparison = compare(
                title,
                make_contenders,
                NR_ROUNDS,
                lambda done, total, task=task: progress.update(task, completed=done, total=total),  # type: ignore[misc]
            )
            progress.remove_task(task)
            console.print(terminal_table(comparison))
        verify_nbd(console)
        run_nbd(console, progress)
    console.print(
        "spread: fastest and slowest round; ratio: median over the rounds of the first's time / own time\n"
        "rounds: each a dot on the table's scale, the median a |; < is off the scale"
    )
