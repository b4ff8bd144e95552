# SPDX-License-Identifier: MIT
"""A disk that goes: what is under way ends, what comes too late is told so, and what was counted stays."""

from __future__ import annotations

import errno
import threading
from concurrent.futures import Future
from pathlib import Path

import pytest

from blkmq import BlkmqError
from blkmq.device.serve import serve
from blkmq.drivers.ramdisk import RamDisk
from blkmq.mq.blk_status import BlkStatus
from blkmq.mq.errors import Fault
from blkmq.mq.req_op import ReqOp
from blkmq.testing.misbehaviour import callbacks
from blkmq.testing.misbehaviour.crowd import PATIENCE_SEC
from blkmq.testing.misbehaviour.values import Misdeed, Values
from blkmq.testing.misbehaviour.victim import BAD_SECTOR, QUEUE_DEPTH
from blkmq.transport.in_process.disk import InProcessDisk
from blkmq.transport.in_process.operation import DiskError
from tests.targets import TARGETS, served

BLOCK = bytes(512)


class Talkative(RamDisk):
    """Its ioctl and its busy callback do not take everything."""

    def ioctl(self, cmd: int, arg: int) -> int:
        assert arg > 0
        return arg // cmd

    def busy(self) -> bool:
        return False


@pytest.mark.parametrize("target", TARGETS)
def test_a_disk_that_is_gone_tells_what_it_counted(target: str) -> None:
    disk = served(Values(mode=Misdeed.U8_OF_256), target)
    disk.write(0, BLOCK)
    with pytest.raises(DiskError):
        disk.write(BAD_SECTOR * 512, BLOCK)
    before = disk.counters(), disk.reports(), disk.size, disk.name, disk.block_size
    disk.close()
    assert (disk.counters(), disk.reports(), disk.size, disk.name, disk.block_size) == before
    assert disk.counters()["nr_errors"] == 1
    assert [report.fault for report in disk.reports()] == [Fault.VALUE]
    assert disk.show_requests() == []
    with pytest.raises(OSError, match="is gone") as gone:
        disk.read(0, 512)
    assert gone.value.errno == errno.ENODEV
    disk.close()


@pytest.mark.parametrize("target", TARGETS)
def test_an_error_in_a_control_callback_is_the_callers_and_the_disk_lives(target: str) -> None:
    with served(Talkative(size=1), target) as disk:
        assert disk.ioctl(2, 10) == 5
        line = Talkative.ioctl.__code__.co_firstlineno + 1
        with pytest.raises(BlkmqError, match=rf"{Path(__file__).name}:{line}: ASSERT"):
            disk.ioctl(1, 0)
        with pytest.raises(BlkmqError, match=rf"{Path(__file__).name}:{line + 1}: ZERO_DIVISION"):
            disk.ioctl(0, 1)
        assert disk.ioctl(2, 10) == 5
        disk.write(0, BLOCK)
    with pytest.raises(OSError, match="is gone"):
        disk.ioctl(2, 10)
    with pytest.raises(OSError, match="is gone"):
        disk.busy()


@pytest.mark.parametrize("target", TARGETS)
def test_whoever_meets_the_removal_gets_an_answer(target: str) -> None:
    for _ in range(5):
        disk = served(RamDisk(size=1), target)
        answers: list[Future[bytes]] = []
        going = threading.Barrier(3)
        threads = [threading.Thread(target=_send, args=(disk, answers, going)) for _ in range(2)]
        for thread in threads:
            thread.start()
        going.wait()
        disk.close()
        for thread in threads:
            thread.join()
        for answer in answers:
            error = answer.exception(PATIENCE_SEC)
            assert error is None or (isinstance(error, DiskError) and error.status is BlkStatus.OFFLINE), error


def _send(disk: InProcessDisk, answers: list[Future[bytes]], going: threading.Barrier) -> None:
    """Writes until the disk is gone."""
    for number in range(100_000):
        if number == 20:
            going.wait()
        try:
            answers.append(disk.submit(ReqOp.WRITE, 0, 512, data=BLOCK))
        except OSError as error:
            if error.errno == errno.ENODEV:
                return
            raise
    raise AssertionError("the disk did not go")


@pytest.mark.parametrize("target", TARGETS)
def test_one_disks_error_is_not_its_neighbours(target: str) -> None:
    bad, good = serve([Values(mode=Misdeed.ERROR_UNDER_LOCK), Values()], via="in_process", target=target)
    with good:
        under_way = [good.submit(ReqOp.WRITE, block * 512, 512, data=bytes([block]) * 512) for block in range(16)]
        with pytest.raises(DiskError):
            bad.write(BAD_SECTOR * 512, BLOCK)
        good.write(BAD_SECTOR * 512, BLOCK)
        bad.write(0, BLOCK)
        for answer in under_way:
            answer.result(PATIENCE_SEC)
        assert [good.read(block * 512, 512)[0] for block in range(16)] == list(range(16))
        assert good.counters()["nr_errors"] == 1


@pytest.mark.parametrize("target", TARGETS)
def test_more_requests_than_tags_end_when_a_disk_that_takes_none_goes(target: str) -> None:
    disk = served(callbacks.Callbacks(mode=callbacks.Misdeed.RESOURCE_FOR_EVER, timeout_msec=100), target)
    place, numbers = BAD_SECTOR * 512, range(5 * QUEUE_DEPTH)
    waiting = [disk.submit(ReqOp.WRITE, place, 512, data=BLOCK, queue=number % 2) for number in numbers]
    disk.close()
    for answer in waiting:
        error = answer.exception(PATIENCE_SEC)
        assert isinstance(error, DiskError)
        assert error.status is BlkStatus.TIMEOUT
    assert disk.counters()["nr_timeouts"] == disk.counters()["nr_ended"] == len(waiting)
