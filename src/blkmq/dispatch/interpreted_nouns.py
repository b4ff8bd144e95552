# SPDX-License-Identifier: MIT
"""The nouns of the interpreted target that need dispatch: requests, segments, queues, timers, works.

Each is a thin Python object over the records; the rules are the functions that compiled drivers call too.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Iterator
from operator import index
from typing import TYPE_CHECKING, Any

from blkmq.abi.page import PAGE_SIZE
from blkmq.dispatch import request_verbs as verbs
from blkmq.dispatch.call import Call, burn
from blkmq.dispatch.nouns.hr_timer import hr_timer_cancel, hr_timer_start
from blkmq.dispatch.nouns.records import HrTimerRecord, WorkRecord
from blkmq.dispatch.nouns.request_list import (
    request_list_add_tail,
    request_list_at,
    request_list_empty,
    request_list_pop,
)
from blkmq.dispatch.nouns.segment import (
    BYTES_PER_FUEL,
    segment_advance,
    segment_first,
    segment_getitem,
    segment_len,
    segment_more,
    segment_next,
    segment_setitem,
    segment_zero,
)
from blkmq.dispatch.nouns.work import work_queue
from blkmq.dispatch.ownership import pin, unpin
from blkmq.dispatch.report import TEXT
from blkmq.dispatch.request import INDEX_MASK, request_at, segment_at
from blkmq.dispatch.tag_set import DiskRecord, tag_set_at
from blkmq.mq.blk_status import BlkStatus
from blkmq.mq.errors import ERROR_OF_FAULT, AbsentError, DriverIndexError, Fault
from blkmq.mq.gen_disk import GenDisk
from blkmq.mq.hctx_type import HctxType
from blkmq.mq.hr_timer import HrTimer
from blkmq.mq.hw_ctx import HwCtx
from blkmq.mq.page import Page
from blkmq.mq.page_store import PageStore
from blkmq.mq.req_op import ReqFlag, ReqOp
from blkmq.mq.request import Request
from blkmq.mq.request_list import RequestList
from blkmq.mq.segment import Segment
from blkmq.mq.tag_set import TagSet
from blkmq.mq.work import Work

if TYPE_CHECKING:
    from blkmq.dispatch.interpreted import InterpretedDriver


class Frame(threading.local):
    """The call that this thread is in."""

    call: Call
    home: InterpretedDriver


frame = Frame()


def checked(call: Call) -> None:
    """Raises the error that a verb noted."""
    if call.error:
        fault, value = Fault(call.error), call.value
        call.error = 0
        raise ERROR_OF_FAULT[fault](TEXT[fault].format(value=value))


def mark() -> Call:
    """This thread's call, with the driver's present line noted."""
    call = frame.call
    caller = sys._getframe(2)
    while caller.f_back is not None and caller.f_globals["__name__"].startswith("blkmq.mq."):
        caller = caller.f_back  # a verb that is made of others
    call.at = frame.home.at(caller.f_code.co_filename, caller.f_lineno)
    return call


class InterpretedRequest(Request):
    """A handle, as Python sees it."""

    __slots__ = ("handle",)

    def __init__(self, handle: int) -> None:
        self.handle = handle

    def __eq__(self, other: object) -> bool:
        return isinstance(other, InterpretedRequest) and other.handle == self.handle

    def __hash__(self) -> int:
        return hash(self.handle)

    def _read(self, verb: Any) -> int:
        call = frame.call
        value: int = verb(call, self.handle)
        if call.error:
            checked(call)
        return value

    @property
    def op(self) -> ReqOp:  # type: ignore[override]
        return ReqOp(self._read(verbs.request_op))

    @property
    def flags(self) -> ReqFlag:  # type: ignore[override]
        return ReqFlag(self._read(verbs.request_flags))

    @property
    def sector(self) -> int:  # type: ignore[override]
        return self._read(verbs.request_sector)

    @property
    def nr_sectors(self) -> int:  # type: ignore[override]
        return self._read(verbs.request_nr_sectors)

    @property
    def nr_bytes(self) -> int:  # type: ignore[override]
        return self._read(verbs.request_nr_bytes)

    @property
    def tag(self) -> int:  # type: ignore[override]
        return self._read(verbs.request_tag)

    @property
    def hctx(self) -> HwCtx:  # type: ignore[override]
        return frame.home.hctx(frame.call, self._read(verbs.request_hctx))

    @property
    def pdu(self) -> Any:
        self._read(verbs.request_op)
        return frame.home.pdus[self.handle & INDEX_MASK]

    def segments(self) -> Iterator[Segment]:
        call = frame.call
        place = segment_first(call, self.handle)
        checked(call)
        while segment_more(call, place):
            yield InterpretedSegment(place)
            place = segment_next(place)
        checked(call)

    def start(self) -> None:
        call = mark()
        verbs.request_start(call, self.handle)
        checked(call)

    def complete(self) -> None:
        call = mark()
        verbs.request_complete(call, self.handle)
        checked(call)

    def end(self, status: BlkStatus = BlkStatus.OK) -> None:
        call = mark()
        verbs.request_end(call, self.handle, int(status))
        checked(call)

    def requeue(self, kick: bool = True) -> None:
        call = mark()
        verbs.request_requeue(call, self.handle, bool(kick))
        checked(call)

    def update(self, status: BlkStatus, nr_bytes: int) -> bool:
        call = mark()
        left = verbs.request_update(call, self.handle, int(status), nr_bytes)
        checked(call)
        return left


class InterpretedSegment(Segment):
    """A place in a request's data; pages are bytearrays here.

    What is no integer raises before the request is pinned.
    """

    __slots__ = ("place",)

    def __init__(self, place: tuple[int, int, int]) -> None:
        self.place = place

    def __len__(self) -> int:
        return segment_len(frame.call, self.place)

    def __getitem__(self, place: int) -> int:
        call = frame.call
        value = segment_getitem(call, self.place, index(place))
        checked(call)
        return value

    def __setitem__(self, place: int, value: int) -> None:
        call = frame.call
        segment_setitem(call, self.place, index(place), index(value))
        checked(call)

    def _count(self, call: Call, page: Page, offset: int, nr_bytes: int) -> int:
        if page is None:
            raise AbsentError("the page is None")
        offset, nr_bytes = index(offset), index(nr_bytes)
        if not 0 <= offset <= PAGE_SIZE or nr_bytes < 0:
            raise DriverIndexError(f"{nr_bytes} bytes at offset {offset} of a page")
        count = min(nr_bytes, PAGE_SIZE - offset, segment_len(call, self.place))
        burn(call, count // BYTES_PER_FUEL)
        checked(call)
        return count

    def _pinned(self, call: Call) -> int:
        """Address of what is left, pinned."""
        if not pin(call, self.place[0]):
            checked(call)
        request = request_at(tag_set_at(call.set_address, 0).requests, self.place[0] & INDEX_MASK)
        return int(segment_at(request.segments, self.place[1]).address) + self.place[2]

    def _step(self, count: int) -> int:
        self.place = (self.place[0], self.place[1], self.place[2] + count)
        return count

    def copy_to_page(self, page: Page, offset: int, nr_bytes: int = PAGE_SIZE) -> int:
        call = frame.call
        count = self._count(call, page, offset, nr_bytes)
        address = self._pinned(call)
        try:
            page.memory[offset : offset + count] = ctypes.string_at(address, count)
        finally:
            unpin(call, self.place[0])
        return self._step(count)

    def copy_from_page(self, page: Page, offset: int, nr_bytes: int = PAGE_SIZE) -> int:
        call = frame.call
        count = self._count(call, page, offset, nr_bytes)
        source = bytes(page.memory[offset : offset + count])
        ctypes.memmove(self._pinned(call), source, count)
        unpin(call, self.place[0])
        return self._step(count)

    def zero(self, nr_bytes: int = PAGE_SIZE) -> int:
        call = frame.call
        count, self.place = segment_zero(call, self.place, index(nr_bytes))
        checked(call)
        return int(count)

    def advance(self, nr_bytes: int) -> None:
        call = frame.call
        _, self.place = segment_advance(call, self.place, index(nr_bytes))
        checked(call)


class InterpretedPage(Page):
    """A page whose clearing costs fuel."""

    __slots__ = ()

    def zero(self, offset: int, nr_bytes: int) -> None:
        self._check(offset, nr_bytes)
        burn(frame.call, nr_bytes // BYTES_PER_FUEL)
        checked(frame.call)
        super().zero(offset, nr_bytes)


class InterpretedPageStore(PageStore):
    """A store of such pages."""

    page = InterpretedPage


class InterpretedHwCtx(HwCtx):
    """A hardware queue of one disk."""

    __slots__ = ("data", "queue_num", "type")

    def __init__(self, queue_num: int, kind: HctxType, data: Any) -> None:
        self.queue_num = queue_num
        self.type = kind
        self.data = data


class InterpretedHrTimer(HrTimer):
    """A timer whose record is the engine's."""

    def __init__(self, slot: int) -> None:
        self.record = HrTimerRecord()
        self.slot = slot

    def start(self, nsec: int, rq: Request | None = None) -> None:
        call = mark()
        handle = rq.handle if isinstance(rq, InterpretedRequest) else 0
        hr_timer_start(call, self.record, index(nsec), handle, self.slot)
        checked(call)

    def cancel(self) -> bool:
        return hr_timer_cancel(frame.call, self.record)


class InterpretedWork(Work):
    """A work whose record is the engine's."""

    def __init__(self, slot: int) -> None:
        self.record = WorkRecord()
        self.slot = slot

    def queue(self, rq: Request | None = None) -> bool:
        call = mark()
        handle = rq.handle if isinstance(rq, InterpretedRequest) else 0
        queued = work_queue(call, self.record, handle, self.slot)
        checked(call)
        return queued


class LimitedRequestList(RequestList):
    """A list in a field, as large as the engine's."""

    def add_tail(self, rq: Request) -> None:
        if len(self._requests) >= tag_set_at(frame.call.set_address, 0).nr_requests:
            raise DriverIndexError(f"the list holds {len(self._requests)} requests already")
        super().add_tail(rq)


class InterpretedRequestList(RequestList):
    """The list that ``queue_rqs`` gets: dispatch's own record."""

    def __init__(self, address: int) -> None:
        self.record = request_list_at(address, 0)

    def add_tail(self, rq: Request) -> None:
        call = frame.call
        request_list_add_tail(call, self.record, rq.handle if isinstance(rq, InterpretedRequest) else 0)
        checked(call)

    def pop(self) -> Request | None:
        handle = request_list_pop(frame.call, self.record)
        return InterpretedRequest(handle) if handle else None

    def empty(self) -> bool:
        return request_list_empty(frame.call, self.record)


class InterpretedTagSet(TagSet):
    """The tag set as a driver sees it: it also finds requests by tag."""

    __slots__ = ()

    def tag_to_rq(self, hctx: HwCtx, tag: int) -> Request | None:
        call = frame.call
        handle = verbs.tag_set_tag_to_rq(call, hctx.queue_num, tag)
        checked(call)
        return InterpretedRequest(handle) if handle else None


class LiveGenDisk(GenDisk):
    """A disk whose capacity and read-only flag are the record's, which its door reads."""

    __slots__ = ("record",)
    record: DiskRecord

    def __init__(self, record: DiskRecord) -> None:
        object.__setattr__(self, "record", record)
        super().__init__()

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in ("capacity_sectors", "read_only"):
            setattr(self.record, name, int(value))
