# SPDX-License-Identifier: MIT
"""A disk on a file through the NBD door: what a client asks for reaches the file, by io_uring and by threads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from blkmq import BlkStatus, HwCtx, ReqOp, Request
from blkmq.abi import nbd
from blkmq.drivers.loop import Loop
from tests.transport.conftest import Serve
from tests.transport.nbd_client import NbdClient

pytestmark = pytest.mark.usefixtures("way")

MIB = 1 << 20
FUA, NO_HOLE = nbd.NBD_CMD_FLAG_FUA, nbd.NBD_CMD_FLAG_NO_HOLE


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(os.urandom(4 * MIB))
    return path


def test_small_and_large_transfers(serve: Serve, path: Path) -> None:
    with NbdClient(serve(Loop(backing_file=path)).uri) as client:
        assert client.info.size == 4 * MIB
        assert client.read(0, 4 * MIB) == path.read_bytes()
        for offset, nr_bytes, flags in ((0, 512, 0), (1536, 4096, FUA), (70_144, 65_536, 0), (MIB, 2 * MIB + 512, 0)):
            data = os.urandom(nr_bytes)
            client.write(offset, data, flags)
            assert client.read(offset, nr_bytes) == data
            assert path.read_bytes()[offset : offset + nr_bytes] == data


def test_many_at_once_over_two_connections(serve: Serve, path: Path) -> None:
    disk = serve(Loop(backing_file=path))
    data = os.urandom(MIB)
    with NbdClient(disk.uri) as one, NbdClient(disk.uri) as other:
        clients = (one, other)
        asked = []
        for number, offset in enumerate(range(0, MIB, 16384)):
            flags = FUA if number % 5 == 0 else 0
            client = clients[number % 2]
            asked.append((client, client.send(nbd.NBD_CMD_WRITE, offset, flags=flags, data=data[offset:][:16384])))
        assert [client.receive(cookie).error for client, cookie in asked] == [0] * len(asked)
        assert one.ask(nbd.NBD_CMD_FLUSH).error == 0
        assert other.read(0, MIB) == data


class HalfLoop(Loop):
    """Reads of the second MiB end at once, without the file; those of the third by a timeout's hand, as it were."""

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        if rq.op == ReqOp.READ and rq.sector >= 2048:
            rq.start()
            if rq.sector >= 4096:
                self.backing_file.read(rq, rq.sector << 9)
            rq.end()
            return BlkStatus.OK
        return super().queue_rq(hctx, rq, is_last)


def test_what_the_file_leaves_of_a_read_is_zeroes(serve: Serve, path: Path) -> None:
    """Whatever the buffer held before, and though the file filled it: small and large reads, several requests."""
    with NbdClient(serve(HalfLoop(backing_file=path)).uri) as client:
        data = path.read_bytes()
        for size in (512, 4096, 65536, MIB):
            client.write(0, data[:size])
            assert client.read(0, size) == data[:size]
            assert client.read(MIB, size) == bytes(size)
            assert client.read(2 * MIB, size) == data[2 * MIB :][:size]
        assert client.read(0, 2 * MIB) == data[: 2 * MIB]
        os.truncate(path, 2 * MIB + 512)  # the file's read fails midway; the request had ended well
        assert client.read(2 * MIB, MIB)[512:] == bytes(MIB - 512)


@pytest.mark.parametrize(
    ("kind", "flags", "is_hole"),
    [
        (nbd.NBD_CMD_TRIM, 0, True),
        (nbd.NBD_CMD_TRIM, FUA, True),
        (nbd.NBD_CMD_WRITE_ZEROES, 0, True),
        (nbd.NBD_CMD_WRITE_ZEROES, NO_HOLE | FUA, False),
    ],
)
def test_trim_and_zeroes(serve: Serve, path: Path, kind: int, flags: int, is_hole: bool) -> None:
    with NbdClient(serve(Loop(backing_file=path)).uri) as client:
        before = path.read_bytes()
        assert client.ask(nbd.NBD_CMD_FLUSH).error == 0
        full = path.stat().st_blocks
        assert client.ask(kind, MIB, 2 * MIB, flags).error == 0
        assert client.read(0, 4 * MIB) == before[:MIB] + bytes(2 * MIB) + before[3 * MIB :]
        assert (path.stat().st_blocks < full) is is_hole


def test_a_read_only_file(serve: Serve, path: Path) -> None:
    with NbdClient(serve(Loop(backing_file=path, ro=True)).uri) as client:
        assert client.info.flags & nbd.NBD_FLAG_READ_ONLY
        assert client.ask(nbd.NBD_CMD_WRITE, 0, data=bytes(512)).error == nbd.NBD_EPERM
        assert client.read(0, 512) == path.read_bytes()[:512]


def test_a_truncated_and_a_full_file(serve: Serve, path: Path) -> None:
    disk = serve(Loop(backing_file=path))
    with NbdClient(disk.uri) as client:
        os.truncate(path, MIB)
        assert client.ask(nbd.NBD_CMD_READ, MIB, 512).error == nbd.NBD_EIO
        assert client.read(0, 512) == path.read_bytes()[:512]
        (fd,) = disk._door.running.files._fds
        full = os.open("/dev/full", os.O_RDWR)
        os.dup2(full, fd)
        os.close(full)
        assert client.ask(nbd.NBD_CMD_WRITE, 0, data=bytes(512)).error == nbd.NBD_ENOSPC
        assert client.ask(nbd.NBD_CMD_WRITE, 0, data=bytes(MIB)).error == nbd.NBD_ENOSPC
        assert client.read(0, 512) == bytes(512)
