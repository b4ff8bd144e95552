# SPDX-License-Identifier: MIT
"""A disk of a driver's module in this kernel, as the in-process door's disks look to a test.

Requests go by the kernel's own asynchronous I/O, past the page cache, in the order in which they are sent: each from
the CPU whose hardware queue it is for; those for the queue that a driver polls, polled.  A driver that takes lists gets
each request as the first of a list: behind it are reads of the disk's first sector.
"""

from __future__ import annotations

import ctypes
import inspect
import mmap
import os
import re
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

from blkmq.dispatch.report import Report
from blkmq.kmod.load import CONFIGFS, MODULES, load_module, mount_configfs
from blkmq.mq.blk_status import BlkStatus
from blkmq.mq.errors import BlkmqError, Fault
from blkmq.mq.operations import Operations
from blkmq.mq.req_op import ReqOp
from blkmq.testing.polled_io import PolledIo
from blkmq.transport.in_process.operation import DiskError

NR_IO_SETUP, NR_IO_DESTROY, NR_IO_GETEVENTS, NR_IO_SUBMIT = 206, 207, 208, 209  # x86-64
IOCB_CMD_PREAD, IOCB_CMD_PWRITE = 0, 1
NR_EVENTS = 64
NR_LISTED = 3  #: requests that the kernel sends as a list, at least
NOBODYS = 0  #: the number of a request that nobody waits for
SECTOR_BYTES = 512
REPORT = re.compile(
    r"(?P<disk>\w+): (?P<file>[\w.]+):(?P<line>\d+): (?P<fault>[A-Z_]+)(?P<text>.*) \(.*in (?P<slot>\w+)\)$"
)
COUNTERS = ("nr_errors", "nr_stale_ends", "nr_stale_timers", "nr_timeouts")

DEBUGFS = Path("/sys/kernel/debug")
GONE = re.compile(r"removed; " + ", ".join(rf"{name} (?P<{name}>\d+)" for name in COUNTERS))

libc = ctypes.CDLL(None, use_errno=True)


class Iocb(ctypes.Structure):
    """C: ``struct iocb``."""

    _fields_ = [
        ("data", ctypes.c_uint64), ("key", ctypes.c_uint32), ("rw_flags", ctypes.c_int32),
        ("opcode", ctypes.c_uint16), ("reqprio", ctypes.c_int16), ("fd", ctypes.c_uint32),
        ("buffer", ctypes.c_uint64), ("nr_bytes", ctypes.c_uint64), ("offset", ctypes.c_int64),
        ("reserved", ctypes.c_uint64), ("flags", ctypes.c_uint32), ("resfd", ctypes.c_uint32),
    ]  # fmt: skip


class IoEvent(ctypes.Structure):
    """C: ``struct io_event``."""

    _fields_ = [
        ("data", ctypes.c_uint64), ("obj", ctypes.c_uint64), ("result", ctypes.c_int64), ("result2", ctypes.c_int64),
    ]  # fmt: skip


def seen(status: BlkStatus) -> BlkStatus:
    """What a program sees of a status: the kernel tells it an errno, which stands for several."""
    return BlkStatus.from_errno(status.to_errno())


class KernelDisk:
    """The first disk of a module that is loaded for it."""

    def __init__(self, cls: type[Operations], module: Path, disk: str, attributes: Mapping[str, object]) -> None:
        self.disks = [self]
        self._cls = cls
        self._tree = module.stem
        self._disk = disk
        self._item = CONFIGFS / self._tree / disk
        self._log = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
        os.lseek(self._log, 0, os.SEEK_END)
        self._said: list[str] = []
        self._closed = False
        self._is_drained = False  #: its log is closed
        self._takes_lists, self._polls = hasattr(cls, "queue_rqs"), hasattr(cls, "poll")
        mount_configfs()
        if not (MODULES / self._tree).is_dir():
            load_module(module, {"nr_devices": "0"})
        self._item.mkdir()
        try:
            for name, value in attributes.items():
                (self._item / name).write_text(str(int(value)) if isinstance(value, bool) else str(value))
            (self._item / "power").write_text("1")
            subprocess.run(["udevadm", "settle"], check=True)  # it looks at each new disk
            self._fd = os.open(f"/dev/{disk}", os.O_RDWR | os.O_DIRECT)
        except OSError as error:
            self._item.rmdir()
            reports = [self._full(report) for report in self.reports()]
            os.close(self._log)
            raise BlkmqError("\n".join([error.strerror or "", *reports])) from error
        self._context = ctypes.c_ulong()
        self._call(NR_IO_SETUP, NR_EVENTS, ctypes.byref(self._context))
        self._under_way: dict[int, tuple[mmap.mmap, ReqOp, int, Future[bytes]]] = {}
        self._behind = mmap.mmap(-1, SECTOR_BYTES)
        self._gate = threading.Lock()
        self._nr_sent = 0
        self._stopping = False
        self._reaper = threading.Thread(target=self._reap, name="events", daemon=True)
        self._reaper.start()

    @property
    def queues(self) -> list[str]:
        return sorted(os.listdir(f"/sys/block/{self._disk}/mq"))

    @staticmethod
    def _full(report: Report) -> str:
        return f"{report.file}:{report.line}: {report.fault.name}: "

    def _call(self, number: int, *words: object) -> int:
        result = int(libc.syscall(number, *words))
        if result < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return result

    def submit(self, op: ReqOp, offset: int, nr_bytes: int, *, data: bytes = b"", queue: int = 0) -> Future[bytes]:
        """Sends one request from the CPU of that number."""
        memory = mmap.mmap(-1, nr_bytes)
        memory[: len(data)] = data
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        future: Future[bytes] = Future()
        with self._gate:
            self._nr_sent += 1
            number = self._nr_sent
            self._under_way[number] = memory, op, offset, future
        writes = op == ReqOp.WRITE
        if self._polls and queue == len(self.queues) - 1:
            PolledIo(self._fd, address, nr_bytes, offset, writes, lambda result: self._ended(number, result))
        else:
            self._send(number, IOCB_CMD_PWRITE if writes else IOCB_CMD_PREAD, address, nr_bytes, offset, queue)
        return future

    def _send(self, number: int, opcode: int, address: int, nr_bytes: int, offset: int, cpu: int) -> None:
        iocbs = [Iocb(data=number, opcode=opcode, fd=self._fd, buffer=address, nr_bytes=nr_bytes, offset=offset)]
        if self._takes_lists:
            behind = ctypes.addressof(ctypes.c_char.from_buffer(self._behind))
            more = Iocb(data=NOBODYS, opcode=IOCB_CMD_PREAD, fd=self._fd, buffer=behind, nr_bytes=SECTOR_BYTES)
            iocbs += [more] * (NR_LISTED - 1)
        pointers = (ctypes.POINTER(Iocb) * len(iocbs))(*map(ctypes.pointer, iocbs))
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {cpu})
        try:
            self._call(NR_IO_SUBMIT, self._context, ctypes.c_long(len(iocbs)), pointers)
        finally:
            os.sched_setaffinity(0, before)

    def _reap(self) -> None:
        events = (IoEvent * NR_EVENTS)()
        tick = (ctypes.c_long * 2)(0, 50_000_000)
        while not self._stopping:
            words = ctypes.c_long(1), ctypes.c_long(NR_EVENTS)
            try:
                count = self._call(NR_IO_GETEVENTS, self._context, *words, events, tick)
            except InterruptedError:
                continue
            for event in events[:count]:
                if event.data != NOBODYS:
                    self._ended(event.data, event.result)

    def _ended(self, number: int, result: int) -> None:
        with self._gate:
            memory, op, offset, future = self._under_way.pop(number)
        if result < 0:
            future.set_exception(DiskError(BlkStatus.from_errno(result), op, offset))
        else:
            future.set_result(bytes(memory[:result]) if op == ReqOp.READ else b"")

    # --- what the module tells ------------------------------------------------------------------------------
    def counters(self) -> dict[str, int]:
        """The tag set's counters, the last ones once it is gone."""
        if not self._closed:
            place = DEBUGFS / self._tree / self._disk
            self._counters = {name: int((place / name).read_text()) for name in COUNTERS}
        with self._gate:
            return self._counters | {"nr_in_flight": len(self._under_way)}

    def reports(self) -> Sequence[Report]:
        """What the module has written to the kernel's log."""
        while not self._is_drained:
            try:
                line = os.read(self._log, 8192).decode(errors="replace").partition(";")[2].splitlines()[0]
            except BlockingIOError:
                break
            self._said.append(line)
        return [report for line in self._said if (report := self._report(line))]

    def _report(self, line: str) -> Report | None:
        found = REPORT.search(line)
        if found is None or found["disk"] != self._disk:
            return None
        files = {Path(inspect.getfile(cls)).name: inspect.getfile(cls) for cls in self._cls.__mro__[:-1]}
        fault, file = Fault[found["fault"]], files.get(found["file"], found["file"])
        return Report(fault, file, int(found["line"]), found["slot"], 0, -1, found["text"])

    # --- its end -----------------------------------------------------------------------------------------------
    def close(self) -> None:
        """Takes it out of service while its requests are under way; the module stays."""
        if self._closed:
            return
        (self._item / "power").write_text("0")
        self._closed = True
        self.reports()
        told = [found for line in self._said if (found := GONE.search(line)) and f"{self._disk}: " in line]
        self._counters = {name: int(told[-1][name]) for name in COUNTERS}
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self._under_way:
            time.sleep(0.01)
        self._stopping = True
        self._reaper.join()
        os.close(self._fd)
        os.close(self._log)
        self._is_drained = True
        self._call(NR_IO_DESTROY, self._context)
        self._item.rmdir()
