# SPDX-License-Identifier: MIT
"""Wrong places: indexes, page numbers, offsets and lengths outside of what they index, and handles of nothing."""

from __future__ import annotations

from enum import IntEnum, auto
from typing import Annotated

from blkmq import (
    PAGE_SIZE,
    Array,
    BadBlocks,
    BlkStatus,
    HwCtx,
    Request,
    XArray,
    u8,
    u64,
)  # fmt: skip
from blkmq.testing.misbehaviour.victim import BAD_SECTOR, MOST, Victim

LENGTH = 8
FAR = 5000
NR_PAGES = 1 << 35  #: that a PageStore can have


class Misdeed(IntEnum):
    """What Indexes does wrong, by the name of its row in the table."""

    ARRAY_INDEX_ONE_BEHIND = auto()
    ARRAY_INDEX_NEGATIVE = auto()
    ARRAY_INDEX_HUGE = auto()
    SEGMENT_INDEX_ONE_BEHIND = auto()
    SEGMENT_INDEX_NEGATIVE = auto()
    SEGMENT_INDEX_HUGE = auto()
    PAGE_INDEX_ONE_BEHIND = auto()
    PAGE_INDEX_NEGATIVE = auto()
    PAGE_INDEX_HUGE = auto()
    PAGE_NUMBER_ONE_BEHIND = auto()
    PAGE_NUMBER_NEGATIVE = auto()
    PAGE_NUMBER_HUGE = auto()
    COPY_TO_OFFSET_BEHIND_PAGE = auto()
    COPY_FROM_NEGATIVE_OFFSET = auto()
    COPY_OF_NEGATIVE_LENGTH = auto()
    ZERO_OF_NEGATIVE_LENGTH = auto()
    ADVANCE_BEHIND_SEGMENT = auto()
    ADVANCE_BACKWARDS = auto()
    PAGE_ZERO_ACROSS_ITS_END = auto()
    PAGE_ZERO_AT_HUGE_OFFSET = auto()
    XARRAY_INDEX_NEGATIVE = auto()
    BAD_RANGE_HUGE = auto()
    TAG_OUT_OF_RANGE = auto()
    NO_PAGE = auto()
    NO_REQUEST = auto()
    PAGE_BYTE_OF_256 = auto()
    SEGMENT_BYTE_NEGATIVE = auto()
    XARRAY_VALUE_ZERO = auto()


class Indexes(Victim):
    values: XArray
    bad: BadBlocks

    class Hw(Victim.Hw):
        before: u64
        table: Annotated[Array[u8], LENGTH]
        behind: u64
        nobody: Request | None

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        if rq.sector < BAD_SECTOR:
            return self.behave(hctx, rq)
        rq.start()
        nothing = rq.sector - BAD_SECTOR  # what the compiler cannot know
        self.index_array(hctx, nothing)
        self.index_data(rq, nothing)
        self.index_stores(hctx, nothing)
        intact = hctx.data.before == 0 and hctx.data.behind == 0
        rq.end(BlkStatus.OK if intact else BlkStatus.TARGET)
        return BlkStatus.OK

    def index_array(self, hctx: HwCtx, nothing: int) -> None:
        mode = self.config.mode
        if mode == Misdeed.ARRAY_INDEX_ONE_BEHIND:
            hctx.data.table[LENGTH + nothing] = 1  # <- array_index_one_behind
        elif mode == Misdeed.ARRAY_INDEX_NEGATIVE:
            hctx.data.table[nothing - FAR] = 1  # <- array_index_negative
        elif mode == Misdeed.ARRAY_INDEX_HUGE:
            hctx.data.table[0] = hctx.data.table[MOST - nothing]  # <- array_index_huge

    def index_data(self, rq: Request, nothing: int) -> None:
        mode = self.config.mode
        page = self.store.get_or_alloc(BAD_SECTOR // 8)
        if page is None:
            return
        for segment in rq.segments():
            if mode == Misdeed.SEGMENT_INDEX_ONE_BEHIND:
                segment[len(segment) + nothing] = 1  # <- segment_index_one_behind
            elif mode == Misdeed.SEGMENT_INDEX_NEGATIVE:
                segment[nothing - FAR] = 1  # <- segment_index_negative
            elif mode == Misdeed.SEGMENT_INDEX_HUGE:
                segment[0] = segment[MOST - nothing]  # <- segment_index_huge
            elif mode == Misdeed.PAGE_INDEX_ONE_BEHIND:
                page[PAGE_SIZE + nothing] = 1  # <- page_index_one_behind
            elif mode == Misdeed.PAGE_INDEX_NEGATIVE:
                page[nothing - FAR] = 1  # <- page_index_negative
            elif mode == Misdeed.PAGE_INDEX_HUGE:
                page[0] = page[MOST - nothing]  # <- page_index_huge
            elif mode == Misdeed.COPY_TO_OFFSET_BEHIND_PAGE:
                segment.copy_to_page(page, PAGE_SIZE + 1)  # <- copy_to_offset_behind_page
            elif mode == Misdeed.COPY_FROM_NEGATIVE_OFFSET:
                segment.copy_from_page(page, nothing - FAR)  # <- copy_from_negative_offset
            elif mode == Misdeed.COPY_OF_NEGATIVE_LENGTH:
                segment.copy_to_page(page, 0, nothing - 1)  # <- copy_of_negative_length
            elif mode == Misdeed.ZERO_OF_NEGATIVE_LENGTH:
                segment.zero(nothing - MOST)  # <- zero_of_negative_length
            elif mode == Misdeed.ADVANCE_BEHIND_SEGMENT:
                segment.advance(len(segment) + 1)  # <- advance_behind_segment
            elif mode == Misdeed.ADVANCE_BACKWARDS:
                segment.advance(nothing - 1)  # <- advance_backwards
            elif mode == Misdeed.PAGE_ZERO_ACROSS_ITS_END:
                page.zero(1, PAGE_SIZE)  # <- page_zero_across_its_end
            elif mode == Misdeed.PAGE_ZERO_AT_HUGE_OFFSET:
                page.zero(MOST - nothing, 1)  # <- page_zero_at_huge_offset
            elif mode == Misdeed.PAGE_BYTE_OF_256:
                page[0] = 256 + nothing  # <- page_byte_of_256
            elif mode == Misdeed.SEGMENT_BYTE_NEGATIVE:
                segment[0] = nothing - 1  # <- segment_byte_negative

    def index_stores(self, hctx: HwCtx, nothing: int) -> None:
        mode = self.config.mode
        if mode == Misdeed.PAGE_NUMBER_ONE_BEHIND:
            self.store.get(NR_PAGES + nothing)  # <- page_number_one_behind
        elif mode == Misdeed.PAGE_NUMBER_NEGATIVE:
            self.store.get_or_alloc(nothing - FAR)  # <- page_number_negative
        elif mode == Misdeed.PAGE_NUMBER_HUGE:
            self.store.erase(MOST - nothing)  # <- page_number_huge
        elif mode == Misdeed.XARRAY_INDEX_NEGATIVE:
            self.values.store(nothing - 1, 1)  # <- xarray_index_negative
        elif mode == Misdeed.XARRAY_VALUE_ZERO:
            self.values.store(1, nothing)  # <- xarray_value_zero
        elif mode == Misdeed.BAD_RANGE_HUGE:
            self.bad.set(MOST - nothing, 2)  # <- bad_range_huge
        elif mode == Misdeed.TAG_OUT_OF_RANGE:
            self.tag_set.tag_to_rq(hctx, FAR + nothing)  # <- tag_out_of_range
        elif mode == Misdeed.NO_PAGE:
            page = self.store.get(NR_PAGES - 1 - nothing)
            page[0] = 1  # type: ignore[index]  # <- no_page
        elif mode == Misdeed.NO_REQUEST:
            hctx.data.nobody.end()  # <- no_request
