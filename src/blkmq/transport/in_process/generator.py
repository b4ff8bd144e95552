# SPDX-License-Identifier: MIT
"""A load without a client: a loop that takes tags, queues requests at random places, and checks each result.

It measures what driver and dispatch cost; the same loop in C is ``bench/c/loop_baseline.c``.
"""

from __future__ import annotations

import ctypes
import time
from dataclasses import dataclass

from blkmq.abi.blk_types import REQ_OP_READ, REQ_OP_WRITE, SECTOR_SHIFT
from blkmq.abi.page import PAGE_SIZE
from blkmq.dispatch.call import call_at
from blkmq.dispatch.engine import compiled_loop
from blkmq.dispatch.hctx import append, has_ended, run, take_ended, wait
from blkmq.dispatch.hw_queue import queue_at
from blkmq.dispatch.request import request_at, segment_at
from blkmq.dispatch.running_set import Memory, RunningSet
from blkmq.dispatch.tag_set import tag_set_at
from blkmq.dispatch.tags import get_tag, put_tag, status_of
from blkmq.mq.integer import s32, s64
from blkmq.native.clock import monotonic_nsec
from blkmq.native.hot import hot, hot_inline
from blkmq.native.integer import add, mul
from blkmq.native.record import Record, accessor
from blkmq.transport.in_process.timeout_thread import TimeoutThread

LCG_FACTOR, LCG_TERM, LCG_SHIFT = 6364136223846793005, 1442695040888963407, 33
LCG_MASK = (1 << 30) - 1
BATCH = 32
WAIT_NSEC = 1_000_000_000


class LoadRecord(Record):
    """What to generate, and what came of it."""

    nr_requests: s64
    depth: s64
    nr_blocks: s64  #: of 4 KiB
    buffers: s64  #: address of ``queue_depth`` pages; 0: requests carry no data
    write_percent: s64
    state: s64  #: of the random number generator
    nr_failed: s64  #: requests that ended with another status than OK
    elapsed_nsec: s64
    next_block: s64  #: of a sequential load
    batch: s32
    sequential: s32


load_at = accessor(LoadRecord)


@hot_inline
def next_random(load: LoadRecord) -> int:
    """30 random bits."""
    load.state = add(mul(load.state, LCG_FACTOR), LCG_TERM)
    return (load.state >> LCG_SHIFT) & LCG_MASK


@hot_inline
def fill(load: LoadRecord, tag_set: int, index: int) -> None:
    """Makes a request of 4 KiB at a random place, or at the next one."""
    request = request_at(tag_set, index)
    block = next_random(load)
    if load.sequential != 0:
        block = load.next_block + 0
        load.next_block = block + 1
    request.sector = (block % load.nr_blocks) * (PAGE_SIZE >> SECTOR_SHIFT)
    request.op = REQ_OP_WRITE if next_random(load) % 100 < load.write_percent else REQ_OP_READ
    request.flags = 0
    request.disk = 0
    request.nr_bytes = PAGE_SIZE
    if load.buffers != 0:
        piece = segment_at(request.segments, 0)
        piece.address = load.buffers + index * PAGE_SIZE
        piece.nr_bytes = PAGE_SIZE
        request.nr_segments = 1


@hot
def generate(call_address: int, load_address: int) -> int:
    """Keeps ``depth`` requests under way until ``nr_requests`` have ended."""
    call = call_at(call_address, 0)
    load = load_at(load_address, 0)
    tag_set = tag_set_at(call.set_address, 0)
    queue = queue_at(tag_set.queues, call.hctx)
    started = 0
    ended = 0
    begin = monotonic_nsec()
    while ended < load.nr_requests:
        room = min(load.depth - (started - ended), load.nr_requests - started)
        room = min(room, load.batch)
        for _ in range(room):
            index = get_tag(tag_set, queue)
            fill(load, tag_set.requests, index)
            append(tag_set, queue, index)
        started += room
        run(call, tag_set, queue)
        if not has_ended(queue):
            if room == 0:
                wait(tag_set, queue, monotonic_nsec() + WAIT_NSEC)
            continue
        link = take_ended(tag_set, queue)
        while link != 0:
            index = link - 1
            request = request_at(tag_set.requests, index)
            link = request.next + 0
            if status_of(request) != 0:
                load.nr_failed = load.nr_failed + 1
            put_tag(tag_set, queue, index)
            ended += 1
    load.elapsed_nsec = monotonic_nsec() - begin
    return ended


@dataclass(frozen=True)
class Load:
    """A measured load."""

    nr_requests: int
    nr_failed: int
    elapsed_nsec: int

    @property
    def requests_per_sec(self) -> float:
        return self.nr_requests * 1e9 / max(self.elapsed_nsec, 1)


def run_load(
    running: RunningSet,
    nr_requests: int,
    *,
    depth: int = 128,
    write_percent: int = 50,
    data: bool = True,
    queue: int = 0,
    batch: int = BATCH,
    sequential: bool = False,
) -> Load:
    """Runs a load on one hardware queue of a set that no door runs; in the calling thread."""
    load = LoadRecord()
    load.nr_requests = nr_requests
    load.depth = min(depth, running.tag_set.queue_depth)
    load.nr_blocks = max(running.disks[0].record.capacity_sectors * 512 // PAGE_SIZE, 1)
    load.write_percent = write_percent
    load.state = 12345
    load.batch = batch
    load.sequential = int(sequential)
    memory = Memory()  # pages, as those of real requests are: copies between pages and odd places are slower
    if data:
        load.buffers = memory.take(running.record.nr_requests * PAGE_SIZE)
        ctypes.memset(load.buffers, 0x5A, running.record.nr_requests * PAGE_SIZE)
    compiled = running.executable.entry >= 0
    loop = compiled_loop(generate) if compiled else generate
    with TimeoutThread(running):
        begin = time.monotonic_ns()
        loop(running.call_address(queue), ctypes.addressof(load))
        elapsed_nsec = time.monotonic_ns() - begin
    memory.close()
    return Load(nr_requests, load.nr_failed, load.elapsed_nsec or elapsed_nsec)
