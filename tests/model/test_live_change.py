# SPDX-License-Identifier: MIT
"""Attributes that change in service: queues come and go under load, nothing is lost, and a refusal changes nothing."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from blkmq import BlkStatus, ConfigError, Errno, HwCtx, Live, QueueLimits, ReqOp, Request, TagSet, u32, u64
from blkmq.abi import nbd
from blkmq.device.serve import serve
from blkmq.drivers.null_blk import NullBlk
from blkmq.drivers.ramdisk import RamDisk, RamDiskConfig
from tests.targets import served
from tests.transport.nbd_client import NbdClient

NR_CPUS = 4


@pytest.fixture(autouse=True)
def four_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine may have fewer CPUs than the queues that a test wants."""
    monkeypatch.setattr(os, "cpu_count", lambda: NR_CPUS)


# --- a driver that tells what it is told -----------------------------------------------------------------
@dataclass(frozen=True, kw_only=True)
class TellingConfig(RamDiskConfig):
    """Attributes of :class:`Telling`."""

    queues: Live[u32] = 1  #: hardware queues
    answer: Live[u64] = 0  #: what ``ioctl`` says
    sectors: Live[u64] = 64  #: capacity
    depth: Live[u32] = 4  #: fixed in service: the rules say so, not the annotation
    refused: Live[u32] = 0  #: number of a queue that cannot be made; 0: none


class Telling(RamDisk):
    """Counts the callbacks of its queues and requests."""

    config: TellingConfig  # pyright: ignore[reportIncompatibleVariableOverride]

    class Hw:
        nr_seen: u64

    class Pdu:
        nr_seen: u64

    nr_hctxs: u32
    nr_requests: u32

    def configure(self, tag_set: TagSet, limits: QueueLimits) -> Errno:
        tag_set.nr_hw_queues = self.config.queues
        tag_set.queue_depth = self.config.depth
        self.disk.set_capacity(self.config.sectors)
        return Errno.OK

    def init_request(self, rq: Request) -> Errno:
        assert rq.pdu.nr_seen == 0
        self.nr_requests += 1
        return Errno.OK

    def exit_request(self, rq: Request) -> None:
        self.nr_requests -= 1

    def init_hctx(self, hctx: HwCtx) -> Errno:
        assert hctx.data.nr_seen == 0
        if hctx.queue_num > 0 and hctx.queue_num == self.config.refused:
            return Errno.ENOMEM
        self.nr_hctxs += 1
        return Errno.OK

    def exit_hctx(self, hctx: HwCtx) -> None:
        self.nr_hctxs -= 1

    def ioctl(self, cmd: int, arg: int) -> int:
        if cmd == 1:
            return self.nr_hctxs
        if cmd == 2:
            return self.nr_requests
        return self.config.answer

    def queue_rq(self, hctx: HwCtx, rq: Request, is_last: bool) -> BlkStatus:
        rq.start()
        hctx.data.nr_seen += 1
        rq.pdu.nr_seen += 1
        rq.end(self.transfer(rq, rq.op == ReqOp.WRITE))
        return BlkStatus.OK


def counts(disk: Any) -> tuple[int, int]:
    """Hardware queues and requests that the driver believes in."""
    return disk.ioctl(1), disk.ioctl(2)


def test_queues_and_their_requests_come_and_go_with_callbacks(target: str) -> None:
    with served(Telling(), target) as disk:
        for number in (3, 1, 4, 2, 2, 4):
            disk.set(queues=number)
            assert counts(disk) == (number, 4 * number)
            for queue in range(number):  # all tags are there, and work
                futures = [disk.submit(ReqOp.READ, 0, 512, queue=queue) for _ in range(9)]
                assert all(future.result(20) == bytes(512) for future in futures)
            with pytest.raises(ValueError, match=f"has {number}"):
                disk.submit(ReqOp.READ, 0, 512, queue=number)
        assert disk.counters()["nr_ended"] == 9 * (3 + 1 + 4 + 2 + 2 + 4)
        assert disk.counters()["nr_errors"] == 0


def test_data_survives_a_change_under_load(target: str) -> None:
    driver = NullBlk(submit_queues=2, size=1, memory_backed=True, hw_queue_depth=2)
    stop = threading.Event()
    with served(driver, target) as disk:

        def use(block: int) -> None:
            number = 0
            while not stop.is_set():
                number += 1
                data = bytes([block, number & 0xFF]) * 256
                disk.write(block * 512, data)
                assert disk.read(block * 512, 512) == data

        failures = run_beside([partial(use, block) for block in range(5)], lambda: change(disk, stop))
        assert failures == []
        assert disk.counters()["nr_stale_ends"] == 0
    assert driver.config.submit_queues == 1


def change(disk: Any, stop: threading.Event) -> None:
    """Changes the number of queues, after some requests each time."""
    try:
        for number in (4, 1, 3, 2, 4, 1):
            before = disk.counters()["nr_ended"]
            while disk.counters()["nr_ended"] < before + 20:
                disk.read(512 * 100, 512)
            disk.set(submit_queues=number)
            assert len(disk._door.running.queues) == number
    finally:
        stop.set()


def run_beside(works: list[Callable[[], None]], own: Callable[[], None]) -> list[BaseException]:
    """Runs works on threads of their own, beside one on this thread; what escaped them."""
    failures: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    try:
        own()
    finally:
        for thread in threads:
            thread.join()
    return failures


def test_an_attribute_of_the_driver_s_own_may_change(target: str) -> None:
    with served(Telling(answer=5), target) as disk:
        assert (disk.ioctl(0), disk.size) == (5, 64 * 512)
        disk.set(answer=7, sectors="128")
        assert (disk.ioctl(0), disk.size) == (7, 128 * 512)
        assert disk.read(127 * 512, 512) == bytes(512)


def test_what_cannot_be_changes_nothing(target: str) -> None:
    driver = Telling(queues=2)
    with served(driver, target) as disk:
        for attributes, rule in (
            ({"depth": 8, "queues": 3}, "queue_depth .EBUSY"),
            ({"queues": 0}, "must be at least 1"),
            ({"queues": NR_CPUS + 1}, f"there can be {NR_CPUS}"),
            ({"queues": 4, "refused": 3}, "ENOMEM"),
            ({"size": 1}, "EBUSY"),
            ({"nothing": 1}, "no such attribute"),
        ):
            with pytest.raises(ConfigError, match=rule):
                disk.set(**attributes)
            assert counts(disk) == (2, 8)
            assert (driver.config.queues, driver.config.depth) == (2, 4)
            disk.write(0, b"held" * 128)
        disk.set(queues=4)
        assert counts(disk) == (4, 16)
        assert disk.read(0, 512) == b"held" * 128


def test_a_request_that_does_not_end_is_waited_for_in_vain(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blkmq.dispatch.live_change.FREEZE_SEC", 0.01)
    with served(NullBlk(irqmode=2, completion_nsec=200_000_000, size=1), target) as disk:
        late = disk.submit_read(0, 512)
        while not disk.show_requests():
            assert not late.done()
        with pytest.raises(ConfigError, match=r"do not end .EBUSY"):
            disk.set(submit_queues=2)
        assert late.result(20) == bytes(512)
        disk.set(submit_queues=2)
        disk.read(0, 512)


def test_a_disk_that_is_gone_changes_no_more() -> None:
    with served(Telling(), "interpreted") as disk:
        pass
    with pytest.raises(OSError, match="gone"):
        disk.set(queues=2)


# --- through NBD -------------------------------------------------------------------------------------------
def test_clients_are_spread_over_the_queues_and_notice_nothing(target: str) -> None:
    with serve(Telling(), target=target) as disk:
        clients = [NbdClient(disk.uri) for _ in range(4)]
        for number in (4, 2, 3, 1, 4):
            disk.set(queues=number)
            for byte, client in enumerate(clients):
                client.write(4096 * byte, bytes([byte]) * 4096)
                assert client.read(4096 * byte, 4096) == bytes([byte]) * 4096
            spread = sorted(port.record.nr_connections for port in disk._door.ports)
            assert sum(spread) == 4
            assert len(spread) == number
            if number == NR_CPUS:
                assert spread == [1, 1, 1, 1]
        for client in clients:
            client.close()
        assert disk.counters()["nr_broken"] == 0


def test_half_a_request_goes_on_at_another_queue(target: str) -> None:
    """Heads, small data, large data and very large data, cut anywhere, while the queues come and go."""
    data = bytes(range(256)) * (4 << 10)
    with serve(Telling(queues=4, sectors=20 << 11), target=target) as disk:
        clients = [NbdClient(disk.uri) for _ in range(4)]
        cookies, rests = [], []
        for client, length, cut in zip(
            clients, (512, 4096, 1 << 20, 9 << 20), (20, 1000, 300_000, 5 << 20), strict=True
        ):
            cookie, raw = client.encode(nbd.NBD_CMD_WRITE, 0, data=(data * 9)[:length])
            client.socket.sendall(raw[:cut])
            cookies.append(cookie)
            rests.append(raw[cut:])
        for number in (1, 3, 2, 4, 1):
            disk.set(queues=number)
        for client, cookie, rest in zip(clients, cookies, rests, strict=True):
            client.socket.sendall(rest)
            assert client.receive(cookie).error == 0
        assert clients[0].read(0, 9 << 20) == data * 9
        for client in clients:
            client.close()


def test_replies_that_nobody_reads_do_not_hold_a_change_up(target: str) -> None:
    with (
        serve(Telling(queues=2, sectors=20 << 11), target=target) as disk,
        NbdClient(disk.uri) as slow,
        NbdClient(disk.uri) as client,
    ):
        cookies = [slow.send(nbd.NBD_CMD_READ, i << 16, 1 << 16) for i in range(100)]
        for number in (1, 4, 2):
            disk.set(queues=number)
            client.write(0, bytes(512))
        for cookie in cookies:
            assert slow.receive(cookie).data == bytes(1 << 16)


def test_a_request_in_flight_ends_before_the_change(target: str) -> None:
    with serve(NullBlk(irqmode=2, completion_nsec=50_000_000, size=1, hw_queue_depth=2), target=target) as disk:
        with NbdClient(disk.uri) as client:
            cookies = [client.send(nbd.NBD_CMD_READ, 0, 512) for _ in range(8)]
            disk.set(submit_queues=4)
            for cookie in cookies:
                assert client.receive(cookie).data == bytes(512)
        assert disk.counters()["nr_queued"] == 8
