# SPDX-License-Identifier: MIT
"""A tag set in service: its memory, its disks, its birth and its end. C twin: ``blk_mq_alloc_tag_set`` and on.

It owns everything that the records point to.  Threads are its doors': a door runs each hardware queue
on one thread, by ``engine.serve(call_address(queue))``.
"""

from __future__ import annotations

import ctypes
import errno
import itertools
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from blkmq.abi.blk_mq import BLK_MQ_F_BLOCKING
from blkmq.dispatch.call import Call
from blkmq.dispatch.callback import FUEL_CONTROL, FUEL_DATA
from blkmq.dispatch.configured import Configured
from blkmq.dispatch.executable import Executable
from blkmq.dispatch.file_io import BOUNCE_BYTES, NR_ERRNOS, ZEROES_BYTES, FileIoRecord
from blkmq.dispatch.file_queue import FileQueueRecord
from blkmq.dispatch.file_rings import FileRings
from blkmq.dispatch.file_worker import FileWorkerRecord
from blkmq.dispatch.hw_queue import HwQueueRecord
from blkmq.dispatch.nouns.hr_timer import drop_timers
from blkmq.dispatch.nouns.lock import release_held
from blkmq.dispatch.nouns.records import RequestListRecord
from blkmq.dispatch.open_files import OpenFiles
from blkmq.dispatch.ownership import FREE, IDLE, STATE_SHIFT, report
from blkmq.dispatch.report import Report, read_reports
from blkmq.dispatch.request import GENERATION_SHIFT, RequestRecord, SegmentRecord
from blkmq.dispatch.tag_set import NR_REPORTS, DiskRecord, ReportRecord, TagSetRecord
from blkmq.dispatch.tags import nr_in_flight
from blkmq.dispatch.views import GeometryView, LimitsView, TagSetView, UniqueIdView, fill_view, read_view
from blkmq.mq.blk_status import BlkStatus
from blkmq.mq.configuration import attributes_of, naming_attributes
from blkmq.mq.errno import Errno
from blkmq.mq.errors import BlkmqError, ConfigError
from blkmq.mq.gen_disk import GenDisk
from blkmq.mq.hctx_type import HctxType
from blkmq.mq.hd_geometry import HdGeometry
from blkmq.mq.integer import S64_MAX
from blkmq.mq.operations import SLOT_BY_NAME, Operations
from blkmq.mq.queue_limits import QueueLimits
from blkmq.mq.tag_set import TagSet
from blkmq.mq.unique_id import UniqueId
from blkmq.native.clock import monotonic_nsec
from blkmq.native.memory import reserve_pages, unreserve_pages

NR_SEGMENTS_MAX = 1024  #: pieces of a request: 4 MiB in pages
SEGMENTS_BYTES = NR_SEGMENTS_MAX * ctypes.sizeof(SegmentRecord) + 64  #: a request's; the rest keeps neighbours apart
WORD_BYTES = 8


class Memory:
    """Zeroed, page-aligned memory that lives until :meth:`close`; what is never touched costs nothing."""

    def __init__(self) -> None:
        self._areas: list[tuple[int, int]] = []

    def take(self, nr_bytes: int) -> int:
        """Address of fresh memory."""
        nr_bytes = max(nr_bytes, 1)
        address = reserve_pages(nr_bytes)
        if not address:
            raise BlkmqError(f"no address space for {nr_bytes} bytes", hint="raise the limit: ulimit -v unlimited")
        self._areas.append((address, nr_bytes))
        return address

    def close(self) -> None:
        while self._areas:
            unreserve_pages(*self._areas.pop())


@dataclass
class Disk:
    """One disk of a running set."""

    index: int
    driver: Operations
    gen_disk: GenDisk
    limits: QueueLimits
    record: DiskRecord


class RunningSet:
    """Disks on one tag set, ready for requests."""

    def __init__(self, drivers: Sequence[Operations], executable: Executable) -> None:
        self.executable = executable
        self.memory = Memory()
        self.files = OpenFiles()
        self.rings = FileRings()
        self.tag_set = TagSet()
        self._undo: list[tuple[str, int, int]] = []  #: exit callbacks that are due, with disk and argument
        self._fds: list[int] = []
        self._call_ids = itertools.count(1)
        self._control_lock = threading.Lock()
        self.change_lock = threading.Lock()  #: one change of attributes at a time
        self._is_closed = False
        self.record = TagSetRecord()
        self.disks: list[Disk] = []
        self.queues: list[HwQueueRecord] = []
        self._all_queues: list[HwQueueRecord] = []  #: with those that were dropped, and may come back
        self.calls: list[Call] = []
        self.requests: Sequence[RequestRecord] | ctypes.Array[RequestRecord] = ()
        try:
            self._make_set(drivers)
            self.take_up(self.configure())
            self._make_room()
            self.add_queues(self.tag_set.nr_hw_queues)
        except BaseException:
            self.close()
            raise

    # --- birth --------------------------------------------------------------------------------------------
    def _make_set(self, drivers: Sequence[Operations]) -> None:
        take, executable = self.memory.take, self.executable
        self.record = TagSetRecord.from_address(take(ctypes.sizeof(TagSetRecord)))
        self.record.entry = executable.entry
        self.record.callbacks = executable.callbacks
        self.record.nr_disks = len(drivers)
        self.record.reports = take(NR_REPORTS * ctypes.sizeof(ReportRecord))
        self.record.shared = take(executable.size("shared"))
        self.record.work_fd = self._eventfd()
        self.view = TagSetView.from_address(take(ctypes.sizeof(TagSetView)))
        self.record.fields = ctypes.addressof(self.view)
        self.record.disks = take(len(drivers) * ctypes.sizeof(DiskRecord))
        for index, driver in enumerate(drivers):
            record = DiskRecord.from_address(self.record.disks + index * ctypes.sizeof(DiskRecord))
            record.index = index
            record.driver = take(executable.size(""))
            self.disks.append(Disk(index, driver, GenDisk(), QueueLimits(), record))
        self.control = self.make_call(may_sleep=True)
        self.control.limits = take(ctypes.sizeof(LimitsView))
        self.control.geometry = take(ctypes.sizeof(GeometryView))
        self.control.unique_id = take(ctypes.sizeof(UniqueIdView))
        self._asked_view = TagSetView.from_address(take(ctypes.sizeof(TagSetView)))
        executable.bind(self, drivers)

    def _eventfd(self) -> int:
        fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._fds.append(fd)
        return fd

    def make_call(self, *, hctx: int = 0, may_sleep: bool = False) -> Call:
        """A call record for one more thread that calls the drivers."""
        call = Call.from_address(self.memory.take(ctypes.sizeof(Call)))
        call.may_sleep = int(may_sleep)
        call.set_address = ctypes.addressof(self.record)
        call.shared = self.record.shared
        call.fields = self.record.fields
        call.hw_size = self.executable.size("hw")
        call.id = next(self._call_ids)
        call.hctx = hctx
        call.disk_address = self.record.disks
        call.driver = self.disks[0].record.driver if self.disks else 0
        return call

    def configure(self) -> Configured:
        """Runs each disk's ``configure``, then the kernel's rules over what it asked for; nothing holds yet."""
        asked = self.configured = Configured(type(self.tag_set)(), [QueueLimits() for _ in self.disks])
        view, limits_view = self._asked_view, LimitsView.from_address(self.control.limits)
        self.control.fields = ctypes.addressof(view)
        try:
            fill_view(view, asked.tag_set)
            for disk, limits in zip(self.disks, asked.limits, strict=True):
                fill_view(limits_view, limits)
                self.control_callback("configure", disk.index)
                read_view(limits_view, limits)
                read_view(view, asked.tag_set)
                limits.features |= asked.tag_set.queue_features
                with naming_attributes(disk.driver):
                    limits.validate()
            asked.nr_hw_queues = asked.tag_set.nr_hw_queues
            with naming_attributes(self.disks[0].driver):
                asked.tag_set.validate()
            fill_view(view, asked.tag_set)
            if self.executable.has("map_queues"):
                self.control_callback("map_queues", 0)
                read_view(view, asked.tag_set)
                asked.tag_set.validate()
        finally:
            self.control.fields = self.record.fields
        return asked

    def take_up(self, asked: Configured) -> None:
        """What was asked for holds."""
        self.tag_set = asked.tag_set
        for disk, limits in zip(self.disks, asked.limits, strict=True):
            disk.limits = limits
            disk.gen_disk.disk_name = disk.gen_disk.disk_name or f"{self.executable.name}{disk.index}"
        self.executable.take_up(self)
        fill_view(self.view, self.tag_set)
        self._type_queues()

    def control_callback(self, name: str, disk: int, a: int = 0, b: int = 0, c: int = 0, *, rq: int = 0) -> int:
        """Calls a slot of the control path, if the driver fills it; a negative errno or an error raises."""
        result = self.ask(name, disk, a, b, c, rq=rq)
        if result < 0 and SLOT_BY_NAME[name].returns in (Errno, int):
            raise self.refusal(name, result)
        return result

    def ask(self, name: str, disk: int, a: int = 0, b: int = 0, c: int = 0, *, rq: int = 0) -> int:
        """Calls a slot of the control path, if the driver fills it: its answer, negative or not; an error raises."""
        if not self.executable.has(name):
            return 0
        slot = SLOT_BY_NAME[name]
        with self._control_lock:
            if self._is_closed:
                raise OSError(errno.ENODEV, f"{self.executable.name} is gone")
            self.control.driver = self.disks[disk].record.driver
            self.control.disk_address = ctypes.addressof(self.disks[disk].record)
            self.control.error = 0
            self.control.fuel = FUEL_CONTROL if slot.control else FUEL_DATA
            self.control.slot = slot.number
            self.control.rq = rq
            result = self.executable.call(slot.number, ctypes.addressof(self.control), a, b, c)
            if self.control.nr_held:
                release_held(self.control)
            if self.control.error:
                raise BlkmqError(
                    f"{name} failed: {self.describe(self.control)}", hint="the driver's file and line say where"
                )
        return result

    def geometry(self) -> HdGeometry:
        """What the last ``getgeo`` filled in."""
        geometry = HdGeometry()
        read_view(GeometryView.from_address(self.control.geometry), geometry)
        return geometry

    def unique_id(self) -> bytes:
        """What the last ``get_unique_id`` filled in."""
        unique_id = UniqueId()
        read_view(UniqueIdView.from_address(self.control.unique_id), unique_id)
        return bytes(unique_id)

    def refusal(self, name: str, result: int) -> BlkmqError:
        """The error for a negative errno that a control callback returned."""
        if self.files.refusal is not None and self.files.refusal.errno == -result:
            return self.files.refusal
        known = {int(errno): errno.name for errno in Errno}
        return ConfigError(name, known.get(result, str(result)), "the driver refused",
                           hint=f"look at what {name} checks in the driver")  # fmt: skip

    def describe(self, call: Call) -> str:
        """The error of a call, with file and line."""
        return str(Report.of_call(call, self.executable))

    # --- its queues: made at birth, and when their number changes -------------------------------------------
    def _make_room(self) -> None:
        """Takes memory for the queues that there are, or may come; what is not touched costs nothing."""
        record, tag_set, take = self.record, self.tag_set, self.memory.take
        nr_queues = tag_set.nr_hw_queues
        if any(attribute.live for attribute in attributes_of(type(self.disks[0].driver))):
            nr_queues = max(nr_queues, os.cpu_count() or 1)
        nr_requests = nr_queues * tag_set.queue_depth
        record.queue_depth = tag_set.queue_depth
        record.timeout_nsec = tag_set.timeout_msec * 1_000_000
        record.flags = tag_set.flags
        record.pdu_size = self.executable.size("pdu")
        record.hw_size = self.executable.size("hw")
        record.queues = take(nr_queues * ctypes.sizeof(HwQueueRecord))
        record.requests = take(nr_requests * ctypes.sizeof(RequestRecord))
        record.pdus = take(nr_requests * record.pdu_size)
        for disk in self.disks:
            disk.record.hws = take(nr_queues * record.hw_size)
        self._segments = take(nr_requests * SEGMENTS_BYTES)
        self.requests = (RequestRecord * nr_requests).from_address(record.requests)
        self.nr_requests_max = nr_requests
        if self.files:
            self._make_file_queue()
        self.worker_call = self.make_call(may_sleep=True)
        self.timeout_call = self.make_call(may_sleep=bool(tag_set.flags & BLK_MQ_F_BLOCKING))

    def add_queues(self, nr_hw_queues: int) -> None:
        """More hardware queues: requests come first, then each disk's queues.

        C: ``blk_mq_alloc_tag_set``, ``blk_mq_alloc_disk``, ``blk_mq_update_nr_hw_queues``.
        """
        first, depth = len(self.queues), self.record.queue_depth
        try:
            for index in range(first, nr_hw_queues):
                self._add_queue(index)
            self._type_queues()
            self.record.nr_requests = max(self.record.nr_requests, nr_hw_queues * depth)
            self.record.nr_hw_queues = nr_hw_queues
            for index in range(first * depth, nr_hw_queues * depth):
                self._request_callback("init_request", index)
                self._undo.append(("exit_request", 0, index))
            for disk in self.disks:
                for number in range(first, nr_hw_queues):
                    self.control_callback("init_hctx", disk.index, number)
                    self._undo.append(("exit_hctx", disk.index, number))
        except BaseException:
            if first:
                self.drop_queues(first)
            raise

    def _add_queue(self, index: int) -> None:
        if index == len(self._all_queues):
            self._all_queues.append(self._make_queue(index))
            self.calls.append(self.make_call(hctx=index, may_sleep=bool(self.tag_set.flags & BLK_MQ_F_BLOCKING)))
            self.calls[index].queue = ctypes.addressof(self._all_queues[index])
        self.queues.append(self._all_queues[index])
        if self.files:
            self.rings.open(self.queues[index], self.record.queue_depth, self.memory.take)
        self.executable.add_queue(self, index)

    def _make_queue(self, index: int) -> HwQueueRecord:
        record, take, depth = self.record, self.memory.take, self.record.queue_depth
        timers_per_rq, timers_per_disk = self.executable.nr_timers
        nr_timers = timers_per_rq * self.nr_requests_max + timers_per_disk * len(self.disks)
        queue = HwQueueRecord.from_address(record.queues + index * ctypes.sizeof(HwQueueRecord))
        queue.index = index
        queue.wake_fd = self._eventfd()
        queue.free_tags = take(depth * WORD_BYTES)
        queue.timers = take(nr_timers * WORD_BYTES)
        queue.timer_capacity = nr_timers
        queue.next_timer_nsec = S64_MAX
        queue.poll_list = take(ctypes.sizeof(RequestListRecord))
        free = (ctypes.c_int64 * depth).from_address(queue.free_tags)
        for tag in range(depth):
            number = index * depth + tag
            request = self.requests[number]
            request.ownership = 1 << GENERATION_SHIFT | FREE << STATE_SHIFT
            request.tag = tag
            request.hctx = index
            request.segments = self._segments + number * SEGMENTS_BYTES
            free[depth - 1 - tag] = number  # tag 0 first
        queue.nr_free = depth
        return queue

    def _type_queues(self) -> None:
        for queue in self.queues:
            kinds = (kind for kind in HctxType if queue.index in self.tag_set.queues(kind))
            queue.type = next(kinds, HctxType.DEFAULT)

    def drop_queues(self, nr_hw_queues: int) -> None:
        """Fewer hardware queues; nothing is in flight on those that go, no thread runs them."""
        depth = self.record.queue_depth
        going = [
            (name, disk, argument)
            for name, disk, argument in self._undo
            if (name == "exit_hctx" and argument >= nr_hw_queues)
            or (name == "exit_request" and argument >= nr_hw_queues * depth)
        ]
        self._undo = [item for item in self._undo if item not in going]
        self._undo_all(going)
        for queue in self.queues[nr_hw_queues:]:
            self.record.nr_stale_timers += drop_timers(queue)
            self.executable.drop_queue(self, queue.index)
            self.rings.close(queue)
        self.record.nr_hw_queues = nr_hw_queues
        del self.queues[nr_hw_queues:]

    def _make_file_queue(self) -> None:
        self.record.file_queue = self.memory.take(ctypes.sizeof(FileQueueRecord))
        self.file_queue = FileQueueRecord.from_address(self.record.file_queue)
        self.file_queue.ios = self.memory.take(self.nr_requests_max * ctypes.sizeof(FileIoRecord))
        self.file_queue.ring = self.memory.take(self.nr_requests_max * WORD_BYTES)
        self.file_queue.capacity = self.nr_requests_max
        self.file_queue.statuses = self.memory.take(NR_ERRNOS * WORD_BYTES)
        statuses = (ctypes.c_int64 * NR_ERRNOS).from_address(self.file_queue.statuses)
        statuses[:] = [BlkStatus.from_errno(-number) for number in range(NR_ERRNOS)]

    def make_file_worker(self) -> int:
        """What ``engine.serve_files`` takes, for one more thread."""
        worker = FileWorkerRecord.from_address(self.memory.take(ctypes.sizeof(FileWorkerRecord)))
        worker.call = ctypes.addressof(self.make_call(may_sleep=True))
        worker.bounce = self.memory.take(BOUNCE_BYTES)
        worker.zeroes = self.memory.take(ZEROES_BYTES)
        return ctypes.addressof(worker)

    def _request_callback(self, name: str, index: int) -> None:
        """Calls a slot for a tag's request that nobody uses; it is idle meanwhile, so that its Pdu can be reached."""
        if not self.executable.has(name):
            return
        request = self.requests[index]
        word = request.ownership
        generation = word >> GENERATION_SHIFT << GENERATION_SHIFT
        request.ownership = generation | IDLE << STATE_SHIFT
        try:
            self.control_callback(name, 0, generation | index, rq=generation | index)
        finally:
            request.ownership = word

    # --- service ------------------------------------------------------------------------------------------
    def call_address(self, queue: int) -> int:
        """What ``engine.serve`` takes for a hardware queue."""
        return ctypes.addressof(self.calls[queue])

    def counters(self) -> dict[str, int]:
        """What has happened so far, over all queues."""
        names = ("nr_queued", "nr_ended", "nr_requeues", "nr_timeouts", "nr_busy")
        counts = {name: sum(getattr(queue, name) for queue in self._all_queues) for name in names}
        counts["nr_in_flight"] = sum(nr_in_flight(self.record, queue) for queue in self.queues)
        for name in ("nr_errors", "nr_stale_ends", "nr_stale_timers"):
            counts[name] = getattr(self.record, name)
        return counts

    def reports(self, since: int = 0) -> Iterator[Report]:
        """The newest errors of callbacks, oldest first."""
        return read_reports(self.record, self.executable, since)

    def wake_all(self) -> None:
        """Makes every thread that waits on this set look again."""
        for fd in self._fds:
            os.eventfd_write(fd, 1)

    def open_disk(self, disk: int) -> None:
        """Tells the driver that somebody opens the disk; its end tells that it is closed."""
        self.control_callback("open", disk)
        self._undo.append(("release", disk, 0))

    # --- end ----------------------------------------------------------------------------------------------
    def begin_removal(self) -> None:
        """Gives what is under way the tag set's timeout: what has not ended by then ends with BLK_STS_TIMEOUT.

        A change of attributes comes to its end before; the door is closed, so that none begins any more.
        """
        with self.change_lock:
            self.record.removal_nsec = monotonic_nsec() + self.record.timeout_nsec

    def close(self) -> None:
        """Undoes what was done, newest first.  No request may be in flight, no thread inside."""
        self._undo_all(self._undo)
        with self._control_lock:
            self._is_closed = True
        self.executable.release(self)
        for queue in self.queues:
            self.rings.close(queue)
        self.files.close()
        self._keep_counts()
        self.memory.close()
        for fd in self._fds:
            os.close(fd)
        self._fds.clear()

    def _undo_all(self, items: list[tuple[str, int, int]]) -> None:
        """Calls exit callbacks, newest first, and empties the list."""
        while items:
            name, disk, argument = items.pop()
            try:
                if name == "exit_request":
                    self._request_callback(name, argument)
                else:
                    self.control_callback(name, disk, argument)
            except BlkmqError:  # an error in an exit callback does not keep the others from running
                self.record.nr_errors += 1
                report(self.control, self.control.error, self.control.error_at, self.control.value, self.control.rq)

    def _keep_counts(self) -> None:
        """Copies what may still be asked for when the records are gone."""
        self.requests = ()
        self._all_queues = [HwQueueRecord.from_buffer_copy(queue) for queue in self._all_queues]
        self.queues = self._all_queues[: len(self.queues)]
        for disk in self.disks:
            disk.record = DiskRecord.from_buffer_copy(disk.record)
        self.record = TagSetRecord.from_buffer_copy(self.record)
        if self.record.reports:
            self._kept_reports = (ReportRecord * NR_REPORTS).from_buffer_copy(
                (ReportRecord * NR_REPORTS).from_address(self.record.reports)
            )
            self.record.reports = ctypes.addressof(self._kept_reports)
