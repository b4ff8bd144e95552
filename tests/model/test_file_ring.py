# SPDX-License-Identifier: MIT
"""The io_uring of a hardware queue: what goes through it, what it refuses, and when its memory is free."""

from __future__ import annotations

import ctypes
import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from blkmq import (
    BackingFile,
    BlkStatus,
    Errno,
    HwCtx,
    Live,
    Operations,
    QueueLimits,
    ReqFlag,
    ReqOp,
    Request,
    TagSet,
    u32,
)  # fmt: skip
from blkmq.abi.fs import RWF_DSYNC
from blkmq.abi.io_uring import (
    IORING_FSYNC_DATASYNC,
    IORING_OP_FALLOCATE,
    IORING_OP_FSYNC,
    IORING_OP_READV,
    IORING_OP_WRITEV,
)
from blkmq.dispatch import file_ring, file_rings, ring_io
from blkmq.dispatch.file_io import PUNCH_HOLE, READ, WRITE, ZERO_RANGE, FileIoRecord
from blkmq.dispatch.file_ring import FileRingRecord
from blkmq.dispatch.nouns.records import BackingFileRecord
from blkmq.dispatch.request import RequestRecord, SegmentRecord
from blkmq.drivers.loop import Loop
from blkmq.native import io_uring as native
from blkmq.native.memory import address_of
from blkmq.testing.model import ByteArrayDisk
from blkmq.transport.in_process.disk import InProcessDisk
from blkmq.transport.in_process.operation import DiskError
from tests.file_ways import must_have_rings, refuse_rings
from tests.model.against_oracle import compare, compare_at_once
from tests.targets import served

PAGE, MIB = 4096, 1 << 20
A_WHILE_SEC = 0.2
NR_TRIES = 100


@pytest.fixture(autouse=True)
def rings() -> None:
    must_have_rings()


def ring_of(disk: InProcessDisk, queue: int = 0) -> FileRingRecord:
    """The ring of a hardware queue."""
    return disk._door.running.rings._rings[queue].record


def nr_in_flight(disk: InProcessDisk) -> int:
    """Entries that the kernel has, and has not answered."""
    ring = ring_of(disk)
    return ring.tail - ring.nr_put - ring.head


def file_of(disk: InProcessDisk) -> BackingFileRecord:
    """The disk's own file."""
    (address,) = disk._door.running.files._places
    return BackingFileRecord.from_address(address)


def left_to_threads(disk: InProcessDisk) -> int:
    """How many requests were left to threads so far."""
    return disk._door.running.file_queue.tail


def nr_open_rings() -> int:
    """This process's."""
    links = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
    return sum("[io_uring]" in os.readlink(link) for link in links if os.path.lexists(link))


@contextmanager
def past_the_page_cache(disk: InProcessDisk, alignment: int = 1) -> Iterator[None]:
    """The queue's thread does nothing itself meanwhile, as with direct I/O that wants memory to be aligned so."""
    file_of(disk).direct = alignment
    try:
        yield
    finally:
        file_of(disk).direct = 0


@contextmanager
def pipe_instead(disk: InProcessDisk) -> Iterator[int]:
    """A pipe takes the file's place, and its reads go to the ring: they wait until somebody writes to it."""
    file = file_of(disk)
    kept, (begin, end) = os.dup(file.fd), os.pipe()
    os.dup2(begin, file.fd)
    os.close(begin)
    file.direct = 1
    try:
        yield end
    finally:
        if disk._door.open:
            file.direct = 0
            os.dup2(kept, file.fd)
        os.close(kept)
        os.close(end)


def wait_for_ring(disk: InProcessDisk) -> None:
    """Until the kernel has something of this disk's."""
    while not nr_in_flight(disk):
        time.sleep(0.001)


# --- what goes through it ---------------------------------------------------------------------------------
def test_what_waits_goes_through_the_ring(path: Path, target: str) -> None:
    with served(Loop(backing_file=path), target) as disk:
        disk.write(0, b"x" * 2 * PAGE)
        disk.flush()
        disk.discard(0, PAGE)
        disk.write_zeroes(2 * PAGE, PAGE)
        assert ring_of(disk).tail == 3
        with past_the_page_cache(disk):
            disk.write(3 * PAGE, b"z" * PAGE, fua=True)
            assert disk.read(0, 4 * PAGE) == bytes(PAGE) + b"x" * PAGE + bytes(PAGE) + b"z" * PAGE
        assert ring_of(disk).tail == 5
        assert left_to_threads(disk) == 0
        assert nr_in_flight(disk) == 0


def test_what_is_not_in_the_page_cache_is_read_through_the_ring(path: Path, target: str) -> None:
    path.write_bytes(b"x" * MIB)
    with served(Loop(backing_file=path), target) as disk:
        fd = file_of(disk).fd
        os.fsync(fd)
        for _ in range(NR_TRIES):  # RWF_NOWAIT reads ahead: a fast disk may have the page before it looks
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            assert disk.read(MIB // 2, PAGE) == b"x" * PAGE
            if ring_of(disk).tail:
                break
        assert (ring_of(disk).tail, left_to_threads(disk)) == (1, 0)
        assert disk.read(MIB // 2, PAGE) == b"x" * PAGE
        assert ring_of(disk).tail == 1


def test_buffered_writes_that_wait_are_the_threads(path: Path, target: str) -> None:
    """The kernel would do those of one file one after the other; threads share the journal's commit."""
    with served(Loop(backing_file=path), target) as disk:
        disk.write(0, b"x" * PAGE, fua=True)
        assert (ring_of(disk).tail, left_to_threads(disk)) == (0, 1)


def test_entries_say_what_is_meant(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []

    def put(ring: FileRingRecord, opcode: int, fd: int, position: int, *words: int) -> None:
        seen.append((opcode, position, words[1], words[2]))
        file_ring.put_entry(ring, opcode, fd, position, *words)

    monkeypatch.setattr(ring_io, "put_entry", put)
    with served(Loop(backing_file=path, offset=512), "interpreted") as disk:
        with past_the_page_cache(disk):
            disk.write(PAGE, bytes(512))
            disk.write(PAGE, bytes(512), fua=True)
            disk.read(PAGE, 512)
        disk.flush()
        disk.discard(512, PAGE)
        disk.write_zeroes(1024, PAGE)
        disk.submit(ReqOp.WRITE_ZEROES, 0, PAGE, flags=ReqFlag.NOUNMAP).result()
    assert seen == [
        (IORING_OP_WRITEV, 512 + PAGE, 1, 0),
        (IORING_OP_WRITEV, 512 + PAGE, 1, RWF_DSYNC),
        (IORING_OP_READV, 512 + PAGE, 1, 0),
        (IORING_OP_FSYNC, 0, 0, IORING_FSYNC_DATASYNC),
        (IORING_OP_FALLOCATE, 1024, PUNCH_HOLE, 0),
        (IORING_OP_FALLOCATE, 1536, PUNCH_HOLE, 0),
        (IORING_OP_FALLOCATE, 512, ZERO_RANGE, 0),
    ]


def test_a_batch_is_one_call(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def enter(fd: int, nr_entries: int, *words: int) -> int:
        calls.append(nr_entries)
        return native.enter_ring(fd, nr_entries, *words)

    monkeypatch.setattr(file_ring, "enter_ring", enter)
    with served(Loop(backing_file=path), "interpreted") as disk:
        at_once(disk, 5)
    assert calls[0] == 5
    assert not any(calls[1:])


def test_pieces_that_lie_apart_are_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A vector of them; what a short transfer left of it goes run by run."""
    entries: list[tuple[int, ...]] = []
    monkeypatch.setattr(ring_io, "put_entry", lambda ring, *words: entries.append(words))
    segments = (SegmentRecord * 3)(*(SegmentRecord(address, 512) for address in (0x1000, 0x1200, 0x8000)))
    request = RequestRecord(segments=ctypes.addressof(segments), nr_segments=3, nr_bytes=1536)
    io = FileIoRecord(verb=READ, position=4096)
    file = BackingFileRecord(fd=9)
    own = address_of(io, "address")
    for done_bytes, vector in ((0, (request.segments, 3)), (100, (own, 1)), (1024, (own, 1))):
        io.done_bytes = done_bytes
        assert ring_io.put_transfer(FileRingRecord(), file, request, io, 7)
        assert entries.pop() == (IORING_OP_READV, 9, 4096 + done_bytes, *vector, 0, 7)
    assert (io.address, io.nr_bytes) == (0x8000, 512)


@pytest.mark.parametrize("nr_bytes", [512, ring_io.RING_BOUNCE_BYTES, ring_io.RING_BOUNCE_BYTES + 512])
def test_data_that_is_not_aligned_bounces(monkeypatch: pytest.MonkeyPatch, nr_bytes: int) -> None:
    """Past the page cache, up to what a ring has room for; threads move more."""
    monkeypatch.setattr(ring_io, "put_entry", lambda *words: None)
    data = ctypes.create_string_buffer(os.urandom(nr_bytes + 2), nr_bytes + 2)
    bounces = ctypes.create_string_buffer(4 * ring_io.RING_BOUNCE_BYTES)
    start = ctypes.addressof(data) + 1 + ctypes.addressof(data) % 2
    segments = (SegmentRecord * 1)(SegmentRecord(start, nr_bytes))
    request = RequestRecord(segments=ctypes.addressof(segments), nr_segments=1, nr_bytes=nr_bytes, tag=2)
    ring = FileRingRecord(bounces=ctypes.addressof(bounces))
    io, file = FileIoRecord(verb=WRITE), BackingFileRecord(fd=9, direct=512)
    fits = nr_bytes <= ring_io.RING_BOUNCE_BYTES
    assert ring_io.put_transfer(ring, file, request, io, 7) is fits
    if fits:
        assert (io.is_bounced, io.address) == (1, ring.bounces + 2 * ring_io.RING_BOUNCE_BYTES)
        assert ctypes.string_at(io.address, nr_bytes) == ctypes.string_at(start, nr_bytes)


def test_what_bounced_is_where_it_belongs(path: Path, target: str) -> None:
    """Data of clients does not lie at multiples of 1 MiB: nearly all of it bounces, in a ring or with threads."""
    with served(Loop(backing_file=path), target) as disk, past_the_page_cache(disk, MIB):
        compare(disk, ByteArrayDisk(disk.size), 60, ops="rrww")
        assert ring_of(disk).tail > 30
        compare_at_once(disk, ByteArrayDisk(disk.size))
        before = left_to_threads(disk)
        data = os.urandom(2 * ring_io.RING_BOUNCE_BYTES)
        disk.write(512, data)
        assert disk.read(512, len(data)) == data
        assert left_to_threads(disk) == before + 2


def at_once(disk: InProcessDisk, count: int) -> None:
    """Writes for the ring, of which the queue's thread gets all in one batch."""
    with past_the_page_cache(disk):
        disk.quiesce()
        futures = [disk.submit_write(number * PAGE, bytes([number + 1]) * PAGE) for number in range(count)]
        while len(disk._door.queues[0].in_flight) < count:
            time.sleep(0.001)
        disk.unquiesce()
        assert [future.exception() for future in futures] == [None] * count


@pytest.mark.parametrize("depth", [1, 3, 1024])
def test_it_has_room_for_every_tag(path: Path, target: str, depth: int) -> None:
    with served(Loop(backing_file=path, hw_queue_depth=depth), target) as disk:
        compare_at_once(disk, ByteArrayDisk(disk.size))
        before = left_to_threads(disk)
        at_once(disk, min(depth, 255))
        assert left_to_threads(disk) == before


def test_short_transfers_go_on(path: Path, target: str) -> None:
    data = os.urandom(3 * PAGE)
    with served(Loop(backing_file=path), target) as disk, pipe_instead(disk) as end:
        read = disk.submit_read(0, len(data))
        for begin in range(0, len(data), 1000):
            wait_for_ring(disk)
            before = ring_of(disk).head
            os.write(end, data[begin : begin + 1000])
            while ring_of(disk).head == before:
                time.sleep(0.001)
        assert read.result() == data
        assert ring_of(disk).tail == -(-len(data) // 1000)
        assert left_to_threads(disk) == 0


def test_the_end_of_the_file_is_an_error(path: Path, target: str) -> None:
    path.write_bytes(b"x" * MIB)
    with served(Loop(backing_file=path), target) as disk, past_the_page_cache(disk):
        os.truncate(path, PAGE)
        for offset, nr_bytes in ((PAGE, 512), (512, PAGE)):
            with pytest.raises(DiskError) as beyond:
                disk.read(offset, nr_bytes)
            assert beyond.value.status is BlkStatus.IOERR
        assert disk.read(512, 512) == b"x" * 512
        assert left_to_threads(disk) == 0


def test_a_full_file(path: Path, target: str) -> None:
    with served(Loop(backing_file=path), target) as disk:
        full = os.open("/dev/full", os.O_RDWR)
        os.dup2(full, file_of(disk).fd)
        os.close(full)
        with pytest.raises(DiskError) as no_space, past_the_page_cache(disk):
            disk.write(0, bytes(512))
        assert no_space.value.status is BlkStatus.NOSPC
        assert ring_of(disk).tail == 1
        assert left_to_threads(disk) == 0


def test_requests_end_out_of_order(path: Path, target: str) -> None:
    path.write_bytes(b"y" * MIB)
    with served(Loop(backing_file=path), target) as disk:
        with pipe_instead(disk) as end:
            slow = disk.submit_read(0, 512)
            wait_for_ring(disk)
            late = os.dup(end)
        disk.write(0, b"x" * 512, fua=True)
        disk.flush()
        assert disk.read(512, 512) == b"y" * 512
        assert not slow.done()
        os.write(late, b"s" * 512)
        os.close(late)
        assert slow.result() == b"s" * 512


# --- what it refuses --------------------------------------------------------------------------------------
def refuse_registering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_rings, "register_with_ring", lambda *words: -errno.EINVAL)


REFUSALS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "EPERM": refuse_rings,
    "ENOSYS": lambda monkeypatch: refuse_rings(monkeypatch, errno.ENOSYS),
    "ENOMEM": lambda monkeypatch: refuse_rings(monkeypatch, errno.ENOMEM),
    "no probe": refuse_registering,
    "no memory of its own": lambda monkeypatch: monkeypatch.setattr(file_rings, "map_ring", lambda *words: -12),
    "a feature is missing": lambda monkeypatch: monkeypatch.setattr(file_rings, "FEATURES", 1 << 31),
    "an operation is missing": lambda monkeypatch: monkeypatch.setattr(file_rings, "OPCODES", (1, 255)),
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_threads_do_it_where_a_ring_is_refused(
    path: Path, target: str, refusal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    REFUSALS[refusal](monkeypatch)
    with served(Loop(backing_file=path), target) as disk:
        assert not disk._door.running.rings
        assert isinstance(disk._door.running.rings.refusal, OSError)
        assert nr_open_rings() == 0
        compare(disk, ByteArrayDisk(disk.size), 20, ops="rwudfz")
        assert left_to_threads(disk) > 0


def test_a_kernel_that_does_not_know_the_flags(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def set_up(nr_entries: int, params: native.IoUringParams) -> int:
        return -errno.EINVAL if params.flags else native.set_up_ring(nr_entries, params)

    monkeypatch.setattr(file_rings, "set_up_ring", set_up)
    with served(Loop(backing_file=path), "host") as disk:
        compare(disk, ByteArrayDisk(disk.size), 20, ops="rwudfz")
        assert ring_of(disk).tail > 0


@pytest.mark.parametrize("taken", [0, 2])
def test_entries_that_are_refused_are_done_by_threads(path: Path, monkeypatch: pytest.MonkeyPatch, taken: int) -> None:
    """Of a batch, the kernel takes some, one at a time."""
    left = [taken]

    def enter(fd: int, nr_entries: int, *words: int) -> int:
        left[0] -= nr_entries > 0
        return native.enter_ring(fd, min(nr_entries, 1), *words) if left[0] >= 0 or not nr_entries else -errno.EAGAIN

    monkeypatch.setattr(file_ring, "enter_ring", enter)
    with served(Loop(backing_file=path), "interpreted") as disk:
        at_once(disk, 5)
        assert left_to_threads(disk) == 5 - taken
        left[0] = 1 << 30
        at_once(disk, 5)
        assert left_to_threads(disk) == 5 - taken
    assert path.read_bytes()[: 5 * PAGE] == b"".join(bytes([number + 1]) * PAGE for number in range(5))


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.EINVAL, errno.EAGAIN, errno.EINTR, errno.ECANCELED])
def test_what_is_refused_later_is_done_by_threads(path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def take(ring: FileRingRecord) -> int:
        file_ring.take_answer(ring)
        return -number

    monkeypatch.setattr(ring_io, "take_answer", take)
    with served(Loop(backing_file=path), "interpreted") as disk, past_the_page_cache(disk):
        compare(disk, ByteArrayDisk(disk.size), 30, ops="rwudfz")
        assert left_to_threads(disk) == ring_of(disk).tail > 0


def test_other_errors_end_the_request(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def take(ring: FileRingRecord) -> int:
        file_ring.take_answer(ring)
        return int(Errno.ENOSPC)

    monkeypatch.setattr(ring_io, "take_answer", take)
    with served(Loop(backing_file=path), "interpreted") as disk:
        with past_the_page_cache(disk):
            for future in (disk.submit_flush(), disk.submit_write(0, bytes(512))):
                error = future.exception()
                assert isinstance(error, DiskError)
                assert error.status is BlkStatus.NOSPC
        assert left_to_threads(disk) == 0


def test_zeroes_where_the_file_system_has_but_holes(target: str) -> None:
    """tmpfs: FALLOC_FL_ZERO_RANGE is EOPNOTSUPP."""
    path = Path("/dev/shm") / f"blkmq-{os.getpid()}.img"
    path.write_bytes(b"x" * MIB)
    try:
        with served(Loop(backing_file=path), target) as disk:
            disk.submit(ReqOp.WRITE_ZEROES, 512, PAGE, flags=ReqFlag.NOUNMAP).result()
            assert disk.read(0, 2 * PAGE) == b"x" * 512 + bytes(PAGE) + b"x" * (PAGE - 512)
            assert (ring_of(disk).tail, left_to_threads(disk)) == (1, 1)
    finally:
        path.unlink()


# --- while the kernel has it, its memory stays ---------------------------------------------------------------
class Hasty(Loop):
    """Ends what the file has."""

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        rq.start()
        self.backing_file.read(rq, 0)
        rq.end(BlkStatus.MEDIUM)
        return BlkStatus.OK


def test_an_end_of_the_drivers_own_waits_for_the_ring(path: Path, target: str) -> None:
    with served(Hasty(backing_file=path), target) as disk, pipe_instead(disk) as end:
        read = disk.submit_read(0, 512)
        wait_for_ring(disk)
        time.sleep(A_WHILE_SEC)
        assert not read.done()
        os.write(end, bytes(512))
        error = read.exception()
        assert isinstance(error, DiskError)
        assert error.status is BlkStatus.MEDIUM


@pytest.mark.parametrize("timeout_msec", [0, 1])
def test_removal_waits_for_the_ring(path: Path, target: str, timeout_msec: int) -> None:
    """Also when the tag set's time is over: the request has ended with TIMEOUT then, and keeps its memory."""
    with served(Loop(backing_file=path), target) as disk, pipe_instead(disk) as end:
        running = disk._door.running
        read = disk.submit_read(0, 512)
        wait_for_ring(disk)
        running.record.timeout_nsec = timeout_msec * 1_000_000 or running.record.timeout_nsec
        closing = threading.Thread(target=disk.close)
        closing.start()
        time.sleep(A_WHILE_SEC)
        assert closing.is_alive()
        assert not read.done()
        assert nr_open_rings() == 1
        os.write(end, b"x" * 512)
        closing.join()
        error = read.exception()
        if timeout_msec:
            assert isinstance(error, DiskError)
            assert error.status is BlkStatus.TIMEOUT
        else:
            assert read.result() == b"x" * 512
    assert nr_open_rings() == 0


# --- queues come and go -----------------------------------------------------------------------------------
@dataclass(frozen=True, kw_only=True)
class ManyQueuesConfig:
    backing_file: Path
    submit_queues: Live[u32] = 1  #: hardware queues


class ManyQueues(Operations):
    config: ManyQueuesConfig
    backing_file: BackingFile

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        if self.backing_file.size() == 0:
            error = self.backing_file.open(False, False, 0, 512)
            if error != Errno.OK:
                return error
        tag_set.nr_hw_queues = self.config.submit_queues
        self.disk.set_capacity(2048)
        return Errno.OK

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        rq.start()
        if rq.op == ReqOp.READ:
            self.backing_file.read(rq, rq.sector * 512)
        else:
            self.backing_file.flush(rq)
        return BlkStatus.OK


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="cannot be had: a second queue needs a second CPU")
def test_a_queue_brings_its_ring_and_takes_it_away(path: Path, target: str) -> None:
    path.write_bytes(b"x" * MIB)
    with served(ManyQueues(backing_file=path), target) as disk:
        for number in (2, 1, 2, 1):
            disk.set(submit_queues=number)
            assert nr_open_rings() == number
            for queue in range(number):
                before = ring_of(disk, queue).tail
                disk.submit(ReqOp.WRITE, 0, 512, data=bytes(512), queue=queue).result()
                assert ring_of(disk, queue).tail == before + 1
                assert disk.submit(ReqOp.READ, 0, 512, queue=queue).result() == b"x" * 512
        assert left_to_threads(disk) == 0
    assert nr_open_rings() == 0
