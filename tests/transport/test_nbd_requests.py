# SPDX-License-Identifier: MIT
"""Every request of the protocol, against a disk in a bytearray and the rules of the document."""

from __future__ import annotations

import random
import select
import threading

import pytest

from blkmq import (
    BLK_FEAT_FUA,
    BLK_FEAT_WRITE_CACHE,
    SECTOR_SHIFT,
    Atomic,
    BlkStatus,
    Errno,
    HwCtx,
    Operations,
    QueueLimits,
    ReqFlag,
    ReqOp,
    Request,
    TagSet,
)
from blkmq.abi import nbd
from blkmq.drivers.null_blk import NullBlk
from blkmq.drivers.ramdisk import RamDisk
from tests.transport.conftest import Serve
from tests.transport.nbd_client import NbdClient

MIB = 1 << 20
READ, WRITE, FLUSH, TRIM = nbd.NBD_CMD_READ, nbd.NBD_CMD_WRITE, nbd.NBD_CMD_FLUSH, nbd.NBD_CMD_TRIM
CACHE, ZEROES, STATUS = nbd.NBD_CMD_CACHE, nbd.NBD_CMD_WRITE_ZEROES, nbd.NBD_CMD_BLOCK_STATUS
FUA, NO_HOLE, DF = nbd.NBD_CMD_FLAG_FUA, nbd.NBD_CMD_FLAG_NO_HOLE, nbd.NBD_CMD_FLAG_DF
REQ_ONE, FAST_ZERO = nbd.NBD_CMD_FLAG_REQ_ONE, nbd.NBD_CMD_FLAG_FAST_ZERO
EINVAL, ENOSPC = nbd.NBD_EINVAL, nbd.NBD_ENOSPC


@pytest.mark.parametrize("structured", [False, True], ids=["simple", "structured"])
def test_a_disk_keeps_what_clients_write(serve: Serve, structured: bool) -> None:
    """Random requests of all sizes, many under way at once, on ranges that do not overlap while they are."""
    disk = serve(RamDisk(size=16))
    chance = random.Random(4)
    model = bytearray(disk.size)
    with NbdClient(disk.uri, structured=structured) as client:
        for _ in range(12):
            lanes, sent, raw = 8, [], b""
            for lane in range(lanes):
                room = disk.size // lanes
                size = chance.choice([512, 512, 4096, 5 * 512, 65536, 65536 + 512, 300 * 1024, MIB])
                offset = lane * room + chance.randrange((room - size) // 512 + 1) * 512
                kind = chance.choice([READ, WRITE, WRITE, ZEROES])
                data = chance.randbytes(size) if kind == WRITE else b""
                cookie, message = client.encode(kind, offset, size, data=data)
                raw += message
                sent.append((cookie, kind, offset, size, data))
            sending = threading.Thread(target=client.socket.sendall, args=[raw])  # more than sockets hold
            sending.start()
            for cookie, kind, offset, size, data in sent:
                answer = client.receive(cookie)
                assert answer.error == 0
                if kind == READ:
                    assert answer.data == model[offset : offset + size]
                elif kind == WRITE:
                    model[offset : offset + size] = data
                else:
                    model[offset : offset + size] = bytes(size)
            sending.join()
        assert client.read(0, disk.size) == model


@pytest.mark.parametrize("structured", [False, True], ids=["simple", "structured"])
def test_the_largest_payload_goes_through(serve: Serve, structured: bool) -> None:
    disk = serve(RamDisk(size=40))
    data = random.Random(1).randbytes(nbd.NBD_MAXIMUM_PAYLOAD)
    with NbdClient(disk.uri, structured=structured) as client:
        client.write(MIB, data)
        assert client.read(MIB, len(data)) == data
        assert client.read(0, MIB) == bytes(MIB)


def test_a_null_disk_reads_as_zeroes_whatever_was_written(serve: Serve) -> None:
    disk = serve(NullBlk(size=64))
    with NbdClient(disk.uri) as client:
        for size in (512, 4096, 65536, MIB):
            client.write(0, b"\xa5" * size)
            assert client.read(0, size) == bytes(size)


class Scribbler(Operations):
    """A read finds one byte, in the middle; the rest the driver leaves as it was."""

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        limits.max_hw_sectors = 8192
        self.disk.set_capacity(1 << 15)
        return Errno.OK

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        rq.start()
        if rq.op == ReqOp.READ and rq.sector > 0:
            position = 0
            for segment in rq.segments():
                if position == rq.nr_bytes // 8192 * 4096:
                    segment[0] = 0xEE
                position += 4096
        rq.end()
        return BlkStatus.OK


def test_what_a_driver_leaves_of_a_large_read_is_zeroes(serve: Serve) -> None:
    """Whatever the buffer had been used for: other reads, writes, some of them longer."""
    disk = serve(Scribbler())
    chance = random.Random(3)
    with NbdClient(disk.uri) as client:
        for _ in range(60):
            size = chance.choice([68 << 10, 300 << 10, MIB, 4 * MIB, 4 * MIB + 8192])
            what = chance.choice(["write", "read", "touched read"])
            if what == "write":
                client.write(0, b"\xff" * size)
                continue
            data = client.read(MIB if what == "touched read" else 0, size)
            first = data.find(b"\xee")
            assert (first >= 0) == (what == "touched read" or size > 4 * MIB)
            assert data.count(0) == size - data.count(b"\xee")


def test_flags_tell_what_the_disk_can_do(serve: Serve) -> None:
    with NbdClient(serve(RamDisk(size=1)).uri, structured=True) as client:
        always = ("HAS_FLAGS", "SEND_FLUSH", "SEND_FUA", "SEND_WRITE_ZEROES", "SEND_FAST_ZERO", "SEND_CACHE")
        wanted = sum(getattr(nbd, f"NBD_FLAG_{name}") for name in (*always, "CAN_MULTI_CONN", "SEND_TRIM", "SEND_DF"))
        assert client.info.flags == wanted
        assert client.info.size == MIB
    with NbdClient(serve(NullBlk(size=1, rotational=True)).uri) as client:
        assert client.info.flags == (wanted & ~nbd.NBD_FLAG_SEND_TRIM & ~nbd.NBD_FLAG_SEND_DF) | nbd.NBD_FLAG_ROTATIONAL


def test_trim_gives_memory_back(serve: Serve) -> None:
    disk = serve(NullBlk(size=8, memory_backed=True, discard=True))
    with NbdClient(disk.uri) as client:
        client.write(0, b"x" * MIB)
        assert client.ask(TRIM, 4096, MIB - 8192).error == 0
        assert client.read(0, MIB) == b"x" * 4096 + bytes(MIB - 8192) + b"x" * 4096


@pytest.mark.parametrize(
    ("kind", "offset", "nr_bytes", "flags", "error"),
    [
        (READ, 0, 4096, FUA, 0),
        (READ, 0, 4096, DF, 0),
        (READ, 0, 0, 0, 0),
        (READ, MIB - 512, 512, 0, 0),
        (READ, MIB - 512, 1024, 0, EINVAL),
        (READ, MIB, 512, 0, EINVAL),
        (READ, (1 << 64) - 512, 512, 0, EINVAL),
        (READ, (1 << 63) - 512, 512, 0, EINVAL),
        (READ, 0, (1 << 32) - 512, 0, EINVAL),
        (READ, 100, 512, 0, EINVAL),
        (READ, 0, 100, 0, EINVAL),
        (READ, 0, 512, NO_HOLE, EINVAL),
        (READ, 0, 512, 1 << 15, EINVAL),
        (FLUSH, 0, 0, 0, 0),
        (FLUSH, 0, 0, FUA, 0),
        (FLUSH, 0, 512, 0, EINVAL),
        (FLUSH, 512, 0, 0, EINVAL),
        (CACHE, 0, 4096, 0, 0),
        (CACHE, 100, 100, 0, 0),
        (CACHE, MIB, 512, 0, EINVAL),
        (ZEROES, 0, 4096, NO_HOLE, 0),
        (ZEROES, 0, 4096, FUA, 0),
        (ZEROES, 0, 0, 0, 0),
        (ZEROES, 0, 4096, FAST_ZERO, nbd.NBD_ENOTSUP),
        (ZEROES, MIB, 512, 0, ENOSPC),
        (TRIM, 0, 4096, 0, EINVAL),  # null_blk without memory takes no discards
        (STATUS, 0, 4096, 0, 0),
        (STATUS, 0, 4096, REQ_ONE, 0),
        (STATUS, 0, 0, 0, EINVAL),
        (STATUS, 0, 2 * MIB, 0, EINVAL),
        (nbd.NBD_CMD_RESIZE, 0, 0, 0, EINVAL),
        (4711, 0, 512, 0, EINVAL),
    ],
)
def test_requests_are_answered_by_the_rules(
    serve: Serve, kind: int, offset: int, nr_bytes: int, flags: int, error: int
) -> None:
    """And the connection is as good as before."""
    disk = serve(NullBlk(size=1))
    with NbdClient(disk.uri, structured=True, base_allocation=True) as client:
        answer = client.ask(kind, offset, nr_bytes, flags)
        assert answer.error == error
        assert len(answer.data) == (nr_bytes if kind == READ and not error else 0)
        assert answer.extents == (((nr_bytes, 0),) if kind == STATUS and not error else ())
        assert client.read(0, 512) == bytes(512)


@pytest.mark.parametrize(
    ("offset", "nr_bytes", "flags", "error"),
    [
        (0, 4096, FUA, 0),
        (MIB, 512, 0, ENOSPC),
        (MIB - 512, 70000 // 512 * 512, 0, ENOSPC),
        (0, 100, 0, EINVAL),
        (100, 512, 0, EINVAL),
        (0, 512, DF, EINVAL),
        (0, 33 * MIB, 0, ENOSPC),
    ],
)
@pytest.mark.parametrize("structured", [False, True], ids=["simple", "structured"])
def test_refused_writes_take_their_data_off_the_wire(
    serve: Serve, offset: int, nr_bytes: int, flags: int, error: int, structured: bool
) -> None:
    disk = serve(RamDisk(size=1))
    with NbdClient(disk.uri, structured=structured) as client:
        answer = client.ask(WRITE, offset, flags=flags, data=b"\x55" * nr_bytes)
        assert answer.error == error
        client.write(4096, b"y" * 512)
        assert client.read(4096, 512) == b"y" * 512
        assert client.read(0, 512) == (b"\x55" if error == 0 else b"\0") * 512


@pytest.mark.parametrize("goes", [False, True], ids=["stays", "goes"])
def test_a_refused_write_is_answered_behind_its_data(serve: Serve, goes: bool) -> None:
    """libnbd takes a reply that comes before for a server's bug."""
    disk = serve(RamDisk(size=1))
    with NbdClient(disk.uri) as client:
        cookie = client.send(WRITE, 0, 33 * MIB, data=bytes(MIB))
        with NbdClient(disk.uri) as other:  # served by the same thread, behind what came before
            assert other.read(0, 512) == bytes(512)
        assert select.select([client.socket], [], [], 0)[0] == []
        if goes:
            return
        for _ in range(32):
            client.socket.sendall(bytes(MIB))
        assert client.receive(cookie).error == ENOSPC
        assert client.read(0, 512) == bytes(512)


def test_block_status_and_df_need_their_negotiation(serve: Serve) -> None:
    with NbdClient(serve(RamDisk(size=1)).uri) as client:
        assert client.ask(STATUS, 0, 512).error == EINVAL
        assert client.ask(READ, 0, 512, DF).error == EINVAL


def test_a_read_that_may_not_be_cut_is_one_chunk_or_refused(serve: Serve) -> None:
    with NbdClient(serve(NullBlk(size=64)).uri, structured=True) as client:
        assert len(client.ask(READ, 0, 4 * MIB, DF).chunks) == 1
        assert client.ask(READ, 0, 5 * MIB, DF).error == nbd.NBD_EOVERFLOW
        assert len(client.ask(READ, 0, 5 * MIB).chunks) == 2


class ReadOnly(RamDisk):
    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        self.disk.set_read_only(True)
        return super().configure(tag_set, limits)


def test_a_read_only_disk_says_so_and_stays_so(serve: Serve) -> None:
    with NbdClient(serve(ReadOnly(size=1)).uri) as client:
        assert client.info.flags & nbd.NBD_FLAG_READ_ONLY
        for kind, data in ((WRITE, bytes(512)), (TRIM, b""), (ZEROES, b"")):
            assert client.ask(kind, 0, 512, data=data).error == nbd.NBD_EPERM
        assert client.read(0, 512) == bytes(512)


# --- durability -------------------------------------------------------------------------------------------
class Cached(Operations):
    """Counts what comes: a disk with a write cache, with and without FUA of its own."""

    nr_fua: Atomic
    nr_flushes: Atomic
    feature = 0

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        limits.features |= BLK_FEAT_WRITE_CACHE | self.feature
        limits.max_hw_discard_sectors = 8
        self.disk.capacity_sectors = 1 << 20 >> SECTOR_SHIFT
        return Errno.OK

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        rq.start()
        if rq.op == ReqOp.FLUSH:
            self.nr_flushes.fetch_add(1)
        if rq.flags & ReqFlag.FUA:
            self.nr_fua.fetch_add(1)
        if rq.op == ReqOp.READ:  # tells what it has counted
            for segment in rq.segments():
                segment[0] = self.nr_fua.load()
                segment[1] = self.nr_flushes.load()
        rq.end()
        return BlkStatus.OK


class CachedWithFua(Cached):
    feature = BLK_FEAT_FUA


@pytest.mark.parametrize(
    ("driver", "kind", "counts"),
    [
        (Cached, WRITE, (0, 1)),
        (Cached, ZEROES, (0, 1)),
        (Cached, TRIM, (0, 1)),
        (CachedWithFua, WRITE, (1, 0)),
        (CachedWithFua, ZEROES, (0, 1)),
        (CachedWithFua, TRIM, (0, 1)),
    ],
)
def test_fua_is_the_disks_own_or_a_flush_behind(
    serve: Serve, driver: type[Operations], kind: int, counts: tuple[int, int]
) -> None:
    with NbdClient(serve(driver()).uri) as client:
        for flags in (0, FUA):
            assert client.ask(kind, 0, 4096, flags, bytes(4096) if kind == WRITE else b"").error == 0
        assert tuple(client.read(0, 512)[:2]) == counts
        assert client.ask(FLUSH).error == 0
        assert tuple(client.read(0, 512)[:2]) == (counts[0], counts[1] + 1)


# --- what a driver says -----------------------------------------------------------------------------------
class Picky(Operations):
    """Answers with the status that its sector names; a sector beyond these is fine."""

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        limits.max_hw_sectors = 8
        self.disk.capacity_sectors = 1 << 16
        tag_set.queue_depth = 4
        return Errno.OK

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        rq.start()
        if rq.sector == 8:
            return BlkStatus.NOSPC
        if rq.sector == 16:
            return BlkStatus.MEDIUM
        if rq.sector == 24:
            return BlkStatus.NOTSUPP
        if rq.sector == 32:
            return BlkStatus.OFFLINE
        if rq.sector == 40:
            return BlkStatus.INVAL
        rq.end()
        return BlkStatus.OK


@pytest.mark.parametrize("structured", [False, True], ids=["simple", "structured"])
@pytest.mark.parametrize("kind", [READ, WRITE])
def test_statuses_reach_the_client_as_errors(serve: Serve, kind: int, structured: bool) -> None:
    with NbdClient(serve(Picky()).uri, structured=structured) as client:
        for sector, error in (
            (0, 0),
            (8, ENOSPC),
            (16, nbd.NBD_EIO),
            (24, EINVAL),
            (32, nbd.NBD_ESHUTDOWN),
            (40, EINVAL),
        ):
            data = bytes(512) if kind == WRITE else b""
            assert client.ask(kind, sector << 9, 512, data=data).error == error
        data = bytes(MIB) if kind == WRITE else b""
        assert client.ask(kind, 0, MIB, data=data).error == ENOSPC  # the first of its pieces that failed
        assert client.ask(kind, 1 << 20, MIB, data=data).error == 0  # 256 requests through 4 tags


@pytest.mark.parametrize(
    ("kind", "structured", "survives"), [(READ, False, False), (READ, True, True), (WRITE, False, True)]
)
def test_a_late_error_of_a_very_large_request(serve: Serve, kind: int, structured: bool, survives: bool) -> None:
    """A simple reply has said success by then: only the end of the connection can tell."""
    with NbdClient(serve(BadBehind()).uri, structured=structured) as client:
        try:
            data = bytes(8 * MIB) if kind == WRITE else b""
            assert client.ask(kind, 0, 8 * MIB, data=data).error == nbd.NBD_EIO
            assert client.read(0, 512) == bytes(512)
        except EOFError:
            assert not survives
        else:
            assert survives


class BadBehind(Picky):
    """Its sectors from 5 MiB on are bad."""

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        rq.start()
        rq.end(BlkStatus.MEDIUM if rq.sector >= 10240 else BlkStatus.OK)
        return BlkStatus.OK


def test_exports_are_found_by_name(serve: Serve) -> None:
    disk = serve(RamDisk(size=1), RamDisk(size=2), RamDisk(size=3))
    sizes = {}
    for index, one in enumerate(disk._door.disks):
        with NbdClient(one.uri) as client:
            client.write(0, bytes([index]) * 512)
            sizes[one.name] = client.info.size
    assert sizes == {"ram_disk0": MIB, "ram_disk1": 2 * MIB, "ram_disk2": 3 * MIB}
    for index, one in enumerate(disk._door.disks):
        with NbdClient(one.uri, name=one.name) as client:
            assert client.read(0, 512) == bytes([index]) * 512
