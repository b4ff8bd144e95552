# SPDX-License-Identifier: MIT
"""Hardware queues that work against each other: one changes an index, or ends a request, that another one uses.

A plain field of Hw or Pdu belongs to one queue or request, but a kept handle leads to another's: that is the way by
which these get there.  Each user looks at the field, finds it in range, and uses it: by then it may be another.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, auto
from typing import Annotated

from blkmq import (
    PAGE_SIZE,
    Array,
    Atomic,
    BlkStatus,
    Errno,
    HrTimer,
    HwCtx,
    Operations,
    PageStore,
    QueueLimits,
    Request,
    SpinLock,
    TagSet,
    Work,
    s64,
    u8,
    u32,
    u64,
)  # fmt: skip
from blkmq.testing.misbehaviour.victim import MOST

NR_SECTORS = 1024
LENGTH = 8
CANARY = 0xA5
NR_WAITS = 200_000
TIMEOUT_MSEC = 600_000  #: the anchor stays as long as the race lasts, on however busy a machine


class Part(IntEnum):
    """What a request does, by its first sector divided by 8; with 0 nothing."""

    ANCHOR = auto()  #: stays with the driver, so that others may use it
    CHANGE = auto()  #: changes the fields of the anchor and of its queue, again and again
    USE_ARRAY = auto()
    USE_PAGE = auto()
    USE_SEGMENT = auto()
    USE_STORE = auto()
    USE_OFFSET = auto()
    USE_FIELD = auto()
    USE_DIVISOR = auto()
    USE_SHIFT = auto()
    COPY = auto()  #: copies the anchor's data, until it is gone
    END = auto()  #: ends the anchor
    CONTEST = auto()  #: a timer and work both want to end it
    CHECK = auto()  #: whether everything beside the fields is as it was


@dataclass(frozen=True, kw_only=True)
class RacersConfig:
    nr_rounds: u32 = 2000


class Racers(Operations):
    config: RacersConfig
    store: PageStore
    lock: SpinLock
    anchor: Request | None
    copying: Atomic
    changing: Atomic

    class Pdu:
        timer: HrTimer
        work: Work
        before: u64
        index: s64
        behind: u64

    class Hw:
        before: u64
        table: Annotated[Array[u64], LENGTH]
        middle: u64
        index: s64
        small: u8
        behind: u64
        nr_uses: u64

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        tag_set.nr_maps = 2
        tag_set.nr_hw_queues = 2
        tag_set.nr_read_queues = 1
        tag_set.queue_depth = 8
        tag_set.timeout_msec = TIMEOUT_MSEC
        self.disk.capacity_sectors = NR_SECTORS
        return Errno.OK

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        part = rq.sector // 8
        rq.start()
        if part == 0:
            rq.end()
            return BlkStatus.OK
        if part == Part.ANCHOR:
            self.paint_neighbours()
            with self.lock:
                self.anchor = rq
            return BlkStatus.OK
        if part == Part.CONTEST:
            rq.pdu.timer.start(0, rq)
            rq.pdu.work.queue(rq)
            return BlkStatus.OK
        with self.lock:
            anchor = self.anchor
        if anchor is None:
            return BlkStatus.TARGET
        if part == Part.CHANGE:
            self.change(anchor)
        elif part == Part.COPY:
            self.copy(anchor)
        elif part == Part.END:
            self.end_anchor(rq, anchor)
        elif part == Part.CHECK:
            return self.check(hctx, rq)
        else:
            for _ in range(NR_WAITS):
                if self.changing.load() == 1:
                    break
            for _ in range(self.config.nr_rounds):
                hctx.data.nr_uses += 1
                self.use_index(hctx, anchor, part)
                self.use_data(hctx, rq, part)
        rq.end()
        return BlkStatus.OK

    def timer(self, rq: Request) -> None:
        rq.end()

    def work(self, rq: Request) -> None:
        rq.end(BlkStatus.MEDIUM)

    # --- who changes ------------------------------------------------------------------------------------
    def change(self, anchor: Request) -> None:
        queue = anchor.hctx
        self.changing.store(1)
        for i in range(self.config.nr_rounds):
            queue.data.index = i % LENGTH
            anchor.pdu.index = i % LENGTH
            wild = self.wild_value(i % 6)
            queue.data.index = wild
            anchor.pdu.index = wild
        self.changing.store(0)

    def wild_value(self, which: int) -> int:
        if which == 0:
            return LENGTH
        if which == 1:
            return -1
        if which == 2:
            return MOST
        if which == 3:
            return -MOST - 1
        if which == 4:
            return 5000
        return 0

    # --- who uses -----------------------------------------------------------------------------------------
    def use_index(self, hctx: HwCtx, anchor: Request, part: int) -> None:
        page = self.store.get_or_alloc(1)
        if page is None:
            return
        if part == Part.USE_ARRAY:
            if 0 <= hctx.data.index < LENGTH:
                hctx.data.table[hctx.data.index] += 1
        elif part == Part.USE_PAGE:
            if 0 <= anchor.pdu.index < PAGE_SIZE:
                page[anchor.pdu.index] = page[anchor.pdu.index] & 1
        elif part == Part.USE_STORE:
            if 1 <= hctx.data.index <= 1:
                self.store.get(hctx.data.index)
        elif part == Part.USE_FIELD:
            if 0 <= anchor.pdu.index <= 255:
                hctx.data.small = anchor.pdu.index
        elif part == Part.USE_DIVISOR:
            if hctx.data.index > 0:
                hctx.data.small = (-MOST - 1) // hctx.data.index & 1
                hctx.data.small = (-MOST - 1) % hctx.data.index & 1
        elif part == Part.USE_SHIFT and 0 <= hctx.data.index < LENGTH:
            hctx.data.small = (1 << hctx.data.index) & 1

    def use_data(self, hctx: HwCtx, rq: Request, part: int) -> None:
        page = self.store.get_or_alloc(1)
        if page is None or (part != Part.USE_SEGMENT and part != Part.USE_OFFSET):
            return
        for segment in rq.segments():
            if part == Part.USE_SEGMENT:
                if 0 <= hctx.data.index < len(segment):
                    segment[hctx.data.index] = segment[hctx.data.index] & 1
                if 0 <= hctx.data.index < len(segment):
                    segment.advance(hctx.data.index)
            elif 0 <= hctx.data.index <= PAGE_SIZE:
                segment.copy_to_page(page, hctx.data.index, hctx.data.index)
                page.zero(hctx.data.index, 1)

    def copy(self, anchor: Request) -> None:
        page = self.store.get_or_alloc(1)
        if page is None:
            return
        self.copying.store(1)
        while True:
            for segment in anchor.segments():
                segment.copy_to_page(page, 0)
            for segment in anchor.segments():
                segment[0] = segment[1]
                segment.copy_from_page(page, 0)
            for segment in anchor.segments():
                segment.zero()

    def end_anchor(self, rq: Request, anchor: Request) -> None:
        for _ in range(NR_WAITS):
            if self.copying.load() == 1:
                break
        for _ in range(rq.nr_bytes // 512 * 50):
            pass
        anchor.end()
        self.copying.store(0)

    # --- whether all is well ----------------------------------------------------------------------------
    def paint_neighbours(self) -> None:
        """Fills the pages beside the one that is used."""
        for number in range(0, 3, 2):
            page = self.store.get_or_alloc(number)
            if page is not None:
                for i in range(PAGE_SIZE):
                    page[i] = CANARY

    def check(self, hctx: HwCtx, rq: Request) -> BlkStatus:
        status = BlkStatus.OK
        if hctx.data.before != 0 or hctx.data.middle != 0 or hctx.data.behind != 0:
            status = BlkStatus.MEDIUM
        if rq.pdu.before != 0 or rq.pdu.behind != 0:
            status = BlkStatus.MEDIUM
        for number in range(0, 3, 2):
            page = self.store.get(number)
            if page is None:
                return BlkStatus.MEDIUM
            for i in range(PAGE_SIZE):
                if page[i] != CANARY:
                    status = BlkStatus.MEDIUM
        rq.end(status)
        return BlkStatus.OK
