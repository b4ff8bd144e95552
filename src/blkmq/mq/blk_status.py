# SPDX-License-Identifier: MIT
"""How a request ends. C twin: ``blk_status_t`` (``include/linux/blk_types.h``, ``block/blk-core.c``)."""

from __future__ import annotations

from enum import IntEnum

from blkmq.abi import blk_types as abi
from blkmq.mq.errno import Errno


class BlkStatus(IntEnum):
    """What the data path returns: ``OK``, or the error that ends the request.

    From ``queue_rq``, ``RESOURCE`` and ``DEV_RESOURCE`` end nothing: the request, not taken, comes again.
    """

    OK = abi.BLK_STS_OK
    NOTSUPP = abi.BLK_STS_NOTSUPP  #: the device has no such operation
    TIMEOUT = abi.BLK_STS_TIMEOUT  #: its time was over
    NOSPC = abi.BLK_STS_NOSPC  #: thin provisioning ran out of space
    TRANSPORT = abi.BLK_STS_TRANSPORT  #: the way to the device failed; another path may do
    TARGET = abi.BLK_STS_TARGET  #: the device failed for good; no other path will do
    RESV_CONFLICT = abi.BLK_STS_RESV_CONFLICT  #: reserved by another host
    MEDIUM = abi.BLK_STS_MEDIUM  #: the medium is bad here
    PROTECTION = abi.BLK_STS_PROTECTION  #: protection information did not match
    RESOURCE = abi.BLK_STS_RESOURCE  #: no memory or the like; ask again a little later
    IOERR = abi.BLK_STS_IOERR  #: any other error
    DM_REQUEUE = abi.BLK_STS_DM_REQUEUE  #: device mapper's own
    AGAIN = abi.BLK_STS_AGAIN  #: would block, and the request is NOWAIT
    DEV_RESOURCE = abi.BLK_STS_DEV_RESOURCE  #: device full; its next completion will make room
    ZONE_OPEN_RESOURCE = abi.BLK_STS_ZONE_OPEN_RESOURCE  #: more zones open than ``max_open_zones``
    ZONE_ACTIVE_RESOURCE = abi.BLK_STS_ZONE_ACTIVE_RESOURCE  #: more zones active than ``max_active_zones``
    OFFLINE = abi.BLK_STS_OFFLINE  #: the device is gone or going, on purpose
    DURATION_LIMIT = abi.BLK_STS_DURATION_LIMIT  #: the device gave up at a command duration limit
    INVAL = abi.BLK_STS_INVAL  #: size or alignment that the device does not take

    def to_errno(self) -> Errno:
        """What a program gets to see: 0 or a negative errno. C: ``blk_status_to_errno``."""
        return _ERRNO[self]

    @classmethod
    def from_errno(cls, errno: int) -> BlkStatus:
        """The status of 0 or a negative errno, ``IOERR`` if none has it. C: ``errno_to_blk_status``."""
        return _STATUS.get(errno, cls.IOERR)


_ERRNO = {
    BlkStatus.OK: Errno.OK,
    BlkStatus.NOTSUPP: Errno.EOPNOTSUPP,
    BlkStatus.TIMEOUT: Errno.ETIMEDOUT,
    BlkStatus.NOSPC: Errno.ENOSPC,
    BlkStatus.TRANSPORT: Errno.ENOLINK,
    BlkStatus.TARGET: Errno.EREMOTEIO,
    BlkStatus.RESV_CONFLICT: Errno.EBADE,
    BlkStatus.MEDIUM: Errno.ENODATA,
    BlkStatus.PROTECTION: Errno.EILSEQ,
    BlkStatus.RESOURCE: Errno.ENOMEM,
    BlkStatus.IOERR: Errno.EIO,
    BlkStatus.DM_REQUEUE: Errno.EREMCHG,
    BlkStatus.AGAIN: Errno.EAGAIN,
    BlkStatus.DEV_RESOURCE: Errno.EBUSY,
    BlkStatus.ZONE_OPEN_RESOURCE: Errno.ETOOMANYREFS,
    BlkStatus.ZONE_ACTIVE_RESOURCE: Errno.EOVERFLOW,
    BlkStatus.OFFLINE: Errno.ENODEV,
    BlkStatus.DURATION_LIMIT: Errno.ETIME,
    BlkStatus.INVAL: Errno.EINVAL,
}
_STATUS = {errno.value: status for status, errno in _ERRNO.items()}
