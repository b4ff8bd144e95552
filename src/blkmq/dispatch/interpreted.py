# SPDX-License-Identifier: MIT
"""An interpreted driver as dispatch calls it: slots to methods, numbers to nouns, exceptions to errors."""

from __future__ import annotations

import copy
import ctypes
import itertools
import re
import threading
from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from blkmq.abi.blk_mq import BLK_MQ_F_BLOCKING
from blkmq.compiler.frontend.records import records_of, snake_case, spelled_caller
from blkmq.compiler.interpreted import fuel
from blkmq.compiler.interpreted.instrument import is_instrumented
from blkmq.compiler.interpreted.target import interpret, make_noun, record_class
from blkmq.compiler.program import Field
from blkmq.dispatch.blocking_threads import BlockingThreads
from blkmq.dispatch.budget import return_budget
from blkmq.dispatch.call import Call, call_at, fail
from blkmq.dispatch.callback import BYTES_PER_FUEL, FUEL_DATA, QUEUE_RQ, escaped
from blkmq.dispatch.engine import INTERPRETED
from blkmq.dispatch.hctx import OK, accept, is_busy
from blkmq.dispatch.hw_queue import RESOURCE_DELAY_NSEC, queue_at
from blkmq.dispatch.interpreted_locks import LOCKS, LockOrders, release_all
from blkmq.dispatch.interpreted_nouns import (
    InterpretedBackingFile,
    InterpretedHrTimer,
    InterpretedHwCtx,
    InterpretedPageStore,
    InterpretedRequest,
    InterpretedRequestList,
    InterpretedTagSet,
    InterpretedWork,
    LimitedRequestList,
    LiveGenDisk,
    frame,
)
from blkmq.dispatch.ownership import is_live, kick, push
from blkmq.dispatch.report import LINE_BITS, OUTSIDE, TOLD_BY_PYTHON
from blkmq.dispatch.request import INDEX_MASK, request_at
from blkmq.dispatch.views import GeometryView, LimitsView, TagSetView, UniqueIdView, fill_view
from blkmq.mq.blk_eh import BlkEhTimerReturn
from blkmq.mq.blk_status import BlkStatus
from blkmq.mq.errors import BlkmqError, DriverError, Fault, StaleRequestError
from blkmq.mq.hd_geometry import HdGeometry
from blkmq.mq.hw_ctx import HwCtx
from blkmq.mq.io_completion_batch import IoCompletionBatch
from blkmq.mq.operations import SLOT_BY_NAME, SLOTS, Operations
from blkmq.mq.queue_limits import QueueLimits
from blkmq.mq.request import Request
from blkmq.mq.request_list import RequestList
from blkmq.mq.tag_set import TagSet
from blkmq.mq.unique_id import UniqueId
from blkmq.native.atomic import atomic_add
from blkmq.native.clock import monotonic_nsec
from blkmq.native.invoke import interpreted_entries
from blkmq.native.memory import address_of

if TYPE_CHECKING:
    from blkmq.dispatch.running_set import Disk, RunningSet

#: What a callback fills in for its caller, and where.
FILLED: dict[type, tuple[str, Any]] = {HdGeometry: ("geometry", GeometryView), UniqueId: ("unique_id", UniqueIdView)}

KEPT = {TagSet, QueueLimits, *FILLED}
#: Arguments that none of the entry's numbers is about.
NUMBERLESS = {*KEPT, IoCompletionBatch}
#: Slots whose callbacks fill in what they get.
FILLING = {slot.number for slot in SLOTS if any(kind in KEPT for _, kind in slot.parameters)}

Maker: TypeAlias = Callable[[Call, int], Any]
R = TypeVar("R")

_entry_numbers = itertools.count(-2, -1)


#: What Python says of None[i], None[i] = x and len(None).
USE_OF_NONE = "'NoneType' (object is not subscriptable|object does not support item|has no len)"


def text_of(error: BaseException) -> str:
    """What an exception says, even if it is one that cannot."""
    try:
        return str(error)
    except Exception:
        return "(no text)"


def is_of_none(error: BaseException) -> bool:
    """Whether Python says that something is None: a page or a request that is not there."""
    if isinstance(error, AttributeError):
        return error.name is not None and error.obj is None
    return isinstance(error, TypeError) and re.search(USE_OF_NONE, text_of(error)) is not None


def fills(cls: type[Operations], name: str) -> bool:
    """Whether a driver class defines a slot's method."""
    return callable(getattr(cls, name, None))


def fresh(kind: Any) -> Maker:
    """Makes what a callback fills in."""
    return lambda call, number: kind()


def plain(kind: Any) -> Maker:
    """Makes a number, a truth, or a member of an enum."""
    return lambda call, number: kind(number)


class InterpretedDriver:
    """The Python objects of a running set's drivers, behind the same entry point that compiled ones have."""

    engine = INTERPRETED

    def __init__(self, cls: type[Operations]) -> None:
        self.cls = cls
        self.name = snake_case(cls.__name__)
        self.files: list[str] = []
        self.exceptions: dict[tuple[int, int], str] = {}  #: what exceptions said, by fault and place
        self.entry = next(_entry_numbers)
        self.callbacks = sum(1 << slot.number for slot in SLOTS if fills(cls, slot.name))
        _, own, pdu, _, _ = records_of(cls, None)
        self.timers: dict[int, tuple[str, bool]] = {}  #: slot -> method, and whether it serves a request
        for record, serves_request in ((own, False), (pdu, True)):
            for field in record.fields:
                if field.slot >= 0:
                    self.timers[field.slot] = (field.method, serves_request)
                    if not fills(cls, field.method):
                        raise BlkmqError(
                            f"{cls.__name__} has no {field.method}: {field.noun} {field.name} calls it",
                            hint=f"define `{spelled_caller(field, serves_request)}` in the driver",
                        )
        self._plain_of_pdu = [field.name for field in pdu.fields if not field.noun]
        in_pdu = sum(serves for _, serves in self.timers.values())
        self.reads_files_alone = False  # nobody knows what Python does
        self.nr_timers = (in_pdu, len(self.timers) - in_pdu)
        self.lock_orders = LockOrders()
        self.threads: BlockingThreads | None = None
        self._settled = threading.Condition()
        self._nr_visits = 0
        self._spare_calls: list[Call] = []  #: for visits
        self._is_gone = False
        self._thread_call = threading.local()
        slots = [*(slot.number for slot in SLOTS if fills(cls, slot.name)), *self.timers]
        self._arguments = {slot: self._makers(slot) for slot in slots}
        interpreted_entries[self.entry] = self._entry

    # --- what dispatch asks -------------------------------------------------------------------------------
    def has(self, name: str) -> bool:
        return bool(self.callbacks >> SLOT_BY_NAME[name].number & 1)

    def slot_name(self, slot: int) -> str:
        if slot == OUTSIDE:
            return "a thread of its own"
        return SLOTS[slot].name if 0 <= slot < len(SLOTS) else self.timers.get(slot, ("?", False))[0]

    def slot_at(self, slot: int) -> int:
        """Where in the source a callback begins."""
        code = getattr(getattr(self.cls, self.slot_name(slot), None), "__code__", None)
        return self.at(code.co_filename, code.co_firstlineno) if code else 0

    def size(self, role: str) -> int:
        return 8  # nothing of it lies in records

    def at(self, file: str, line: int) -> int:
        """Where in the source, as ``call.at`` has it."""
        if file not in self.files:
            self.files.append(file)
        return self.files.index(file) << LINE_BITS | line

    def call(self, slot: int, call_address: int, a: int, b: int, c: int) -> int:
        return self._entry(slot, call_address, a, b, c)

    # --- birth and end ------------------------------------------------------------------------------------
    def bind(self, running: RunningSet, drivers: Sequence[Operations]) -> None:
        self.running = running
        running.tag_set = InterpretedTagSet()
        shared = record_class(self.cls, "shared")(partial(self._make, running.record.disks))
        self.drivers: dict[int, Operations] = {}
        self.hctxs: dict[tuple[int, int], HwCtx] = {}
        self.pdus: list[Any] = []
        self._pdu_class, self._hw_class = record_class(self.cls, "pdu"), record_class(self.cls, "hw")
        for disk, given in zip(running.disks, drivers, strict=True):
            disk.gen_disk = LiveGenDisk(disk.record)
            driver = interpret(copy.copy(given), partial(self._make, ctypes.addressof(disk.record)))
            for name, file in vars(driver).items():
                if isinstance(file, InterpretedBackingFile):
                    running.files.prepare(file.record, name, given.config)
            for name, value in (("disk", disk.gen_disk), ("tag_set", running.tag_set), ("shared", shared)):
                object.__setattr__(driver, name, value)
            self.drivers[ctypes.addressof(disk.record)] = driver

    def _make(self, disk: int, field: Field) -> object:
        """A noun of a driver's field; timers, works and request lists are the engine's."""
        if field.noun == "HrTimer":
            return InterpretedHrTimer(self, field.slot, disk)
        if field.noun == "Work":
            return InterpretedWork(self, field.slot, disk)
        if field.noun == "BackingFile":
            return InterpretedBackingFile(self)
        if field.noun == "PageStore":
            return InterpretedPageStore()
        if field.noun == "RequestList":
            return LimitedRequestList(self)
        if field.noun in LOCKS:
            return LOCKS[field.noun](self.lock_orders)
        return make_noun(field)

    def set_config(self, running: RunningSet, disk: int, config: object) -> None:
        """Puts a disk's attributes where its driver reads them."""
        object.__setattr__(self.drivers[ctypes.addressof(running.disks[disk].record)], "config", config)

    def take_up(self, running: RunningSet) -> None:
        """The set is configured: drivers may find requests in it, and block on a thread for each tag."""
        tag_set = running.tag_set
        for driver in self.drivers.values():
            object.__setattr__(driver, "tag_set", tag_set)
        if tag_set.flags & BLK_MQ_F_BLOCKING:
            self.threads = self.threads or BlockingThreads(self.name, self._queue_rq_on_thread)
            self.threads.nr_max = tag_set.nr_hw_queues * tag_set.queue_depth

    def add_queue(self, running: RunningSet, index: int) -> None:
        """Makes a queue's Hws and Pdus.

        A Pdu that has served before stays, as its timers may be known to the engine; its other fields begin anew.
        """
        make = partial(self._make, running.record.disks)
        depth = running.record.queue_depth
        for number in range(index * depth, (index + 1) * depth):
            fresh = self._pdu_class(make)
            if number == len(self.pdus):
                self.pdus.append(fresh)
                continue
            for name in self._plain_of_pdu:
                object.__setattr__(self.pdus[number], name, getattr(fresh, name))
        for address in self.drivers:
            data = self._hw_class(partial(self._make, address))
            self.hctxs[address, index] = InterpretedHwCtx(self, running.queues[index], data)

    def drop_queue(self, running: RunningSet, index: int) -> None:
        for address in self.drivers:
            del self.hctxs[address, index]

    def release(self, running: RunningSet) -> None:
        if self.threads is not None:
            self.threads.end()
        with self._settled:
            self._settled.wait_for(lambda: self._nr_visits == 0)
            self._is_gone = True
        interpreted_entries.pop(self.entry, None)

    def pdu(self, running: RunningSet, index: int) -> object:
        """The Pdu of a tag's request."""
        return self.pdus[index]

    def settle(self) -> None:
        """Waits until no callback runs on a thread of its own."""
        if self.threads is not None:
            self.threads.settle()

    def hctx(self, call: Call, queue: int) -> HwCtx:
        """The hardware queue of the disk that a call is for."""
        return self.hctxs[call.disk_address, queue]

    def visit(self, work: Callable[..., R], *arguments: Any) -> R:
        """Runs a verb outside of this driver's callbacks: on a thread of its own, or of a library that it uses."""
        with self._settled:
            if self._is_gone:
                raise StaleRequestError(f"{self.name} is gone")
            self._nr_visits += 1
            call = self._spare_calls.pop() if self._spare_calls else self.running.make_call(may_sleep=True)
        call.slot, call.rq, call.error, call.fuel = OUTSIDE, 0, 0, FUEL_DATA
        outer = frame.call, frame.home
        frame.call, frame.home = call, self
        try:
            return work(*arguments)
        finally:
            frame.call, frame.home = outer
            with self._settled:
                self._nr_visits -= 1
                self._spare_calls.append(call)
                self._settled.notify_all()

    # --- calls --------------------------------------------------------------------------------------------
    def _entry(self, slot: int, call_address: int, a: int, b: int, c: int) -> int:
        call = call_at(call_address, 0)
        if slot == QUEUE_RQ and self.threads is not None:
            self.threads.put(call.disk_address, a, b, c)
            return OK
        return self._run(call, slot, a, b, c)

    def _run(self, call: Call, slot: int, a: int, b: int, c: int) -> int:
        """Calls the method; what escapes it becomes the call's error."""
        outer = frame.call, frame.home
        tank, fuel.frame.meter = fuel.frame.meter, call
        frame.call, frame.home = call, self
        try:
            method = self._method(self.drivers[call.disk_address], slot)
            fuel.frame.left_at = method.__code__.co_filename, method.__code__.co_firstlineno
            numbers = (a, b, c)
            arguments = [make(call, numbers[number]) for make, number in self._arguments[slot]]
            result = method(*arguments)
            if slot in FILLING:
                self._keep_filled(call, arguments)
            return self._answer(call, slot, result)
        except DriverError as error:
            self._note(call, error.fault, error)
        except BaseException as error:  # sys.exit() too is an error of this one callback
            if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
                raise
            self._note(call, Fault.ABSENT if is_of_none(error) else Fault.PYTHON, error)
        finally:
            release_all()
            fuel.frame.meter = tank  # the call's memory goes with its tag set
            frame.call, frame.home = outer
        return 0

    def _answer(self, call: Call, slot: int, result: Any) -> int:
        """What a callback returned, as a number; an error if its slot cannot return that."""
        returns = SLOTS[slot].returns if slot < len(SLOTS) else None
        if returns is None or result is BlkStatus.OK:
            return 0
        call.at = self.at(*fuel.frame.left_at)
        number = int(result) if isinstance(result, int) else -1
        known = returns not in (BlkStatus, BlkEhTimerReturn) or number in {int(member) for member in returns}
        if not isinstance(result, int) or not known:
            fail(call, Fault.STATUS if returns is BlkStatus else Fault.VALUE, number)
            return 0
        return number

    def _method(self, driver: Operations, slot: int) -> Any:
        return getattr(driver, self.slot_name(slot))

    def _makers(self, slot: int) -> list[tuple[Maker, int]]:
        """How a slot's arguments are made: each by a function of the call and of one of the entry's numbers."""
        make: dict[type, Maker] = {
            TagSet: lambda call, _: self.running.configured.tag_set,
            QueueLimits: lambda call, _: self.running.configured.limits[self._disk(call).index],
            HwCtx: self.hctx,
            Request: lambda call, rq: InterpretedRequest(self, rq),
            RequestList: lambda call, first: InterpretedRequestList(self, first),
            IoCompletionBatch: lambda call, _: IoCompletionBatch(),
        }
        if slot in self.timers:
            return [(make[Request], 0)] if self.timers[slot][1] else []
        makers: list[tuple[Maker, int]] = []
        number = 0
        for _, kind in SLOTS[slot].parameters:
            makers.append((make.get(kind) or (fresh(kind) if kind in FILLED else plain(kind)), number))
            number += kind not in NUMBERLESS
        return makers

    def _disk(self, call: Call) -> Disk:
        """The disk that a call is for."""
        return next(disk for disk in self.running.disks if ctypes.addressof(disk.record) == call.disk_address)

    def _keep_filled(self, call: Call, arguments: Sequence[Any]) -> None:
        """Puts what a control callback filled in where compiled drivers put it."""
        for argument in arguments:
            if isinstance(argument, TagSet):
                fill_view(TagSetView.from_address(call.fields), argument)
            elif isinstance(argument, QueueLimits):
                fill_view(LimitsView.from_address(call.limits), argument)
            elif type(argument) in FILLED:
                name, view = FILLED[type(argument)]
                fill_view(view.from_address(getattr(call, name)), argument)

    def _note(self, call: Call, fault: Fault, error: BaseException) -> None:
        """Keeps the error, with the driver's innermost line."""
        call.error = int(fault)
        call.error_at = self._place(error.__traceback__)
        text = text_of(error)
        self.exceptions[call.error, call.error_at] = (
            f"{type(error).__name__}: {text}" if call.error in TOLD_BY_PYTHON else text
        )

    def _place(self, traceback: TracebackType | None) -> int:
        """The innermost place of a traceback that is the driver's own."""
        own = {cls.__module__ for cls in self.cls.__mro__ if cls not in Operations.__mro__}
        place = 0
        while traceback is not None:
            code, module = traceback.tb_frame.f_code, traceback.tb_frame.f_globals.get("__name__")
            if is_instrumented(code) or module in own or not place:
                place = self.at(code.co_filename, traceback.tb_lineno)
            traceback = traceback.tb_next
        return place

    # --- drivers that block ---------------------------------------------------------------------------------
    def _queue_rq_on_thread(self, disk_address: int, hctx: int, rq: int, is_last: int) -> None:
        """One ``queue_rq`` that may sleep, on a thread of its own; then what dispatch does with its answer."""
        call = self._call_of_thread()
        call.disk_address = disk_address
        call.hctx = hctx
        call.slot, call.rq = QUEUE_RQ, rq
        record = self.running.record
        index = rq & INDEX_MASK
        request = request_at(record.requests, index)
        call.error = 0
        call.fuel = FUEL_DATA + request.nr_bytes // BYTES_PER_FUEL
        status = OK
        if is_live(request, rq):  # else it was late while all threads slept
            status = self._run(call, QUEUE_RQ, hctx, rq, is_last)
        if call.error:
            escaped(call, record, rq)
        elif status != OK and is_busy(accept(call, record, request, rq, status)):
            queue = queue_at(record.queues, hctx)
            atomic_add(queue, "nr_busy", 1)
            return_budget(call, record, index)
            queue.rerun_nsec = monotonic_nsec() + RESOURCE_DELAY_NSEC
            push(address_of(queue, "requeued"), request, index)
            kick(queue)

    def _call_of_thread(self) -> Call:
        call: Call | None = getattr(self._thread_call, "call", None)
        if call is None:
            call = self._thread_call.call = self.running.make_call(may_sleep=True)
        return call


__all__ = ["InterpretedDriver"]
