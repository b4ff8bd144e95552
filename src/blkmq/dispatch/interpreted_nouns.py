# SPDX-License-Identifier: MIT
"""The nouns of the interpreted target that need dispatch: requests, segments, queues, timers, works.

Each is a thin Python object over the records; the rules are the functions that compiled drivers call too.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable, Iterator
from operator import index
from typing import TYPE_CHECKING, Any, TypeVar

from blkmq.abi.page import PAGE_SIZE
from blkmq.dispatch import request_verbs as verbs
from blkmq.dispatch.call import Call, burn
from blkmq.dispatch.hw_queue import HwQueueRecord
from blkmq.dispatch.nouns import backing_file
from blkmq.dispatch.nouns.hr_timer import hr_timer_cancel, hr_timer_start
from blkmq.dispatch.nouns.records import BackingFileRecord, HrTimerRecord, WorkRecord
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
from blkmq.dispatch.report import OUTSIDE, TEXT
from blkmq.dispatch.request import INDEX_MASK, request_at, segment_at
from blkmq.dispatch.tag_set import DiskRecord, disk_at, tag_set_at
from blkmq.mq.backing_file import BackingFile
from blkmq.mq.blk_status import BlkStatus
from blkmq.mq.errno import Errno
from blkmq.mq.errors import ERROR_OF_FAULT, AbsentError, DriverIndexError, Fault, StaleRequestError
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
    """The call that this thread is in, and whose; on a thread of a driver's own, none."""

    call: Call = None  # type: ignore[assignment]
    home: InterpretedDriver | None = None


frame = Frame()
INNER = ("blkmq.mq.", "blkmq.dispatch.")  #: modules of verbs
R = TypeVar("R")


def checked(call: Call) -> None:
    """Raises the error that a verb noted."""
    if call.error:
        fault, value = Fault(call.error), call.value
        call.error = 0
        raise ERROR_OF_FAULT[fault](TEXT[fault].format(value=value))


def run(home: InterpretedDriver, verb: Callable[..., R], *arguments: Any) -> R:
    """Runs a verb with the call that this thread is in, or one for a moment; raises the error that the verb noted."""
    result: R
    if frame.home is not home:
        result = home.visit(run, home, verb, *arguments)
        return result
    call = frame.call
    result = verb(call, *arguments)
    if call.error:
        checked(call)
    return result


def run_at(home: InterpretedDriver, verb: Callable[..., R], *arguments: Any) -> R:
    """Runs a verb, with the driver's present line noted."""
    result: R
    if frame.home is not home:
        result = home.visit(run_at, home, verb, *arguments)
        return result
    call = frame.call
    caller = sys._getframe(2)
    while caller.f_back is not None and caller.f_globals["__name__"].startswith(INNER):
        caller = caller.f_back
    call.at = home.at(caller.f_code.co_filename, caller.f_lineno)
    result = verb(call, *arguments)
    if call.error:
        checked(call)
    return result


def handle_of(home: InterpretedDriver, rq: Request | None) -> int:
    """The handle of a request that a verb gets; 0 for none."""
    if not isinstance(rq, InterpretedRequest):
        return 0
    if rq.home is not home:
        raise StaleRequestError("the request is another tag set's")
    return rq.handle


class InterpretedRequest(Request):
    """A handle, as Python sees it."""

    __slots__ = ("handle", "home")

    def __init__(self, home: InterpretedDriver, handle: int) -> None:
        self.home = home
        self.handle = handle

    def __eq__(self, other: object) -> bool:
        return isinstance(other, InterpretedRequest) and other.handle == self.handle and other.home is self.home

    def __hash__(self) -> int:
        return hash(self.handle)

    @property
    def op(self) -> ReqOp:  # type: ignore[override]
        return ReqOp(run(self.home, verbs.request_op, self.handle))

    @property
    def flags(self) -> ReqFlag:  # type: ignore[override]
        return ReqFlag(run(self.home, verbs.request_flags, self.handle))

    @property
    def sector(self) -> int:  # type: ignore[override]
        return run(self.home, verbs.request_sector, self.handle)

    @property
    def nr_sectors(self) -> int:  # type: ignore[override]
        return run(self.home, verbs.request_nr_sectors, self.handle)

    @property
    def nr_bytes(self) -> int:  # type: ignore[override]
        return run(self.home, verbs.request_nr_bytes, self.handle)

    @property
    def tag(self) -> int:  # type: ignore[override]
        return run(self.home, verbs.request_tag, self.handle)

    @property
    def hctx(self) -> HwCtx:  # type: ignore[override]
        return run(self.home, self._hctx)

    def _hctx(self, call: Call) -> HwCtx:
        queue = verbs.request_hctx(call, self.handle)
        disk = call.disk_address
        if call.slot == OUTSIDE:  # it is for no disk
            tag_set = tag_set_at(call.set_address, 0)
            disk = ctypes.addressof(disk_at(tag_set.disks, request_at(tag_set.requests, self.handle & INDEX_MASK).disk))
        return self.home.hctxs[disk, queue]

    @property
    def pdu(self) -> Any:
        run(self.home, verbs.request_op, self.handle)
        return self.home.pdus[self.handle & INDEX_MASK]

    def segments(self) -> Iterator[Segment]:
        place = run(self.home, segment_first, self.handle)
        while run(self.home, segment_more, place):
            yield InterpretedSegment(self.home, place)
            place = segment_next(place)

    def start(self) -> None:
        run_at(self.home, verbs.request_start, self.handle)

    def complete(self) -> None:
        run_at(self.home, verbs.request_complete, self.handle)

    def end(self, status: BlkStatus = BlkStatus.OK) -> None:
        run_at(self.home, verbs.request_end, self.handle, int(status))

    def requeue(self, kick: bool = True) -> None:
        run_at(self.home, verbs.request_requeue, self.handle, bool(kick))

    def update(self, status: BlkStatus, nr_bytes: int) -> bool:
        return run_at(self.home, verbs.request_update, self.handle, int(status), nr_bytes)


class InterpretedSegment(Segment):
    """A place in a request's data; pages are bytearrays here.

    What is no integer raises before the request is pinned.
    """

    __slots__ = ("home", "place")

    def __init__(self, home: InterpretedDriver, place: tuple[int, int, int]) -> None:
        self.home = home
        self.place = place

    def __len__(self) -> int:
        return run(self.home, segment_len, self.place)

    def __getitem__(self, place: int) -> int:
        return run(self.home, segment_getitem, self.place, index(place))

    def __setitem__(self, place: int, value: int) -> None:
        run(self.home, segment_setitem, self.place, index(place), index(value))

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
        return run(self.home, self._copy_to_page, page, offset, nr_bytes)

    def _copy_to_page(self, call: Call, page: Page, offset: int, nr_bytes: int) -> int:
        count = self._count(call, page, offset, nr_bytes)
        address = self._pinned(call)
        try:
            page.memory[offset : offset + count] = ctypes.string_at(address, count)
        finally:
            unpin(call, self.place[0])
        return self._step(count)

    def copy_from_page(self, page: Page, offset: int, nr_bytes: int = PAGE_SIZE) -> int:
        return run(self.home, self._copy_from_page, page, offset, nr_bytes)

    def _copy_from_page(self, call: Call, page: Page, offset: int, nr_bytes: int) -> int:
        count = self._count(call, page, offset, nr_bytes)
        source = bytes(page.memory[offset : offset + count])
        ctypes.memmove(self._pinned(call), source, count)
        unpin(call, self.place[0])
        return self._step(count)

    def zero(self, nr_bytes: int = PAGE_SIZE) -> int:
        count, self.place = run(self.home, segment_zero, self.place, index(nr_bytes))
        return int(count)

    def advance(self, nr_bytes: int) -> None:
        _, self.place = run(self.home, segment_advance, self.place, index(nr_bytes))


class InterpretedPage(Page):
    """A page whose clearing costs fuel."""

    __slots__ = ()

    def zero(self, offset: int, nr_bytes: int) -> None:
        self._check(offset, nr_bytes)
        if frame.home is not None:
            burn(frame.call, nr_bytes // BYTES_PER_FUEL)
            checked(frame.call)
        super().zero(offset, nr_bytes)


class InterpretedPageStore(PageStore):
    """A store of such pages."""

    page = InterpretedPage


class InterpretedHwCtx(HwCtx):
    """A hardware queue of one disk."""

    __slots__ = ("_queue", "data", "home", "queue_num")

    def __init__(self, home: InterpretedDriver, queue: HwQueueRecord, data: Any) -> None:
        self.home = home
        self.queue_num = queue.index
        self.data = data
        self._queue = queue

    @property
    def type(self) -> HctxType:  # type: ignore[override]  # it may change with the number of queues
        return HctxType(self._queue.type)


class InterpretedHrTimer(HrTimer):
    """A timer whose record is the engine's."""

    def __init__(self, home: InterpretedDriver, slot: int, disk: int) -> None:
        self.record = HrTimerRecord()
        self.home, self.slot, self.disk = home, slot, disk

    def start(self, nsec: int, rq: Request | None = None) -> None:
        run_at(self.home, self._start, index(nsec), handle_of(self.home, rq))

    def _start(self, call: Call, nsec: int, handle: int) -> None:
        if call.slot == OUTSIDE:
            call.disk_address = self.disk
        hr_timer_start(call, self.record, nsec, handle, self.slot)

    def cancel(self) -> bool:
        return run(self.home, hr_timer_cancel, self.record)


class InterpretedWork(Work):
    """A work whose record is the engine's."""

    def __init__(self, home: InterpretedDriver, slot: int, disk: int) -> None:
        self.record = WorkRecord()
        self.home, self.slot, self.disk = home, slot, disk

    def queue(self, rq: Request | None = None) -> bool:
        return run_at(self.home, self._queue, handle_of(self.home, rq))

    def _queue(self, call: Call, handle: int) -> bool:
        if call.slot == OUTSIDE:
            call.disk_address = self.disk
        return work_queue(call, self.record, handle, self.slot)


class InterpretedBackingFile(BackingFile):
    """A file whose record is the engine's."""

    def __init__(self, home: InterpretedDriver) -> None:
        self.record = BackingFileRecord()
        self.home = home

    def open(self, read_only: bool, direct_io: bool, begin: int, block_size: int) -> Errno:
        arguments = bool(read_only), bool(direct_io), index(begin), index(block_size)
        return Errno(run_at(self.home, backing_file.backing_file_open, self.record, *arguments))

    def size(self) -> int:
        return self.record.size

    def is_read_only(self) -> bool:
        return bool(self.record.read_only)

    def can_discard(self) -> bool:
        return bool(self.record.can_discard)

    def read(self, rq: Request, position: int) -> None:
        self._submit(backing_file.backing_file_read, rq, index(position))

    def write(self, rq: Request, position: int) -> None:
        self._submit(backing_file.backing_file_write, rq, index(position))

    def flush(self, rq: Request) -> None:
        self._submit(backing_file.backing_file_flush, rq)

    def discard(self, rq: Request, position: int) -> None:
        self._submit(backing_file.backing_file_discard, rq, index(position))

    def write_zeroes(self, rq: Request, position: int) -> None:
        self._submit(backing_file.backing_file_write_zeroes, rq, index(position))

    def _submit(self, verb: Callable[..., None], rq: Request, *position: int) -> None:
        run_at(self.home, verb, self.record, handle_of(self.home, rq), *position)


class LimitedRequestList(RequestList):
    """A list in a field, as large as the engine's."""

    def __init__(self, home: InterpretedDriver) -> None:
        super().__init__()
        self.home = home

    def add_tail(self, rq: Request) -> None:
        if len(self._requests) >= self.home.running.record.nr_requests:
            raise DriverIndexError(f"the list holds {len(self._requests)} requests already")
        super().add_tail(rq)


class InterpretedRequestList(RequestList):
    """The list that ``queue_rqs`` gets: dispatch's own record."""

    def __init__(self, home: InterpretedDriver, address: int) -> None:
        self.home = home
        self.record = request_list_at(address, 0)

    def add_tail(self, rq: Request) -> None:
        run(self.home, request_list_add_tail, self.record, handle_of(self.home, rq))

    def pop(self) -> Request | None:
        handle = run(self.home, request_list_pop, self.record)
        return InterpretedRequest(self.home, handle) if handle else None

    def empty(self) -> bool:
        return run(self.home, request_list_empty, self.record)


class InterpretedTagSet(TagSet):
    """The tag set as a driver sees it: it also finds requests by tag."""

    __slots__ = ()

    def tag_to_rq(self, hctx: HwCtx, tag: int) -> Request | None:
        assert isinstance(hctx, InterpretedHwCtx)
        handle = run(hctx.home, verbs.tag_set_tag_to_rq, hctx.queue_num, tag)
        return InterpretedRequest(hctx.home, handle) if handle else None


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
