# SPDX-License-Identifier: MIT
"""A disk as a Python object: read, write, flush, discard, write zeroes; at once, later, or awaited."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import itertools
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import TYPE_CHECKING, Any

from blkmq.abi.blk_types import SECTOR_SHIFT, SECTOR_SIZE
from blkmq.abi.blkdev import BLK_FEAT_FUA, BLK_FEAT_WRITE_CACHE
from blkmq.dispatch.live_change import change_attributes
from blkmq.dispatch.report import Report
from blkmq.dispatch.running_set import NR_SEGMENTS_MAX
from blkmq.dispatch.show import show_requests
from blkmq.mq.blk_status import BlkStatus
from blkmq.mq.hctx_type import HctxType
from blkmq.mq.hd_geometry import HdGeometry
from blkmq.mq.req_op import ReqFlag, ReqOp
from blkmq.transport.in_process.operation import Operation

if TYPE_CHECKING:
    from blkmq.transport.in_process.door import Door
    from blkmq.transport.in_process.queue_thread import QueueThread

NO_FLAGS = ReqFlag(0)
BYTES_MAX = (1 << 32) - 1  #: of one request. C: ``rq->__data_len`` is an unsigned int


class InProcessDisk:
    """A disk in this process.  Any thread may use it; every call may be one of many under way.

    Offsets and lengths are bytes, multiples of the logical block size.  An error of the disk raises
    :class:`DiskError`, an OSError with the kernel's errno; a wrong argument raises before anything is sent.
    """

    def __init__(self, door: Door, index: int) -> None:
        self._door = door
        self._disk = door.running.disks[index]
        self.index = index
        self._turns = itertools.count()  #: threads take hardware queues in turn, and keep them
        self._turn = threading.local()

    # --- what it is ---------------------------------------------------------------------------------------
    @property
    def name(self) -> str:
        return self._disk.gen_disk.disk_name

    @property
    def size(self) -> int:
        """Capacity in bytes."""
        return self._disk.record.capacity_sectors << SECTOR_SHIFT

    @property
    def block_size(self) -> int:
        """Logical block size in bytes."""
        return self._disk.limits.logical_block_size

    def counters(self) -> dict[str, int]:
        """What the tag set has counted: requests, requeues, timeouts, errors, stale ends …"""
        return self._door.running.counters()

    def reports(self) -> Sequence[Report]:
        """The newest errors of the driver's callbacks, each with file and line."""
        return list(self._door.running.reports())

    def show_requests(self) -> list[str]:
        """A line for each request in flight, with its Pdu. C twin: ``/sys/kernel/debug/block/*/hctx*/busy``."""
        return list(show_requests(self._door.running))

    def busy(self) -> bool:
        """What the driver's ``busy`` says. C twin: ``blk_lld_busy``."""
        return self._door.running.control_callback("busy", self.index) != 0

    def ioctl(self, cmd: int, arg: int = 0) -> int:
        """The driver's own ioctl; a driver without one knows none (ENOTTY)."""
        return self._ask("ioctl", cmd, arg)

    def getgeo(self) -> HdGeometry:
        """The driver's idea of a geometry; ENOTTY without one. C twin: ``HDIO_GETGEO``."""
        self._ask("getgeo")
        return self._door.running.geometry()

    def get_unique_id(self, id_type: int) -> bytes:
        """The disk's identifier of a type (1 T10, 2 EUI-64, 3 NAA); ENOTTY without one."""
        length = self._ask("get_unique_id", id_type)
        return self._door.running.unique_id()[:length]

    def report_zones(self, sector: int, nr_zones: int) -> int:
        """How many zones the driver describes from a sector on; ENOTTY without zones. C: ``blkdev_report_zones``."""
        return self._ask("report_zones", sector, nr_zones)

    def _must_be_open(self) -> None:
        if not self._door.open:
            raise OSError(errno.ENODEV, f"{self.name} is gone")

    def _ask(self, slot: str, *arguments: int) -> int:
        """What the driver answers; a negative errno is an OSError."""
        if not self._door.running.executable.has(slot):
            raise OSError(errno.ENOTTY, f"{self.name} has no {slot}")
        answer = self._door.running.ask(slot, self.index, *arguments)
        if answer < 0:
            raise OSError(-answer, f"{slot} of {self.name}: {errno.errorcode.get(-answer, answer)}")
        return answer

    def set(self, **attributes: Any) -> None:
        """Changes live attributes, of all disks of the tag set; a ConfigError, and nothing changes, if that cannot be.

        What is in flight ends first; what comes meanwhile waits. C: null_blk's configfs, in service.
        """
        self._must_be_open()
        self._door.must_be_outside()
        change_attributes(self._door.running, self._door, attributes)

    def quiesce(self) -> None:
        """Issues nothing more until :meth:`unquiesce`; no ``queue_rq`` runs now. C: ``blk_mq_quiesce_queue``."""
        self._must_be_open()
        self._door.must_be_outside()
        for thread in self._door.queues:
            thread.quiesce()

    def unquiesce(self) -> None:
        """Issues again what waited. C: ``blk_mq_unquiesce_queue``."""
        self._must_be_open()
        for thread in self._door.queues:
            thread.unquiesce()

    # --- at once ------------------------------------------------------------------------------------------
    def read(self, offset: int, nr_bytes: int) -> bytes:
        """Reads ``nr_bytes`` from ``offset`` on."""
        return self.submit_read(offset, nr_bytes).result()

    def write(self, offset: int, data: bytes, *, fua: bool = False) -> None:
        """Writes; with ``fua`` it returns only when the data is on stable storage."""
        self.submit_write(offset, data, fua=fua).result()

    def flush(self) -> None:
        """Puts everything that was written before on stable storage."""
        self.submit_flush().result()

    def discard(self, offset: int, nr_bytes: int) -> None:
        """Tells the disk that a range is not needed any more."""
        self.submit(ReqOp.DISCARD, offset, nr_bytes).result()

    def write_zeroes(self, offset: int, nr_bytes: int) -> None:
        """Makes a range read as zeroes."""
        self.submit(ReqOp.WRITE_ZEROES, offset, nr_bytes).result()

    # --- later: a future that is cancelled before it has a tag is not sent ----------------------------------
    def submit_read(self, offset: int, nr_bytes: int) -> Future[bytes]:
        return self.submit(ReqOp.READ, offset, nr_bytes)

    def submit_write(self, offset: int, data: bytes, *, fua: bool = False) -> Future[bytes]:
        if fua and self._disk.limits.features & BLK_FEAT_WRITE_CACHE and not self._disk.limits.features & BLK_FEAT_FUA:
            # The block layer's way where the disk has no FUA: write, then flush.
            return _then(self.submit(ReqOp.WRITE, offset, len(data), data=data), self.submit_flush)
        flags = ReqFlag.FUA if fua and self._disk.limits.features & BLK_FEAT_FUA else ReqFlag(0)
        return self.submit(ReqOp.WRITE, offset, len(data), data=data, flags=flags)

    def submit_flush(self) -> Future[bytes]:
        return self.submit(ReqOp.FLUSH, 0, 0)

    def submit(
        self,
        op: ReqOp,
        offset: int,
        nr_bytes: int,
        *,
        data: bytes | None = None,
        flags: ReqFlag = NO_FLAGS,
        queue: int | None = None,
    ) -> Future[bytes]:
        """Sends any operation, to a hardware queue of one's choice if need be; the future holds what was read."""
        op, flags = ReqOp(op), ReqFlag(flags)
        if data is not None:
            data = bytes(memoryview(data))  # what is no buffer is a TypeError here
        if queue is not None and not 0 <= queue < len(self._door.queues):
            raise ValueError(f"queue {queue}: {self.name} has {len(self._door.queues)}")
        if not isinstance(offset, int) or not isinstance(nr_bytes, int):
            raise TypeError(f"offset {offset!r} and length {nr_bytes!r} are bytes, as int")
        limits = self._disk.limits
        done: Future[bytes] = Future()
        self._must_be_open()
        if op is ReqOp.FLUSH and not limits.features & BLK_FEAT_WRITE_CACHE:
            done.set_result(b"")  # nothing to flush: the block layer does not ask the driver
            return done
        if offset < 0 or nr_bytes < 0:
            raise OSError(errno.EINVAL, f"{nr_bytes} bytes at {offset}: neither may be negative")
        if offset % limits.logical_block_size or nr_bytes % limits.logical_block_size:
            raise OSError(errno.EINVAL, f"{nr_bytes} bytes at {offset}: not in blocks of {limits.logical_block_size}")
        if offset + nr_bytes > self.size:
            raise OSError(errno.EIO, f"{nr_bytes} bytes at {offset}: beyond the end of {self.name} ({self.size} bytes)")
        if self._disk.record.read_only and op not in (ReqOp.READ, ReqOp.FLUSH):
            raise OSError(errno.EPERM, f"{self.name} is read-only")
        if data is not None and len(data) != nr_bytes:
            raise ValueError(f"{len(data)} bytes of data for a length of {nr_bytes}")
        if nr_bytes == 0 and op in (ReqOp.READ, ReqOp.WRITE):
            done.set_result(b"")
            return done
        buffer = None
        if op in (ReqOp.READ, ReqOp.WRITE):
            buffer = (
                ctypes.create_string_buffer(data, nr_bytes)
                if data is not None
                else ctypes.create_string_buffer(nr_bytes)
            )
        pieces = self._pieces(op, offset, nr_bytes, flags, buffer)
        thread = self._map(op, flags) if queue is None else self._door.queues[queue]
        for piece in pieces:
            thread.submit(piece)
        return pieces[0].future if len(pieces) == 1 else _joined(pieces, op, buffer)

    def _pieces(
        self, op: ReqOp, offset: int, nr_bytes: int, flags: ReqFlag, buffer: ctypes.Array[ctypes.c_char] | None
    ) -> list[Operation]:
        """The operation, split where the limits want it. C: ``bio_split_to_limits``."""
        limit = self._limit(op)
        if limit == 0:
            operation = Operation(op, offset >> SECTOR_SHIFT, nr_bytes, flags, self.index, None)
            operation.finish(BlkStatus.NOTSUPP)
            operation.future.result()
        pieces = []
        for start in range(0, max(nr_bytes, 1), limit):
            length = min(limit, nr_bytes - start)
            part = None
            if buffer is not None:
                part = (ctypes.c_char * length).from_buffer(buffer, start)
            pieces.append(Operation(op, (offset + start) >> SECTOR_SHIFT, length, flags, self.index, part))
        return pieces

    def _limit(self, op: ReqOp) -> int:
        """Most bytes of one request; 0: the disk does not take such requests."""
        limits = self._disk.limits
        sectors = {
            ReqOp.DISCARD: limits.max_discard_sectors,
            ReqOp.WRITE_ZEROES: limits.max_write_zeroes_sectors,
            ReqOp.SECURE_ERASE: limits.max_secure_erase_sectors,
            ReqOp.READ: limits.max_sectors,
            ReqOp.WRITE: limits.max_sectors,
        }.get(op, 1 << 31)
        block = max(limits.logical_block_size, SECTOR_SIZE)
        most = min(sectors, BYTES_MAX >> SECTOR_SHIFT) << SECTOR_SHIFT
        if op in (ReqOp.READ, ReqOp.WRITE):
            most = min(most, NR_SEGMENTS_MAX << 12)
        return most // block * block

    def _map(self, op: ReqOp, flags: ReqFlag) -> QueueThread:
        """The hardware queue for an operation of this thread. C: ``blk_mq_map_queue``."""
        kind = HctxType.DEFAULT
        if flags & ReqFlag.POLLED:
            kind = HctxType.POLL
        elif op is ReqOp.READ:
            kind = HctxType.READ
        queues = self._door.map[kind]
        if not hasattr(self._turn, "number"):
            self._turn.number = next(self._turns)
        turn: int = self._turn.number
        return queues[turn % len(queues)]

    # --- awaited ------------------------------------------------------------------------------------------
    async def aread(self, offset: int, nr_bytes: int) -> bytes:
        return await asyncio.wrap_future(self.submit_read(offset, nr_bytes))

    async def awrite(self, offset: int, data: bytes, *, fua: bool = False) -> None:
        await asyncio.wrap_future(self.submit_write(offset, data, fua=fua))

    async def aflush(self) -> None:
        await asyncio.wrap_future(self.submit_flush())

    async def adiscard(self, offset: int, nr_bytes: int) -> None:
        await asyncio.wrap_future(self.submit(ReqOp.DISCARD, offset, nr_bytes))

    async def awrite_zeroes(self, offset: int, nr_bytes: int) -> None:
        await asyncio.wrap_future(self.submit(ReqOp.WRITE_ZEROES, offset, nr_bytes))

    # --- its end ------------------------------------------------------------------------------------------
    def close(self) -> None:
        """Removes the disk, and the others of its tag set: waits for what is under way."""
        self._door.close()

    def __enter__(self) -> InProcessDisk:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _then(first: Future[bytes], submit: Callable[[], Future[bytes]]) -> Future[bytes]:
    """One future for two operations, of which the second is sent when the first is done; the first error is its own."""
    whole: Future[bytes] = Future()

    def on_first(future: Future[bytes]) -> None:
        try:
            future.result()
            submit().add_done_callback(on_second)
        except BaseException as error:
            whole.set_exception(error)

    def on_second(future: Future[bytes]) -> None:
        error = future.exception()
        if error is not None:
            whole.set_exception(error)
        else:
            whole.set_result(b"")

    whole.set_running_or_notify_cancel()  # the first is under way: too late to cancel
    first.add_done_callback(on_first)
    return whole


def _joined(pieces: list[Operation], op: ReqOp, buffer: ctypes.Array[ctypes.c_char] | None) -> Future[bytes]:
    """One future for the pieces of an operation: the first error, or the whole result."""
    whole: Future[bytes] = Future()
    left = [len(pieces)]
    lock = threading.Lock()

    def on_done(future: Future[bytes]) -> None:
        with lock:
            left[0] -= 1
            last = left[0] == 0
        if last:
            error = next((e for piece in pieces if (e := piece.future.exception()) is not None), None)
            pieces.clear()  # their futures hold this function: their data would wait for the garbage collector
            if error is not None:
                whole.set_exception(error)
            else:
                whole.set_result(buffer.raw if buffer is not None and op is ReqOp.READ else b"")

    whole.set_running_or_notify_cancel()  # its pieces are under way: too late to cancel
    for piece in pieces:
        piece.future.add_done_callback(on_done)
    return whole
