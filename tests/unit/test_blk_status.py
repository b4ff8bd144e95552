# SPDX-License-Identifier: MIT
"""Block statuses and errnos, row by row of the kernel's ``blk_errors[]`` (``block/blk-core.c``, Linux 7.3)."""

from __future__ import annotations

import errno
import os

import pytest

from blkmq.mq.blk_status import BlkStatus
from blkmq.mq.errno import Errno

BLK_ERRORS = [
    (BlkStatus.OK, 0),
    (BlkStatus.NOTSUPP, -errno.EOPNOTSUPP),
    (BlkStatus.TIMEOUT, -errno.ETIMEDOUT),
    (BlkStatus.NOSPC, -errno.ENOSPC),
    (BlkStatus.TRANSPORT, -errno.ENOLINK),
    (BlkStatus.TARGET, -errno.EREMOTEIO),
    (BlkStatus.RESV_CONFLICT, -errno.EBADE),
    (BlkStatus.MEDIUM, -errno.ENODATA),
    (BlkStatus.PROTECTION, -errno.EILSEQ),
    (BlkStatus.RESOURCE, -errno.ENOMEM),
    (BlkStatus.DEV_RESOURCE, -errno.EBUSY),
    (BlkStatus.AGAIN, -errno.EAGAIN),
    (BlkStatus.OFFLINE, -errno.ENODEV),
    (BlkStatus.DM_REQUEUE, -errno.EREMCHG),
    (BlkStatus.ZONE_OPEN_RESOURCE, -errno.ETOOMANYREFS),
    (BlkStatus.ZONE_ACTIVE_RESOURCE, -errno.EOVERFLOW),
    (BlkStatus.DURATION_LIMIT, -errno.ETIME),
    (BlkStatus.INVAL, -errno.EINVAL),
    (BlkStatus.IOERR, -errno.EIO),
]


@pytest.mark.parametrize(("status", "number"), BLK_ERRORS)
def test_status_and_errno_stand_for_each_other(status: BlkStatus, number: int) -> None:
    assert status.to_errno() == number
    assert isinstance(status.to_errno(), Errno)
    assert BlkStatus.from_errno(number) is status


def test_every_status_has_a_row() -> None:
    assert {status for status, _ in BLK_ERRORS} == set(BlkStatus)


@pytest.mark.parametrize("number", [-errno.EPERM, -errno.ENOENT, errno.EIO, errno.EINVAL, 1, -4096, -1 << 40])
def test_any_other_errno_is_an_io_error(number: int) -> None:
    assert BlkStatus.from_errno(number) is BlkStatus.IOERR


def test_the_number_between_duration_limit_and_inval_is_no_status() -> None:
    with pytest.raises(ValueError, match="18 is not a valid BlkStatus"):
        BlkStatus(18)


@pytest.mark.skipif(os.uname().machine not in {"x86_64", "aarch64"}, reason="cannot be had: numbers differ here")
def test_errnos_are_this_machines() -> None:
    theirs = {name: -number for number, name in errno.errorcode.items() if name in Errno.__members__}
    assert len(theirs) > 100
    assert {name: int(Errno[name]) for name in theirs} == theirs


def test_an_os_error_becomes_an_errno() -> None:
    with pytest.raises(OSError, match="No such file") as missing:
        os.stat("/nonexistent")
    assert Errno(-(missing.value.errno or 0)) is Errno.ENOENT
