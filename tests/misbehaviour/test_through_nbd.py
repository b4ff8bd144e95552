# SPDX-License-Identifier: MIT
"""The table of misdeeds once more, with a client that comes through the NBD door, which has default queues only."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from blkmq.abi import nbd
from blkmq.mq.blk_status import BlkStatus
from blkmq.mq.errors import Fault
from blkmq.mq.operations import Operations
from blkmq.mq.req_op import ReqOp
from blkmq.testing.misbehaviour.outcome import Row
from blkmq.testing.misbehaviour.play import play, running
from blkmq.testing.misbehaviour.table import ROWS
from blkmq.transport.in_process.operation import DiskError
from blkmq.transport.nbd.check import error_of_status
from blkmq.transport.nbd.door import Door
from tests.transport.conftest import build_of
from tests.transport.nbd_client import PATIENCE_SEC, NbdClient

KINDS = {ReqOp.READ: nbd.NBD_CMD_READ, ReqOp.WRITE: nbd.NBD_CMD_WRITE}


class Connection:
    """A client that sends without waiting: a thread takes the answers."""

    def __init__(self, uri: str) -> None:
        self.client = NbdClient(uri)
        self.client.socket.settimeout(None)
        self.waiting: dict[int, tuple[ReqOp, int, Future[bytes]]] = {}
        self.thread = threading.Thread(target=self.run, name="answers")
        self.thread.start()

    def submit(self, op: ReqOp, offset: int, nr_bytes: int, data: bytes) -> Future[bytes]:
        cookie, raw = self.client.encode(KINDS[op], offset, nr_bytes, data=data)
        future: Future[bytes] = Future()
        self.waiting[cookie] = op, offset, future
        self.client.socket.sendall(raw)
        return future

    def run(self) -> None:
        try:
            while True:
                self.client._receive_one()
                cookie, answer = self.client.answers.popitem()
                op, offset, future = self.waiting.pop(cookie)
                if answer.error:
                    future.set_exception(DiskError(STATUS_OF_ERROR[answer.error], op, offset))
                else:
                    future.set_result(answer.data)
        except (EOFError, OSError) as error:
            for *_, future in self.waiting.values():
                future.set_exception(error)


class NbdDoor(Door):
    """The door with its clients; the first disk sends requests to the queue that they name."""

    def __init__(self, driver: Operations, target: str) -> None:
        self.connections: list[Connection] = []
        self.nr_sent = 0
        super().__init__(running(driver, target), build=build_of(target != "interpreted"))
        self.queues = self.ports
        self.connections += [Connection(self.disks[0].uri) for _ in self.ports]
        self.disks[0].submit = self.submit  # type: ignore[attr-defined]

    def submit(self, op: ReqOp, offset: int, nr_bytes: int, data: bytes = b"", queue: int = 0) -> Future[bytes]:
        self.nr_sent += 1
        return self.connections[queue].submit(op, offset, nr_bytes, data)

    def close(self) -> None:
        """What the door has received is answered; what it has not, dropped: the table is about the former."""
        until = time.monotonic() + PATIENCE_SEC
        while self.connections and self.counters()["nr_commands"] < self.nr_sent and time.monotonic() < until:
            time.sleep(0)
        super().close()
        for connection in self.connections:
            connection.thread.join()
            connection.client.close()


def seen(status: BlkStatus) -> BlkStatus:
    """What is left of a status on the wire."""
    error = error_of_status(int(status), 0)
    return STATUS_OF_ERROR[error] if error else BlkStatus.OK


STATUS_OF_ERROR = {
    nbd.NBD_EIO: BlkStatus.IOERR,
    nbd.NBD_EINVAL: BlkStatus.INVAL,
    nbd.NBD_ENOSPC: BlkStatus.NOSPC,
    nbd.NBD_ENOMEM: BlkStatus.RESOURCE,
    nbd.NBD_ESHUTDOWN: BlkStatus.OFFLINE,
}


def plays() -> Iterator[Any]:
    """But interpreted loops without end: to burn their fuel takes seconds, and is the same behind every door."""
    for row in ROWS:
        for target in ("interpreted", "host"):
            if row.queue == 0 and not (target == "interpreted" and row.interpreted.fault is Fault.FUEL):
                yield pytest.param(row, target, id=f"{row.name}-{target}")


@pytest.mark.parametrize(("row", "target"), list(plays()))
def test_row(row: Row, target: str) -> None:
    play(row, target, NbdDoor, seen)
