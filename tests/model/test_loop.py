# SPDX-License-Identifier: MIT
"""Loop against a bytearray, and what becomes of it when its file is not as it should be: on every target, by io_uring
and by threads."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from blkmq import (
    BackingFile,
    BlkEhTimerReturn,
    BlkStatus,
    ConfigError,
    Errno,
    HwCtx,
    Operations,
    QueueLimits,
    ReqFlag,
    ReqOp,
    Request,
    TagSet,
    u8,
)  # fmt: skip
from blkmq.abi.fs import RWF_DSYNC
from blkmq.dispatch import file_io, open_files
from blkmq.dispatch.file_io import HERE_BYTES
from blkmq.dispatch.file_queue import FileQueueRecord, put_file_io
from blkmq.dispatch.nouns import backing_file as verbs
from blkmq.drivers.loop import Loop
from blkmq.mq.errors import Fault
from blkmq.native import file as native
from blkmq.testing.model import ByteArrayDisk
from blkmq.transport.file_threads import FileThreads
from blkmq.transport.in_process.disk import InProcessDisk
from blkmq.transport.in_process.operation import DiskError
from tests.model.against_oracle import compare, compare_at_once
from tests.model.disk_machine import check_disk
from tests.targets import served

pytestmark = pytest.mark.usefixtures("way")
by_threads = pytest.mark.parametrize("way", ["threads"], indirect=True)

PAGE, MIB = 4096, 1 << 20
EXAMPLES, STEPS = 20, 25


def has_direct_io(path: Path) -> bool:
    """Whether the file system that tests use takes O_DIRECT in blocks of a page."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECT)
    except OSError:
        return False
    try:
        return PAGE % open_files.direct_alignment(fd)[1] == 0
    except OSError:
        return False
    finally:
        os.close(fd)


def fd_of(disk: InProcessDisk) -> int:
    """The disk's own file descriptor."""
    return disk._door.running.files._fds[0]


# --- it holds what the oracle holds -----------------------------------------------------------------------
@pytest.mark.parametrize("blocksize", [512, 4096])
def test_it_holds_what_the_oracle_holds(path: Path, target: str, blocksize: int) -> None:
    with served(Loop(backing_file=path, blocksize=blocksize), target) as disk:
        oracle = ByteArrayDisk(disk.size)
        compare(disk, oracle, 300, ops="rrwwwudfz")
    assert path.read_bytes() == oracle.data


def test_it_holds_what_many_requests_at_once_wrote(path: Path, target: str) -> None:
    with served(Loop(backing_file=path), target) as disk:
        compare_at_once(disk, ByteArrayDisk(disk.size))


def test_a_part_of_the_file_is_a_disk(path: Path, target: str) -> None:
    path.write_bytes(b"a" * 1000 + bytes(8192) + b"z" * 1000)
    with served(Loop(backing_file=path, offset=1000, sizelimit=8192), target) as disk:
        compare(disk, ByteArrayDisk(disk.size), 50, ops="rwwudfz")
    assert (path.read_bytes()[:1000], path.read_bytes()[9192:]) == (b"a" * 1000, b"z" * 1000)


def test_requests_larger_than_the_page_cache_does_at_once(path: Path, target: str) -> None:
    data = os.urandom(2 * HERE_BYTES)
    path.write_bytes(bytes(len(data)))
    with served(Loop(backing_file=path), target) as disk:
        disk.write(0, data)
        assert disk.read(0, len(data)) == data
        assert disk.read(512, len(data) - 1024) == data[512:-512]


def test_direct_io(path: Path, target: str) -> None:
    driver = Loop(backing_file=path, direct_io=True, blocksize=PAGE)
    if not has_direct_io(path):
        with pytest.raises(ConfigError, match="direct I/O"):
            served(driver, target)
        return
    with served(driver, target) as disk:
        assert os.O_DIRECT & fcntl.fcntl(fd_of(disk), fcntl.F_GETFL)
        oracle = ByteArrayDisk(disk.size)
        compare(disk, oracle, 60, ops="rwwudfz")
    assert path.read_bytes() == oracle.data


class FileDisk(Loop):
    """A disk on a new file, in the working directory."""

    def __init__(self, size: int = 1) -> None:
        path = Path(f"{len(os.listdir())}.img")
        path.touch()
        os.truncate(path, size * MIB)
        super().__init__(backing_file=path)


def test_a_disk_is_its_oracle_whatever_happens(tmp_path: Path, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check_disk(EXAMPLES, STEPS, driver=FileDisk, target=target)


# --- what it does with the file ---------------------------------------------------------------------------
@pytest.mark.parametrize("op", [ReqOp.DISCARD, ReqOp.WRITE_ZEROES])
def test_holes_give_space_back(path: Path, target: str, op: ReqOp) -> None:
    with served(Loop(backing_file=path), target) as disk:
        disk.write(0, b"x" * MIB)
        disk.flush()
        full = path.stat().st_blocks
        disk.submit(op, 0, MIB // 2).result()
        assert path.stat().st_blocks <= full // 2
        assert disk.read(0, MIB) == bytes(MIB // 2) + b"x" * (MIB // 2)


def test_zeroes_without_a_hole_keep_space(path: Path, target: str) -> None:
    with served(Loop(backing_file=path), target) as disk:
        disk.write(0, b"x" * MIB)
        disk.flush()
        full = path.stat().st_blocks
        disk.submit(ReqOp.WRITE_ZEROES, 0, MIB, flags=ReqFlag.NOUNMAP).result()
        assert path.stat().st_blocks >= full
        assert disk.read(0, MIB) == bytes(MIB)


@by_threads
def test_zeroes_are_written_where_there_are_no_holes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_io, "allocate", lambda *words: int(Errno.EOPNOTSUPP))
    path.write_bytes(b"x" * 3 * MIB)
    with served(Loop(backing_file=path), "interpreted") as disk:
        disk.write_zeroes(512, 3 * MIB - 1024)
        with pytest.raises(DiskError) as refused:
            disk.discard(0, 512)
    assert refused.value.status is BlkStatus.NOTSUPP
    assert path.read_bytes() == b"x" * 512 + bytes(3 * MIB - 1024) + b"x" * 512


@by_threads
def test_flush_and_fua_put_data_on_stable_storage(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    def write(*words: int) -> int:
        seen.append(words[-1])
        return native.write_vector(*words)

    def sync(fd: int) -> int:
        seen.append("fdatasync")
        return native.sync_data(fd)

    monkeypatch.setattr(file_io, "write_vector", write)
    monkeypatch.setattr(file_io, "sync_data", sync)
    with served(Loop(backing_file=path), "interpreted") as disk:
        disk.write(0, bytes(512), fua=True)
        disk.flush()
    assert seen == [RWF_DSYNC, "fdatasync"]


@by_threads
def test_requests_end_out_of_order(path: Path, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The threads that wait for the file are held back; what needs no waiting passes by what does."""
    held: list[FileThreads] = []
    start = FileThreads.start
    monkeypatch.setattr(FileThreads, "start", lambda threads: held.append(threads))
    os.truncate(path, 2 * HERE_BYTES)
    with served(Loop(backing_file=path), target) as disk:
        slow = [disk.submit_write(0, b"x" * 512, fua=True), disk.submit_flush(), disk.submit_read(0, disk.size)]
        disk.write(PAGE, b"y" * PAGE)
        assert disk.read(PAGE, PAGE) == b"y" * PAGE
        assert not any(future.done() for future in slow)
        (threads,) = held
        start(threads)
        assert slow[2].result()[PAGE : 2 * PAGE] == b"y" * PAGE
        assert [future.exception() for future in slow] == [None] * 3


late_ones = threading.Event()


class Watched(Loop):
    def timeout(self, rq: Request) -> BlkEhTimerReturn:
        late_ones.set()
        return super().timeout(rq)


@by_threads
def test_a_late_file_is_waited_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[FileThreads] = []
    start = FileThreads.start
    monkeypatch.setattr(FileThreads, "start", lambda threads: held.append(threads))
    with served(Watched(backing_file=path), "interpreted") as disk:
        disk._door.running.record.timeout_nsec = 1_000_000
        flush = disk.submit_flush()
        while not late_ones.wait(0.01):
            disk._door.timeouts.wake()
        assert not flush.done()
        start(held[0])
        assert flush.exception() is None


@by_threads
def test_a_slow_file_is_left_to_threads(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that waited sends the next ones to the threads, so that they hold up nobody; later it is tried again."""
    now = [1]
    threads: list[int] = []

    def put(files: FileQueueRecord, index: int) -> None:
        threads.append(index)
        put_file_io(files, index)

    def write(*words: int) -> int:
        if words[-1]:
            return int(Errno.EOPNOTSUPP)  # RWF_NOWAIT
        now[0] += 2 * verbs.SLOW_NSEC if len(threads) == 0 else 0
        return native.write_vector(*words)

    monkeypatch.setattr(verbs, "monotonic_nsec", lambda: now[0])
    monkeypatch.setattr(verbs, "put_file_io", put)
    monkeypatch.setattr(file_io, "write_vector", write)
    with served(Loop(backing_file=path), "interpreted") as disk:
        disk.write(0, b"a" * 512)
        assert len(threads) == 0
        disk.write(0, b"b" * 512)
        assert len(threads) == 1
        now[0] += verbs.REST_NSEC
        disk.write(0, b"c" * 512)
        assert len(threads) == 1
        assert disk.read(0, 512) == b"c" * 512


# --- files that are not as they should be -----------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("missing.img", "No such file or directory"),
        (".", "is a directory"),
        ("fifo", "is no file and no block device"),
        ("disk.img/x", "Not a directory"),
        ("small.img", "leave no block of 512"),
    ],
)
def test_no_such_file(path: Path, target: str, name: str, text: str) -> None:
    os.mkfifo(path.parent / "fifo")
    (path.parent / "small.img").write_bytes(b"x" * 511)
    with pytest.raises(ConfigError, match=text) as refused:
        served(Loop(backing_file=path.parent / name), target)
    assert str(path.parent) in refused.value.text
    assert refused.value.field == "backing_file"
    assert refused.value.hint


def test_offset_behind_the_end(path: Path, target: str) -> None:
    with pytest.raises(ConfigError, match="leave no block of 512 behind offset 1048576"):
        served(Loop(backing_file=path, offset=MIB), target)


@pytest.mark.parametrize("why", ["ro", "it is being executed"])
def test_a_file_that_cannot_be_written(path: Path, target: str, why: str) -> None:
    if why == "ro":
        driver = Loop(backing_file=path, ro=True)
        running = None
    else:
        shutil.copy(shutil.which("sleep") or "", path)  # ETXTBSY, for root too
        running = subprocess.Popen([path, "1000"])
        driver = Loop(backing_file=path)
    try:
        with served(driver, target) as disk:
            assert disk.read(0, PAGE) == path.read_bytes()[:PAGE]
            disk.flush()
            with pytest.raises(OSError, match="is read-only"):
                disk.write(0, bytes(512))
    finally:
        if running:
            running.kill()
            running.wait()


def test_a_last_block_that_is_not_whole_is_left_out(path: Path, target: str) -> None:
    path.write_bytes(bytes(3 * PAGE + 600))
    with served(Loop(backing_file=path, blocksize=PAGE), target) as disk:
        assert disk.size == 3 * PAGE
    with served(Loop(backing_file=path), target) as disk:
        assert disk.size == 3 * PAGE + 512


def test_a_full_file(path: Path, target: str) -> None:
    """/dev/full takes the file's place."""
    with served(Loop(backing_file=path), target) as disk:
        full = os.open("/dev/full", os.O_RDWR)
        os.dup2(full, fd_of(disk))
        os.close(full)
        for fua in (False, True):
            with pytest.raises(DiskError) as no_space:
                disk.write(0, bytes(512), fua=fua)
            assert no_space.value.status is BlkStatus.NOSPC
            assert no_space.value.errno == errno.ENOSPC
        assert disk.read(0, 512) == bytes(512)


def test_a_file_that_is_truncated(path: Path, target: str) -> None:
    path.write_bytes(b"x" * MIB)
    with served(Loop(backing_file=path), target) as disk:
        os.truncate(path, PAGE)
        assert disk.read(0, PAGE) == b"x" * PAGE
        for offset, nr_bytes in ((PAGE, 512), (0, 2 * PAGE), (0, MIB)):
            with pytest.raises(DiskError) as beyond:
                disk.read(offset, nr_bytes)
            assert beyond.value.status is BlkStatus.IOERR
        disk.write(2 * PAGE, b"y" * PAGE)  # longer again, as the kernel's does
        assert disk.read(0, 3 * PAGE) == b"x" * PAGE + bytes(PAGE) + b"y" * PAGE


def test_a_file_that_is_removed(path: Path, target: str) -> None:
    with served(Loop(backing_file=path), target) as disk:
        path.unlink()
        compare(disk, ByteArrayDisk(disk.size), 30, ops="rwudfz")


def test_it_leaves_nothing_open(path: Path, target: str) -> None:
    served(Loop(backing_file=path), target).close()
    with pytest.raises(ConfigError):
        served(Loop(backing_file=path, offset=MIB), target)
    links = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if _is_open(fd)]
    assert str(path) not in links


def _is_open(fd: str) -> bool:
    return os.path.lexists(f"/proc/self/fd/{fd}")


# --- drivers that misuse it -------------------------------------------------------------------------------
@dataclass(frozen=True, kw_only=True)
class MisuserConfig:
    file: Path
    mode: u8 = 0


class Misuser(Operations):
    config: MisuserConfig
    file: BackingFile

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        self.disk.set_capacity(8)
        if self.config.mode != 0:
            return self.file.open(False, False, 0, 512)
        return Errno.OK

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        if self.config.mode != 1:
            rq.start()
        if self.config.mode == 2:
            self.file.read(rq, 0)
        self.file.read(rq, -1 if self.config.mode == 3 else 0)
        if self.config.mode == 4:
            rq.end(BlkStatus.MEDIUM)
        return BlkStatus.OK


MISUSES = {0: Fault.ABSENT, 1: Fault.STATE, 2: Fault.STATE, 3: Fault.INDEX}


@pytest.mark.parametrize("mode", MISUSES)
def test_misuse_ends_the_request(path: Path, target: str, mode: int) -> None:
    with served(Misuser(file=path, mode=mode), target) as disk:
        with pytest.raises(DiskError) as failed:
            disk.read(0, 512)
        assert failed.value.status is BlkStatus.IOERR
        assert [report.fault for report in disk.reports()] == [MISUSES[mode]]
        assert disk.counters()["nr_in_flight"] == 0


def test_an_end_of_the_drivers_own_waits_for_the_file(path: Path, target: str) -> None:
    """Nobody gets the data's memory while the file may still write to it."""
    with served(Misuser(file=path, mode=4), target) as disk:
        with pytest.raises(DiskError) as failed:
            disk.read(0, 512)
        assert failed.value.status is BlkStatus.MEDIUM


@dataclass(frozen=True, kw_only=True)
class NamelessConfig:
    other: Path


class Nameless(Operations):
    config: NamelessConfig
    file: BackingFile

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        return BlkStatus.IOERR


def test_a_backing_file_is_an_attribute(path: Path, target: str) -> None:
    with pytest.raises(ConfigError, match="file = None: is no path"):
        served(Nameless(other=path), target)
