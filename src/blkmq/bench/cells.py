# SPDX-License-Identifier: MIT
"""``make bench-nbd``: the NBD door beside the fastest peer in each cell of a table, as long as it takes to be sure.

Servers stay on one CPU and clients on another.  A cell is measured for at least ``NR_ROUNDS_MIN`` rounds, and then
until the ratio's 95 % interval is narrow, or ``NR_ROUNDS_MAX`` are over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from blkmq.bench.figures import machine
from blkmq.bench.nbd import NbdArena, file, memory, null_batching, null_fio, null_polling, sleeping
from blkmq.bench.page import START_UP
from blkmq.bench.rounds import Contender, alternate, interval95
from blkmq.bench.start_up import adding

NR_ROUNDS_MIN, NR_ROUNDS_MAX = 9, 40
NR_ROUNDS_ADDING = 5
NARROW = 0.10  #: of the median, to either side

INTRODUCTION = """# The NBD door beside its peers

Written by `make bench-nbd` ({machine}). In each cell all servers do the same in turn, each round beginning with
another; a server and its threads stay on one CPU, the client on the other. The ratio is the median over the rounds of
our rate divided by that of the fastest peer of the cell; behind it is its 95 % interval. A cell is measured for {least}
to {most} rounds, until the interval is within {narrow:.0%} of the median.

The batching client (`bench/c/nbd_client.c`) sends all that it has to send at once, and is not the limit; fio's engine
sends each request by itself, and mostly is. "Bare sockets" is `bench/c/bare_server.c`, a process for each client that
receives, sends and knows nothing: hardly a server can be faster on the machine.

| cell | fastest peer | its requests/s | ours | ratio | 95 % interval | rounds | asked |
|---|---|---:|---:|---:|---:|---:|---:|
"""


@dataclass(frozen=True)
class Cell:
    """One comparison; what it makes are the peers, and ours at the end."""

    title: str
    asked: float  #: the least ratio to the fastest peer; 0: none
    make: Callable[[NbdArena], list[Contender]]


@dataclass(frozen=True)
class Answer:
    """What a cell's measurement says."""

    cell: Cell
    peer: Contender
    own: Contender

    def is_sure(self) -> bool:
        low, high = interval95(self.own.ratios(self.peer))
        ratio = self.own.ratio(self.peer)
        return max(ratio - low, high - ratio) <= NARROW * ratio

    def markdown(self) -> str:
        low, high = interval95(self.own.ratios(self.peer))
        return (
            f"| {self.cell.title} | {self.peer.name} | {self.peer.requests_per_sec:,.0f} | "
            f"{self.own.requests_per_sec:,.0f} | {self.own.ratio(self.peer):.2f} | {low:.2f}…{high:.2f} | "
            f"{len(self.own.nsec)} | {self.cell.asked or '-'} |"
        )


def without(
    names: tuple[str, ...], make: Callable[[NbdArena], list[Contender]]
) -> Callable[[NbdArena], list[Contender]]:
    """Contenders without some."""
    return lambda arena: [contender for contender in make(arena) if contender.name not in names]


def cells() -> Iterator[Cell]:
    for connections in (1, 4):
        for rw in ("read", "write"):
            title = f"null, 4 KiB {rw}, depth 32, batching client, {connections} connections"
            yield Cell(title, 3, null_batching(rw, connections))
    for connections in (1, 4):
        for block, depth in ((4096, 1), (4096, 32), (1 << 20, 8)):
            for rw in ("read", "write"):
                title = f"null, {block >> 10} KiB {rw}, depth {depth}, fio, {connections} connections"
                yield Cell(title, 0.97, null_fio(rw, block, depth, connections))
    for block, depth, connections in ((1 << 20, 8, 1), (4096, 1, 4)):
        title = (
            f"null, {block >> 10} KiB read, depth {depth}, fio, {connections} connections, in our place bare sockets"
        )
        yield Cell(title, 0, null_fio("read", block, depth, connections, bare=True))
    for rw in ("read", "write"):
        for block, depth, asked in ((4096, 32, 1.5), (1 << 20, 8, 1.0)):
            title = f"memory, {block >> 10} KiB {rw}, depth {depth}, batching client"
            others = ("nbdkit python", "ramdisk, interpreted")
            yield Cell(title, asked, without(others, memory(rw, block, depth)))
    for rw in ("read", "write"):
        for block, depth in ((4096, 32), (1 << 20, 8)):
            yield Cell(f"file, {block >> 10} KiB {rw}, depth {depth}, batching client", 1.0, file(rw, block, depth))
    for client, polls in (("sleeping", False), ("polling", True)):
        for rw in ("read", "write"):
            title = f"null, 4 KiB {rw}, depth 1, {client} client, our door polling"
            yield Cell(title, 1.5, null_polling(rw, client_polls=polls))
    for rw in ("read", "write"):
        title = f"null, 4 KiB {rw}, depth 1, polling client, in our place bare sockets"
        yield Cell(title, 0, null_polling(rw, client_polls=True, bare=True))
    for connections, asked in ((1, 5), (4, 10)):
        for rw in ("read", "write"):
            title = f"Python plugin, 4 KiB {rw}, depth 32, batching client, {connections} connections: compiled"
            others = ("nbdkit memory", "ramdisk, interpreted")
            yield Cell(title, asked, without(others, memory(rw, 4096, 32, connections)))
    title = "Python plugin, 4 KiB read, depth 32, batching client, 1 connections: interpreted"
    yield Cell(title, 0, without(("nbdkit memory", "ramdisk, host"), memory("read", 4096, 32)))
    yield Cell("Python plugin that waits 1 ms, 4 KiB read, depth 32, batching client: interpreted", 1.0, sleeping)


def measure(cell: Cell) -> Answer:
    """A cell's answer, when it is sure or the rounds are over."""
    with NbdArena(pinned=True) as arena:
        contenders = cell.make(arena)
        if arena.missing:
            raise SystemExit(f"not installed: {', '.join(sorted(arena.missing))}; hint: .ci/peers installs all peers")
        for number in alternate(contenders, NR_ROUNDS_MAX):
            *peers, own = contenders
            if number + 1 >= NR_ROUNDS_MIN and all(len(one.nsec) == number + 1 for one in contenders):
                answer = Answer(cell, min(peers, key=lambda peer: peer.median_nsec), own)
                if answer.is_sure() or number + 1 == NR_ROUNDS_MAX:
                    return answer
    raise AssertionError


def write_cells(path: Path, only: str, console: Console) -> None:
    """Measures the cells, or those with a word in their titles, and writes the page after each of them."""
    text = INTRODUCTION.format(machine=machine(), least=NR_ROUNDS_MIN, most=NR_ROUNDS_MAX, narrow=NARROW)
    for cell in cells():
        if only in cell.title:
            line = measure(cell).markdown()
            console.print(line)
            text += line + "\n"
            path.write_text(text)
    if not only:
        text += "\n" + START_UP.format(title="Start-up, and at rest")
        for measurement in adding(NR_ROUNDS_ADDING):
            console.print(measurement.markdown())
            text += measurement.markdown() + "\n"
        path.write_text(text)
