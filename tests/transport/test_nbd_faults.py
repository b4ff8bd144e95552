# SPDX-License-Identifier: MIT
"""Clients that break the protocol, die, or never read; and what the others notice of it: nothing."""

from __future__ import annotations

import gc
import os
import random
import socket
import threading
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blkmq import Atomic, BlkStatus, Errno, HrTimer, HwCtx, Operations, QueueLimits, Request, TagSet
from blkmq.abi import nbd
from blkmq.drivers.null_blk import NullBlk
from blkmq.drivers.ramdisk import RamDisk
from blkmq.transport.nbd.buffer import SHARE_BYTES, SHARE_MIN_BYTES
from blkmq.transport.nbd.disk import NbdDisk
from blkmq.transport.nbd.wire import InfoRequest, OptionHeader
from blkmq.transport.nbd.wire import Request as WireRequest
from tests.transport.conftest import Serve
from tests.transport.nbd_client import NbdClient, connected

MIB = 1 << 20
READ, WRITE = nbd.NBD_CMD_READ, nbd.NBD_CMD_WRITE
GO = (3).to_bytes(4, "big") + OptionHeader(nbd.NBD_OPT_GO, 6).to_bytes() + InfoRequest("").to_bytes()


def wait_until(settled: Callable[[], bool]) -> None:
    """Until a condition holds that another thread brings about."""
    waiting = threading.Event()
    for _ in range(3000):
        if settled():
            return
        waiting.wait(0.01)
    pytest.fail("it never came")


def still_well(disk: NbdDisk) -> None:
    with NbdClient(disk.uri) as client:
        client.write(0, b"well" * 128)
        assert client.read(0, 512) == b"well" * 128


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n\0\0\0\0",
        bytes(28),
        WireRequest(READ, 1, 0, 512).to_bytes() + b"x" * 28,
        b"\xff" * 100,
    ],
)
def test_garbage_ends_its_connection_alone(serve: Serve, raw: bytes) -> None:
    disk = serve(RamDisk(size=1))
    with NbdClient(disk.uri) as other, NbdClient(disk.uri) as client:
        client.socket.sendall(raw)
        with pytest.raises((EOFError, ConnectionError)):
            client.take(1 << 20)
        assert other.read(0, 512) == bytes(512)
    wait_until(lambda: disk.counters()["nr_connections"] == 0)
    still_well(disk)


@pytest.mark.parametrize("cut", [0, 1, 27, 28, 28 + 511, 28 + 70000])
def test_a_client_may_die_in_the_middle_of_a_request(serve: Serve, cut: int) -> None:
    disk = serve(RamDisk(size=1))
    client = NbdClient(disk.uri)
    message = client.encode(WRITE, 0, data=b"\xee" * (512 if cut < 1000 else 131072))[1]
    client.socket.sendall(message[:cut])
    client.close()
    wait_until(lambda: disk.counters()["nr_connections"] == 0)
    with NbdClient(disk.uri) as after:
        assert after.read(0, 512) == bytes(512)  # half a write is none
    wait_until(lambda: disk._door.ports[0].record.held_bytes == 0)


def test_requests_before_a_disconnect_are_done_and_answered(serve: Serve) -> None:
    disk = serve(RamDisk(size=8))
    with NbdClient(disk.uri) as client:
        cookies = []
        raw = b""
        for block in range(50):
            cookie, message = client.encode(WRITE, block * 4096, data=bytes([block]) * 4096)
            cookies.append(cookie)
            raw += message
        client.socket.sendall(raw + client.encode(nbd.NBD_CMD_DISC)[1] + b"never looked at")
        assert all(client.receive(cookie).error == 0 for cookie in cookies)
        assert client.is_closed()


def test_a_client_in_a_hurry_does_not_wait_for_the_handshake(serve: Serve) -> None:
    """All it has to say at once, and then only half of its connection stays open."""
    disk = serve(RamDisk(size=1))
    with connected(disk.uri) as stream:
        stream.sendall(
            GO + WireRequest(WRITE, 1, 0, 512).to_bytes() + b"h" * 512 + WireRequest(READ, 2, 0, 512).to_bytes()
        )
        stream.shutdown(socket.SHUT_WR)
        said = b""
        while piece := stream.recv(4096):
            said += piece
    assert said.endswith(b"h" * 512)


@pytest.mark.parametrize("sent", [b"", GO[:3], GO[:10], GO[:-1]])
def test_half_a_handshake_is_forgotten(serve: Serve, sent: bytes) -> None:
    disk = serve(RamDisk(size=1))
    with connected(disk.uri) as stream:
        stream.sendall(sent)
    still_well(disk)


# --- clients that do not read -----------------------------------------------------------------------------
def flood(client: NbdClient, message: bytes, quiet_sec: float = 0.5) -> None:
    """Sends until the server has taken nothing for a while."""
    client.socket.settimeout(quiet_sec)
    try:
        for _ in range(100_000):
            client.socket.sendall(message)
    except TimeoutError:
        return
    pytest.fail("the server takes requests without end")


@pytest.mark.parametrize("nr_bytes", [512, 65536, 4 * MIB])
def test_a_client_that_never_reads_holds_up_nobody_and_its_memory_is_bounded(serve: Serve, nr_bytes: int) -> None:
    disk = serve(NullBlk(size=64))
    lazy = [NbdClient(disk.uri) for _ in range(3)]
    for client in lazy:
        flood(client, client.encode(READ, 0, nr_bytes)[1] * 16)
    still = NbdClient(disk.uri)
    for _ in range(20):
        assert still.read(0, 4096) == bytes(4096)
    port = disk._door.ports[0].record
    assert port.held_bytes <= SHARE_BYTES + 4 * SHARE_MIN_BYTES
    for client in (*lazy, still):
        client.close()
    wait_until(lambda: disk.counters()["nr_connections"] == 0)
    assert port.held_bytes == 0


def test_a_disk_can_be_removed_while_a_client_does_not_read(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blkmq.transport.nbd.port_thread.STOP_NSEC", 50_000_000)
    disk = serve(NullBlk(size=64))
    client = NbdClient(disk.uri)
    flood(client, client.encode(READ, 0, 65536)[1] * 16)
    disk.close()
    client.close()


# --- drivers that take their time -------------------------------------------------------------------------
class Slow(Operations):
    """Ends reads late, out of order: the later half of its sectors first."""

    nr_done: Atomic

    class Pdu:
        timer: HrTimer

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        tag_set.queue_depth = 16
        self.disk.capacity_sectors = 1 << 16
        return Errno.OK

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        rq.start()
        for segment in rq.segments():
            segment[0] = rq.sector % 256
        rq.pdu.timer.start(20_000_000 if rq.sector < 64 else 1_000_000, rq)
        return BlkStatus.OK

    def timer(self, rq: Request) -> None:
        self.nr_done.fetch_add(1)
        rq.end()


def test_replies_come_in_the_order_of_completion(serve: Serve) -> None:
    disk = serve(Slow())
    with NbdClient(disk.uri) as client:
        late = client.send(READ, 8 << 9, 4096)
        soon = client.send(READ, 128 << 9, 4096)
        assert client.receive(soon).data[0] == 128
        assert late not in client.answers
        assert client.receive(late).data[0] == 8


def test_a_client_may_die_with_requests_under_way(serve: Serve) -> None:
    disk = serve(Slow())
    for _ in range(5):
        client = NbdClient(disk.uri)
        for sector in range(0, 512, 8):
            client.send(READ, sector << 9, 4096)
        client.close()
    with NbdClient(disk.uri) as client:
        assert client.read(64 << 9, 512)[0] == 64
    wait_until(lambda: disk.counters()["nr_connections"] == 0)
    assert disk._door.ports[0].record.held_bytes == 0


def test_removal_answers_what_was_received(serve: Serve) -> None:
    disk = serve(Slow())
    with NbdClient(disk.uri) as client:
        cookies = [client.send(READ, sector << 9, 512) for sector in range(8)]
        wait_until(lambda: disk.counters()["nr_in_flight"] == 8)
        disk.close()
        assert [client.receive(cookie).data[0] for cookie in cookies] == list(range(8))
        assert client.is_closed()


class Stuck(Slow):
    """Forgets its requests."""

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        tag_set.timeout_msec = 200
        return super().configure(tag_set, limits)

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        rq.start()
        return BlkStatus.OK


def test_a_driver_that_forgets_requests_times_out(serve: Serve) -> None:
    disk = serve(Stuck())
    with NbdClient(disk.uri) as client:
        assert client.ask(READ, 0, 512).error == nbd.NBD_EIO
    assert disk.counters()["nr_timeouts"] == 1


class Faulty(Slow):
    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        rq.start()
        assert rq.sector != 8
        rq.end()
        return BlkStatus.OK


def test_a_drivers_error_ends_one_request_and_names_its_line(serve: Serve) -> None:
    disk = serve(Faulty())
    with NbdClient(disk.uri) as client:
        assert client.ask(READ, 8 << 9, 512).error == nbd.NBD_EIO
        assert client.read(0, 512) == bytes(512)
    (report,) = disk.reports()
    assert "test_nbd_faults.py" in str(report)


# --- many -------------------------------------------------------------------------------------------------
def test_a_thousand_connections_at_once(serve: Serve) -> None:
    """As many as this process may have files: each is two here, its client's and its server's."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    wanted = min(1000, (hard - 200) // 2)
    disk = serve(RamDisk(size=1))
    clients = [NbdClient(disk.uri) for _ in range(wanted)]
    for client in clients[:: max(wanted // 50, 1)]:
        client.write(0, b"m" * 512)
        assert client.read(0, 512) == b"m" * 512
    wait_until(lambda: disk.counters()["nr_connections"] == wanted)
    wait_until(lambda: disk._door.ports[0].record.held_bytes == 0)  # an idle connection has no buffers
    for client in clients:
        client.close()
    wait_until(lambda: disk.counters()["nr_connections"] == 0)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_out_of_files_is_a_pause_not_an_end(serve: Serve) -> None:
    import resource

    disk = serve(RamDisk(size=1))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with NbdClient(disk.uri) as before:
        stream = socket.socket(socket.AF_UNIX)
        highest = max(int(fd) for fd in os.listdir("/proc/self/fd"))
        spare: list[int] = []
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, hard))
        try:
            spare += [os.dup(0) for _ in range(highest + 1 - len(os.listdir("/proc/self/fd")))]
            stream.connect(before.socket.getpeername())
            assert before.read(0, 512) == bytes(512)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for fd in spare:
                os.close(fd)
        stream.settimeout(30)
        assert stream.recv(8) == b"NBDMAGIC"
        stream.close()


@pytest.mark.slow
def test_ten_thousand_connections_leave_nothing(serve: Serve) -> None:
    disk = serve(RamDisk(size=1))

    def come_and_go(count: int) -> None:
        for number in range(count):
            client = NbdClient(disk.uri)
            if number % 3 == 0:
                client.write(0, bytes(512))
            elif number % 3 == 1:
                client.socket.sendall(client.encode(WRITE, 0, data=bytes(100_000))[1][:70_000])
            client.close()
        wait_until(lambda: disk.counters()["nr_connections"] == 0)

    def resident_kib() -> int:
        gc.collect()
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * 4

    come_and_go(1000)
    files, threads, kib = len(os.listdir("/proc/self/fd")), threading.active_count(), resident_kib()
    come_and_go(9000)
    wait_until(lambda: len(os.listdir("/proc/self/fd")) == files)
    assert threading.active_count() == threads
    assert resident_kib() - kib < 4096


# --- anything at all --------------------------------------------------------------------------------------
REQUESTS = st.builds(
    lambda kind, cookie, offset, nr_bytes, flags, data: (
        WireRequest(kind, cookie, offset, nr_bytes, flags).to_bytes() + data
    ),
    st.one_of(st.integers(0, 8), st.integers(0, 65535)),
    st.integers(0, (1 << 64) - 1),
    st.one_of(st.integers(0, 16).map(lambda n: n * 512), st.integers(0, (1 << 64) - 1)),
    st.one_of(st.integers(0, 16).map(lambda n: n * 512), st.integers(0, (1 << 32) - 1)),
    st.one_of(st.just(0), st.integers(0, 65535)),
    st.one_of(st.just(b""), st.binary(max_size=600)),
)


@pytest.mark.parametrize("compiled", [False, True], ids=["in Python", "compiled"])
def test_fuzzed_streams_end_one_connection_at_most(compiled: bool) -> None:
    from blkmq.device.serve import running_set
    from blkmq.transport.nbd.door import Door
    from tests.transport.conftest import build_of

    door = Door(running_set([RamDisk(size=1)], "host" if compiled else "interpreted"), build=build_of(compiled))
    disk = door.disks[0]
    other = NbdClient(disk.uri)
    other.write(MIB - 512, b"o" * 512)

    @settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
    @given(
        structured=st.booleans(),
        pieces=st.lists(st.one_of(REQUESTS, st.binary(max_size=64)), max_size=12),
        reads=st.booleans(),
        seed=st.integers(0, 1 << 30),
    )
    def fuzz(structured: bool, pieces: list[bytes], reads: bool, seed: int) -> None:
        client = NbdClient(disk.uri, structured=structured)
        stream = b"".join(pieces)
        cuts = random.Random(seed)
        try:
            while stream:
                size = cuts.randint(1, len(stream))
                client.socket.sendall(stream[:size])
                stream = stream[size:]
            client.socket.shutdown(socket.SHUT_WR)
            while reads and client.socket.recv(1 << 16):
                pass
        except ConnectionError:
            pass
        client.close()
        assert other.ask(READ, MIB - 512, 512).error == 0

    with disk, other:
        fuzz()
        wait_until(lambda: disk.counters()["nr_connections"] == 1)
        wait_until(lambda: door.ports[0].record.held_bytes == 0)
        assert door.ports[0].failure is None
