# SPDX-License-Identifier: MIT
"""A client alone at its port is waited for in its socket; whatever else happens ends that wait."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from blkmq.device.serve import running_set
from blkmq.drivers.null_blk import NullBlk
from blkmq.native import interrupt
from blkmq.transport.nbd import reception
from blkmq.transport.nbd.door import Door
from blkmq.transport.nbd.sleep import NR_LONE_LOOKS
from tests.transport.conftest import build_of
from tests.transport.nbd_client import PATIENCE_SEC, NbdClient

RECVFROM = "45"  #: on x86-64
LONGER_THAN_ANY_TEST_USEC = 1000 * 1_000_000


@pytest.fixture(params=["interpreted", "host"])
def door(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """A door of a process that has lent its signal; nothing else would end a wait in time."""
    monkeypatch.setattr(interrupt, "_lent", [])
    monkeypatch.setattr(reception, "LONE_WAIT_USEC", LONGER_THAN_ANY_TEST_USEC)
    handler = signal.getsignal(interrupt.SIGNAL)
    interrupt.lend_signal()
    disk = NullBlk(size=1, memory_backed=True)
    door = Door(running_set([disk], request.param), build=build_of(request.param == "host"))
    yield door
    door.close()
    signal.signal(interrupt.SIGNAL, handler)


def wait_in_socket(door: Door, client: NbdClient) -> None:
    """Sends single requests until the port waits for the next one in its system call."""
    thread = door.ports[0]
    pause = threading.Event()
    until = time.monotonic() + PATIENCE_SEC
    while time.monotonic() < until:
        client.read(0, 512)
        for _ in range(20):
            call = Path(f"/proc/self/task/{thread.native_id}/syscall").read_text().split()[0]
            if thread.record.is_waiting and call == RECVFROM:
                return
            pause.wait(0.001)
    pytest.fail("the port never waits for its lone client")


def test_another_client_is_let_in(door: Door) -> None:
    with NbdClient(door.disks[0].uri) as first:
        wait_in_socket(door, first)
        with NbdClient(door.disks[0].uri) as second:
            second.write(0, b"2" * 512)
        assert first.read(0, 512) == b"2" * 512


def test_a_live_change_goes_through(door: Door) -> None:
    with NbdClient(door.disks[0].uri) as client:
        client.write(0, b"1" * 512)
        wait_in_socket(door, client)
        began = time.monotonic()
        door.disks[0].set(submit_queues=2)
        assert time.monotonic() - began < PATIENCE_SEC
        assert client.read(0, 512) == b"1" * 512


def test_the_door_closes(door: Door) -> None:
    with NbdClient(door.disks[0].uri) as client:
        wait_in_socket(door, client)
        began = time.monotonic()
        door.close()
        assert time.monotonic() - began < PATIENCE_SEC


def test_the_client_goes(door: Door) -> None:
    with NbdClient(door.disks[0].uri) as client:
        wait_in_socket(door, client)
    with NbdClient(door.disks[0].uri) as another:
        another.read(0, 512)


def test_a_busy_lone_client_keeps_nobody_out(door: Door) -> None:
    """Where no signal comes, because the wait had not yet begun: all is looked at between its requests."""
    with NbdClient(door.disks[0].uri) as first:
        wait_in_socket(door, first)
        interrupt._lent.clear()
        with NbdClient(door.disks[0].uri) as second:
            for _ in range(100 * NR_LONE_LOOKS):
                first.read(0, 512)
                if door.ports[0].record.nr_connections == 2:
                    break
            second.write(0, b"2" * 512)
